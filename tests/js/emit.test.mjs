// What other services may do: emit to a room, a user or everybody, and see who is connected.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { TRANSPORTS, connect, person, rest, token, unique, uniqueNumber } from './client.mjs';
import { isTime, problem, shape } from './helpers.mjs';
import { everyPage, eventually } from './wire.mjs';

const service = { token: token({ id: unique('servicio'), roles: ['service'] }) };
const admin = { token: token({ id: unique('admin'), roles: ['admin'] }) };
const user = { token: token({ id: unique('ana'), roles: ['moderator', 'user'] }) };

/** Emits and returns `delivered`. */
async function emit(path, body, as = service) {
  const answer = await rest('POST', path, { ...as, body });
  assert.equal(answer.status, 202, `${path} → ${JSON.stringify(answer.body)}`);
  shape(answer.body, 'delivered');
  assert.ok(Number.isInteger(answer.body.delivered), JSON.stringify(answer.body));
  return answer.body.delivered;
}

/** Three users, each with a connection, over every transport; all in a group, a channel and a thread of it. One outsider. */
async function scene() {
  const [groupId, channelId] = [unique('g'), uniqueNumber()];
  const people = [person(), person(), person()];
  const over = people.map((_, i) => TRANSPORTS[i % TRANSPORTS.length]);
  const clients = [];
  for (const [i, as] of people.entries()) {
    clients.push(await connect({ ...over[i], as }));
    await clients[i].ok('join-group', { groupId });
    await clients[i].ok('join_channel', { channelId });
  }
  const { messageId } = await clients[0].ok('send_message', { channelId, text: 'raiz' });
  const { threadId } = await clients[0].ok('create_thread', { channelId, messageId });
  for (const client of clients) await client.ok('join_thread', { channelId, threadId });
  const outsider = await connect({ as: person('fuera') });
  return { groupId, channelId, threadId, people, over, clients, outsider };
}

test('a group, a channel and a thread are reached over every transport, and nobody else is', async () => {
  const { groupId, channelId, threadId, clients, outsider } = await scene();
  for (const path of [`/groups/${groupId}`, `/channels/${channelId}`, `/threads/${threadId}`]) {
    const [event, data] = [unique('series-added'), { seriesName: 'Dark', n: [1, null, { a: 'ñ' }] }];
    assert.equal(await emit(`${path}/emit`, { event, data }), clients.length, path);
    for (const client of clients) {
      assert.deepEqual(await client.next(event), data, path);
      await client.none(event);
    }
    await outsider.none(event);
  }
});

test('a user is reached on every connection; an absent one on none', async () => {
  const id = uniqueNumber();
  const clients = [];
  for (const t of TRANSPORTS) clients.push(await connect({ ...t, token: token({ id }) }));
  const other = await connect({ as: person() });
  const event = unique('notification');
  assert.equal(await emit(`/users/${id}/emit`, { event, data: { message: 'Tienes una nueva notificación' } }), clients.length);
  for (const client of clients) assert.deepEqual(await client.next(event), { message: 'Tienes una nueva notificación' });
  await other.none(event);
  assert.equal(await emit(`/users/${unique('nadie')}/emit`, { event, data: 1 }), 0);
});

test('the data may be any JSON', async () => {
  const ana = person();
  const clients = [await connect({ as: ana }), await connect({ as: ana, transport: 'plain' })];
  const event = unique('dato');
  for (const data of ['texto', 7, false, null, [1, [2]], {}]) {
    await emit(`/users/${ana.id}/emit`, { event, data });
    for (const client of clients) assert.deepEqual(await client.next(event), data);
  }
});

test('exceptUsers and exceptConnections are left out', async () => {
  const { groupId, channelId, people, clients } = await scene();
  const twin = await connect({ as: people[0] });
  const event = unique('casi');
  const expect = async (path, body, receivers) => {
    assert.equal(await emit(path, { event, data: 1, ...body }), receivers.length, JSON.stringify(body));
    for (const client of [...clients, twin]) {
      if (receivers.includes(client)) await client.next(event);
      await client.none(event);
    }
  };
  const [first, second, third] = clients;
  await expect(`/groups/${groupId}/emit`, { exceptUsers: [people[0].id] }, [second, third]);
  await expect(`/channels/${channelId}/emit`, { exceptConnections: [first.id] }, [second, third, twin]);
  await expect(`/groups/${groupId}/emit`, { exceptUsers: [people[1].id], exceptConnections: [third.id, twin.id] }, [first]);
  await expect(`/users/${people[0].id}/emit`, { exceptConnections: [first.id, unique('nadie')] }, [twin]);
  await expect('/broadcast', { rooms: [`group:${groupId}`, `channel:${channelId}`], exceptUsers: [people[0].id, people[2].id] }, [second]);
});

test('exceptUsers takes an id in either form', async () => {
  const id = uniqueNumber();
  const client = await connect({ token: token({ id }) });
  const event = unique('no');
  for (const form of [id, String(id)]) assert.equal(await emit(`/users/${id}/emit`, { event, data: 1, exceptUsers: [form] }), 0);
  await client.none(event);
});

test('a broadcast to several rooms reaches a connection in two of them once', async () => {
  const { groupId, channelId, threadId, people, clients, outsider } = await scene();
  const event = unique('aviso');
  const rooms = [`group:${groupId}`, `channel:${channelId}`, `thread:${threadId}`, `user:${people[0].id}`, `user:${outsider.connected.user.id}`];
  assert.equal(await emit('/broadcast', { event, data: { a: 1 }, rooms }), clients.length + 1);
  for (const client of [...clients, outsider]) {
    assert.deepEqual(await client.next(event), { a: 1 });
    await client.none(event);
  }
});

test('a broadcast without rooms reaches every connection of every namespace, to the lobby only those in it', async () => {
  const everywhere = [...TRANSPORTS, { namespace: '/chat', transport: 'polling' }];
  const clients = await Promise.all(everywhere.map((t) => connect({ ...t, as: person() })));
  clients.push(await connect(), await connect({ transport: 'plain' }));
  const [all, lobby] = [unique('a-todos'), unique('al-lobby')];
  assert.ok(await emit('/broadcast', { event: all, data: { x: 1 } }) >= clients.length);
  for (const client of clients) {
    assert.deepEqual(await client.next(all), { x: 1 });
    await client.none(all);
  }
  await emit('/broadcast', { event: lobby, data: 2, rooms: ['global:all'] });
  for (const [i, client] of clients.entries()) {
    if (everywhere[i]?.namespace === '/chat') await client.none(lobby);
    else assert.equal(await client.next(lobby), 2);
  }
});

const PATHS = [...['groups', 'channels', 'threads', 'users'].map((kind) => `/${kind}/${unique()}/emit`), '/broadcast'];

test('emitting needs role service or admin', async () => {
  const body = { event: unique('e'), data: 1 };
  for (const path of PATHS) {
    await problem(401, 'UNAUTHORIZED', 'POST', path, { body });
    await problem(403, 'FORBIDDEN', 'POST', path, { ...user, body });
  }
  for (const as of [service, admin]) assert.equal(await emit(`/users/${unique('u')}/emit`, body, as), 0);
});

const SOCKET_IO = ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener'];
const OWN = [
  'ack', 'ping', 'error', 'connected', 'session', 'initialize', 'message', 'event_message', 'new_message', 'join-group', 'leave-group',
  'joined-group', 'left-group', 'user-joined-group', 'user-left-group', 'watch-episode', 'episode-watched', 'group-activity',
  'join_channel', 'leave_channel', 'user_joined_channel', 'user_left_channel', 'send_message', 'edit_message', 'message_edited',
  'delete_message', 'message_deleted', 'add_reaction', 'remove_reaction', 'reaction_added', 'reaction_removed', 'typing_start', 'typing_stop',
  'user_typing', 'create_thread', 'thread_created', 'join_thread', 'leave_thread', 'thread_updated', 'mention_received', 'mark_read', 'message_read',
  'sync_request', 'sync_response', 'user_presence', 'set_presence', 'refresh_token', 'newNotification', 'confirmNotification', 'confirm-notification',
];

test('a name that the contract or Socket.IO owns cannot be emitted', async () => {
  const ana = person();
  const client = await connect({ as: ana });
  for (const event of [...SOCKET_IO, ...OWN]) {
    await problem(400, 'INVALID_REQUEST', 'POST', `/users/${ana.id}/emit`, { ...admin, body: { event, data: { message: 'falso' } } });
  }
  for (const path of PATHS) await problem(400, 'INVALID_REQUEST', 'POST', path, { ...admin, body: { event: 'new_message', data: 1 } });
  for (const event of OWN.filter((e) => e !== 'connected')) await client.none(event, (data) => data?.message === 'falso');
});

test('what is no emit is INVALID_REQUEST', async () => {
  const event = unique('e');
  const bad = [
    { data: 1 }, { event: '', data: 1 }, { event: 5, data: 1 }, { event: null, data: 1 }, { event, data: 1, exceptUsers: 'ana' },
    { event, data: 1, exceptUsers: [{}] }, { event, data: 1, exceptConnections: 5 }, [], 'x', null,
  ];
  for (const path of PATHS) for (const body of bad) await problem(400, 'INVALID_REQUEST', 'POST', path, { ...service, body: JSON.stringify(body) });
  for (const rooms of ['channel:5', [5], ['channel'], ['nada:5'], ['channel:'], ['global:otra']]) {
    await problem(400, 'INVALID_REQUEST', 'POST', '/broadcast', { ...service, body: { event, data: 1, rooms } });
  }
});

test('GET /connections shows an admin who is connected, where, and since when', async () => {
  const { groupId, people, over, clients } = await scene();
  const anonymous = await connect();
  const list = await everyPage('/connections', admin);
  for (const [i, client] of clients.entries()) {
    const row = list.find((c) => c.connectionId === client.id);
    shape(row, 'connectionId userId username transport namespace? rooms connectedAt lastActivity');
    assert.deepEqual([row.userId, row.username], [people[i].id, people[i].username]);
    assert.equal(typeof row.transport, 'string');
    assert.equal(row.namespace, over[i].namespace);
    for (const room of [`user:${people[i].id}`, `group:${groupId}`]) assert.ok(row.rooms.includes(room), JSON.stringify(row));
    assert.equal(row.rooms.includes('global:all'), over[i].namespace !== '/chat');
    for (const time of [row.connectedAt, row.lastActivity]) isTime(time);
    assert.ok(row.lastActivity >= row.connectedAt);
  }
  assert.equal(new Set(clients.map((c) => list.find((row) => row.connectionId === c.id).transport)).size, TRANSPORTS.length);
  const nobody = list.find((c) => c.connectionId === anonymous.id);
  assert.equal(nobody.userId ?? null, null);
  assert.deepEqual(nobody.rooms, ['global:all']);
  await clients[0].close();
  await eventually(async () => assert.ok(!(await everyPage('/connections', admin)).some((c) => c.connectionId === clients[0].id)));
});

test('GET /connections comes in pages that together show each connection once', async () => {
  const clients = await Promise.all([1, 2, 3, 4, 5].map(() => connect({ as: person() })));
  const found = (await everyPage('/connections', admin, 2)).map((c) => c.connectionId);
  assert.equal(new Set(found).size, found.length, 'none twice');
  for (const client of clients) assert.ok(found.includes(client.id));
  assert.ok(found.length >= 5);
});

test('GET /connections is for the role admin', async () => {
  await problem(401, 'UNAUTHORIZED', 'GET', '/connections');
  for (const as of [user, service]) await problem(403, 'FORBIDDEN', 'GET', '/connections', as);
});
