// The life of a connection behind API Gateway: its handshake, its heartbeat, its end, however that comes.
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { BatchWriteItemCommand } from '@aws-sdk/client-dynamodb';
import { io } from 'socket.io-client';
import { SIO_OPTIONS, SIO_URL, connect, person, token, unique, within } from './client.mjs';
import { PACKETS_URL, TABLE, connectionPartition, dynamodb, invoke, onlyPackets, packets, roomPartition, rows, rowsAbout } from './cloud.mjs';
import { meet } from './helpers.mjs';
import { errorOf, eventually } from './wire.mjs';

const PLAIN = { transport: 'plain' };
const ROOT = { transport: 'websocket', namespace: '/' };
const CHAT = { transport: 'websocket', namespace: '/chat' };
const named = (t) => t.namespace ?? t.transport;
const socketOf = (client) => client.id.replace(/\.\d$/, '');

/** Ends the TCP connection, without a closing frame. */
const vanish = (client) => (client.socket.terminate ? client.socket : client.socket.io.engine.transport.ws).terminate();

test('the handshake of the official client takes at most 250 ms', async () => {
  const shake = async () => {
    const started = performance.now();
    const socket = io(`${SIO_URL}/chat`, { ...SIO_OPTIONS, forceNew: true, reconnection: false, auth: { token: person().token } });
    await within(new Promise((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject)), 'no "connect"');
    const ms = performance.now() - started;
    socket.disconnect();
    return ms;
  };
  for (let i = 0; i < 3; i++) await shake();
  const taken = [];
  for (let i = 0; i < 20; i++) taken.push(await shake());
  taken.sort((a, b) => a - b);
  assert.ok((taken[9] + taken[10]) / 2 <= 250, `${taken.map(Math.round)} ms`);
});

test('the open packet is one that the official client can live with', async () => {
  const raw = await packets();
  const { sid, upgrades, pingInterval, pingTimeout } = raw.opening;
  assert.ok(typeof sid === 'string' && sid, JSON.stringify(raw.opening));
  assert.deepEqual(upgrades, []);
  assert.ok(pingInterval > 0 && pingTimeout > 0 && pingInterval + pingTimeout <= 2 ** 31 - 1, JSON.stringify(raw.opening));
  await raw.close();
});

test('four rounds of heartbeats ping every connection, and nobody writes for it', async () => {
  const kinds = [ROOT, CHAT, PLAIN, ROOT, CHAT, PLAIN, ROOT, CHAT, PLAIN, PLAIN];
  const people = kinds.map(() => person());
  const clients = await Promise.all(kinds.map((t, i) => connect({ ...t, as: people[i] })));
  const pings = clients.map(() => 0);
  clients.forEach((client, i) => client.socket.io?.on('ping', () => (pings[i] += 1)));
  const heard = (i) => pings[i] + clients[i].received.filter((e) => e.event === 'ping').length;
  await Promise.all(clients.map((client) => client.drain()));
  const about = [...clients.map(socketOf), ...people.map((p) => p.id)];
  const before = { rows: await rowsAbout(...about), pings: clients.map((_, i) => heard(i)) };
  assert.ok(before.rows.length >= 2 * clients.length, `${before.rows.length} rows`);
  const minute = Math.floor(Date.now() / 60_000);
  for (const later of [0, 1, 2, 3]) {
    await invoke('Heartbeat', { time: new Date((minute + later) * 60_000).toISOString().replace('.000', '') });
  }
  await eventually(() => {
    const quiet = clients.flatMap((_, i) => (heard(i) > before.pings[i] ? [] : [`${named(kinds[i])} ${clients[i].id}`]));
    assert.deepEqual(quiet, [], 'not pinged');
  });
  await Promise.all(clients.map((client) => client.barrier()));
  assert.deepEqual(await rowsAbout(...about), before.rows);
  clients.forEach((client, i) => assert.ok(client.socket.connected ?? client.socket.readyState === 1, `${named(kinds[i])} is open`));
});

for (const t of [PLAIN, ROOT, CHAT]) test(`who vanishes is cleaned up: ${named(t)}`, async () => {
  const { clients: [ana, eva], people } = await meet([CHAT, t]);
  const gone = socketOf(eva);
  assert.ok((await rowsAbout(gone)).length >= 3, 'rows of the connection, its room and its user');
  vanish(eva);
  const left = await ana.next('user_presence', (d) => d.userId === people[1].id);
  assert.equal(left.status, 'offline');
  await eventually(async () => assert.deepEqual(await rowsAbout(gone), []));
});

test('a connection that never was is forgotten at the first broadcast', async () => {
  const { channelId, clients: [ana, eva], people } = await meet([PLAIN, ROOT]);
  const room = roomPartition(`channel:${channelId}`);
  const copies = [];
  for (const [client, id] of [[ana, unique('never')], [eva, unique('never')]]) {
    const real = socketOf(client);
    const forged = (text) => ({ S: text.replace(real, id) });
    const own = [...await rows(connectionPartition(real), real), ...await rows(room, real)];
    assert.equal(own.length, client === ana ? 2 : 3, JSON.stringify(own));
    copies.push(...own.map((row) => ({
      ...row, id: forged(row.id.S), sk: forged(row.sk.S), ...(row.socket && { socket: { S: id }, pk: { S: connectionPartition(id) } }),
    })));
  }
  await dynamodb.send(new BatchWriteItemCommand({ RequestItems: { [TABLE]: copies.map((Item) => ({ PutRequest: { Item } })) } }));
  assert.equal((await rowsAbout('never-')).length, copies.length);
  for (const text of ['uno', 'dos', 'tres']) await ana.ok('send_message', { channelId, text });
  for (const client of [ana, eva]) {
    assert.deepEqual((await client.collect('new_message', 3)).map((d) => d.message.content.text), ['uno', 'dos', 'tres']);
  }
  await eventually(async () => assert.deepEqual(await rowsAbout('never-'), []));
  for (const client of [ana, eva]) await client.none('user_presence', (d) => people.some((p) => p.id === d.userId));
  for (const client of [ana, eva]) assert.ok((await rows(room, socketOf(client))).length === 1, 'who is there stays there');
});

test('two namespaces on one connection, and leaving one keeps the other', async () => {
  const [ana, eva, leo] = [person('ana'), person('eva'), person('leo')];
  const shared = { forceNew: false };
  const root = await connect({ ...ROOT, as: ana, options: shared });
  const chat = await connect({ ...CHAT, as: eva, options: shared });
  assert.equal(root.socket.io, chat.socket.io, 'one connection');
  assert.equal(socketOf(root), socketOf(chat));
  assert.notEqual(root.id, chat.id);
  assert.deepEqual([root.connected.user.id, chat.connected.user.id], [ana.id, eva.id], 'each with its own token');
  const other = await connect({ ...PLAIN, as: leo });
  const channelId = unique('canal');
  for (const client of [root, chat, other]) await client.ok('join_channel', { channelId });
  await other.ok('send_message', { channelId, text: 'a las dos' });
  for (const client of [root, chat]) await client.next('new_message');
  chat.socket.disconnect();
  await other.next('user_presence', (d) => d.userId === eva.id && d.status === 'offline');
  await eventually(async () => assert.deepEqual((await rows(connectionPartition(socketOf(root)), socketOf(root))).map((r) => r.kind.S).sort(), ['namespace', 'socket']));
  await other.ok('send_message', { channelId, text: 'a una' });
  assert.equal((await root.next('new_message')).message.content.text, 'a una');
  await root.ok('send_message', { channelId, text: 'sigo' });
  await root.next('new_message');
  assert.equal(chat.received.filter((e) => e.event === 'new_message').length, 1, 'who has left hears nothing more');
});

describe('what takes its time', { concurrency: true }, () => {
  test('who enters no namespace is closed after 10 s, who enters one is not', async () => {
    const [idle, entered] = [await packets(), await packets({ as: person() })];
    const started = Date.now();
    const { sid } = idle.opening;
    await within(idle.closed, 'not closed', 20_000);
    assert.ok(Date.now() - started > 8000, `closed after ${Date.now() - started} ms`);
    await eventually(async () => assert.deepEqual(await rowsAbout(sid), []));
    onlyPackets(idle);
    assert.equal(entered.socket.readyState, 1);
    entered.send('421["sync_request",{"channels":[]}]');
    await entered.next(/^431\[/);
  });

  for (const t of [PLAIN, ROOT, CHAT]) test(`a token that ends takes the connection with it: ${named(t)}`, async () => {
    const id = unique('ana');
    const exp = Math.floor(Date.now() / 1000) + 5;
    const client = await connect({ ...t, token: token({ id, exp }) });
    await client.ok('join_channel', { channelId: unique('canal') });
    await errorOf(client, 'UNAUTHORIZED', undefined, 70_000);
    assert.ok(Date.now() >= exp * 1000, 'not before it ends');
    await within(client.closed, 'not closed', exp * 1000 + 60_000 - Date.now());
    await eventually(async () => assert.deepEqual(await rowsAbout(socketOf(client)), []));
  });

  for (const t of [PLAIN, CHAT]) test(`a newer token keeps the connection: ${named(t)}`, async () => {
    const id = unique('ana');
    const exp = Math.floor(Date.now() / 1000) + 5;
    const client = await connect({ ...t, token: token({ id, exp }) });
    await client.ok('refresh_token', { token: token({ id }) });
    await pause(exp * 1000 + 3000 - Date.now());
    await client.none('error');
    await client.ok('join_channel', { channelId: unique('canal') });
  });

  test('a token that ended between the connection and its namespace lets nobody in', async () => {
    const exp = Math.floor(Date.now() / 1000) + 2;
    const raw = await packets({ url: `${PACKETS_URL}&token=${token({ id: unique('ana'), exp })}` });
    await pause(exp * 1000 + 200 - Date.now());
    raw.send('40/chat,');
    assert.equal(JSON.parse((await raw.next(/^44\/chat,/)).slice(8)).message, 'Token expirado');
    onlyPackets(raw);
  });
});
