// Hosts whose clients need not say who they are: AUTH_MODES=anonymous, and AUTH_MODES=session,anonymous.
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { REFUSALS, REFUSED, TRANSPORTS, connect, rest, token, unique } from './client.mjs';
import { problem } from './helpers.mjs';
import { DOORS, refused } from './wire.mjs';

const { AUTH_MODES } = process.env;
const both = AUTH_MODES === 'session,anonymous';
const skip = !both && AUTH_MODES !== 'anonymous' && 'needs a host with AUTH_MODES=anonymous';
const PLAIN = DOORS.find((door) => door.name === 'plain WebSocket');
const who = (prefix = 'ana') => ({ userID: unique(prefix), username: `${prefix}@example.org` });

describe(`anonymous clients (${AUTH_MODES})`, { skip }, () => {
  for (const t of TRANSPORTS) {
    test(`nothing given is anonymous, until initialize binds a sender (${t.name})`, async () => {
      const client = await connect(t);
      assert.equal(client.connected.user, null);
      await client.none('session');
      await client.ok('event_message', { text: unique('hola') });
      for (const [event, data] of [['join_channel', { channelId: unique() }], ['join-group', { groupId: unique() }], ['set_presence', { status: 'online' }]]) {
        await client.fails('UNAUTHORIZED', event, data);
      }
      const [senderId, receiverId, channelId] = [unique('ana'), unique('eva'), unique('c')];
      await client.ok('initialize', { senderId, receiverId, messageContent: 'hola' });
      await client.ok('join_channel', { channelId });
      await client.fails('FORBIDDEN', 'initialize', { senderId: unique('otra'), receiverId, messageContent: 'hola' });
    });

    test(`a token is refused, good as it may be (${t.name})`, async () => {
      const jwt = token({ id: unique('ana') });
      const places = [{ headers: { authorization: `Bearer ${jwt}` } }, { query: { token: jwt } }, ...(t.transport === 'plain' ? [] : [{ auth: { token: jwt } }])];
      for (const place of places) {
        const refusal = await refused(connect({ ...t, ...place }));
        if (t.transport === 'plain') assert.equal(refusal.status, REFUSED);
        else assert.equal(refusal.message, 'Token inválido');
      }
    });
  }

  for (const t of TRANSPORTS.filter((o) => o.transport !== 'plain')) {
    test(`what says of itself to be a session is ${both ? 'one' : 'anonymous'} (${t.name})`, async () => {
      const user = who();
      const client = await connect({ ...t, auth: user });
      if (both) {
        const { sessionID, userID } = await client.next('session');
        assert.deepEqual([client.connected.user.id, userID], [user.userID, user.userID]);
        assert.equal((await rest('GET', '/notifications', { headers: { authorization: `Session ${sessionID}` } })).status, 200);
        const half = { userID: user.userID };
        assert.equal((await refused(connect({ ...t, auth: half }))).message, 'Username and userID are required');
        assert.equal((await connect({ ...t, auth: { other: 1, userID: null } })).connected.user, null, 'nothing of a session');
      } else {
        assert.equal(client.connected.user, null);
        await client.none('session');
        const authorization = `Session ${unique('una-sesion-de-antes')}`;
        await problem(401, 'UNAUTHORIZED', 'GET', '/notifications', { headers: { authorization } });
      }
    });
  }

  test('the lobby and notifications are open over REST, the rest is not', async () => {
    assert.equal((await rest('GET', '/messages')).status, 200);
    const body = { message: unique('hola'), userId: unique('ana') };
    for (const path of ['/notification/send', '/api/notification/send']) assert.equal((await rest('POST', path, { body })).status, 201, path);
    for (const path of ['/notifications', '/channels', '/connections']) {
      assert.equal((await problem(401, 'UNAUTHORIZED', 'GET', path)).errorCode, 'UNAUTHORIZED');
    }
  });

  test('REST refuses tokens, roles or not', async () => {
    for (const roles of [[], ['admin']]) {
      const jwt = { token: token({ id: unique('ana'), roles }) };
      for (const path of ['/notifications', '/channels', '/connections', '/messages']) await problem(401, 'UNAUTHORIZED', 'GET', path, jwt);
      await problem(401, 'UNAUTHORIZED', 'POST', '/broadcast', { ...jwt, body: { event: unique('e'), data: 1 } });
    }
  });

  test('a token on the upgrade is told to be none', async () => {
    const { status, headers, body } = await PLAIN.knock({ authorization: `Bearer ${token({ id: unique() })}` });
    assert.equal(status, REFUSED);
    if (!REFUSALS) return;
    assert.match(headers['content-type'], /^application\/problem\+json/);
    assert.equal(JSON.parse(body).detail, 'Token inválido');
  });
});
