// Joining and leaving channels, and who hears of it.
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { TRANSPORTS, connect, person, rest, unique } from './client.mjs';
import { isTime, makeChannel, meet, problem, putMember, shape } from './helpers.mjs';

const [CHAT] = TRANSPORTS;
const OTHERS = { websocket: 'plain', polling: 'websocket', plain: 'websocket' };

for (const t of TRANSPORTS) describe(t.name, () => {
  const other = { transport: OTHERS[t.transport], namespace: '/' };

  test('joining is acked to the one who joins and told to the others', async () => {
    const { channelId, clients: [ana] } = await meet([other]);
    const eva = person('eva');
    const joiner = await connect({ ...t, as: eva });
    assert.deepEqual(await joiner.request('join_channel', { channelId }), { success: true, channelId });
    const told = await ana.next('user_joined_channel');
    shape(told, 'userId username channelId timestamp');
    assert.deepEqual({ ...told, timestamp: '' }, { userId: eva.id, username: eva.username, channelId, timestamp: '' });
    isTime(told.timestamp);
    await joiner.none('user_joined_channel');
  });

  test('joining twice is no error and announces nothing', async () => {
    const { channelId, clients: [ana, eva], people } = await meet([other, t]);
    assert.deepEqual(await eva.request('join_channel', { channelId }), { success: true, channelId });
    const again = await connect({ ...other, as: people[1] });
    assert.deepEqual(await again.request('join_channel', { channelId }), { success: true, channelId });
    await ana.none('user_joined_channel');
  });

  test('leaving is acked, told to the others, and ends the membership', async () => {
    const { channelId, clients: [ana, eva], people: [, person2] } = await meet([other, t]);
    assert.deepEqual(await eva.request('leave_channel', { channelId }), { success: true, channelId });
    const told = await ana.next('user_left_channel');
    shape(told, 'userId username channelId timestamp');
    assert.deepEqual({ ...told, timestamp: '' }, { userId: person2.id, username: person2.username, channelId, timestamp: '' });
    isTime(told.timestamp);
    await eva.none('user_left_channel');
    await ana.ok('send_message', { channelId, text: 'now without eva' });
    await eva.none('new_message');
    await eva.fails('FORBIDDEN', 'send_message', { channelId, text: 'still here?' });
    await eva.fails('FORBIDDEN', 'leave_channel', { channelId });
  });

  test('who left may join again and is announced again', async () => {
    const { channelId, clients: [ana, eva] } = await meet([other, t]);
    await eva.ok('leave_channel', { channelId });
    await eva.ok('join_channel', { channelId });
    await ana.next('user_left_channel');
    await ana.next('user_joined_channel');
    await ana.ok('send_message', { channelId, text: 'welcome back' });
    await eva.next('new_message');
  });

  test('leaving ends the membership for all connections of the user', async () => {
    const { channelId, clients: [ana, eva], people } = await meet([other, t]);
    const second = await connect({ ...other, as: people[1] });
    await eva.ok('leave_channel', { channelId });
    await ana.ok('send_message', { channelId, text: 'nobody else here' });
    await second.none('new_message');
    await second.fails('FORBIDDEN', 'typing_start', { channelId });
  });

  test('a join reaches the connections that the user already has', async () => {
    const { channelId, clients: [ana] } = await meet([other]);
    const eva = person('eva');
    const first = await connect({ ...t, as: eva });
    const second = await connect({ ...other, as: eva });
    await first.ok('join_channel', { channelId });
    await ana.ok('send_message', { channelId, text: 'to both' });
    await first.next('new_message');
    await second.next('new_message');
  });

  test('memberships outlast the connection, and coming back announces nothing', async () => {
    const { channelId, clients: [ana, eva], people } = await meet([other, t]);
    await eva.close();
    const back = await connect({ ...t, as: people[1] });
    await ana.ok('send_message', { channelId, text: 'there you are' });
    assert.equal((await back.next('new_message')).message.content.text, 'there you are');
    await ana.none('user_joined_channel');
    await ana.none('user_left_channel');
  });

  test('leaving a channel leaves its threads', async () => {
    const { channelId, clients: [ana, eva] } = await meet([other, t]);
    const { messageId } = await ana.ok('send_message', { channelId, text: 'root' });
    const { threadId } = await eva.ok('create_thread', { channelId, messageId });
    await eva.ok('leave_channel', { channelId });
    await eva.drain();
    await ana.ok('send_message', { channelId, threadId, text: 'eva must not see this' });
    await eva.none('new_message');
    await eva.none('thread_updated');
    await eva.ok('join_channel', { channelId });
    const { seq } = await ana.ok('send_message', { channelId, threadId, text: 'nor this' });
    await eva.next('thread_updated', (d) => d.seq === seq);
    await eva.none('new_message');
  });

  test('the last owner cannot leave before naming another', async () => {
    const [ana, eva] = [person('ana'), person('eva')];
    const channelId = await makeChannel(ana, { visibility: 'public', members: [eva] });
    const owner = await connect({ ...t, as: ana });
    await owner.fails('CONFLICT', 'leave_channel', { channelId });
    await problem(409, 'CONFLICT', 'DELETE', `/channels/${channelId}/members/${ana.id}`, { as: ana });
    await owner.ok('send_message', { channelId, text: 'still a member' });
    await putMember(ana, channelId, eva, 'owner');
    assert.deepEqual(await owner.request('leave_channel', { channelId }), { success: true, channelId });
    const heir = await connect({ ...t, as: eva });
    await heir.fails('CONFLICT', 'leave_channel', { channelId });
  });
});

describe('channels over REST', () => {
  test('the first join creates a public channel without an owner', async () => {
    const { channelId, people: [ana], clients: [member] } = await meet([CHAT]);
    const { status, body } = await rest('GET', `/channels/${channelId}`, { as: ana });
    assert.equal(status, 200);
    assert.equal(body.id, channelId);
    assert.equal(body.visibility, 'public');
    await problem(403, 'FORBIDDEN', 'PATCH', `/channels/${channelId}`, { as: ana, body: { name: 'mine' } });
    await problem(403, 'FORBIDDEN', 'DELETE', `/channels/${channelId}`, { as: ana });
    const admin = person('root', { roles: ['admin'] });
    const named = await rest('PATCH', `/channels/${channelId}`, { as: admin, body: { name: 'plaza' } });
    assert.equal(named.status, 200, JSON.stringify(named.body));
    assert.equal((await rest('GET', `/channels/${channelId}`, { as: ana })).body.name, 'plaza');
    assert.deepEqual(await member.request('leave_channel', { channelId }), { success: true, channelId });
  });

  test('a channel that exists cannot be made again', async () => {
    const ana = person('ana');
    const id = await makeChannel(ana);
    await problem(409, 'CONFLICT', 'POST', '/channels', { as: person('eva'), body: { id, visibility: 'public' } });
    const { channelId } = await meet([CHAT]);
    await problem(409, 'CONFLICT', 'POST', '/channels', { as: ana, body: { id: channelId, visibility: 'private' } });
  });

  test('a channel made without an id gets one, and its maker owns it', async () => {
    const ana = person('ana');
    const { status, body } = await rest('POST', '/channels', { as: ana, body: { name: 'sin id', visibility: 'private' } });
    assert.equal(status, 201);
    assert.equal(body.name, 'sin id');
    assert.equal(body.visibility, 'private');
    const client = await connect({ ...CHAT, as: ana });
    await client.fails('CONFLICT', 'leave_channel', { channelId: body.id });
    assert.equal((await rest('PATCH', `/channels/${body.id}`, { as: ana, body: { name: 'con id' } })).status, 200);
  });

  test('lists show public channels and the own private ones', async () => {
    const [ana, eva, leo] = [person('ana'), person('eva'), person('leo')];
    const secret = await makeChannel(ana, { members: [eva] });
    const open = await makeChannel(ana, { visibility: 'public' });
    const listed = async (who) => {
      const ids = [];
      for (let more = true, query = ''; more; query = `&after=${encodeURIComponent(ids.at(-1))}`) {
        const { status, body } = await rest('GET', `/channels?limit=50${query}`, { as: who });
        assert.equal(status, 200, JSON.stringify(body));
        assert.ok(body.channels.every(({ id }) => !ids.includes(id)), 'a page repeats another');
        ids.push(...body.channels.map(({ id }) => id));
        more = body.hasMore;
      }
      return ids;
    };
    for (const who of [ana, eva]) assert.ok((await listed(who)).includes(secret), 'a member sees the private one');
    const strangers = await listed(leo);
    assert.ok(strangers.includes(open), 'anybody sees the public one');
    assert.ok(!strangers.includes(secret), 'a stranger does not see the private one');
  });

  test('a deleted channel is gone for its members at once', async () => {
    const [ana, eva] = [person('ana'), person('eva')];
    const channelId = await makeChannel(ana, { members: [eva] });
    const client = await connect({ ...CHAT, as: eva });
    await client.ok('send_message', { channelId, text: 'while it lasts' });
    const { status } = await rest('DELETE', `/channels/${channelId}`, { as: ana });
    assert.ok(status === 200 || status === 204, `DELETE → ${status}`);
    await client.fails('NOT_FOUND', 'send_message', { channelId, text: 'too late' });
    await problem(404, 'NOT_FOUND', 'GET', `/channels/${channelId}`, { as: ana });
  });

  test('the members list names every member with presence', async () => {
    const { channelId, people, clients } = await meet([CHAT, CHAT]);
    await clients[1].ok('set_presence', { status: 'away' });
    const { status, body } = await rest('GET', `/channels/${channelId}/members`, { as: people[0] });
    assert.equal(status, 200);
    const members = Array.isArray(body) ? body : body.members;
    assert.deepEqual(members.map((m) => m.userId).sort(), people.map((p) => p.id).sort());
    const said = Object.fromEntries(members.map((m) => [m.userId, JSON.stringify(m)]));
    assert.match(said[people[0].id], /"online"/);
    assert.match(said[people[1].id], /"away"/);
  });
});

test('a user id in an event has the form of the token’s claim', async () => {
  const { channelId, clients: [ana] } = await meet([CHAT]);
  const id = 1_000_000 + Math.floor(Math.random() * 1e12);
  const eva = await connect({ ...CHAT, as: person('eva', { id, username: unique('eva') }) });
  assert.strictEqual(eva.connected.user.id, id);
  await eva.ok('join_channel', { channelId });
  assert.strictEqual((await ana.next('user_joined_channel')).userId, id);
  await eva.ok('send_message', { channelId, text: 'numbers' });
  const { message, author } = await ana.next('new_message');
  assert.strictEqual(author.id, id);
  assert.strictEqual(message.authorId, id);
});
