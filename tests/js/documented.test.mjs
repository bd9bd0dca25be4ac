// The AsyncAPI document: that it is one, that its examples are good, and that a server does as it says.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { Parser } from '@asyncapi/parser';
import { POLLING, URL_BASE, connect, person, rest, unique } from './client.mjs';
import { contract, flaws, seen } from './schemas.mjs';
import { request } from './wire.mjs';

const messages = Object.entries(contract.components.messages);

test('the server has the documents, packed for who can unpack them', async () => {
  const types = { '/asyncapi.json': /^application\/json/, '/events.d.ts': /^text\/plain/, '/docs/events': /^text\/html/ };
  for (const [path, type] of Object.entries(types)) {
    const packed = await fetch(URL_BASE + path);
    assert.deepEqual([packed.status, packed.headers.get('content-encoding')], [200, 'gzip'], path);
    assert.match(packed.headers.get('content-type'), type);
    const text = await packed.text();
    for (const encoding of ['identity', 'gzip;q=0']) {
      const plain = await request('GET', path, { headers: { 'accept-encoding': encoding } });
      assert.deepEqual([plain.status, plain.headers['content-encoding']], [200, undefined], path);
      assert.ok(plain.body === text, path);
    }
    const file = path.startsWith('/docs') ? `functions/src/rest${path}.html` : `shared/contract${path}`;
    assert.ok(text === await readFile(new URL(`../../${file}`, import.meta.url), 'utf8'), path);
  }
});

test("the AsyncAPI project's own parser has nothing to say", async () => {
  const { document, diagnostics } = await new Parser().parse(JSON.stringify(contract));
  assert.deepEqual(diagnostics, []);
  assert.equal(document.allOperations().length, Object.keys(contract.operations).length);
});

test('every message has an example, and every example is of its message', () => {
  for (const [name, { examples }] of messages) {
    assert.ok(examples.length > 0, name);
    for (const { payload } of examples) assert.deepEqual(flaws(name, payload), [], `${name} ${JSON.stringify(payload)}`);
  }
});

test('every message is in an operation', () => {
  const used = new Set(Object.values(contract.operations).flatMap(({ messages: own, reply }) => [...own, ...(reply?.messages ?? [])])
    .map(({ $ref }) => $ref.replace(/^#\/channels\/(\w+)\/messages\//, '$1.')));
  assert.deepEqual(messages.map(([name]) => name).filter((name) => !used.has(name)), []);
});

test('a conversation has every message of the document, each as documented', async () => {
  const [ana, luis, eva] = [person('ana'), person('luis'), person('eva')];
  const a = await connect({ transport: 'websocket', namespace: '/chat', as: ana });
  const b = await connect({ transport: 'websocket', as: luis });
  const c = await connect({ transport: 'plain', as: eva });
  const [channelId, groupId] = [unique('canal'), unique('serie')];
  for (const client of [a, b, c]) await client.ok('join_channel', { channelId });
  const links = ['https://example.com/a'];
  const { messageId } = await a.ok('send_message', { channelId, text: 'hola', mentions: [luis.id], attachments: links, links });
  await b.next('mention_received');
  const { threadId } = await b.ok('create_thread', { channelId, messageId, title: 'aparte' });
  await c.ok('join_thread', { channelId, threadId });
  await c.ok('send_message', { channelId, threadId, parentMessageId: messageId, text: 'respuesta' });
  await a.next('thread_updated');
  await c.ok('leave_thread', { channelId, threadId });
  await a.ok('edit_message', { channelId, messageId, text: 'hola a todos', attachments: [] });
  for (const event of ['add_reaction', 'remove_reaction']) await b.ok(event, { channelId, messageId, emoji: '🎉' });
  await b.ok('mark_read', { channelId, seq: 1 });
  for (const event of ['typing_start', 'typing_stop']) await b.ok(event, { channelId });
  await a.ok('delete_message', { channelId, messageId });
  for (const event of ['user_joined_channel', 'message_deleted', 'message_read']) await a.next(event);
  await a.next('user_typing', ({ isTyping }) => !isTyping);
  await c.ok('sync_request', { channels: [{ channelId, lastSeq: 0 }, { channelId: unique('nada'), lastSeq: 0 }, { channelId }] });
  c.emit('sync_request', { channelId, lastSeq: 0 });
  await c.next('sync_response');
  for (const status of ['away', 'online']) await b.ok('set_presence', { status });
  await a.next('user_presence', ({ userId, status }) => userId === luis.id && status === 'online');
  await c.ok('leave_channel', { channelId });
  await a.next('user_left_channel');

  for (const client of [a, b]) await client.ok('join-group', { groupId });
  await b.ok('watch-episode', { groupId, seriesId: 7, episodeId: '1' });
  await b.ok('group-activity', { groupId, type: 'nota', data: [1, { n: 2 }] });
  await b.ok('group-activity', { groupId, type: 'nota' });
  await b.ok('leave-group', { groupId });
  for (const event of ['joined-group', 'left-group']) await b.next(event);
  for (const event of ['user-joined-group', 'episode-watched', 'group-activity', 'user-left-group']) await a.next(event);

  await b.fails('UNAUTHORIZED', 'message', { content: 'antes' });
  await b.ok('initialize', { senderId: luis.id, receiverId: ana.id, messageContent: 'hola' });
  await b.ok('message', { content: 'otra', multimedia: { url: 'x' } });
  await a.next('message', ({ multimedia }) => multimedia);
  const texto = unique('a-todos');
  await c.ok('event_message', { texto, message: ['x'] });
  await b.next('new_message', (data) => data.texto === texto);
  await b.ok('refresh_token', { token: luis.token });

  const service = person('service', { roles: ['service'] });
  for (const event of ['confirmNotification', 'confirm-notification']) {
    await rest('POST', '/notification/send', { as: service, body: { message: 'aviso', userId: ana.id } });
    await a.ok(event, { notificationId: (await a.next('newNotification')).id, userId: ana.id });
  }
  await a.fails('INVALID_REQUEST', 'send_message', { channelId, text: '' });
  await a.fails('UNKNOWN_EVENT', 'nothing', {});
  a.emit('send_message', { channelId });
  await a.next('error');
  const claimed = { userID: unique('leo'), username: 'leo' };
  await (await connect({ transport: 'websocket', auth: claimed })).next('session');

  // Those whose frames are only framed otherwise are one kind.
  const kinds = messages.map(([name]) => name).filter((name) => name.startsWith('socketio.') && !name.includes('.event.'));
  assert.deepEqual(kinds.map((name) => name.replace('socketio.', '')).filter((kind) => !seen.has(kind)), []);
});

const WRONG = [null, true, -1, 0, 1.5, 2 ** 53, '', ' ', 'x', 'a\u0000', 'é'.repeat(129), 'é'.repeat(2049), [], ['x'], Array(501).fill('x'), {}];

/** The payload with every member, at any depth, left out once, and replaced by each of the wrong values. */
function* variants(payload) {
  if (payload === null || typeof payload !== 'object') return;
  for (const key of Object.keys(payload)) {
    const put = (value) => Object.assign(Array.isArray(payload) ? [...payload] : { ...payload }, { [key]: value });
    if (!Array.isArray(payload)) yield Object.fromEntries(Object.entries(payload).filter(([name]) => name !== key));
    for (const wrong of WRONG) yield put(wrong);
    for (const inner of variants(payload[key])) yield put(inner);
  }
}

// More than a thousand requests; what they find does not depend on the host.
if (POLLING) {
  test('the server takes the payloads that the schemas take, and no other', async () => {
    const client = await connect({ transport: 'plain', as: person('ana', { id: 'ana' }) });
    let asked = 0;
    for (const [name, { examples }] of messages.filter(([name]) => name.startsWith('socketio.event.'))) {
      const event = name.replace('socketio.event.', '');
      for (const payload of examples.flatMap((example) => [...variants(example.payload)])) {
        const { errorCode, details } = await client.request(event, payload);
        const refused = errorCode === 'INVALID_REQUEST' && Array.isArray(details);
        assert.equal(refused, flaws(name, payload).length > 0, `${event} ${JSON.stringify(payload)} → ${errorCode} ${JSON.stringify(details)}`);
        asked += 1;
      }
    }
    assert.ok(asked > 1000, `${asked}`);
  });
}
