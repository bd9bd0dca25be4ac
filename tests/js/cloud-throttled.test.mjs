// A table that throttles, or fails. Between the functions and DynamoDB stands a proxy of this file's own:
//
//   DYNAMODB_PROXY_PORT   where the functions of this stack look for DynamoDB
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { DEADLINE, connect, person, rest, unique } from './client.mjs';
import { Raw, WS_URL, heardInOrder, onlyPackets, packets } from './cloud.mjs';
import { replay } from './helpers.mjs';
import { eventually } from './wire.mjs';

const TABLE_AT = new URL(process.env.AWS_ENDPOINT_URL);
const agent = new http.Agent({ keepAlive: true });

/** What the proxy does to a call before it passes it on: nothing, or what this returns. */
let trouble = () => undefined;
let refusals = 0;

const throttled = { status: 400, type: 'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException', message: 'The level of configured provisioned throughput for the table was exceeded.' };
const broken = { status: 500, type: 'com.amazonaws.dynamodb.v20120810#InternalServerError', message: 'Internal server error' };

/** A share of the calls, or of those whose operation matches. */
const share = (part, answer, operation = /./) => (name) => (operation.test(name) && Math.random() < part ? answer : undefined);

const proxy = http.createServer((request, response) => {
  const parts = [];
  request.on('data', (chunk) => parts.push(chunk)).on('end', () => {
    const answer = trouble(String(request.headers['x-amz-target']).split('.').at(-1));
    if (answer) {
      refusals += 1;
      response.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.0' });
      response.end(JSON.stringify({ __type: answer.type, message: answer.message }));
      return;
    }
    const { hostname, port } = TABLE_AT;
    const onward = http.request({ hostname, port, agent, method: request.method, path: request.url, headers: request.headers }, (from) => {
      response.writeHead(from.statusCode, from.headers);
      from.pipe(response);
    });
    onward.on('error', () => response.destroy());
    onward.end(Buffer.concat(parts));
  });
});

before(() => new Promise((resolve, reject) => {
  proxy.on('error', reject).listen(Number(process.env.DYNAMODB_PROXY_PORT), '127.0.0.1', resolve);
}));
after(() => { agent.destroy(); proxy.closeAllConnections(); proxy.close(); });

/** Does something while the table is in trouble. */
async function during(what, job) {
  refusals = 0;
  trouble = what;
  try { return await job(); } finally { trouble = () => undefined; }
}

const KINDS = [{ transport: 'plain' }, { transport: 'websocket', namespace: '/' }, { transport: 'websocket', namespace: '/chat' }];
const isOpen = (client) => client.socket.connected ?? client.socket.readyState === 1;

async function gather() {
  const channelId = unique('canal');
  const people = KINDS.map(() => person());
  const clients = await Promise.all(KINDS.map((t, i) => connect({ ...t, as: people[i] })));
  await Promise.all(clients.map((client) => client.ok('join_channel', { channelId })));
  return { channelId, people, clients };
}

/** An ack that may only be good, or say that it is the table's fault. */
async function tried(client, event, data, allowed) {
  const ack = await client.request(event, data);
  if (!ack.success) assert.ok(allowed.includes(ack.errorCode), `${event} → ${JSON.stringify(ack)}`);
  if (ack.errorCode === 'RATE_LIMITED') assert.ok(ack.details?.retryAfterMs > 0, JSON.stringify(ack));
  return ack;
}

/** Sends until it is acked, with one and the same id. */
async function say(client, channelId, text, allowed) {
  for (let attempt = 0; ; attempt++) {
    const ack = await tried(client, 'send_message', { channelId, text, clientMessageId: text }, allowed);
    if (ack.success) return { text, ...ack };
    assert.ok(attempt < 30, `${text}: ${JSON.stringify(ack)}`);
    await pause(20);
  }
}

/** What was acked is in the log, once; the log has no gap; everybody heard it. */
async function settled({ channelId, clients }, acked) {
  const log = await replay(clients[0], channelId);
  assert.deepEqual(log.map((entry) => entry.seq), log.map((_, i) => i + 1));
  const texts = log.map((entry) => entry.data.message.content.text);
  assert.equal(new Set(texts).size, texts.length, `something is there twice: ${texts}`);
  for (const ack of acked) assert.deepEqual([log[ack.seq - 1]?.data.message.id, texts[ack.seq - 1]], [ack.messageId, ack.text]);
  const heard = (client) => client.received.filter((e) => e.event === 'new_message' && e.data.message.channelId === channelId).map((e) => e.data);
  for (const client of clients) {
    await eventually(() => assert.equal(new Set(heard(client).map((d) => d.seq)).size, log.length, `heard by ${client.id}`));
    heardInOrder(heard(client), log, client.id);
    assert.ok(isOpen(client), `${client.id} is open`);
    assert.deepEqual(client.received.filter((e) => e.event.startsWith('(')), [], 'frames of no known form');
  }
  await Promise.all(clients.map((client) => client.ok('send_message', { channelId, text: unique('al fin') })));
}

for (const [name, what, allowed] of [
  ['a third of the calls is throttled', share(1 / 3, throttled), ['RATE_LIMITED']],
  ['two thirds of the calls are throttled', share(2 / 3, throttled), ['RATE_LIMITED']],
  ['a third of the calls fails', share(1 / 3, broken), ['INTERNAL', 'RATE_LIMITED']],
  ['half of the writes are throttled', share(1 / 2, throttled, /Put|Update|Write/), ['RATE_LIMITED']],
]) test(`${name}: nothing that was acked is lost`, async () => {
  const place = await gather();
  const acked = [];
  await during(what, () => Promise.all(place.clients.map(async (client, c) => {
    for (let m = 0; m < 10; m++) acked.push(await say(client, place.channelId, `${c}.${m}`, allowed));
  })));
  assert.ok(refusals >= 20, `${refusals} refused`);
  await settled(place, acked);
});

test('while every call is throttled each event is answered, and nobody is cut off', async () => {
  const place = await gather();
  const { channelId, clients, people } = place;
  const raw = await packets({ as: person() });
  const [{ messageId }] = [await say(clients[0], channelId, 'antes', [])];
  await during(share(1, throttled), async () => {
    for (const [event, data] of [
      ['send_message', { channelId, text: 'no' }], ['join_channel', { channelId: unique('otro') }], ['sync_request', { channelId, lastSeq: 0 }],
      ['add_reaction', { channelId, messageId, emoji: '🎉' }], ['mark_read', { channelId, seq: 1 }], ['event_message', { message: 'no' }],
      ['join-group', { groupId: unique('g') }], ['set_presence', { status: 'away' }], ['nada', {}],
    ]) {
      const started = Date.now();
      await Promise.all(clients.map((client) => client.fails('RATE_LIMITED', event, data)));
      assert.ok(Date.now() - started < DEADLINE, event);
    }
    clients[0].emit('mark_read', { channelId, seq: 1 });
    assert.equal((await clients[0].next('error')).errorCode, 'RATE_LIMITED');
    raw.send('421["mark_read",{"channelId":"x","seq":1}]', '42["mark_read",{"channelId":"x","seq":1}]', 'hola', '2', `40/chat,${JSON.stringify({ token: people[0].token })}`);
    await raw.next(/^3$/, 5 * DEADLINE);
    await raw.next(/^44\/chat,\{/, 2 * DEADLINE);
    assert.equal((await rest('GET', `/channels/${channelId}/messages`, { as: people[0] })).status, 429);
    await assert.rejects(Raw.open(WS_URL, { authorization: `Bearer ${person().token}` }), 'a connection that cannot be noted is refused');
  });
  onlyPackets(raw);
  raw.send('429["sync_request",{"channels":[]}]');
  await raw.next(/^439\[\{"success":true/);
  await settled(place, []);
});

test('who comes while the table throttles is greeted, refused or closed, and never left waiting', async () => {
  const { channelId, people, clients } = await gather();
  const greeted = await during(share(1 / 2, throttled), () => Promise.all(Array.from({ length: 24 }, async (_, i) => {
    const headers = { authorization: `Bearer ${people[i % 3].token}` };
    const raw = await Raw.open(WS_URL, headers).catch((error) => error);
    if (!(raw instanceof Raw)) return assert.equal(raw.constructor.name, 'Refused', String(raw.stack));
    const met = await Promise.race([raw.next(/^\{"event":"connected",/, 2 * DEADLINE), raw.closed.then(() => 'closed')]);
    return met === 'closed' ? undefined : raw;
  })));
  assert.ok(refusals > 0);
  const { seq } = await clients[0].ok('send_message', { channelId, text: 'hola' });
  for (const raw of greeted.filter(Boolean)) await raw.next((frame) => frame.startsWith('{"event":"new_message"') && frame.includes(`"seq":${seq}`));
});
