// The REST surface: which paths there are, whom they let in, what they answer; rooms over REST.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { DOCS, RAW_PATHS, URL_BASE, connect, person, rest, token, unique } from './client.mjs';
import { problem } from './helpers.mjs';
import { everyPage, listOf, request } from './wire.mjs';

const admin = { token: token({ id: unique('admin'), roles: ['admin'] }) };
const someone = { token: token({ id: unique('ana') }) };

const ROOM = (kind) => [
  `GET ${kind}`, `POST ${kind}`, `GET ${kind}/{id}`, `PATCH ${kind}/{id}`, `DELETE ${kind}/{id}`,
  `GET ${kind}/{id}/members`, `PUT ${kind}/{id}/members/{userId}`, `DELETE ${kind}/{id}/members/{userId}`,
];
const OPEN = [
  'GET /health', 'GET /ready', 'GET /openapi.json', 'GET /asyncapi.json', 'GET /events.d.ts', `GET ${DOCS}`, 'GET /docs/events', 'GET /',
];
const ANONYMOUS = ['GET /messages', 'POST /notification/send', 'POST /api/notification/send'];
const USER = [
  ...ROOM('/channels'), ...ROOM('/groups'), 'GET /channels/{id}/messages', 'GET /channels/{id}/unread', 'GET /groups/{id}/progress',
  'GET /users/{id}/messages', 'GET /users/{id}/presence', 'GET /presence', 'GET /notifications', 'POST /notification/confirm',
];
const ROLE = [
  'POST /groups/{id}/emit', 'POST /channels/{id}/emit', 'POST /threads/{id}/emit', 'POST /users/{id}/emit', 'POST /broadcast',
  'GET /connections', 'GET /presence/online',
];

/** `METHOD /path/{id}` called with ids of nothing, and with `body` where the method has one. */
function call(line, options, body = {}) {
  const [method, path] = line.split(' ');
  return [method, path.replace(/{\w+}/g, unique('nada')), { ...options, body: method === 'GET' || method === 'DELETE' ? undefined : body }];
}

test('what is open to all answers without a token', async () => {
  for (const line of OPEN) assert.equal((await rest(...call(line))).status, 200, line);
  assert.equal((await rest('GET', '/messages')).status, 200);
});

test('everything else asks for a token, and some of it for a role', async () => {
  for (const line of [...USER, ...ROLE]) {
    await problem(401, 'UNAUTHORIZED', ...call(line));
    await problem(401, 'UNAUTHORIZED', ...call(line, { token: 'no-es-un-token' }));
  }
  for (const line of ROLE) await problem(403, 'FORBIDDEN', ...call(line, someone, { event: unique('e'), data: 1 }));
});

test('with a token no path of the contract is missing', async () => {
  const lists = ['GET /channels', 'GET /groups', 'GET /notifications', 'GET /connections', 'GET /presence/online'];
  for (const line of lists) listOf(await rest(...call(line, admin)));
  for (const line of [...USER, ...ROLE, ...ANONYMOUS].filter((l) => /^(POST|PATCH|PUT)/.test(l))) {
    const answer = await rest(...call(line, admin));
    assert.notEqual(answer.status, 405, line);
    if (!line.includes('{id}') && !/^POST \/(channels|groups)$/.test(line)) assert.equal(answer.status, 400, `${line} with an empty body`);
  }
  assert.equal((await rest('GET', `/users/${unique()}/messages`, someone)).status, 200);
  assert.equal((await rest('GET', `/presence?userIds=${unique()},${unique()}`, someone)).status, 200);
  await problem(404, 'NOT_FOUND', 'GET', `/users/${unique()}/presence`, someone);
  for (const line of USER.filter((l) => /^GET \/(channels|groups)\/{id}/.test(l))) await problem(404, 'NOT_FOUND', ...call(line, someone));
});

test('/openapi.json names every path and method of the contract', async () => {
  const { body: openapi } = await rest('GET', '/openapi.json');
  assert.match(openapi.openapi, /^3\./);
  const named = new Set(Object.entries(openapi.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/{\w+}/g, '{}')}`)));
  const missing = [...ANONYMOUS, ...USER, ...ROLE, 'GET /health', 'GET /ready'].filter((line) => !named.has(line.replace(/{\w+}/g, '{}')));
  assert.deepEqual(missing, []);
});

test('/openapi.json declares the parameters of each path where they are', async () => {
  const { body } = await rest('GET', '/openapi.json');
  for (const [path, methods] of Object.entries(body.paths)) {
    const inPath = [...path.matchAll(/{(\w+)}/g)].map((m) => m[1]).sort();
    for (const [method, { parameters = [], responses }] of Object.entries(methods)) {
      const said = `${method} ${path} ${JSON.stringify(parameters)}`;
      assert.deepEqual(parameters.filter((p) => p.in === 'path').map((p) => p.name).sort(), inPath, said);
      assert.ok(parameters.every((p) => p.in !== 'path' || p.required === true), said);
      assert.ok(Object.keys(responses).length > 0, said);
    }
  }
  const queries = {
    '/messages': 'before limit', '/users/{id}/messages': 'before limit', '/channels/{id}/messages': 'after before limit threadId', '/presence': 'userIds',
  };
  for (const [path, names] of Object.entries(queries)) {
    const found = body.paths[path].get.parameters.filter((p) => p.in === 'query').map((p) => p.name).sort();
    assert.deepEqual(found, names.split(' '), path);
  }
});

test('/docs works without the internet: what it loads comes from this host', async () => {
  const page = await fetch(`${URL_BASE}${DOCS}`);
  assert.match(page.headers.get('content-type'), /text\/html/);
  const html = await page.text();
  assert.doesNotMatch(html, /(?:src|href)\s*=\s*["']?(?:https?:)?\/\//i);
  const loaded = [...html.matchAll(/<(?:script|link)[^>]*?\s(?:src|href)\s*=\s*["']?([^"'\s>]+)/gi)].map((m) => m[1]);
  assert.ok(loaded.some((url) => url.includes('.js')), html);
  for (const url of loaded) {
    const asset = await fetch(new URL(url, page.url));
    assert.equal(asset.status, 200, url);
    const text = await asset.text();
    assert.ok(text.length > 0, url);
    if (url.includes('initializer')) {
      assert.doesNotMatch(text, /https?:\/\//);
      assert.match(text, /openapi\.json/);
    }
  }
});

test('/health and /ready say so', async () => {
  for (const path of ['/health', '/ready']) assert.equal((await rest('GET', path)).status, 200);
});

test('an unknown path or method is a problem of RFC 9457', async () => {
  for (const path of ['/nada', '/channels/5/nada', '/groups/5/emit/x', '/api/nada']) {
    const body = await problem(404, 'NOT_FOUND', 'GET', path, someone);
    assert.equal(body.status, 404);
    assert.equal(typeof body.title, 'string');
  }
  const wrong = await rest('PUT', '/messages', { ...someone, body: {} });
  assert.ok([404, 405].includes(wrong.status), `${wrong.status}`);
  assert.match(wrong.headers.get('content-type'), /^application\/problem\+json/);
});

test('a body that is no JSON, or not said to be, is INVALID_REQUEST', async () => {
  for (const path of ['/channels', '/groups', '/notification/send', '/notification/confirm', '/broadcast']) {
    for (const body of ['{', '', 'null', '[]', '"x"', '{"userId":}']) {
      const said = await problem(400, 'INVALID_REQUEST', 'POST', path, { ...admin, body });
      assert.equal(said.status, 400);
    }
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    await problem(400, 'INVALID_REQUEST', 'POST', path, { ...admin, body: 'message=x&userId=5', headers: form });
  }
});

test('a body over the limit is 413, and the host goes on', async () => {
  const body = JSON.stringify({ id: unique('c'), name: 'x'.repeat(3_000_000) });
  await problem(413, 'PAYLOAD_TOO_LARGE', 'POST', '/channels', { ...someone, body });
  await problem(413, 'PAYLOAD_TOO_LARGE', 'POST', '/notification/send', { body });
  assert.equal((await rest('GET', '/health')).status, 200);
});

test('an id in a path that is none is INVALID_REQUEST', async () => {
  for (const id of ['x'.repeat(129), '%00', 'a%0Ab', encodeURIComponent('😀'.repeat(65))]) {
    const paths = [`/channels/${id}`, `/groups/${id}/members`, `/users/${id}/messages`];
    for (const path of paths) await problem(400, 'INVALID_REQUEST', 'GET', path, someone);
  }
});

test('an id with strange characters works in a path when encoded', async () => {
  const ana = person();
  const id = `${unique()} ${RAW_PATHS ? '/' : ''}?#%:ñ😀`;
  assert.equal((await rest('POST', '/channels', { as: ana, body: { id, visibility: 'private' } })).status, 201);
  const found = await rest('GET', `/channels/${encodeURIComponent(id)}`, { as: ana });
  assert.deepEqual([found.status, found.body.id], [200, id]);
});

test('a path that climbs out of the host leads nowhere', async () => {
  const { status, body } = await request('GET', '/docs/..%2f..%2f..%2fetc%2fpasswd');
  assert.ok([400, 401, 404].includes(status), `${status}`);
  assert.ok(!body.includes('root:'));
});

for (const kind of ['channels', 'groups']) {
  test(`a room of /${kind} is made, changed, listed and removed by its owner`, async () => {
    const [ana, eva, leo] = [person('ana'), person('eva'), person('leo')];
    const id = unique('r');
    const path = `/${kind}/${id}`;
    const made = await rest('POST', `/${kind}`, { as: ana, body: { id, name: 'Sala', visibility: 'private', members: [eva.id] } });
    assert.equal(made.status, 201);
    assert.deepEqual([made.body.id, made.body.name, made.body.visibility], [id, 'Sala', 'private']);
    for (const as of [ana, leo]) await problem(409, 'CONFLICT', 'POST', `/${kind}`, { as, body: { id } });

    for (const as of [ana, eva]) {
      const found = await rest('GET', path, { as });
      assert.deepEqual([found.status, found.body.id, found.body.name, found.body.visibility], [200, id, 'Sala', 'private']);
      assert.ok((await everyPage(`/${kind}`, { as })).some((room) => room.id === id));
    }
    const members = listOf(await rest('GET', `${path}/members`, { as: eva }));
    assert.equal(members.length, 2);
    assert.ok([ana, eva].every((m) => JSON.stringify(members).includes(m.id)), JSON.stringify(members));

    await problem(403, 'FORBIDDEN', 'PATCH', path, { as: eva, body: { name: 'Mia' } });
    await problem(403, 'FORBIDDEN', 'DELETE', path, { as: eva });
    await problem(403, 'FORBIDDEN', 'PUT', `${path}/members/${leo.id}`, { as: eva, body: {} });
    await problem(403, 'FORBIDDEN', 'DELETE', `${path}/members/${ana.id}`, { as: eva });
    const changed = await rest('PATCH', path, { as: ana, body: { name: 'Otra' } });
    assert.ok(changed.status >= 200 && changed.status < 300, `${changed.status}`);
    assert.equal((await rest('GET', path, { as: eva })).body.name, 'Otra');

    const gone = await rest('DELETE', path, { as: ana });
    assert.ok(gone.status >= 200 && gone.status < 300, `${gone.status}`);
    for (const as of [ana, eva]) {
      await problem(404, 'NOT_FOUND', 'GET', path, { as });
      assert.ok(!(await everyPage(`/${kind}`, { as })).some((room) => room.id === id));
    }
  });

  test(`a private room of /${kind} looks to others as if it did not exist`, async () => {
    const [ana, leo] = [person('ana'), person('leo')];
    const id = unique('r');
    await rest('POST', `/${kind}`, { as: ana, body: { id, visibility: 'private' } });
    const calls = [['GET', ''], ['GET', '/members'], ['PATCH', '', { name: 'x' }], ['DELETE', ''], ['PUT', `/members/${leo.id}`, {}]];
    for (const [method, path, body] of calls) {
      const hidden = await problem(404, 'NOT_FOUND', method, `/${kind}/${id}${path}`, { as: leo, body });
      const absent = await problem(404, 'NOT_FOUND', method, `/${kind}/${id}x${path}`, { as: leo, body });
      assert.deepEqual(JSON.parse(JSON.stringify(hidden).replaceAll(id, 'ID')), JSON.parse(JSON.stringify(absent).replaceAll(`${id}x`, 'ID')));
    }
    assert.ok(!(await everyPage(`/${kind}`, { as: leo })).some((room) => room.id === id));
  });

  test(`a public room of /${kind} shows its details to anybody, the rest to members`, async () => {
    const [ana, leo] = [person('ana'), person('leo')];
    const id = unique('r');
    await rest('POST', `/${kind}`, { as: ana, body: { id, name: 'Plaza', visibility: 'public' } });
    assert.equal((await rest('GET', `/${kind}/${id}`, { as: leo })).body.name, 'Plaza');
    assert.ok((await everyPage(`/${kind}`, { as: leo })).some((room) => room.id === id));
    await problem(403, 'FORBIDDEN', 'GET', `/${kind}/${id}/members`, { as: leo });
    await problem(403, 'FORBIDDEN', 'PATCH', `/${kind}/${id}`, { as: leo, body: { name: 'x' } });
    await problem(403, 'FORBIDDEN', 'DELETE', `/${kind}/${id}`, { as: leo });
    if (kind === 'channels') await problem(403, 'FORBIDDEN', 'GET', `/channels/${id}/messages`, { as: leo });
    else await problem(403, 'FORBIDDEN', 'GET', `/groups/${id}/progress`, { as: leo });
  });

  test(`members of /${kind} are added by the owner and removed by the owner or themselves, at once`, async () => {
    const [ana, eva, leo] = [person('ana'), person('eva'), person('leo')];
    const id = unique('r');
    const path = (who) => `/${kind}/${id}/members/${who.id}`;
    await rest('POST', `/${kind}`, { as: ana, body: { id, visibility: 'private' } });
    const client = await connect({ as: eva });
    const say = kind === 'channels' ? ['send_message', { channelId: id, text: 'x' }] : ['group-activity', { groupId: id, type: 't' }];
    await client.fails('NOT_FOUND', ...say);
    for (const who of [eva, leo]) {
      const put = await rest('PUT', path(who), { as: ana, body: {} });
      assert.ok(put.status >= 200 && put.status < 300, `${put.status} ${JSON.stringify(put.body)}`);
    }
    await client.ok(...say);
    await problem(400, 'INVALID_REQUEST', 'PUT', path(leo), { as: ana, body: { role: 'king' } });
    const owner = await connect({ as: ana });
    await problem(403, 'FORBIDDEN', 'DELETE', path(leo), { as: eva });
    for (const [who, as] of [[eva, ana], [leo, leo]]) {
      const removed = await rest('DELETE', path(who), { as });
      assert.ok(removed.status >= 200 && removed.status < 300, `${removed.status}`);
    }
    await client.drain();
    await owner.ok(...say);
    await client.fails('NOT_FOUND', ...say);
    for (const event of ['new_message', 'group-activity']) await client.none(event, (data) => JSON.stringify(data).includes(id));
    await problem(409, 'CONFLICT', 'DELETE', path(ana), { as: ana });
  });

  test(`a room of /${kind} made by joining has no owner, and an admin manages it`, async () => {
    const eva = person('eva');
    const id = unique('r');
    const client = await connect({ as: eva });
    await (kind === 'channels' ? client.ok('join_channel', { channelId: id }) : client.ok('join-group', { groupId: id }));
    const path = `/${kind}/${id}`;
    assert.deepEqual((await rest('GET', path, { as: eva })).body.visibility, 'public');
    await problem(403, 'FORBIDDEN', 'PATCH', path, { as: eva, body: { name: 'Mia' } });
    await problem(403, 'FORBIDDEN', 'DELETE', path, { as: eva });
    const changed = await rest('PATCH', path, { ...admin, body: { name: 'Del admin' } });
    assert.ok(changed.status >= 200 && changed.status < 300, `${changed.status} ${JSON.stringify(changed.body)}`);
    assert.equal((await rest('GET', path, { as: eva })).body.name, 'Del admin');
    const gone = await rest('DELETE', path, admin);
    assert.ok(gone.status >= 200 && gone.status < 300, `${gone.status}`);
    await problem(404, 'NOT_FOUND', 'GET', path, { as: eva });
  });

  test(`POST /${kind} gives an id where none is named, and refuses what is no room`, async () => {
    const made = await rest('POST', `/${kind}`, { ...someone, body: { name: 'sin id', visibility: 'private' } });
    assert.equal(made.status, 201);
    assert.equal((await rest('GET', `/${kind}/${made.body.id}`, someone)).status, 200);
    const ids = [{}, 1.5, '', 'x'.repeat(129)].map((id) => ['id', id]);
    const bad = [...ids, ['visibility', 'secret'], ['members', 'ana'], ['members', [{}]], ['name', 5]];
    for (const [field, value] of bad) {
      const said = await problem(400, 'INVALID_REQUEST', 'POST', `/${kind}`, { ...someone, body: { visibility: 'private', [field]: value } });
      assert.ok(JSON.stringify(said).includes(field), JSON.stringify(said));
    }
  });
}
