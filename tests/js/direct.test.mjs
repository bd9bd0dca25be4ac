// Direct messages behind the initialize gate (S0).
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { TRANSPORTS, connect, person, rest, token, unique, uniqueNumber } from './client.mjs';
import { invalid, isTime, problem, shape } from './helpers.mjs';
import { errorOf } from './wire.mjs';

const GATE = 'Client is not initialized';
const GATE_DETAILS = "Make sure you have performed the 'initialize' event";

/** Two users, `from` on transport `t`; both connected. */
async function pair(t) {
  const [ana, eva] = [person('ana'), person('eva')];
  return { ana, eva, from: await connect({ ...t, as: ana }), to: await connect({ as: eva }) };
}

const hello = (ana, eva, more) => ({ senderId: ana.id, receiverId: eva.id, messageContent: 'hola', ...more });

for (const t of TRANSPORTS) {
  test(`initialize stores the first message and shows it to both users (${t.name})`, async () => {
    const { ana, eva, from, to } = await pair(t);
    const ack = await from.request('initialize', hello(ana, eva));
    shape(ack, 'success messageId');
    assert.equal(ack.success, true);
    for (const client of [from, to]) {
      const message = await client.next('message');
      isTime(message.timestamp);
      assert.deepEqual(message, {
        id: ack.messageId, senderId: ana.id, receiverId: eva.id, content: 'hola', multimedia: null, timestamp: message.timestamp,
      });
    }
  });

  test(`message goes to the receiver of initialize, or to the one it names (${t.name})`, async () => {
    const { ana, eva, from, to } = await pair(t);
    const leo = person('leo');
    const third = await connect({ as: leo });
    await from.ok('initialize', hello(ana, eva));
    const first = await from.ok('message', { content: 'uno' });
    const second = await from.ok('message', { messageContent: 'dos' });
    const other = await from.ok('message', { receiverId: leo.id, content: 'tres' });
    const last = await from.ok('message', { content: 'cuatro' });
    for (const ack of [first, second, other, last]) assert.equal(ack.success, true);
    assert.deepEqual((await to.collect('message', 4)).map((m) => m.content), ['hola', 'uno', 'dos', 'cuatro']);
    const seen = await third.next('message');
    shape(seen, 'id senderId receiverId content multimedia timestamp');
    assert.deepEqual([seen.senderId, seen.receiverId, seen.content], [ana.id, leo.id, 'tres']);
    await third.none('message');
    assert.deepEqual((await from.collect('message', 5)).map((m) => m.content), ['hola', 'uno', 'dos', 'tres', 'cuatro']);
  });

  test(`message before initialize is UNAUTHORIZED, as ack and as error event (${t.name})`, async () => {
    const { eva, from, to } = await pair(t);
    const ack = await from.request('message', { receiverId: eva.id, content: 'no' });
    assert.deepEqual(ack, { success: false, error: GATE, errorCode: 'UNAUTHORIZED', details: GATE_DETAILS });
    from.emit('message', { receiverId: eva.id, content: 'no' });
    const error = await errorOf(from, 'UNAUTHORIZED', 'message');
    assert.deepEqual([error.message, error.details], [GATE, GATE_DETAILS]);
    await to.none('message');
  });

  test(`an anonymous connection is bound by initialize, once (${t.name})`, async () => {
    const [ana, eva] = [{ id: unique('ana') }, person('eva')];
    const from = await connect(t);
    const to = await connect({ as: eva });
    assert.equal(from.connected.user, null);
    await from.fails('UNAUTHORIZED', 'join-group', { groupId: unique('g') });
    await from.fails('UNAUTHORIZED', 'join_channel', { channelId: unique('c') });
    await from.fails('UNAUTHORIZED', 'set_presence', { status: 'away' });
    await from.fails('UNAUTHORIZED', 'confirmNotification', { notificationId: unique('n') });
    await from.ok('initialize', hello(ana, eva));
    assert.equal((await to.next('message')).senderId, ana.id);
    await from.fails('FORBIDDEN', 'initialize', { ...hello(ana, eva), senderId: unique('otra') });
    await from.ok('message', { content: 'sigo' });
    assert.equal((await to.next('message')).senderId, ana.id);
    await from.ok('join-group', { groupId: unique('g') });
    await to.none('message');
  });
}

test('the messages of two users reach every connection of both, and nobody else', async () => {
  const [ana, eva, leo] = [person('ana'), person('eva'), person('leo')];
  const clients = [];
  for (const as of [ana, eva]) for (const t of TRANSPORTS) clients.push(await connect({ ...t, as }));
  const others = [await connect({ as: leo }), await connect({ transport: 'plain', as: leo }), await connect(), await connect({ transport: 'plain' })];
  const { messageId } = await clients[0].ok('initialize', hello(ana, eva));
  for (const client of clients) {
    assert.equal((await client.next('message')).id, messageId);
    await client.none('message');
  }
  for (const client of others) await client.none('message');
});

test('multimedia is any JSON, and null when absent', async () => {
  const { ana, eva, from, to } = await pair();
  const values = [{ url: 'https://x/y.png', size: [1, 2, { a: null }] }, ['a', 1], 'foto', 7.5, false, null];
  for (const multimedia of values) await from.ok('initialize', hello(ana, eva, { multimedia }));
  for (const multimedia of values) await from.ok('message', { content: 'x', multimedia });
  await from.ok('message', { content: 'sin' });
  assert.deepEqual((await to.collect('message', 2 * values.length + 1)).map((m) => m.multimedia), [...values, ...values, null]);
});

test('a second initialize replaces the default receiver', async () => {
  const { ana, eva, from, to } = await pair();
  const leo = person('leo');
  const third = await connect({ as: leo });
  await from.ok('initialize', hello(ana, eva));
  await from.ok('initialize', hello(ana, leo));
  await from.ok('message', { content: 'para leo' });
  assert.deepEqual((await third.collect('message', 2)).map((m) => m.content), ['hola', 'para leo']);
  assert.equal((await to.next('message')).content, 'hola');
  await to.none('message');
});

test('a sender who is the receiver is refused, whatever form the ids have', async () => {
  const id = uniqueNumber();
  const from = await connect({ as: person('n', { id, username: 'numero' }) });
  const anonymous = await connect();
  for (const client of [from, anonymous]) {
    for (const [senderId, receiverId] of [[id, id], [String(id), id], [id, String(id)]]) {
      const ack = await client.fails('INVALID_REQUEST', 'initialize', { senderId, receiverId, messageContent: 'yo' });
      assert.equal(ack.error, 'Sender and receiver cannot be the same');
      client.emit('initialize', { senderId, receiverId, messageContent: 'yo' });
      assert.equal((await errorOf(client, 'INVALID_REQUEST', 'initialize')).message, 'Sender and receiver cannot be the same');
    }
    await client.none('message');
  }
  await from.fails('UNAUTHORIZED', 'message', { receiverId: unique(), content: 'no' });
});

test('an invalid initialize says "Invalid data", names each field and does not open the gate', async () => {
  const { ana, eva, from, to } = await pair();
  const good = hello(ana, eva);
  for (const field of Object.keys(good)) {
    const { [field]: _, ...rest } = good;
    for (const data of [rest, { ...rest, [field]: null }, { ...rest, [field]: {} }]) {
      await invalid(from, field, 'initialize', data);
      assert.equal((await from.request('initialize', data)).error, 'Invalid data');
    }
  }
  const ack = await from.fails('INVALID_REQUEST', 'initialize', {});
  assert.equal(ack.error, 'Invalid data');
  from.emit('initialize', {});
  assert.equal((await errorOf(from, 'INVALID_REQUEST', 'initialize')).message, 'Invalid data');
  assert.equal((await from.fails('UNAUTHORIZED', 'message', { receiverId: eva.id, content: 'no' })).error, GATE);
  await to.none('message');
});

test('a senderId that is not the caller is FORBIDDEN and opens nothing', async () => {
  const { ana, eva, from, to } = await pair();
  await from.fails('FORBIDDEN', 'initialize', { ...hello(ana, eva), senderId: unique('otra') });
  await from.fails('UNAUTHORIZED', 'message', { receiverId: eva.id, content: 'no' });
  await from.ok('initialize', hello(ana, eva));
  await from.fails('FORBIDDEN', 'message', { senderId: unique('otra'), content: 'no' });
  await from.ok('message', { senderId: ana.id, content: 'si' });
  assert.deepEqual((await to.collect('message', 2)).map((m) => m.content), ['hola', 'si']);
  await to.none('message');
});

test('JWT and session connections pass the gate too, and again on every new connection', async () => {
  const ana = person('ana');
  const session = { userID: unique('ses'), username: 'Sesion' };
  for (const [settings, senderId] of [[{ as: ana }, ana.id], [{ auth: session }, session.userID]]) {
    const receiverId = unique('eva');
    const first = await connect(settings);
    await first.ok('initialize', { senderId, receiverId, messageContent: 'hola' });
    await first.ok('message', { content: 'abierta' });
    const second = await connect(settings);
    await second.fails('UNAUTHORIZED', 'message', { receiverId, content: 'no' });
    await first.close();
    await second.fails('UNAUTHORIZED', 'message', { receiverId, content: 'no' });
    await second.ok('initialize', { senderId, receiverId, messageContent: 'hola' });
    await second.ok('message', { content: 'abierta' });
  }
});

test('the sender is shown in the form of the token, the receiver in the form of the request', async () => {
  const [ana, eva] = [uniqueNumber(), uniqueNumber()];
  const from = await connect({ token: token({ id: ana }) });
  const to = await connect({ token: token({ id: String(eva) }) });
  await from.ok('initialize', { senderId: String(ana), receiverId: String(eva), messageContent: 'hola' });
  const message = await to.next('message');
  assert.deepEqual([message.senderId, message.receiverId], [ana, String(eva)]);
  await from.ok('message', { content: 'otra' });
  assert.equal((await to.next('message')).senderId, ana);
});

test('an id that a JWT has proven is not given to an anonymous connection', async () => {
  const { ana, eva, from, to } = await pair();
  const liar = await connect();
  const ack = await liar.request('initialize', hello(ana, eva));
  assert.equal(ack.success, false);
  assert.ok(['FORBIDDEN', 'UNAUTHORIZED'].includes(ack.errorCode), JSON.stringify(ack));
  await to.none('message');
  await from.none('message');
  await liar.fails('UNAUTHORIZED', 'message', { receiverId: eva.id, content: 'no' });
  await liar.ok('initialize', { ...hello(ana, eva), senderId: unique('libre') });
});

test('a direct message holds 4,000 characters and not one more', async () => {
  const { ana, eva, from, to } = await pair();
  await from.ok('initialize', hello(ana, eva, { messageContent: 'ñ'.repeat(4000) }));
  await from.ok('message', { content: '😀'.repeat(4000) });
  for (const [event, data] of [['initialize', hello(ana, eva, { messageContent: 'a'.repeat(4001) })], ['message', { content: 'a'.repeat(4001) }]]) {
    const ack = await from.request(event, data);
    assert.ok(['INVALID_REQUEST', 'PAYLOAD_TOO_LARGE'].includes(ack.errorCode), JSON.stringify(ack));
  }
  assert.deepEqual((await to.collect('message', 2)).map((m) => m.content), ['ñ'.repeat(4000), '😀'.repeat(4000)]);
  await to.none('message');
});

test('GET /users/{id}/messages gives the two users their messages, newest last, page by page', async () => {
  const { ana, eva, from, to } = await pair();
  const leo = person('leo');
  await from.ok('initialize', hello(ana, eva, { messageContent: 'm0' }));
  // Two users' messages have an order only where one has seen the other's before sending.
  const sent = [await to.next('message')];
  await to.ok('initialize', { senderId: eva.id, receiverId: ana.id, messageContent: 'm1' });
  sent.push(await to.next('message'));
  for (const n of [2, 3, 4]) {
    await (n % 2 ? to : from).ok('message', { content: `m${n}` });
    sent.push(await to.next('message'));
  }
  await from.ok('message', { receiverId: leo.id, content: 'para leo' });

  for (const [as, other] of [[ana, eva], [eva, ana]]) {
    const all = await rest('GET', `/users/${other.id}/messages`, { as });
    assert.equal(all.status, 200);
    shape(all.body, 'messages hasMore');
    assert.equal(all.body.hasMore, false);
    assert.deepEqual(all.body.messages.map((m) => [m.id, m.content, m.senderId]), sent.map((m) => [m.id, m.content, m.senderId]));
    const last = await rest('GET', `/users/${other.id}/messages?limit=2`, { as });
    assert.deepEqual([last.body.messages.map((m) => m.content), last.body.hasMore], [['m3', 'm4'], true]);
    const before = await rest('GET', `/users/${other.id}/messages?limit=3&before=${sent[3].id}`, { as });
    assert.deepEqual([before.body.messages.map((m) => m.content), before.body.hasMore], [['m0', 'm1', 'm2'], false]);
  }
  const stranger = await rest('GET', `/users/${ana.id}/messages`, { as: person('otro') });
  assert.deepEqual(stranger.body, { messages: [], hasMore: false });
  await problem(401, 'UNAUTHORIZED', 'GET', `/users/${ana.id}/messages`);
});
