// Presence: told to those who share a room, once each, and forgiving of a short absence.
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { DEADLINE, TRANSPORTS, connect, person, rest, unique } from './client.mjs';
import { invalid, isTime, makeChannel, meet, problem, shape } from './helpers.mjs';

const [CHAT] = TRANSPORTS;
const OTHERS = { websocket: 'plain', polling: 'websocket', plain: 'websocket' };
const GRACE = 1000 * Number(process.env.PRESENCE_GRACE_SECONDS ?? 1);
const AFTER_GRACE = DEADLINE + GRACE;

/** ana, who is not connected yet, and eva and leo, who are; all members of one channel. */
async function scene(other) {
  const [ana, eva, leo] = [person('ana'), person('eva'), person('leo')];
  const channelId = await makeChannel(eva, { members: [ana, leo] });
  const watcher = await connect({ ...other, as: eva });
  const of = (who, status) => (d) => d.userId === who.id && (status === undefined || d.status === status);
  return { ana, eva, leo, channelId, watcher, of };
}

for (const t of TRANSPORTS) describe(t.name, { concurrency: true }, () => {
  const other = { transport: OTHERS[t.transport], namespace: '/' };

  test('the first connection is told as online to the others, further ones are not', async () => {
    const { ana, watcher, of } = await scene(other);
    const first = await connect({ ...t, as: ana });
    const told = await watcher.next('user_presence', of(ana));
    shape(told, 'userId status timestamp lastSeen?');
    assert.deepEqual([told.userId, told.status], [ana.id, 'online']);
    isTime(told.timestamp);
    await first.none('user_presence', of(ana));
    const second = await connect({ ...t, as: ana });
    await second.barrier();
    await watcher.none('user_presence', of(ana));
  });

  test('only the last connection’s end is told as offline, after the grace', async () => {
    const { ana, watcher, of } = await scene(other);
    const first = await connect({ ...t, as: ana });
    const second = await connect({ ...other, as: ana });
    await watcher.next('user_presence', of(ana, 'online'));
    await first.close();
    await second.barrier();
    await watcher.none('user_presence', of(ana));
    const begun = Date.now();
    await second.close();
    const told = await watcher.next('user_presence', of(ana), AFTER_GRACE);
    assert.ok(Date.now() - begun > GRACE - 150, 'not before the grace is over');
    shape(told, 'userId status timestamp lastSeen?');
    assert.equal(told.status, 'offline');
    if (told.lastSeen !== undefined) isTime(told.lastSeen);
    await watcher.none('user_presence', of(ana));
  });

  test('who comes back within the grace was never offline', async () => {
    const { ana, leo, watcher, of } = await scene(other);
    const first = await connect({ ...t, as: ana });
    const witness = await connect({ ...CHAT, as: leo });
    await watcher.next('user_presence', of(ana, 'online'));
    await first.close();
    const back = await connect({ ...t, as: ana });
    await witness.close();
    // leo's grace ends after ana's would have.
    await watcher.next('user_presence', of(leo, 'offline'), AFTER_GRACE);
    await back.barrier();
    await watcher.none('user_presence', of(ana, 'offline'));
  });

  test('a user is away when all connections are', async () => {
    const { ana, watcher, of } = await scene(other);
    const first = await connect({ ...t, as: ana });
    const second = await connect({ ...other, as: ana });
    await watcher.next('user_presence', of(ana, 'online'));
    assert.deepEqual(await first.request('set_presence', { status: 'away' }), { success: true });
    await watcher.none('user_presence', of(ana));
    assert.deepEqual(await second.request('set_presence', { status: 'away' }), { success: true });
    assert.equal((await watcher.next('user_presence', of(ana))).status, 'away');
    assert.deepEqual(await first.request('set_presence', { status: 'online' }), { success: true });
    assert.equal((await watcher.next('user_presence', of(ana))).status, 'online');
    await first.ok('set_presence', { status: 'online' });
    await watcher.none('user_presence', of(ana));
    for (const own of [first, second]) await own.none('user_presence', of(ana));
  });

  test('a status is told once to each, however many rooms are shared', async () => {
    const { ana, eva, watcher, of } = await scene(other);
    await makeChannel(eva, { members: [ana] });
    await makeChannel(ana, { visibility: 'public', members: [eva] });
    const groupId = unique('grupo');
    const back = await connect({ ...t, as: ana });
    await back.ok('join-group', { groupId });
    await watcher.ok('join-group', { groupId });
    await watcher.drain();
    for (const status of ['away', 'online']) {
      await back.ok('set_presence', { status });
      assert.equal((await watcher.next('user_presence', of(ana))).status, status);
      await back.barrier();
      await watcher.none('user_presence', of(ana));
    }
    await back.close();
    assert.equal((await watcher.next('user_presence', of(ana), AFTER_GRACE)).status, 'offline');
    await watcher.none('user_presence', of(ana));
  });

  test('sharing a group is enough, sharing nothing is not', async () => {
    const [ana, eva, leo] = [person('ana'), person('eva'), person('leo')];
    const groupId = unique('grupo');
    const clients = [await connect({ ...t, as: ana }), await connect({ ...other, as: eva })];
    for (const client of clients) await client.ok('join-group', { groupId });
    const stranger = await connect({ ...other, as: leo });
    await clients[0].ok('set_presence', { status: 'away' });
    await clients[1].next('user_presence', (d) => d.userId === ana.id && d.status === 'away');
    await stranger.none('user_presence');
  });

  test('a status other than online and away is refused', async () => {
    const client = await connect({ ...t, as: person('ana') });
    for (const status of ['offline', 'busy', 1, undefined]) await invalid(client, 'status', 'set_presence', { status });
  });
});

describe('presence over REST', () => {
  const list = (body) => (Array.isArray(body) ? body : Object.values(body).find(Array.isArray));

  test('it follows the connections of the user', async () => {
    const { ana, eva, watcher, of } = await scene(CHAT);
    const status = async () => {
      const answer = await rest('GET', `/users/${ana.id}/presence`, { as: eva });
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      assert.equal(answer.body.userId, ana.id);
      return answer.body.status;
    };
    assert.equal(await status(), 'offline');
    const client = await connect({ ...CHAT, as: ana });
    await watcher.next('user_presence', of(ana, 'online'));
    assert.equal(await status(), 'online');
    await client.ok('set_presence', { status: 'away' });
    assert.equal(await status(), 'away');
    await connect({ ...CHAT, as: ana });
    await watcher.next('user_presence', of(ana, 'online'));
    assert.equal(await status(), 'online', 'a new connection is not away');
  });

  test('it is seen by those who share a room only', async () => {
    const { people: [ana, eva], channelId, clients } = await meet([CHAT, CHAT]);
    const leo = person('leo');
    await connect({ ...CHAT, as: leo });
    await problem(404, 'NOT_FOUND', 'GET', `/users/${leo.id}/presence`, { as: ana });
    await problem(404, 'NOT_FOUND', 'GET', `/users/${ana.id}/presence`, { as: leo });
    await problem(404, 'NOT_FOUND', 'GET', `/users/${unique('nadie')}/presence`, { as: ana });
    await problem(401, 'UNAUTHORIZED', 'GET', `/users/${ana.id}/presence`);
    const { status, body } = await rest('GET', `/presence?userIds=${[eva.id, leo.id, unique('nadie')].join()}`, { as: ana });
    assert.equal(status, 200);
    assert.deepEqual(list(body).map((p) => [p.userId, p.status]), [[eva.id, 'online']]);
    await clients[1].ok('leave_channel', { channelId });
    await problem(404, 'NOT_FOUND', 'GET', `/users/${eva.id}/presence`, { as: ana });
  });

  test('the list of all who are online is for admins', async () => {
    const ana = person('ana');
    await connect({ ...CHAT, as: ana });
    await problem(403, 'FORBIDDEN', 'GET', '/presence/online', { as: ana });
    await problem(401, 'UNAUTHORIZED', 'GET', '/presence/online');
    const { status, body } = await rest('GET', '/presence/online', { as: person('root', { roles: ['admin'] }) });
    assert.equal(status, 200);
    assert.ok(JSON.stringify(body).includes(`"${ana.id}"`), 'ana is online');
  });
});
