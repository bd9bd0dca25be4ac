// Notifications (S4): sent over REST, kept until confirmed.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { TRANSPORTS, connect, person, rest, token, unique, uniqueNumber } from './client.mjs';
import { invalid, isTime, problem, shape } from './helpers.mjs';
import { errorOf, eventually, listOf } from './wire.mjs';

const SENT = 'Notification sent successfully';

/** Sends one; the answer's body, checked. */
async function send(userId, message = unique('aviso'), { path = '/notification/send', ...options } = {}) {
  const answer = await rest('POST', path, { body: { message, userId }, ...options });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  shape(answer.body, 'message id delivered');
  assert.equal(answer.body.message, SENT);
  return { ...answer.body, text: message };
}

const ids = (notifications) => notifications.map((n) => n.id);

/** The ids that a new connection of `user` is given; a last notification, confirmed at once, marks the end. */
async function waiting(user, t = {}) {
  const { id: last } = await send(user.id, 'la ultima');
  const client = await connect({ ...t, as: user });
  await client.next('newNotification', (n) => n.id === last);
  await client.ok('confirmNotification', { notificationId: last });
  const found = client.received.filter((e) => e.event === 'newNotification').map((e) => e.data.id);
  await client.close();
  return found.slice(0, -1);
}

for (const t of TRANSPORTS) {
  test(`a notification reaches its user's connection at once (${t.name})`, async () => {
    const ana = person();
    const client = await connect({ ...t, as: ana });
    const { id, text, delivered } = await send(ana.id);
    assert.equal(delivered, 1);
    const seen = await client.next('newNotification');
    isTime(seen.createdAt);
    assert.deepEqual(seen, { id, message: text, userId: ana.id, createdAt: seen.createdAt });
    await client.none('newNotification');
  });

  test(`what came while away is given at the next connection, oldest first (${t.name})`, async () => {
    const ana = person();
    const sent = [];
    for (let n = 0; n < 5; n++) sent.push(await send(ana.id));
    assert.deepEqual(sent.map((s) => s.delivered), [0, 0, 0, 0, 0]);
    const client = await connect({ ...t, as: ana });
    const seen = await client.collect('newNotification', 5);
    assert.deepEqual(ids(seen), ids(sent));
    assert.deepEqual(seen.map((n) => n.message), sent.map((s) => s.text));
    for (const one of seen) { shape(one, 'id message userId createdAt'); isTime(one.createdAt); }
    await client.none('newNotification');
  });

  test(`only a confirmed notification is not sent again (${t.name})`, async () => {
    const ana = person();
    const client = await connect({ ...t, as: ana });
    const sent = [];
    for (let n = 0; n < 4; n++) sent.push(await send(ana.id));
    await client.collect('newNotification', 4);
    assert.deepEqual(await waiting(ana, t), ids(sent), 'seen is not confirmed');
    assert.deepEqual(await client.request('confirmNotification', { notificationId: sent[0].id }), { success: true });
    assert.deepEqual(await client.request('confirm-notification', { notificationId: sent[1].id, userId: ana.id }), { success: true });
    const confirmed = await rest('POST', '/notification/confirm', { as: ana, body: { notificationId: sent[3].id, userId: ana.id } });
    assert.ok(confirmed.status >= 200 && confirmed.status < 300, `${confirmed.status}`);
    assert.deepEqual(confirmed.body, { success: true });
    assert.deepEqual(await waiting(ana, t), [sent[2].id]);
  });

  test(`another's notification is NOT_FOUND and stays unconfirmed (${t.name})`, async () => {
    const [ana, eva] = [person('ana'), person('eva')];
    const { id } = await send(ana.id);
    const client = await connect({ ...t, as: eva });
    for (const event of ['confirmNotification', 'confirm-notification']) {
      await client.fails('NOT_FOUND', event, { notificationId: id });
      await client.fails('NOT_FOUND', event, { notificationId: unique('ninguna') });
      const posing = await client.request(event, { notificationId: id, userId: ana.id });
      assert.equal(posing.success, false);
      assert.ok(['FORBIDDEN', 'NOT_FOUND'].includes(posing.errorCode), JSON.stringify(posing));
    }
    client.emit('confirmNotification', { notificationId: id });
    await errorOf(client, 'NOT_FOUND', 'confirmNotification');
    await problem(404, 'NOT_FOUND', 'POST', '/notification/confirm', { as: eva, body: { notificationId: id } });
    assert.deepEqual(await waiting(ana), [id]);
  });
}

test('every connection of the user gets it, nobody else does, and delivered counts them', async () => {
  const [ana, eva] = [person('ana'), person('eva')];
  const clients = [];
  for (const t of [...TRANSPORTS, {}]) clients.push(await connect({ ...t, as: ana }));
  const other = await connect({ as: eva });
  const { id, delivered } = await send(ana.id);
  assert.equal(delivered, clients.length);
  for (const client of clients) {
    assert.equal((await client.next('newNotification')).id, id);
    await client.none('newNotification');
  }
  await other.none('newNotification');
  await clients[0].close();
  await eventually(async () => assert.equal((await send(ana.id)).delivered, clients.length - 1));
});

test('the path under /api is the same call', async () => {
  const ana = person();
  const client = await connect({ as: ana });
  const { id } = await send(ana.id, 'por api', { path: '/api/notification/send' });
  assert.deepEqual([(await client.next('newNotification')).id], [id]);
});

test('where anonymous is allowed, sending needs no token and no role, confirming a token', async () => {
  const ana = person();
  const { id } = await send(ana.id);
  await send(ana.id, 'de un usuario', { as: person('eva') });
  await send(ana.id, 'de un servicio', { token: token({ id: unique('srv'), roles: ['service'] }) });
  await problem(401, 'UNAUTHORIZED', 'POST', '/notification/confirm', { body: { notificationId: id, userId: ana.id } });
  assert.equal((await waiting(ana)).length, 3);
});

test('a userId of the other form is the same user', async () => {
  const id = uniqueNumber();
  const client = await connect({ token: token({ id }) });
  const sent = [await send(id), await send(String(id))];
  const seen = await client.collect('newNotification', 2);
  assert.deepEqual(ids(seen), ids(sent));
  assert.deepEqual(seen.map((n) => String(n.userId)), [String(id), String(id)]);
  await client.ok('confirmNotification', { notificationId: sent[0].id, userId: String(id) });
  await client.ok('confirmNotification', { notificationId: sent[1].id, userId: id });
});

test('a session user gets what waited for it, after connecting', async () => {
  const [userID, username] = [unique('ses'), 'Sesion'];
  const sent = [await send(userID), await send(userID)];
  const client = await connect({ auth: { userID, username } });
  assert.deepEqual(ids(await client.collect('newNotification', 2)), ids(sent));
  await client.next('session');
  await client.ok('confirmNotification', { notificationId: sent[0].id });
  const again = await connect({ auth: { userID, username } });
  assert.equal((await again.next('newNotification')).id, sent[1].id);
  await again.none('newNotification');
});

test('at most 100 are given at a connection, oldest first', async () => {
  const ana = person();
  const sent = [];
  for (let n = 0; n < 103; n++) sent.push(await send(ana.id, `n${n}`));
  const client = await connect({ as: ana });
  const given = ids(await client.collect('newNotification', 100));
  await client.none('newNotification');
  const order = given.map((id) => ids(sent).indexOf(id));
  assert.ok(order.every((at, i) => at >= 0 && (i === 0 || at > order[i - 1])), JSON.stringify(order));
});

test('GET /notifications lists the caller\'s own', async () => {
  const [ana, eva] = [person('ana'), person('eva')];
  const mine = [await send(ana.id), await send(ana.id)];
  await send(eva.id);
  const list = listOf(await rest('GET', '/notifications', { as: ana }));
  assert.deepEqual(ids(list).sort(), ids(mine).sort());
  for (const one of list) {
    assert.equal(one.message, mine.find((m) => m.id === one.id).text);
    assert.equal(one.userId, ana.id);
    isTime(one.createdAt);
  }
  await problem(401, 'UNAUTHORIZED', 'GET', '/notifications');
});

test('what is no notification is refused, naming the field, and nothing is kept', async () => {
  const ana = person();
  const bad = [
    ['message', { userId: ana.id }], ['userId', { message: 'x' }], ['message', { userId: ana.id, message: 5 }],
    ['userId', { userId: {}, message: 'x' }], ['userId', { userId: 1.5, message: 'x' }],
  ];
  for (const [field, body] of bad) {
    const said = await problem(400, 'INVALID_REQUEST', 'POST', '/notification/send', { body });
    assert.ok(JSON.stringify(said).includes(`"field":"${field}"`), JSON.stringify(said));
  }
  const client = await connect({ as: ana });
  for (const event of ['confirmNotification', 'confirm-notification']) {
    await invalid(client, 'notificationId', event, {});
    await invalid(client, 'notificationId', event, { notificationId: {} });
  }
  await problem(400, 'INVALID_REQUEST', 'POST', '/notification/confirm', { as: ana, body: {} });
  await client.none('newNotification');
});
