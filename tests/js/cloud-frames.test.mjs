// Frames as they really come through API Gateway: wrong ones, those that were meant for the other kind of connection,
// and those of clients that do not wait for answers.
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { connect, person, unique } from './client.mjs';
import { PACKETS_URL, Raw, WS_URL, onlyPackets, packets } from './cloud.mjs';
import { shape } from './helpers.mjs';
import { refused } from './wire.mjs';

const JOIN = JSON.stringify({ action: 'join_channel', data: { channelId: 'x' } });
const LARGE = 'x'.repeat(33 * 1024);

/** A round trip shows that the connection is usable, and that nothing more came of what was sent before. */
async function usable(raw, path = '') {
  raw.send(`42${path}77["sync_request",{"channels":[]}]`);
  await raw.next((frame) => frame.startsWith(`43${path}77[{"success":true,`));
  onlyPackets(raw);
}

/** The payload of the refusal `44`, or of the event `error`. */
async function told(raw, kind, path = '') {
  const head = `${kind === 'refusal' ? '44' : '42'}${path}`;
  const frame = await raw.next((f) => f.startsWith(head + (kind === 'refusal' ? '{' : '["error",')));
  const packet = JSON.parse(frame.slice(head.length));
  if (kind === 'refusal') shape(packet, 'message data');
  const error = kind === 'refusal' ? packet.data : packet[1];
  shape(error, 'errorCode message timestamp details? event?');
  return error;
}

describe('before a namespace is entered', () => {
  for (const [what, frame, code] of [
    ['an event', '421["join_channel",{"channelId":"x"}]', 'UNAUTHORIZED'],
    ['an event that waits for no answer', '42["join_channel",{"channelId":"x"}]', 'UNAUTHORIZED'],
    ['what a plain WebSocket sends', JOIN, 'INVALID_REQUEST'],
    ['what a plain WebSocket sends, of no known event', '{"action":"nada"}', 'INVALID_REQUEST'],
    ['text', 'hola', 'INVALID_REQUEST'],
    ['an unknown packet', '49', 'INVALID_REQUEST'],
  ]) test(`${what} is refused, and the client may still enter`, async () => {
    const raw = await packets();
    raw.send(frame);
    assert.equal((await told(raw, 'refusal')).errorCode, code);
    raw.send(`40${JSON.stringify({ token: person().token })}`);
    await raw.next(/^40\{"sid"/);
    await usable(raw);
    assert.deepEqual(raw.unread.filter((f) => !f.startsWith('42["connected"')), []);
  });

  test('a token that is none is refused in words', async () => {
    const raw = await packets();
    raw.send('40/chat,{"token":"no.es.nada"}');
    const error = await told(raw, 'refusal', '/chat,');
    assert.deepEqual([error.errorCode, error.message], ['UNAUTHORIZED', 'Token inválido']);
  });
});

for (const namespace of ['/', '/chat']) describe(`Socket.IO, in ${namespace}`, () => {
  const path = namespace === '/' ? '' : `${namespace},`;
  for (const [what, frame, code] of [
    ['what a plain WebSocket sends', JOIN, 'INVALID_REQUEST'],
    ['what a plain WebSocket sends, with an id', '{"action":"send_message","id":1,"data":{"channelId":"x","text":"y"}}', 'INVALID_REQUEST'],
    ['JSON', '{"a":1}', 'INVALID_REQUEST'],
    ['text', 'hola', 'INVALID_REQUEST'],
    ['a message without a packet', '4', 'INVALID_REQUEST'],
    ['an unknown packet', '49', 'INVALID_REQUEST'],
    ['an unknown Engine.IO packet', '9', 'INVALID_REQUEST'],
    ['an event without arguments', `42${path}`, 'INVALID_REQUEST'],
    ['an event cut short', `42${path}["join_channel",{"chan`, 'INVALID_REQUEST'],
    ['an event that is an object', `42${path}{"a":1}`, 'INVALID_REQUEST'],
    ['an event of nothing', `42${path}[]`, 'INVALID_REQUEST'],
    ['an event whose name is a number', `42${path}[5,{}]`, 'INVALID_REQUEST'],
    ['an unknown event', `42${path}["nada",{}]`, 'UNKNOWN_EVENT'],
    ['an event with attachments', `451-${path}["event_message",{"a":{"_placeholder":true,"num":0}}]`, 'INVALID_REQUEST'],
    ['a frame above 32 KiB', `42${path}["event_message",{"a":"${LARGE}"}]`, 'PAYLOAD_TOO_LARGE'],
  ]) test(`${what}: an error, and all goes on`, async () => {
    const raw = await packets({ as: person(), namespace });
    raw.send(frame);
    assert.equal((await told(raw, 'error', path)).errorCode, code);
    await usable(raw, path);
    assert.deepEqual(raw.unread, []);
  });

  test('errors of events that wait for an answer are the answer', async () => {
    const raw = await packets({ as: person(), namespace });
    for (const [arguments_, code] of [
      ['["nada"]', 'UNKNOWN_EVENT'], ['[]', 'INVALID_REQUEST'], ['["join_channel"]', 'INVALID_REQUEST'],
      ['["join_channel",{"channelId":[]}]', 'INVALID_REQUEST'], [`["event_message",{"a":"${LARGE}"}]`, 'PAYLOAD_TOO_LARGE'],
    ]) {
      raw.send(`42${path}5${arguments_}`);
      const frame = await raw.next((f) => f.startsWith(`43${path}5[`));
      const [ack] = JSON.parse(frame.slice(`43${path}5`.length));
      assert.deepEqual([ack.success, ack.errorCode], [false, code], frame.slice(0, 300));
    }
    await usable(raw, path);
    assert.deepEqual(raw.unread, []);
  });

  test('other namespaces are refused, this one goes on', async () => {
    const raw = await packets({ as: person(), namespace });
    for (const frame of ['40/nada,', '42/nada,["join_channel",{}]']) {
      raw.send(frame);
      assert.equal((await told(raw, 'refusal', '/nada,')).message, 'Invalid namespace');
    }
    const [head, other] = namespace === '/' ? ['42/chat,', '/chat,'] : ['42', ''];
    raw.send(`${head}["join_channel",{"channelId":"x"}]`);
    assert.equal((await told(raw, 'refusal', other)).errorCode, 'UNAUTHORIZED');
    await usable(raw, path);
    assert.deepEqual(raw.unread, []);
  });

  test('packets that ask for nothing get nothing, and a probe its echo', async () => {
    const ana = person();
    const raw = await packets({ as: ana, namespace });
    raw.send('3', '6', `43${path}9["ok"]`, `461-${path}9["ok"]`, `40${path}${JSON.stringify({ token: ana.token })}`, '2probe');
    await raw.next(/^3probe$/);
    await usable(raw, path);
    assert.deepEqual(raw.unread, []);
  });
});

describe('plain WebSocket', () => {
  const open = async () => connect({ transport: 'plain', as: person() });
  for (const [what, frame, code] of [
    ['a Socket.IO packet', '42["join_channel",{"channelId":"x"}]', 'INVALID_REQUEST'],
    ['a Socket.IO client that would enter', '40{"token":"x"}', 'INVALID_REQUEST'],
    ['a number, as a ping would be', '2', 'INVALID_REQUEST'],
    ['text', 'hola', 'INVALID_REQUEST'],
    ['a list', '[{"action":"join_channel"}]', 'INVALID_REQUEST'],
    ['no action', '{"data":{}}', 'INVALID_REQUEST'],
    ['an action that is no text', '{"action":{"join_channel":1}}', 'INVALID_REQUEST'],
    ['an action that is null', '{"action":null}', 'INVALID_REQUEST'],
    ['an unknown event', '{"action":"nada"}', 'UNKNOWN_EVENT'],
    ['the route of a connection', '{"action":"$connect"}', 'UNKNOWN_EVENT'],
    ['the route of the end', '{"action":"$disconnect"}', 'UNKNOWN_EVENT'],
    ['the route of all others', '{"action":"$default"}', 'UNKNOWN_EVENT'],
    ['an event cut short', '{"action":"join_channel","data":{"chan', 'INVALID_REQUEST'],
    ['an event twice in one frame', `${JOIN}${JOIN}`, 'INVALID_REQUEST'],
    ['a frame above 32 KiB', JSON.stringify({ action: 'event_message', data: { a: LARGE } }), 'PAYLOAD_TOO_LARGE'],
  ]) test(`${what}: an error, and all goes on`, async () => {
    const client = await open();
    await client.next('connected');
    client.raw(frame);
    const error = await client.next('error');
    shape(error, 'errorCode message timestamp details? event?');
    assert.equal(error.errorCode, code, JSON.stringify(error));
    await client.ok('join_channel', { channelId: unique('canal') });
    await client.barrier();
    // A `new_message` is another file's, in the lobby.
    const told = client.received.map((e) => e.event).filter((event) => event !== 'ping' && event !== 'new_message');
    assert.deepEqual(told, ['connected', 'error']);
  });
});

describe('not awaited', () => {
  for (const t of [{ transport: 'plain' }, { transport: 'websocket', namespace: '/' }, { transport: 'websocket', namespace: '/chat' }]) {
    test(`the event after the one that it needs: ${t.namespace ?? t.transport}`, async () => {
      const [ana, eva] = [person('ana'), person('eva')];
      const [client, other] = [await connect({ ...t, as: ana }), await connect({ transport: 'plain', as: eva })];
      for (let round = 0; round < 3; round++) {
        const channelId = unique('canal');
        await Promise.all([client.ok('join_channel', { channelId }), client.ok('send_message', { channelId, text: 'ya' })]);
      }
      await Promise.all([
        client.ok('initialize', { senderId: ana.id, receiverId: eva.id, messageContent: 'uno' }),
        client.ok('message', { content: 'dos' }),
      ]);
      assert.deepEqual((await other.collect('message', 2)).map((d) => d.content).sort(), ['dos', 'uno']);
    });
  }

  test('a namespace and its first events in one go', async () => {
    for (const path of ['', '/chat,']) {
      const raw = await packets();
      raw.send(`40${path}${JSON.stringify({ token: person().token })}`, `42${path}1["join_channel",{"channelId":"${unique('canal')}"}]`);
      await raw.next((f) => f.startsWith(`43${path}1[{"success":true,`));
      await raw.next((f) => f.startsWith(`40${path}{"sid":`));
      await usable(raw, path);
    }
  });

  test('a plain WebSocket that speaks before it was greeted', async () => {
    const raw = await Raw.open(WS_URL, { authorization: `Bearer ${person().token}` });
    raw.send(JSON.stringify({ action: 'join_channel', id: 1, data: { channelId: unique('canal') } }));
    await raw.next(/^\{"event":"ack","id":1,"data":\{"success":true,/);
    await raw.next(/^\{"event":"connected",/);
  });
});

describe('at the door', () => {
  const bearer = () => ({ authorization: `Bearer ${person().token}` });
  const knock = (url, headers = {}) => Raw.open(url, { ...bearer(), ...headers });
  for (const [kind, url] of [['plain', WS_URL], ['Socket.IO', PACKETS_URL]]) {
    test(`${kind}: another stage is refused`, async () => {
      const wrong = new URL(url);
      wrong.pathname = wrong.pathname.replace(/[^/]+$/, 'otra');
      assert.ok((await refused(knock(wrong.href))).status >= 400);
      await (await knock(url)).close();
    });

    test(`${kind}: only known origins`, async () => {
      for (const origin of ['https://evil.example', 'null', 'http://localhost:3000.evil.example', 'http://localhost:3002']) {
        assert.equal((await refused(knock(url, { origin }))).status, 403, origin);
      }
      await (await knock(url, { origin: 'http://localhost:3001' })).close();
    });

  }

  test('plain: a token that is none is refused', async () => {
    assert.ok([401, 403].includes((await refused(Raw.open(WS_URL, { authorization: 'Bearer nada' }))).status));
  });
});
