// Sessions (S4): made at the first connection, restored at the next, ended by a proof.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { TRANSPORTS, connect, person, rest, token, unique, uniqueNumber, within } from './client.mjs';
import { problem } from './helpers.mjs';
import { refused } from './wire.mjs';

const SOCKET_IO = TRANSPORTS.filter((t) => t.transport !== 'plain');
const REQUIRED = 'Username and userID are required';
const who = (prefix = 'ana') => ({ userID: unique(prefix), username: `${prefix}@example.org` });

/** Connects with this `auth`: the client, and the `session` event it got. */
async function open(auth, t = {}) {
  const client = await connect({ ...t, auth });
  return { client, session: await client.next('session') };
}

const bearer = ({ sessionID }) => ({ headers: { authorization: `Session ${sessionID}` } });

for (const t of SOCKET_IO) {
  test(`a session is made, told once, and restored by its id alone (${t.name})`, async () => {
    const { userID, username } = who();
    const { client, session } = await open({ userID, username }, t);
    assert.deepEqual(session, { sessionID: session.sessionID, userID });
    assert.ok(typeof session.sessionID === 'string' && session.sessionID.length >= 16, session.sessionID);
    assert.deepEqual(client.connected.user, { id: userID, username });
    await client.none('session');
    await client.close();

    const { sessionID } = session;
    for (const auth of [{ sessionID }, { sessionID, userID }, { sessionID, userID, username }]) {
      const restored = await open(auth, t);
      assert.deepEqual(restored.session, session);
      assert.deepEqual(restored.client.connected.user, { id: userID, username });
    }
  });

  test(`a known session is for its own user only (${t.name})`, async () => {
    const { userID, username } = who();
    const { session } = await open({ userID, username }, t);
    const thief = who('eva');
    for (const stolen of [{ ...thief, sessionID: session.sessionID }, { sessionID: session.sessionID, userID: thief.userID }]) {
      assert.ok((await refused(connect({ ...t, auth: stolen }))).message);
    }
    assert.deepEqual((await open({ sessionID: session.sessionID }, t)).session, session, 'the session is as it was');
  });

  test(`an unknown session id is stored with its user, a short one is refused (${t.name})`, async () => {
    const { userID, username } = who();
    const sessionID = unique('sesion-del-cliente');
    const made = await open({ sessionID, userID, username }, t);
    assert.deepEqual(made.session, { sessionID, userID });
    assert.deepEqual((await open({ sessionID }, t)).client.connected.user, { id: userID, username });
    for (const short of ['corta', 'x'.repeat(15)]) await refused(connect({ ...t, auth: { sessionID: short, ...who() } }));
    const sixteen = unique('16');
    assert.equal(sixteen.length, 16);
    assert.equal((await open({ sessionID: sixteen, ...who() }, t)).session.sessionID, sixteen);
  });

  test(`userID and username are required, together (${t.name})`, async () => {
    const { userID, username } = who();
    const unknown = unique('sesion-desconocida');
    const unheard = [{ sessionID: unknown }, { sessionID: unknown, userID }];
    const lacking = [{ userID }, { username }, { userID: '', username }, { userID, username: '' }, ...unheard];
    for (const auth of lacking) {
      assert.equal((await refused(connect({ ...t, auth }))).message, REQUIRED, JSON.stringify(auth));
    }
    for (const auth of [{ userID: {}, username }, { userID: 1.5, username }, { userID, username: {} }, { sessionID: {}, userID, username }]) {
      await refused(connect({ ...t, auth }));
    }
  });
}

test('two new sessions of one user have different ids, and both are valid', async () => {
  const user = who();
  const [first, second] = [await open(user), await open(user)];
  assert.notEqual(first.session.sessionID, second.session.sessionID);
  for (const { session } of [first, second]) assert.equal((await open({ sessionID: session.sessionID })).client.connected.user.id, user.userID);
});

test('a numeric userID stays a number, and is the same id as its text', async () => {
  const userID = uniqueNumber();
  const { client, session } = await open({ userID, username: 'numero' });
  assert.deepEqual([session.userID, client.connected.user.id], [userID, userID]);
  const restored = await open({ sessionID: session.sessionID, userID: String(userID) });
  assert.equal(restored.client.connected.user.id, userID);
});

test('a session client is a user like any other', async () => {
  const user = who();
  const { client } = await open(user);
  const other = await connect({ as: person('eva') });
  const groupId = unique('g');
  await other.ok('join-group', { groupId });
  await client.ok('join-group', { groupId });
  const joined = await other.next('user-joined-group');
  assert.deepEqual([joined.userId, joined.username], [user.userID, user.username]);
  await client.fails('FORBIDDEN', 'initialize', { senderId: unique('otra'), receiverId: unique(), messageContent: 'x' });
});

test('a JWT connection has no session', async () => {
  const ana = person();
  const client = await connect({ as: ana, auth: who() });
  assert.equal(client.connected.user.id, ana.id);
  await client.none('session');
});

test('a session opens REST, without any role, and an unknown one does not', async () => {
  const user = who();
  const { session } = await open(user);
  for (const path of ['/notifications', '/channels', '/groups']) assert.equal((await rest('GET', path, bearer(session))).status, 200, path);
  const id = unique('c');
  assert.equal((await rest('POST', '/channels', { ...bearer(session), body: { id, visibility: 'private' } })).status, 201);
  assert.equal((await rest('GET', `/channels/${id}`, bearer(session))).status, 200);
  await problem(403, 'FORBIDDEN', 'GET', '/connections', bearer(session));
  await problem(403, 'FORBIDDEN', 'POST', '/broadcast', { ...bearer(session), body: { event: unique('e'), data: 1 } });
  for (const sessionID of [unique('sesion-desconocida'), 'x', '']) await problem(401, 'UNAUTHORIZED', 'GET', '/notifications', bearer({ sessionID }));
});

test('the first JWT for an id ends the sessions and connections that claimed it', async () => {
  const user = who();
  const first = await open(user);
  const second = await open(user, { namespace: '/chat', transport: 'polling' });
  const bound = await connect({ transport: 'plain' });
  await bound.ok('initialize', { senderId: user.userID, receiverId: unique('eva'), messageContent: 'soy yo' });
  const innocent = await open(who());

  const proven = await connect({ token: token({ id: user.userID, username: 'la de verdad' }) });
  assert.equal(proven.connected.user.username, 'la de verdad');
  for (const [i, client] of [first.client, second.client, bound].entries()) await within(client.closed, `connection ${i} was not closed`);
  for (const { session } of [first, second]) {
    await refused(connect({ auth: { sessionID: session.sessionID } }));
    await refused(connect({ auth: { ...user, sessionID: session.sessionID } }));
    await problem(401, 'UNAUTHORIZED', 'GET', '/notifications', bearer(session));
  }
  await refused(connect({ auth: user }));
  await refused(connect({ auth: { ...user, sessionID: unique('una-sesion-nueva') } }));
  const liar = await connect();
  const ack = await liar.request('initialize', { senderId: user.userID, receiverId: unique('eva'), messageContent: 'no' });
  assert.equal(ack.success, false, JSON.stringify(ack));
  await innocent.client.ok('set_presence', { status: 'online' });
  await proven.ok('set_presence', { status: 'online' });
});

test('a JWT shown to REST is a proof as well', async () => {
  const user = who();
  const { client, session } = await open(user);
  assert.equal((await rest('GET', '/notifications', { token: token({ id: user.userID }) })).status, 200);
  await within(client.closed, 'the connection was not closed');
  await refused(connect({ auth: { ...user, sessionID: session.sessionID } }));
  await problem(401, 'UNAUTHORIZED', 'GET', '/notifications', bearer(session));
});

test('a second JWT of a user ends nothing', async () => {
  const ana = person();
  const first = await connect({ as: ana });
  await connect({ as: ana, transport: 'plain' });
  await first.ok('set_presence', { status: 'online' });
});

test('a session id is told to its own client only, in the session event', async () => {
  const user = who();
  const sessionID = unique('secreto-secreto');
  const watcher = await connect({ as: person('eva') });
  const plain = await connect({ as: person('leo'), transport: 'plain' });
  const groupId = unique('g');
  const channelId = unique('c');
  for (const client of [watcher, plain]) {
    await client.ok('join-group', { groupId });
    await client.ok('join_channel', { channelId });
  }
  const { client } = await open({ ...user, sessionID });
  await client.ok('join-group', { groupId });
  await client.ok('join_channel', { channelId });
  await client.ok('send_message', { channelId, text: 'hola' });
  await client.ok('event_message', { text: unique('hola') });
  await client.ok('initialize', { senderId: user.userID, receiverId: watcher.connected.user.id, messageContent: 'hola' });
  await client.ok('watch-episode', { groupId, seriesId: 1, episodeId: 1 });
  await watcher.next('message');
  await plain.next('episode-watched');
  const admin = { token: token({ id: unique('admin'), roles: ['admin'] }) };
  const session = { headers: { authorization: `Session ${sessionID}` } };
  const rooms = [`/groups/${groupId}`, `/groups/${groupId}/members`, `/channels/${channelId}/members`, `/channels/${channelId}/messages`];
  const paths = [...rooms, '/channels', '/messages', '/notifications', `/users/${watcher.connected.user.id}/presence`];
  const answers = [await rest('GET', '/connections', admin)];
  for (const path of paths) answers.push(await rest('GET', path, session));
  assert.deepEqual(answers.map((a) => a.status), answers.map(() => 200));
  await client.close();
  await watcher.barrier();
  const told = [...watcher.received, ...plain.received, ...client.received.filter((e) => e.event !== 'session'), ...answers.map((a) => a.body)];
  assert.ok(!JSON.stringify(told).includes(sessionID), JSON.stringify(told.find((t) => JSON.stringify(t).includes(sessionID))));
});
