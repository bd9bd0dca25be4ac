// A host that takes tokens only: with AUTH_MODES=jwt, and by default where a key is configured.
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { DOCS, REFUSALS, REFUSED, TRANSPORTS, connect, person, rest, token, unique } from './client.mjs';
import { isTime, problem, shape } from './helpers.mjs';
import { DOORS, refused } from './wire.mjs';

const MISSING = 'Token no proporcionado';
const skip = !['jwt', ''].includes(process.env.AUTH_MODES) && 'needs a host with AUTH_MODES=jwt';
const PLAIN = DOORS.find((door) => door.name === 'plain WebSocket');

/** What a client without a token may bring instead. */
const SESSIONS = [
  { userID: unique('ana'), username: 'Ana' },
  { sessionID: unique('una-sesion-de-antes') },
  { sessionID: unique('una-sesion-de-antes'), userID: unique('ana'), username: 'Ana' },
];

describe('only tokens', { skip }, () => {
  for (const t of TRANSPORTS) {
    test(`nobody is let in without a token (${t.name})`, async () => {
      const nothing = t.transport === 'plain' ? [{}, { query: { token: '' } }] : [{}, { auth: {} }, { auth: { token: '' } }, ...SESSIONS.map((auth) => ({ auth }))];
      for (const given of nothing) {
        const refusal = await refused(connect({ ...t, ...given }));
        if (t.transport === 'plain') {
          assert.equal(refusal.status, REFUSED);
          continue;
        }
        assert.equal(refusal.message, MISSING, JSON.stringify(given));
        shape(refusal.data, 'errorCode message timestamp');
        assert.deepEqual([refusal.data.errorCode, refusal.data.message], ['UNAUTHORIZED', MISSING]);
        isTime(refusal.data.timestamp);
      }
    });

    test(`who has a token is let in, without a session (${t.name})`, async () => {
      const ana = person();
      const client = await connect({ ...t, as: ana, ...(t.transport === 'plain' ? {} : { auth: SESSIONS[0] }) });
      assert.deepEqual(client.connected.user, { id: ana.id, username: ana.username });
      await client.none('session');
      const { messageId } = await client.ok('event_message', { text: unique('hola') });
      assert.ok(messageId);
      await client.fails('FORBIDDEN', 'initialize', { senderId: unique('eva'), receiverId: unique(), messageContent: 'x' });
    });
  }

  test('a refused upgrade is 401 with a problem that says why', async () => {
    const { status, headers, body } = await PLAIN.knock({});
    assert.equal(status, REFUSED);
    if (!REFUSALS) return;
    assert.match(headers['content-type'], /^application\/problem\+json/);
    const told = JSON.parse(body);
    assert.deepEqual([told.status, told.detail, told.errorCode], [401, MISSING, 'UNAUTHORIZED']);
  });

  test('REST wants a token for all that is not open to everybody', async () => {
    const message = { message: unique('hola'), userId: unique('ana') };
    const calls = [
      ['GET', '/messages'], ['GET', '/messages?limit=1'], ['GET', '/notifications'], ['GET', '/channels'],
      ['POST', '/notification/send', message], ['POST', '/api/notification/send', message],
    ];
    for (const [method, path, body] of calls) {
      assert.equal((await problem(401, 'UNAUTHORIZED', method, path, { body })).detail, MISSING, path);
      for (const authorization of [`Session ${unique('una-sesion-de-antes')}`, 'Bearer', 'Bearer ', 'no']) {
        await problem(401, 'UNAUTHORIZED', method, path, { body, headers: { authorization } });
      }
    }
    assert.equal((await rest('GET', '/messages', { as: person() })).status, 200);
    for (const path of ['/', '/health', '/ready', '/openapi.json', DOCS]) assert.equal((await rest('GET', path)).status, 200, path);
  });

  test('notifications are sent by services and administrators only', async () => {
    const ana = person();
    const client = await connect({ as: ana });
    for (const path of ['/notification/send', '/api/notification/send']) {
      const body = { message: unique('hola'), userId: ana.id };
      await problem(403, 'FORBIDDEN', 'POST', path, { as: ana, body });
      await problem(403, 'FORBIDDEN', 'POST', path, { token: token({ id: unique(), roles: ['moderator', 'Admin'] }), body });
      for (const role of ['service', 'admin']) {
        const sent = await rest('POST', path, { token: token({ id: unique(), roles: [role] }), body });
        assert.equal(sent.status, 201, JSON.stringify(sent.body));
        assert.equal((await client.next('newNotification')).id, sent.body.id);
      }
      await client.none('newNotification');
    }
  });
});
