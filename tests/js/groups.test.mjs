// Series groups (S2).
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { TRANSPORTS, connect, person, rest, unique, uniqueNumber } from './client.mjs';
import { invalid, isTime, problem, shape } from './helpers.mjs';
import { errorOf } from './wire.mjs';

const JOINED = 'Te has unido al grupo exitosamente';
const LEFT = 'Has salido del grupo exitosamente';

/** A group with a member on each given transport: `{groupId, people, clients}`. */
async function group(transports = [{}, {}], groupId = unique('g')) {
  const people = transports.map((_, i) => person(['ana', 'eva', 'leo'][i]));
  const clients = [];
  for (const [i, t] of transports.entries()) {
    clients.push(await connect({ ...t, as: people[i] }));
    await clients[i].ok('join-group', { groupId });
  }
  for (const client of clients) await client.drain();
  return { groupId, people, clients };
}

async function makeGroup(owner, visibility, members = []) {
  const id = unique('g');
  const made = await rest('POST', '/groups', { as: owner, body: { id, name: id, visibility, members: members.map((m) => m.id) } });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  return id;
}

for (const t of TRANSPORTS) {
  test(`join-group and leave-group tell oneself and the others (${t.name})`, async () => {
    const { groupId, clients: [first] } = await group([{}]);
    const eva = person('eva');
    const client = await connect({ ...t, as: eva });

    assert.deepEqual(await client.request('join-group', { groupId }), { success: true });
    assert.deepEqual(await client.next('joined-group'), { groupId, message: JOINED });
    const joined = await first.next('user-joined-group');
    isTime(joined.timestamp);
    assert.deepEqual(joined, { userId: eva.id, username: eva.username, groupId, timestamp: joined.timestamp });
    await client.none('user-joined-group');

    assert.deepEqual(await client.request('leave-group', { groupId }), { success: true });
    assert.deepEqual(await client.next('left-group'), { groupId, message: LEFT });
    const left = await first.next('user-left-group');
    isTime(left.timestamp);
    assert.deepEqual(left, { userId: eva.id, username: eva.username, groupId, timestamp: left.timestamp });
    await client.none('user-left-group');
  });

  test(`without an ack the same events to oneself come (${t.name})`, async () => {
    const client = await connect({ ...t, as: person() });
    const groupId = uniqueNumber();
    client.emit('join-group', { groupId });
    assert.deepEqual(await client.next('joined-group'), { groupId, message: JOINED });
    client.emit('leave-group', { groupId });
    assert.deepEqual(await client.next('left-group'), { groupId, message: LEFT });
    client.emit('watch-episode', { groupId, seriesId: 1, episodeId: 2 });
    await errorOf(client, 'FORBIDDEN', 'watch-episode');
  });

  test(`watch-episode and group-activity reach the whole group, the sender too (${t.name})`, async () => {
    const { groupId, people: [ana], clients } = await group([t, ...TRANSPORTS]);
    const outsider = await connect({ as: person('fuera') });
    assert.deepEqual(await clients[0].request('watch-episode', { groupId, seriesId: 456, episodeId: 789 }), { success: true });
    const activity = { groupId, type: 'series_added', data: { seriesName: 'Breaking Bad' } };
    assert.deepEqual(await clients[0].request('group-activity', activity), { success: true });
    for (const client of clients) {
      const watched = await client.next('episode-watched');
      isTime(watched.timestamp);
      assert.deepEqual(watched, { userId: ana.id, username: ana.username, groupId, seriesId: 456, episodeId: 789, timestamp: watched.timestamp });
      const seen = await client.next('group-activity');
      isTime(seen.timestamp);
      assert.deepEqual(seen, { userId: ana.id, username: ana.username, ...activity, timestamp: seen.timestamp });
      await client.none('episode-watched');
      await client.none('group-activity');
    }
    await outsider.none('episode-watched');
    await outsider.none('group-activity');
  });
}

test('joining twice is no error and announces nothing, also from a second connection', async () => {
  const { groupId, people, clients: [first, second] } = await group();
  assert.deepEqual(await second.request('join-group', { groupId }), { success: true });
  const again = await connect({ transport: 'plain', as: people[1] });
  assert.deepEqual(await again.request('join-group', { groupId }), { success: true });
  await first.none('user-joined-group');
});

test('123 and "123" are one group; answers use the form of the request', async () => {
  const number = uniqueNumber();
  const [ana, eva] = [await connect({ as: person('ana', { id: uniqueNumber(), username: 'ana' }) }), await connect({ as: person('eva') })];
  await ana.ok('join-group', { groupId: number });
  await eva.ok('join-group', { groupId: String(number) });
  assert.equal((await ana.next('joined-group')).groupId, number);
  assert.equal((await eva.next('joined-group')).groupId, String(number));
  assert.equal((await ana.next('user-joined-group')).groupId, String(number));
  await ana.ok('watch-episode', { groupId: number, seriesId: '7', episodeId: 'piloto' });
  const watched = await eva.next('episode-watched');
  assert.deepEqual([watched.userId, watched.groupId, watched.seriesId, watched.episodeId], [ana.connected.user.id, number, '7', 'piloto']);
  assert.equal(typeof watched.userId, 'number');
  await eva.ok('leave-group', { groupId: number });
  assert.equal((await eva.next('left-group')).groupId, number);
  await eva.fails('FORBIDDEN', 'group-activity', { groupId: String(number), type: 'x' });
});

test('"007" is another group than 7, and group:5 another room than channel:5', async () => {
  const number = uniqueNumber();
  const client = await connect({ as: person() });
  await client.ok('join-group', { groupId: number });
  await client.fails('NOT_FOUND', 'watch-episode', { groupId: `00${number}`, seriesId: 1, episodeId: 1 });
  await client.fails('NOT_FOUND', 'send_message', { channelId: number, text: 'no' });
});

test('the data of group-activity is any JSON, and optional', async () => {
  const { groupId, clients: [first, second] } = await group([{ transport: 'plain' }, {}]);
  const values = [{ id: 1, data: { id: 2 }, action: 'x' }, [1, [2]], 'texto', 0, true, null];
  for (const data of values) await first.ok('group-activity', { groupId, type: 't', data });
  const seen = await second.collect('group-activity', values.length);
  assert.deepEqual(seen.map((s) => s.data), values);
  await first.ok('group-activity', { groupId, type: 'sin' });
  const without = await second.next('group-activity');
  shape({ ...without, data: without.data ?? undefined }, 'userId username groupId type data timestamp');
  assert.equal(without.data ?? null, null);
});

test('a plain client may write join-group flat, group-activity needs data', async () => {
  const { groupId, clients: [first] } = await group([{}]);
  const plain = await connect({ transport: 'plain', as: person() });
  assert.deepEqual(await plain.requestFrame({ action: 'join-group', groupId }), { success: true });
  assert.deepEqual(await plain.requestFrame({ action: 'watch-episode', groupId, seriesId: 4, episodeId: 5, id: 'w' }), { success: true });
  assert.equal((await first.next('episode-watched')).episodeId, 5);
  const nested = { action: 'group-activity', id: 9, data: { groupId, type: 't', data: { id: 'a', data: 'b' } } };
  assert.deepEqual(await plain.requestFrame(nested), { success: true });
  assert.deepEqual((await first.next('group-activity')).data, { id: 'a', data: 'b' });
  const flat = await plain.requestFrame({ action: 'group-activity', groupId, type: 't', data: { x: 1 }, id: 10 });
  assert.equal(flat.errorCode, 'INVALID_REQUEST');
  await first.none('group-activity');
});

test('an episode is kept once per user and shown by GET /groups/{id}/progress', async () => {
  const { groupId, people: [ana, eva], clients: [first, second] } = await group();
  const [both, one] = [unique('ep'), unique('ep')];
  for (const client of [first, first, second]) await client.ok('watch-episode', { groupId, seriesId: 's', episodeId: both });
  await first.ok('watch-episode', { groupId, seriesId: 's', episodeId: one });
  await first.ok('group-activity', { groupId, type: 'no-es-progreso' });
  const answer = await rest('GET', `/groups/${groupId}/progress`, { as: eva });
  assert.equal(answer.status, 200);
  const text = JSON.stringify(answer.body);
  const times = (word) => text.split(JSON.stringify(word)).length - 1;
  assert.equal(times(one), 1, text);
  assert.ok(times(both) >= 1 && times(both) <= 2, text);
  assert.ok(times(ana.id) >= 1 && times(eva.id) >= 1, text);
  assert.equal(times('no-es-progreso'), 0);
  await problem(403, 'FORBIDDEN', 'GET', `/groups/${groupId}/progress`, { as: person() });
  await problem(404, 'NOT_FOUND', 'GET', `/groups/${unique('nada')}/progress`, { as: ana });
});

test('every group event of a non-member is FORBIDDEN in a public group and NOT_FOUND elsewhere', async () => {
  const owner = person('ana');
  const open = await makeGroup(owner, 'public');
  const closed = await makeGroup(owner, 'private');
  const member = await connect({ as: owner });
  const outsider = await connect({ as: person('fuera') });
  for (const [groupId, code] of [[open, 'FORBIDDEN'], [closed, 'NOT_FOUND'], [unique('nada'), 'NOT_FOUND']]) {
    await outsider.fails(code, 'watch-episode', { groupId, seriesId: 1, episodeId: 1 });
    await outsider.fails(code, 'group-activity', { groupId, type: 't', data: 1 });
    await outsider.fails(code, 'leave-group', { groupId });
  }
  await outsider.fails('FORBIDDEN', 'join-group', { groupId: closed });
  for (const event of ['episode-watched', 'group-activity', 'user-left-group', 'user-joined-group']) await member.none(event);
  await outsider.none('joined-group');
  await outsider.ok('join-group', { groupId: open });
  await outsider.ok('watch-episode', { groupId: open, seriesId: 1, episodeId: 1 });
});

test('a private group has the members its owner added, who need not join', async () => {
  const [ana, eva] = [person('ana'), person('eva')];
  const early = await connect({ as: eva });
  const groupId = await makeGroup(ana, 'private', [eva]);
  const late = await connect({ transport: 'plain', as: eva });
  const owner = await connect({ as: ana });
  await early.ok('watch-episode', { groupId, seriesId: 1, episodeId: 1 });
  for (const client of [late, owner]) assert.equal((await client.next('episode-watched')).groupId, groupId);
});

test('a membership outlives its connection and is taken up without a word', async () => {
  const { groupId, people, clients: [first, second] } = await group();
  await second.close();
  const again = await connect({ namespace: '/chat', as: people[1] });
  await first.ok('watch-episode', { groupId, seriesId: 1, episodeId: 1 });
  assert.equal((await again.next('episode-watched')).userId, people[0].id);
  await again.ok('group-activity', { groupId, type: 't' });
  assert.equal((await first.next('group-activity')).userId, people[1].id);
  await first.none('user-joined-group');
  await first.none('user-left-group');
  await again.none('joined-group');
});

test('leaving ends the membership for all connections of the user', async () => {
  const { groupId, people, clients: [first, second] } = await group();
  const twin = await connect({ transport: 'plain', as: people[1] });
  await second.ok('leave-group', { groupId });
  await first.ok('watch-episode', { groupId, seriesId: 1, episodeId: 1 });
  for (const client of [second, twin]) {
    await client.none('episode-watched');
    await client.fails('FORBIDDEN', 'watch-episode', { groupId, seriesId: 1, episodeId: 2 });
    await client.fails('FORBIDDEN', 'leave-group', { groupId });
  }
  const again = await connect({ as: people[1] });
  await first.ok('group-activity', { groupId, type: 't' });
  await again.none('group-activity');
  await first.next('user-left-group');
  await first.none('user-left-group');
});

test('a user has at most 100 rooms, groups and channels together, and room again after leaving one', async () => {
  const client = await connect({ as: person() });
  const names = Array.from({ length: 101 }, () => unique('g'));
  for (const [i, id] of names.slice(0, 100).entries()) {
    await (i % 2 ? client.ok('join_channel', { channelId: id }) : client.ok('join-group', { groupId: id }));
  }
  const refusal = await client.request('join-group', { groupId: names[100] });
  assert.equal(refusal.success, false, JSON.stringify(refusal));
  assert.ok(refusal.errorCode !== 'INTERNAL', JSON.stringify(refusal));
  await client.ok('join-group', { groupId: names[0] });
  await client.ok('leave-group', { groupId: names[0] });
  await client.ok('join-group', { groupId: names[100] });
});

test('the last owner cannot leave before naming another', async () => {
  const [ana, eva] = [person('ana'), person('eva')];
  const groupId = await makeGroup(ana, 'public', [eva]);
  const client = await connect({ as: ana });
  await client.fails('CONFLICT', 'leave-group', { groupId });
  await client.ok('watch-episode', { groupId, seriesId: 1, episodeId: 1 });
  const put = await rest('PUT', `/groups/${groupId}/members/${eva.id}`, { as: ana, body: { role: 'owner' } });
  assert.ok(put.status >= 200 && put.status < 300, `${put.status} ${JSON.stringify(put.body)}`);
  await client.ok('leave-group', { groupId });
  await client.fails('FORBIDDEN', 'watch-episode', { groupId, seriesId: 1, episodeId: 1 });
});

test('a missing or wrong field of a group event is named', async () => {
  const { groupId, clients: [client] } = await group([{}]);
  await invalid(client, 'groupId', 'join-group', {});
  await invalid(client, 'groupId', 'leave-group', { groupId: 1.5 });
  await invalid(client, 'episodeId', 'watch-episode', { groupId, seriesId: 1 });
  await invalid(client, 'seriesId', 'watch-episode', { groupId, seriesId: [], episodeId: 1 });
  await invalid(client, 'type', 'group-activity', { groupId, data: 1 });
});
