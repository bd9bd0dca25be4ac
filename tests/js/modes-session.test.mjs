// A host with AUTH_MODES=session: identities are the client's word, and a token is nobody's, though a key is configured.
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { REFUSALS, REFUSED, TRANSPORTS, connect, rest, token, unique } from './client.mjs';
import { problem, shape } from './helpers.mjs';
import { DOORS, refused } from './wire.mjs';

const REQUIRED = 'Username and userID are required';
const skip = process.env.AUTH_MODES !== 'session' && 'needs a host with AUTH_MODES=session';
const SOCKET_IO = TRANSPORTS.filter((t) => t.transport !== 'plain');
const PLAIN = DOORS.find((door) => door.name === 'plain WebSocket');
const who = (prefix = 'ana') => ({ userID: unique(prefix), username: `${prefix}@example.org` });
const bearer = ({ sessionID }) => ({ headers: { authorization: `Session ${sessionID}` } });

describe('only sessions', { skip }, () => {
  for (const t of SOCKET_IO) {
    test(`nothing, or half of it, is refused with what is required (${t.name})`, async () => {
      const { userID, username } = who();
      for (const auth of [undefined, {}, { userID }, { username }, { sessionID: unique('una-sesion-de-antes') }]) {
        const refusal = await refused(connect({ ...t, auth }));
        assert.equal(refusal.message, REQUIRED, JSON.stringify(auth));
        shape(refusal.data, 'errorCode message timestamp');
      }
    });

    test(`a token is refused wherever it is, also beside a good session (${t.name})`, async () => {
      const user = who();
      const jwt = token({ id: user.userID });
      const places = [{ headers: { authorization: `Bearer ${jwt}` } }, { auth: { token: jwt } }, { auth: { ...user, token: jwt } }, { query: { token: jwt } }];
      for (const place of places) assert.equal((await refused(connect({ ...t, ...place }))).message, 'Token inválido', Object.keys(place).join());
    });

    test(`a session is made, restored, and may do what users do (${t.name})`, async () => {
      const user = who();
      const client = await connect({ ...t, auth: user });
      const session = await client.next('session');
      assert.deepEqual(client.connected.user, { id: user.userID, username: user.username });
      await client.close();
      const again = await connect({ ...t, auth: { sessionID: session.sessionID } });
      assert.deepEqual(await again.next('session'), session);
      const channelId = unique('c');
      await again.ok('join_channel', { channelId });
      await again.ok('send_message', { channelId, text: 'hola' });
      assert.equal((await again.next('new_message')).author.id, user.userID);
      const ack = await again.request('refresh_token', { token: token({ id: user.userID }) });
      assert.ok(['FORBIDDEN', 'UNAUTHORIZED'].includes(ack.errorCode), JSON.stringify(ack));
    });
  }

  test('a plain WebSocket cannot show a session, so it is 401', async () => {
    const { status, headers, body } = await PLAIN.knock({});
    assert.equal(status, REFUSED);
    assert.equal((await PLAIN.knock({ authorization: `Bearer ${token({ id: unique() })}` })).status, REFUSED);
    if (!REFUSALS) return;
    assert.match(headers['content-type'], /^application\/problem\+json/);
    assert.deepEqual([JSON.parse(body).detail, JSON.parse(body).errorCode], [REQUIRED, 'UNAUTHORIZED']);
  });

  test('REST takes sessions', async () => {
    const client = await connect({ auth: who() });
    const session = await client.next('session');
    for (const path of ['/messages', '/notifications', '/channels']) {
      assert.equal((await rest('GET', path, bearer(session))).status, 200, path);
      await problem(401, 'UNAUTHORIZED', 'GET', path);
    }
    const body = { message: 'hola', userId: unique() };
    await problem(401, 'UNAUTHORIZED', 'POST', '/notification/send', { body });
    await problem(403, 'FORBIDDEN', 'POST', '/notification/send', { ...bearer(session), body });
  });

  test('REST refuses tokens, roles or not, and they end no session', async () => {
    const user = who();
    const client = await connect({ auth: user });
    const session = await client.next('session');
    for (const roles of [[], ['admin']]) {
      const jwt = { token: token({ id: user.userID, roles }) };
      for (const path of ['/messages', '/notifications', '/connections']) await problem(401, 'UNAUTHORIZED', 'GET', path, jwt);
      await problem(401, 'UNAUTHORIZED', 'POST', '/broadcast', { ...jwt, body: { event: unique('e'), data: 1 } });
    }
    await client.ok('set_presence', { status: 'online' });
    assert.equal((await rest('GET', '/notifications', bearer(session))).status, 200);
  });
});
