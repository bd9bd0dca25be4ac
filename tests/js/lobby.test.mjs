// The lobby (S1): event_message, new_message and GET /messages.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { TRANSPORTS, connect, person, rest, token, unique, uniqueNumber } from './client.mjs';
import { invalid, isTime, problem, shape } from './helpers.mjs';
import { errorOf } from './wire.mjs';

const LISTENING = [{ transport: 'websocket' }, { transport: 'polling' }, { transport: 'plain' }];
const says = (text) => (data) => data.text === text;

for (const t of TRANSPORTS) {
  test(`event_message is stored and shown to the lobby, but not in /chat (${t.name})`, async () => {
    const ana = person('ana');
    const sender = await connect({ ...t, as: ana });
    const listeners = await Promise.all(LISTENING.map((l) => connect(l)));
    const chat = await connect({ namespace: '/chat', as: person('eva') });
    const sent = { text: unique('hola'), tags: ['a', { b: null }], n: 1.5, message: 'un texto', timestamp: 'ayer' };
    const ack = await sender.request('event_message', sent);
    shape(ack, 'success messageId');
    assert.equal(ack.success, true);
    const stored = await rest('GET', '/messages?limit=50');
    assert.ok(stored.body.messages.some(says(sent.text)), 'an ack means durable');
    if (t.namespace !== '/chat') listeners.push(sender);
    for (const listener of listeners) {
      const seen = await listener.next('new_message', says(sent.text));
      isTime(seen.createdAt);
      assert.deepEqual(seen, { ...sent, id: ack.messageId, authorId: ana.id, createdAt: seen.createdAt });
      await listener.none('new_message', says(sent.text));
    }
    await chat.none('new_message', says(sent.text));
    if (t.namespace === '/chat') await sender.none('new_message', says(sent.text));
  });

  test(`id, createdAt and authorId are the server's, whatever was sent (${t.name})`, async () => {
    const ana = person('ana');
    const sender = await connect({ ...t, as: ana });
    const listener = await connect();
    const text = unique('falso');
    const ack = await sender.ok('event_message', { text, id: 'mio', createdAt: '1999-01-01T00:00:00.000Z', authorId: ana.id, senderId: ana.id });
    const seen = await listener.next('new_message', says(text));
    isTime(seen.createdAt);
    assert.notEqual(seen.id, 'mio');
    assert.deepEqual(seen, { text, id: ack.messageId, createdAt: seen.createdAt, authorId: ana.id, senderId: ana.id });
  });

  test(`what is no lobby message is refused and shown to nobody (${t.name})`, async () => {
    const sender = await connect({ ...t, as: person() });
    const listener = await connect();
    const text = unique('no');
    await sender.fails('FORBIDDEN', 'event_message', { text, authorId: unique('otra') });
    await sender.fails('FORBIDDEN', 'event_message', { text, senderId: unique('otra') });
    await sender.fails('INVALID_REQUEST', 'event_message', { text, message: { id: 'm', channelId: 5 } });
    for (const data of ['texto', 5, true, null, [{ text }]]) await sender.fails('INVALID_REQUEST', 'event_message', data);
    sender.emit('event_message', { text, message: {} });
    await errorOf(sender, 'INVALID_REQUEST', 'event_message');
    await listener.none('new_message', says(text));
    const stored = await rest('GET', '/messages?limit=50');
    assert.ok(!stored.body.messages.some(says(text)));
  });
}

test('an unbound anonymous client writes with authorId null, a bound one with its senderId', async () => {
  const listener = await connect();
  for (const t of [{ transport: 'websocket' }, { transport: 'plain' }]) {
    const sender = await connect(t);
    const [before, after] = [unique('antes'), unique('luego')];
    await sender.ok('event_message', { text: before });
    assert.equal((await listener.next('new_message', says(before))).authorId, null);
    const senderId = unique('ana');
    await sender.ok('initialize', { senderId, receiverId: unique('eva'), messageContent: 'x' });
    await sender.ok('event_message', { text: after });
    assert.equal((await listener.next('new_message', says(after))).authorId, senderId);
    await sender.fails('FORBIDDEN', 'event_message', { text: after, authorId: unique('otra') });
    await listener.none('new_message', says(after));
  }
});

test('an unbound anonymous client cannot write as somebody', async () => {
  const [sender, listener] = [await connect(), await connect()];
  const text = unique('impostor');
  await sender.fails('FORBIDDEN', 'event_message', { text, authorId: unique('ana') });
  await listener.none('new_message', says(text));
});

test('the authorId has the form of the token, and the same id in another form is still the caller', async () => {
  const id = uniqueNumber();
  const sender = await connect({ token: token({ id }) });
  const text = unique('numero');
  await sender.ok('event_message', { text, authorId: String(id) });
  assert.equal((await sender.next('new_message', says(text))).authorId, id);
});

test('an empty object is a message, and a plain client may write it flat', async () => {
  const ana = person('ana');
  const plain = await connect({ transport: 'plain', as: ana });
  const empty = await plain.ok('event_message', {});
  const seen = await plain.next('new_message', (m) => m.id === empty.messageId);
  shape(seen, 'id createdAt authorId');
  const text = unique('plano');
  const flat = await plain.requestFrame({ action: 'event_message', text, user: 'Ana' });
  const shown = await plain.next('new_message', says(text));
  assert.deepEqual(shown, { text, user: 'Ana', id: flat.messageId, authorId: ana.id, createdAt: shown.createdAt });
});

test('GET /messages needs no token and walks back through the lobby, newest last', async () => {
  const sender = await connect({ as: person() });
  const mark = unique('pagina');
  const sent = [];
  for (const n of [1, 2, 3, 4, 5]) sent.push(await sender.ok('event_message', { mark, n }));
  const pages = [];
  let before = '';
  for (let more = true; more && pages.flat().filter((m) => m.mark === mark).length < 5;) {
    const { status, body } = await rest('GET', `/messages?limit=2${before}`);
    assert.equal(status, 200);
    shape(body, 'messages hasMore');
    assert.ok(body.messages.length > 0 && body.messages.length <= 2, JSON.stringify(body));
    pages.unshift(body.messages);
    before = `&before=${encodeURIComponent(body.messages[0].id)}`;
    more = body.hasMore;
  }
  const found = pages.flat();
  assert.equal(new Set(found.map((m) => m.id)).size, found.length, 'no message twice');
  const mine = found.filter((m) => m.mark === mark);
  assert.deepEqual(mine.map((m) => [m.n, m.id]), sent.map((ack, i) => [i + 1, ack.messageId]));
  const live = (await sender.collect('new_message', 5, (m) => m.mark === mark));
  assert.deepEqual(mine, live, 'history shows what was sent');
  const oldest = await rest('GET', `/messages?limit=1&before=${encodeURIComponent(sent[1].messageId)}`);
  assert.equal(oldest.body.messages.length, 1);
});

test('GET /messages refuses a limit or a before that is none', async () => {
  for (const query of ['limit=x', 'limit=-1', 'limit=1.5']) await problem(400, 'INVALID_REQUEST', 'GET', `/messages?${query}`);
});

test('event_message without a payload is refused with a list of details', async () => {
  const client = await connect();
  const ack = await client.request('event_message');
  assert.equal(ack.errorCode, 'INVALID_REQUEST', JSON.stringify(ack));
  assert.ok(Array.isArray(ack.details), JSON.stringify(ack));
  await invalid(client, 'message', 'event_message', { message: {} });
});
