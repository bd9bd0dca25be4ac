// Wrong input of every kind: one clear error, never a lost connection. Every event, over every transport.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { BINARY, TRANSPORTS, connect, person, unique } from './client.mjs';
import { shape } from './helpers.mjs';
import { errorOf, eventually } from './wire.mjs';

const NOT_A_TEXT = [5, true, {}, [], null];
const NOT_A_NAME = [true, {}, [], null]; // ids that the server made
const NOT_AN_ID = [...NOT_A_NAME, 1.5, 2 ** 53, 'x'.repeat(129), '😀'.repeat(65), 'a\nb', '\u0000'];
const NOT_A_LIST = ['x', 5, {}];
const NOT_A_SEQ = ['1', 1.5, -1, {}, null];
const NOT_TO_SYNC = ['x', 5, {}, [5], [{}], [{ channelId: 1.5, lastSeq: 0 }]];

/** A user with every right that the valid payloads below need, on transport `t`. */
async function scene(t) {
  const client = await connect({ ...t, as: person() });
  const [groupId, channelId, receiverId] = [unique('g'), unique('c'), unique('eva')];
  await client.ok('join-group', { groupId });
  await client.ok('join_channel', { channelId });
  const { messageId } = await client.ok('send_message', { channelId, text: 'raiz' });
  const { threadId } = await client.ok('create_thread', { channelId, messageId });
  await client.ok('initialize', { senderId: client.connected.user.id, receiverId, messageContent: 'hola' });
  return { client, senderId: client.connected.user.id, groupId, channelId, receiverId, messageId, threadId };
}

/** Every event: a valid payload, wrong values of each required field, and of each optional one (whose null may mean absent). */
const events = ({ senderId, groupId, channelId, receiverId, messageId, threadId }) => {
  const group = [{ groupId }, { groupId: NOT_AN_ID }];
  const channel = [{ channelId }, { channelId: NOT_AN_ID }];
  const thread = [{ channelId, threadId }, { channelId: NOT_AN_ID, threadId: NOT_A_NAME }];
  const reaction = [{ messageId, channelId, emoji: '👍' }, { messageId: NOT_A_NAME, channelId: NOT_AN_ID, emoji: [5, {}, null, '', 'ab'] }];
  const lists = { attachments: NOT_A_LIST, mentions: [...NOT_A_LIST, [{}], [1.5]], links: NOT_A_LIST };
  const confirm = [{ notificationId: unique('n') }, { notificationId: NOT_A_NAME }, { userId: NOT_AN_ID }];
  return {
    initialize: [{ senderId, receiverId, messageContent: 'x' }, { senderId: NOT_AN_ID, receiverId: NOT_AN_ID, messageContent: NOT_A_TEXT }],
    message: [{ content: 'x' }, { content: NOT_A_TEXT }, { receiverId: NOT_AN_ID }],
    event_message: [{ text: 'x' }, {}],
    'join-group': group,
    'leave-group': group,
    'watch-episode': [{ groupId, seriesId: 1, episodeId: 2 }, { groupId: NOT_AN_ID, seriesId: NOT_AN_ID, episodeId: NOT_AN_ID }],
    'group-activity': [{ groupId, type: 't', data: 1 }, { groupId: NOT_AN_ID, type: [{}, null] }],
    join_channel: channel,
    leave_channel: channel,
    send_message: [
      { channelId, text: 'x' }, { channelId: NOT_AN_ID, text: NOT_A_TEXT },
      { threadId: NOT_A_NAME, parentMessageId: NOT_A_NAME, clientMessageId: [{}, [], 'x'.repeat(129)], ...lists },
    ],
    edit_message: [{ messageId, channelId, text: 'x' }, { messageId: NOT_A_NAME, channelId: NOT_AN_ID, text: NOT_A_TEXT }, lists],
    delete_message: [{ messageId, channelId }, { messageId: NOT_A_NAME, channelId: NOT_AN_ID }],
    add_reaction: reaction,
    remove_reaction: reaction,
    typing_start: channel,
    typing_stop: channel,
    create_thread: [{ channelId, messageId }, { channelId: NOT_AN_ID, messageId: NOT_A_NAME }, { title: [5, {}, 'x'.repeat(201)] }],
    join_thread: thread,
    leave_thread: thread,
    mark_read: [{ channelId, seq: 1 }, { channelId: NOT_AN_ID, seq: NOT_A_SEQ }],
    sync_request: [{ channels: [{ channelId, lastSeq: 0 }] }, { channels: NOT_TO_SYNC }, { limit: ['x', -1, 1.5] }],
    set_presence: [{ status: 'online' }, { status: ['busy', 'offline', 5, {}, null] }],
    refresh_token: [{ token: 'x' }, { token: [5, {}, null] }],
    confirmNotification: confirm,
    'confirm-notification': confirm,
  };
};

/** Checks the ack of a refused request; `field` must be named by its details. */
function refusedFor(ack, said, field) {
  shape(ack, 'success error errorCode details');
  assert.deepEqual([ack.success, ack.errorCode], [false, 'INVALID_REQUEST'], said);
  assert.ok(Array.isArray(ack.details), `${said} → ${JSON.stringify(ack)}`);
  for (const detail of ack.details) shape(detail, 'field message');
  const name = field === 'channels' ? 'channel' : field; // sync_request has two forms
  const named = ack.details.some((d) => d.field.toLowerCase().includes(name?.toLowerCase()));
  assert.ok(field === undefined || named, `${said}: "${field}" is not in ${JSON.stringify(ack.details)}`);
}

/** Writes an event packet of the client's namespace with this text after its header. */
const packet = (client, t, text) => client.socket.io.engine.write(`2${t.namespace === '/' ? '' : `${t.namespace},`}${text}`);

/** Sends `event` with a payload written by hand. */
function write(client, t, event, json) {
  if (t.transport === 'plain') client.raw(`{"action":"${event}","data":${json}}`);
  else packet(client, t, `["${event}",${json}]`);
}

/** Sends what may be accepted or refused, and checks that it was one of both: `accepted` came, or INVALID_REQUEST. */
async function either(client, accepted, send) {
  const before = client.received.length;
  send();
  const { event, data } = await eventually(() => {
    const answer = client.received.slice(before).find((e) => e.event === 'error' || e.event === accepted);
    return answer ?? assert.fail(`neither "${accepted}" nor an error came`);
  });
  if (event === 'error') assert.equal(data.errorCode, 'INVALID_REQUEST');
}

const alive = (client) => client.ok('set_presence', { status: 'online' });

for (const t of TRANSPORTS) {
  const plain = t.transport === 'plain';

  test(`every event refuses a payload of the wrong kind and names each wrong field (${t.name})`, async (all) => {
    const made = await scene(t);
    const { client } = made;
    for (const [event, [valid, required, optional = {}]] of Object.entries(events(made))) {
      await all.test(event, async () => {
        for (const data of [null, [], Object.values(valid), [valid], 'texto', JSON.stringify(valid), 5, true]) {
          refusedFor(await client.request(event, data), `${event} ${JSON.stringify(data)}`);
        }
        if (!plain) refusedFor(await client.request(event), `${event} without a payload`);
        else if (event !== 'event_message') refusedFor(await client.requestFrame({ action: event }), `${event} without a payload`);
        client.emit(event, 5);
        await errorOf(client, 'INVALID_REQUEST', event);

        for (const [field, wrong] of Object.entries(required)) {
          const { [field]: _, ...rest } = valid;
          refusedFor(await client.request(event, rest), `${event} without ${field}`, field);
          refusedFor(await client.request(event, { ...rest, [`${field}X`]: 1 }), `${event} with an unknown field for ${field}`, field);
          client.emit(event, rest);
          const { details } = await errorOf(client, 'INVALID_REQUEST', event);
          assert.ok(Array.isArray(details), JSON.stringify(details));
          for (const value of wrong) {
            refusedFor(await client.request(event, { ...valid, [field]: value }), `${event} ${field}: ${JSON.stringify(value)}`, field);
          }
        }
        for (const [field, wrong] of Object.entries(optional)) {
          for (const value of wrong.filter((v) => v !== null)) {
            refusedFor(await client.request(event, { ...valid, [field]: value }), `${event} ${field}: ${JSON.stringify(value)}`, field);
          }
        }
        await alive(client);
        await client.none('error');
      });
    }
  });

  test(`an event nobody knows is UNKNOWN_EVENT, as ack and as error event (${t.name})`, async () => {
    const client = await connect({ ...t, as: person() });
    const names = [
      unique('nada'), '__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype', 'JOIN-GROUP', 'join_group', ' join-group',
      'new_message', 'user_presence', 'connected', 'session', 'error', 'ack', 'ping', 'é'.repeat(300),
    ];
    for (const event of plain ? [...names, 'connect', 'disconnect', '$connect', '$default'] : names) {
      const ack = await client.request(event, {});
      shape(ack, 'success error errorCode details?');
      assert.deepEqual([ack.success, ack.errorCode], [false, 'UNKNOWN_EVENT'], event);
      client.emit(event, { a: 1 });
      await errorOf(client, 'UNKNOWN_EVENT', event);
    }
    await alive(client);
  });

  test(`an event name that JSON must escape is UNKNOWN_EVENT like any other (${t.name})`, async () => {
    for (const event of ['message\u0000', 'join"group', 'a\\b', 'a\nb', '\ud83d\ude00"']) {
      const client = await connect({ ...t, as: person() });
      await client.fails('UNKNOWN_EVENT', event, {});
      await alive(client);
      await client.close();
    }
  });

  test(`a frame over 32 KiB is PAYLOAD_TOO_LARGE, one below is not, and the connection lives (${t.name})`, async () => {
    const client = await connect({ ...t, as: person() });
    const listener = await connect();
    const mark = unique('grande');
    await client.ok('event_message', { mark, text: 'x'.repeat(32_500) });
    for (const size of [33_000, 200_000]) {
      client.emit('event_message', { mark, text: 'x'.repeat(size) });
      const error = await client.next('error');
      assert.equal(error.errorCode, 'PAYLOAD_TOO_LARGE', JSON.stringify(error));
      await alive(client);
    }
    assert.equal((await listener.next('new_message', (m) => m.mark === mark)).text.length, 32_500);
    await listener.none('new_message', (m) => m.mark === mark);
    await client.none('error');
  });

  test(`JSON nested too deeply is refused or carried, and the connection lives (${t.name})`, async () => {
    const client = await connect({ ...t, as: person() });
    const groupId = unique('g');
    await client.ok('join-group', { groupId });
    const nested = (depth) => '['.repeat(depth) + ']'.repeat(depth);
    const data = JSON.parse(nested(50));
    await client.ok('group-activity', { groupId, type: 't', data });
    assert.deepEqual((await client.next('group-activity')).data, data);
    for (const depth of [120, 500, 8000]) {
      const json = `{"groupId":"${groupId}","type":"t","data":${nested(depth)}}`;
      await either(client, 'group-activity', () => write(client, t, 'group-activity', json));
      await alive(client);
    }
  });

  test(`every character comes back as it went (${t.name})`, async () => {
    const client = await connect({ ...t, as: person() });
    const groupId = `${unique('g')} ñ😀 "\\/<>&'`;
    await client.ok('join-group', { groupId });
    assert.equal((await client.next('joined-group')).groupId, groupId);
    const data = ['\u0000\u0001\u001f', '\u2028\u2029', '\uffff\ufeff', 'e\u0301', '👩‍👩‍👧‍👦', '\u202eabc', '"\\\n\r\t', '\ud83d\ude00'];
    await client.ok('group-activity', { groupId, type: 't', data });
    assert.deepEqual((await client.next('group-activity')).data, data);
  });

  test(`a lone surrogate is refused or replaced, and the connection lives (${t.name})`, async () => {
    const client = await connect({ ...t, as: person() });
    const groupId = unique('g');
    await client.ok('join-group', { groupId });
    for (const data of ['\ud800', 'a\udfffb', { '\udc00': 1 }]) {
      await either(client, 'group-activity', () => client.emit('group-activity', { groupId, type: 't', data }));
      await alive(client);
    }
  });

  test(`names from JavaScript's prototypes are ids and fields like any other (${t.name})`, async () => {
    const client = await connect({ ...t, as: person() });
    for (const groupId of ['__proto__', 'constructor', 'toString']) {
      await client.ok('join-group', { groupId });
      assert.equal((await client.next('joined-group')).groupId, groupId);
    }
    const data = JSON.parse('{"__proto__":{"x":1},"constructor":2,"toString":3}');
    await client.ok('group-activity', { groupId: 'constructor', type: 't', data });
    assert.deepEqual((await client.next('group-activity')).data, data);
    const ack = await client.fails('INVALID_REQUEST', 'join-group', JSON.parse('{"__proto__":{"groupId":5}}'));
    assert.ok(ack.details.some((d) => d.field === 'groupId'), JSON.stringify(ack));
  });
}

for (const t of TRANSPORTS.filter(({ transport }) => transport !== 'plain')) {
  test(`a Buffer is refused, alone or within, and always answered (${t.name})`, async () => {
    const client = await connect({ ...t, as: person() });
    for (const data of [Buffer.from('x'), { groupId: Buffer.from('x') }, { groupId: 5, extra: Buffer.alloc(2000) }]) {
      refusedFor(await client.request('join-group', data), 'join-group with a Buffer');
      client.emit('join-group', data);
      await errorOf(client, 'INVALID_REQUEST');
    }
    await alive(client);
  });

  test(`a second argument is ignored or refused, and always answered (${t.name})`, async () => {
    const client = await connect({ ...t, as: person() });
    for (const extra of [['x'], [null, {}], [Buffer.from('x')]]) {
      const ack = await client.request('join-group', { groupId: unique('g') }, ...extra);
      if (ack.success) assert.deepEqual(ack, { success: true });
      else refusedFor(ack, 'two arguments');
    }
    await alive(client);
  });

  test(`Socket.IO's own event names from a client are UNKNOWN_EVENT and end nothing (${t.name})`, async () => {
    const client = await connect({ ...t, as: person() });
    for (const event of ['connect', 'disconnect', 'disconnecting', 'connect_error', 'newListener', 'removeListener']) {
      write(client, t, event, '{}');
      await errorOf(client, 'UNKNOWN_EVENT', event);
    }
    await alive(client);
  });

  test(`wrong JSON in a packet is INVALID_REQUEST and the connection lives (${t.name})`, async () => {
    for (const text of ['["join-group",{]', '["join-group"', '{}', '[]', '[5,{}]', '[null]', '"join-group"', '']) {
      const client = await connect({ ...t, as: person() });
      packet(client, t, text);
      const error = await client.next('error');
      assert.equal(error.errorCode, 'INVALID_REQUEST', text);
      await alive(client);
      await client.close();
    }
  });
}

test('on a plain WebSocket, a frame that is no request is INVALID_REQUEST', async () => {
  const client = await connect({ transport: 'plain', as: person() });
  const frames = [
    '', '{', 'null', '[]', '"join-group"', '5', '{}', '{"data":{}}', '{"action":5}', '{"action":null,"data":{}}', '{"action":{"a":1}}',
    '{"action":"join-group","data":{"groupId":5},}', '{"action":"join-group" "data":{}}', '{"action":"join-group","data":{"groupId":01}}',
    '42["join-group",{"groupId":5}]', '\u0000',
  ];
  for (const frame of frames) {
    client.raw(frame);
    const error = await client.next('error');
    assert.equal(error.errorCode, 'INVALID_REQUEST', frame);
    assert.equal(typeof error.message, 'string');
  }
  await alive(client);
  await client.none('error');
});

if (BINARY) test('on a plain WebSocket, a binary frame is INVALID_REQUEST', async () => {
  const client = await connect({ transport: 'plain', as: person() });
  for (const frame of [Buffer.from('{"action":"join-group","data":{"groupId":5}}'), Buffer.alloc(0), Buffer.from([0, 255, 254])]) {
    client.raw(frame);
    await errorOf(client, 'INVALID_REQUEST');
  }
  await client.none('joined-group');
  await alive(client);
});

test('on a plain WebSocket, the id of a request is a number or a string and comes back as it was', async () => {
  const client = await connect({ transport: 'plain', as: person() });
  for (const id of [0, -1, 7, 2 ** 53 - 1, 1.5, '7', 'ñ😀', '__proto__', 'x'.repeat(100)]) {
    assert.deepEqual(await client.requestFrame({ action: 'set_presence', data: { status: 'online' }, id }), { success: true }, `${id}`);
  }
  for (const id of ['{}', '[]', 'true']) {
    client.raw(`{"action":"set_presence","data":{"status":"online"},"id":${id}}`);
    assert.equal((await client.next('error')).errorCode, 'INVALID_REQUEST', id);
  }
  await alive(client);
});

test('a host that was sent all this still takes new clients', async () => {
  const client = await connect({ as: person() });
  await client.ok('join-group', { groupId: unique('g') });
});
