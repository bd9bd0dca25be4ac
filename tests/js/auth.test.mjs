// Who is connecting: tokens, their places, their end; origins; what `connected` says.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { Manager } from 'socket.io-client';
import { OWN_ORIGIN, PREFLIGHTS, REFUSED, SIO_OPTIONS, SIO_URL, TRANSPORTS, URL_BASE, connect, person, rest, token, unique, uniqueNumber, within } from './client.mjs';
import { problem, shape } from './helpers.mjs';
import { DOORS, errorOf, refused, request } from './wire.mjs';

const EXPIRY = 65_000; // "closed within 60 s" of the token's end
const now = () => Math.floor(Date.now() / 1000);
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token with any header and any signature over it. */
function forged(header, signature, claims = {}) {
  const signed = `${part({ typ: 'JWT', ...header })}.${part({ sub: unique('eva'), exp: now() + 3600, ...claims })}`;
  return `${signed}.${signature(signed)}`;
}

const hmac = (algorithm) => (signed) => createHmac(algorithm, process.env.JWT_SECRET).update(signed).digest('base64url');
const rsa = (signed) => sign('RSA-SHA256', Buffer.from(signed), generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey).toString('base64url');

const BAD = {
  'an expired token': [() => token({ id: unique(), exp: now() - 1 }), 'Token expirado'],
  'a wrong signature': [() => token({ id: unique(), secret: 'x'.repeat(40) }), 'Token inválido'],
  'a token without exp': [() => token({ id: unique(), exp: undefined }), 'Token inválido'],
  'a token without an id': [() => token({}), 'Token inválido'],
  'alg none': [() => forged({ alg: 'none' }, () => ''), 'Token inválido'],
  'alg HS512 of the right secret': [() => forged({ alg: 'HS512' }, hmac('sha512')), 'Token inválido'],
  'alg RS256 of a key of its own': [() => forged({ alg: 'RS256' }, rsa), 'Token inválido'],
  'a changed payload': [() => token({ id: unique() }).replace(/\.[^.]+\./, `.${part({ sub: 'admin', exp: now() + 3600 })}.`), 'Token inválido'],
  'what is no token': [() => 'abc', 'Token inválido'],
};

/** Ways to hand over a token. */
const PLACES = {
  'Authorization: Bearer': (jwt) => ({ headers: { Authorization: `Bearer ${jwt}` } }),
  'a bare Authorization header': (jwt) => ({ headers: { Authorization: jwt } }),
  'auth.token': (jwt) => ({ auth: { token: jwt } }),
  '?token=': (jwt) => ({ query: { token: jwt } }),
};

for (const t of TRANSPORTS) {
  const places = Object.entries(PLACES).filter(([name]) => t.transport !== 'plain' || name !== 'auth.token');

  test(`a token is taken from every place, and connected tells who one is (${t.name})`, async () => {
    for (const [name, place] of places) {
      const id = unique('ana');
      const client = await connect({ ...t, ...place(token({ id, username: name })) });
      shape(client.connected, 'message user connectionId');
      assert.equal(client.connected.message, 'Conectado exitosamente');
      assert.deepEqual(client.connected.user, { id, username: name });
      assert.ok(typeof client.id === 'string' && client.id);
      if (client.socket.id) assert.equal(client.id, client.socket.id);
    }
  });

  test(`the header decides before auth.token, and that before the query (${t.name})`, async () => {
    for (const [i, [first, before]] of places.entries()) {
      for (const [second, after] of places.slice(i + 1)) {
        if (first.includes('Authorization') && second.includes('Authorization')) continue;
        const id = unique('primera');
        const both = (jwt) => ({ ...t, ...after(token({ id: unique('segunda') })), ...before(jwt) });
        assert.equal((await connect(both(token({ id })))).connected.user.id, id, `${first} before ${second}`);
        await refused(connect(both('no-es-un-token')));
      }
    }
  });

  test(`a bad token is refused with its text, on plain WebSockets with 401 (${t.name})`, async () => {
    for (const [name, [make, text]] of Object.entries(BAD)) {
      for (const [, place] of places) {
        const refusal = await refused(connect({ ...t, ...place(make()) }));
        if (t.transport === 'plain') assert.equal(refusal.status, REFUSED, name);
        else assert.equal(refusal.message, text, name);
      }
    }
    await refused(connect({ ...t, token: token({ id: unique(), nbf: now() + 60 }) }));
  });

  test(`the id is sub, id or userId, a string or an integer (${t.name})`, async () => {
    for (const claim of ['sub', 'id', 'userId']) {
      for (const id of [unique('ana'), uniqueNumber()]) {
        const client = await connect({ ...t, token: forged({ alg: 'HS256' }, hmac('sha256'), { sub: undefined, [claim]: id }) });
        assert.equal(client.connected.user.id, id, claim);
      }
    }
    for (const bad of [1.5, true, {}, ['a'], '', 'a\nb', 'x'.repeat(129), '😀'.repeat(65)]) {
      await refused(connect({ ...t, token: token({ id: bad }) }));
    }
  });

  test(`a missing username is the id (${t.name})`, async () => {
    const [text, number] = [unique('ana'), uniqueNumber()];
    assert.deepEqual((await connect({ ...t, token: token({ id: text }) })).connected.user, { id: text, username: text });
    const { user } = (await connect({ ...t, token: token({ id: number }) })).connected;
    assert.deepEqual([user.id, String(user.username)], [number, String(number)]);
  });

  test(`with every mode allowed nothing given is anonymous (${t.name})`, async () => {
    const client = await connect(t);
    assert.deepEqual(client.connected, { message: 'Conectado exitosamente', user: null, connectionId: client.id });
  });

  test(`an expired token ends its connection with an error, a refreshed one goes on (${t.name})`, async () => {
    const id = unique('ana');
    const exp = now() + 2;
    const [ending, lasting] = await Promise.all([connect({ ...t, token: token({ id, exp }) }), connect({ ...t, token: token({ id, exp }) })]);
    const later = now() + 3600;
    const ack = await lasting.request('refresh_token', { token: token({ id, exp: later }) });
    assert.deepEqual(ack, { success: true, expiresAt: new Date(later * 1000).toISOString() });
    await errorOf(ending, 'UNAUTHORIZED', undefined, EXPIRY);
    assert.ok(now() >= exp, 'not before its time');
    await within(ending.closed, 'no end of the connection', EXPIRY);
    await lasting.ok('set_presence', { status: 'online' });
    await lasting.none('error');
  });

  test(`refresh_token takes the same user only (${t.name})`, async () => {
    const id = uniqueNumber();
    const client = await connect({ ...t, token: token({ id }) });
    const other = await client.request('refresh_token', { token: token({ id: unique('eva') }) });
    assert.equal(other.success, false);
    assert.ok(['FORBIDDEN', 'UNAUTHORIZED'].includes(other.errorCode), JSON.stringify(other));
    for (const [make] of Object.values(BAD)) await client.fails('UNAUTHORIZED', 'refresh_token', { token: make() });
    await client.ok('refresh_token', { token: token({ id: String(id) }) });
    assert.equal(client.connected.user.id, id);
    await client.ok('join-group', { groupId: unique('g') });
  });
}

test('REST takes the same tokens and refuses the same ones', async () => {
  const jwt = token({ id: unique('ana') });
  for (const authorization of [`Bearer ${jwt}`, jwt]) {
    assert.equal((await rest('GET', '/notifications', { headers: { authorization } })).status, 200);
  }
  for (const [make] of Object.values(BAD)) await problem(401, 'UNAUTHORIZED', 'GET', '/notifications', { token: make() });
  await problem(401, 'UNAUTHORIZED', 'GET', '/notifications');
});

test('a refused token is not replaced by a session in the same auth', async () => {
  const auth = { token: 'no', userID: unique('ana'), username: 'Ana' };
  assert.equal((await refused(connect({ auth }))).message, 'Token inválido');
});

test('several namespaces over one transport connection are connections of their own', async () => {
  const manager = new Manager(SIO_URL, { transports: ['websocket'], reconnection: false, ...SIO_OPTIONS });
  const [ana, eva] = [person('ana'), person('eva')];
  const greeted = (socket) => new Promise((resolve, reject) => {
    socket.on('connected', resolve);
    socket.on('connect_error', reject);
  });
  const sockets = [manager.socket('/', { auth: { token: ana.token } }), manager.socket('/chat', { auth: { token: eva.token } })];
  try {
    const [first, second] = await Promise.all(sockets.map(greeted));
    assert.deepEqual([first.user.id, second.user.id], [ana.id, eva.id]);
    assert.deepEqual([first.connectionId, second.connectionId], sockets.map((s) => s.id));
    assert.notEqual(first.connectionId, second.connectionId);
    sockets[0].disconnect();
    const ack = await sockets[1].timeout(3000).emitWithAck('set_presence', { status: 'online' });
    assert.deepEqual(ack, { success: true });
    await assert.rejects(greeted(manager.socket('/otro', { auth: { token: ana.token } })), 'an unknown namespace');
    sockets[0].auth = { token: 'no' };
    const again = greeted(sockets[0].connect());
    await assert.rejects(again, /Token inválido/);
    assert.ok(sockets[1].connected, 'a refused namespace leaves the others alone');
  } finally {
    for (const socket of sockets) socket.disconnect();
  }
});

const PORT = new URL(URL_BASE).port;
const OWN = OWN_ORIGIN ? [`http://localhost:${PORT}`, `http://127.0.0.1:${PORT}`] : [];
const ALLOWED = ['http://localhost:3000', 'http://localhost:3001', ...OWN];
const STRANGE = [
  'null', 'https://evil.example', 'http://localhost:3002', 'https://localhost:3000', 'http://localhost', 'http://localhost:3000.evil.example',
];

for (const { name, accepted, knock } of DOORS) {
  test(`an allowed or missing Origin is let in, another is 403 (${name})`, async () => {
    assert.equal((await knock({})).status, accepted, 'none');
    for (const origin of ALLOWED) assert.equal((await knock({ origin })).status, accepted, origin);
    for (const origin of STRANGE) assert.equal((await knock({ origin })).status, 403, origin);
    const host = `evil.example:${PORT}`;
    assert.equal((await knock({ host, origin: `http://${host}` })).status, 403, 'the Host of a request allows nothing');
  });
}

test('CORS echoes an allowed origin with credentials, and nothing to another', async () => {
  for (const { name, knock } of DOORS.filter((d) => d.accepted === 200)) {
    for (const origin of ALLOWED) {
      const { headers } = await knock({ origin });
      assert.equal(headers['access-control-allow-origin'], origin, name);
      assert.equal(headers['access-control-allow-credentials'], 'true', name);
    }
    for (const origin of STRANGE) assert.equal((await knock({ origin })).headers['access-control-allow-origin'], undefined, `${name} ${origin}`);
  }
});

if (PREFLIGHTS) test('a preflight of an allowed origin permits the methods and headers of the API', async () => {
  const ask = (origin) => request('OPTIONS', '/channels/5', {
    headers: { origin, 'access-control-request-method': 'PATCH', 'access-control-request-headers': 'authorization,content-type' },
  });
  const { status, headers } = await ask(ALLOWED[0]);
  assert.ok(status === 200 || status === 204, `${status}`);
  assert.equal(headers['access-control-allow-origin'], ALLOWED[0]);
  assert.equal(headers['access-control-allow-credentials'], 'true');
  assert.match(headers['access-control-allow-methods'], /PATCH/);
  assert.match(headers['access-control-allow-headers'], /authorization/i);
  assert.match(headers['access-control-allow-headers'], /content-type/i);
  assert.equal((await ask(STRANGE[0])).headers['access-control-allow-origin'], undefined);
});

test('a refusal shows an allowed origin its reason', async () => {
  const { status, headers } = await request('GET', '/notifications', { headers: { origin: ALLOWED[0] } });
  assert.deepEqual([status, headers['access-control-allow-origin']], [401, ALLOWED[0]]);
});
