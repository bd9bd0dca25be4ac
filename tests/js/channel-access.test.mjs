// Every event that names a channel checks membership; a private channel looks like none.
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { TRANSPORTS, connect, person, rest, unique } from './client.mjs';
import { makeChannel, problem, putMember } from './helpers.mjs';

const [CHAT] = TRANSPORTS;

/** Every event that names a channel, but joining, with a payload that a member could send. */
const channelEvents = ({ channelId, messageId, threadId, replyId }) => ({
  leave_channel: { channelId },
  send_message: { channelId, text: 'let me in' },
  'send_message to a thread': { channelId, threadId, text: 'let me in' },
  'send_message as an answer': { channelId, parentMessageId: messageId, text: 'let me in' },
  edit_message: { channelId, messageId, text: 'changed' },
  delete_message: { channelId, messageId },
  'delete_message of a reply': { channelId, messageId: replyId },
  add_reaction: { channelId, messageId, emoji: '👍' },
  remove_reaction: { channelId, messageId, emoji: '👍' },
  typing_start: { channelId },
  typing_stop: { channelId },
  create_thread: { channelId, messageId },
  join_thread: { channelId, threadId },
  leave_thread: { channelId, threadId },
  mark_read: { channelId, seq: 1 },
});

/** A channel with a message, a thread and a reply, all by `owner`. */
async function furnish(owner, visibility) {
  const channelId = await makeChannel(owner, { visibility });
  const client = await connect({ ...CHAT, as: owner });
  const { messageId } = await client.ok('send_message', { channelId, text: 'root' });
  const { threadId } = await client.ok('create_thread', { channelId, messageId });
  const { messageId: replyId } = await client.ok('send_message', { channelId, threadId, text: 'reply' });
  await client.drain();
  return { channelId, messageId, threadId, replyId, client };
}

const reads = (id) => [`/channels/${id}/members`, `/channels/${id}/messages`, `/channels/${id}/unread`];

for (const t of TRANSPORTS) describe(t.name, () => {
  test('every channel event of a non-member is FORBIDDEN in a public channel, and changes nothing', async () => {
    const room = await furnish(person('ana'), 'public');
    const eva = await connect({ ...t, as: person('eva') });
    for (const [name, data] of Object.entries(channelEvents(room))) await eva.fails('FORBIDDEN', name.split(' ')[0], data);
    const heard = room.client.received.length;
    await room.client.barrier();
    assert.equal(room.client.received.length, heard);
    assert.equal((await room.client.ok('send_message', { channelId: room.channelId, text: 'next' })).seq, 4);
  });

  test('a role in the token is no membership', async () => {
    const room = await furnish(person('ana'), 'public');
    const moderator = await connect({ ...t, as: person('mod', { roles: ['moderator'] }) });
    await moderator.fails('FORBIDDEN', 'send_message', { channelId: room.channelId, text: 'hello' });
  });

  test('to a non-member a private channel looks exactly like one that does not exist', async () => {
    const room = await furnish(person('ana'), 'private');
    const eva = await connect({ ...t, as: person('eva') });
    const nowhere = { channelId: unique('nada'), messageId: unique('m'), threadId: unique('t'), replyId: unique('r') };
    const absent = channelEvents(nowhere);
    const nameless = (ack, ids) => Object.values(ids).filter((id) => typeof id === 'string')
      .reduce((text, id) => text.replaceAll(id, '…'), JSON.stringify(ack));
    for (const [name, data] of Object.entries(channelEvents(room))) {
      const event = name.split(' ')[0];
      const there = await eva.fails('NOT_FOUND', event, data);
      const gone = await eva.fails('NOT_FOUND', event, absent[name]);
      assert.equal(nameless(there, room), nameless(gone, nowhere), name);
    }
    const { channels } = await eva.ok('sync_request', { channels: [
      { channelId: room.channelId, lastSeq: 0 }, { channelId: nowhere.channelId, lastSeq: 0 }] });
    assert.deepEqual(channels, [room, nowhere].map(({ channelId }) => ({ channelId, errorCode: 'NOT_FOUND' })));
  });

  test('a private channel cannot be joined by just anybody', async () => {
    const room = await furnish(person('ana'), 'private');
    const eva = await connect({ ...t, as: person('eva') });
    await eva.fails('FORBIDDEN', 'join_channel', { channelId: room.channelId });
    await room.client.none('user_joined_channel');
    await room.client.ok('send_message', { channelId: room.channelId, text: 'private' });
    await eva.none('new_message');
  });

  test('an owner lets a user in, whose open connections take part at once', async () => {
    const [ana, eva] = [person('ana'), person('eva')];
    const room = await furnish(ana, 'private');
    const { channelId } = room;
    const guest = await connect({ ...t, as: eva });
    await guest.fails('NOT_FOUND', 'send_message', { channelId, text: 'not yet' });
    await putMember(ana, channelId, eva);
    await guest.ok('send_message', { channelId, text: 'in' });
    await guest.next('new_message', (d) => d.message.content.text === 'in');
    await room.client.ok('send_message', { channelId, text: 'welcome' });
    await guest.next('new_message', (d) => d.message.content.text === 'welcome');
    assert.deepEqual(await guest.request('join_channel', { channelId }), { success: true, channelId });
  });

  test('a removed member is out at once, on all connections', async () => {
    const [ana, eva] = [person('ana'), person('eva')];
    const room = await furnish(ana, 'private');
    const { channelId, threadId } = room;
    await putMember(ana, channelId, eva);
    const guests = [await connect({ ...t, as: eva }), await connect({ ...CHAT, as: eva })];
    for (const guest of guests) await guest.ok('join_thread', { channelId, threadId });
    const { status } = await rest('DELETE', `/channels/${channelId}/members/${eva.id}`, { as: ana });
    assert.ok(status === 200 || status === 204, `DELETE → ${status}`);
    await room.client.ok('send_message', { channelId, text: 'without eva' });
    await room.client.ok('send_message', { channelId, threadId, text: 'nor in the thread' });
    for (const guest of guests) {
      await guest.none('new_message');
      await guest.none('thread_updated');
      await guest.fails('NOT_FOUND', 'send_message', { channelId, text: 'am I in?' });
      await guest.fails('FORBIDDEN', 'join_channel', { channelId });
    }
    const later = await connect({ ...t, as: eva });
    await room.client.ok('send_message', { channelId, text: 'still without eva' });
    await later.none('new_message');
  });
});

describe('REST', () => {
  test('a private channel is NOT_FOUND to a non-member at every path', async () => {
    const [ana, eva, leo] = [person('ana'), person('eva'), person('leo')];
    const id = await makeChannel(ana, { members: [leo] });
    for (const path of [`/channels/${id}`, ...reads(id)]) {
      await problem(404, 'NOT_FOUND', 'GET', path, { as: eva });
      assert.equal((await rest('GET', path, { as: leo })).status, 200, path);
    }
    await problem(404, 'NOT_FOUND', 'PATCH', `/channels/${id}`, { as: eva, body: { name: 'x' } });
    await problem(404, 'NOT_FOUND', 'DELETE', `/channels/${id}`, { as: eva });
    await problem(404, 'NOT_FOUND', 'PUT', `/channels/${id}/members/${eva.id}`, { as: eva, body: { role: 'member' } });
    await problem(404, 'NOT_FOUND', 'DELETE', `/channels/${id}/members/${leo.id}`, { as: eva });
  });

  test('of a public channel a non-member reads the details only', async () => {
    const [ana, eva] = [person('ana'), person('eva')];
    const id = await makeChannel(ana, { visibility: 'public' });
    assert.equal((await rest('GET', `/channels/${id}`, { as: eva })).body.id, id);
    for (const path of reads(id)) await problem(403, 'FORBIDDEN', 'GET', path, { as: eva });
  });

  test('only an owner names members, changes or deletes the channel', async () => {
    const [ana, eva, leo] = [person('ana'), person('eva'), person('leo')];
    const id = await makeChannel(ana, { members: [eva] });
    await problem(403, 'FORBIDDEN', 'PUT', `/channels/${id}/members/${leo.id}`, { as: eva, body: { role: 'member' } });
    await problem(403, 'FORBIDDEN', 'PUT', `/channels/${id}/members/${eva.id}`, { as: eva, body: { role: 'owner' } });
    await problem(403, 'FORBIDDEN', 'DELETE', `/channels/${id}/members/${ana.id}`, { as: eva });
    await problem(403, 'FORBIDDEN', 'PATCH', `/channels/${id}`, { as: eva, body: { name: 'eva’s' } });
    await problem(403, 'FORBIDDEN', 'DELETE', `/channels/${id}`, { as: eva });
    await putMember(ana, id, eva, 'moderator');
    await problem(403, 'FORBIDDEN', 'PUT', `/channels/${id}/members/${leo.id}`, { as: eva, body: { role: 'member' } });
    const { status } = await rest('DELETE', `/channels/${id}/members/${eva.id}`, { as: eva });
    assert.ok(status === 200 || status === 204, `a member removes itself → ${status}`);
  });

  test('channels need a token', async () => {
    const id = await makeChannel(person('ana'), { visibility: 'public' });
    for (const path of ['/channels', `/channels/${id}`, ...reads(id)]) await problem(401, 'UNAUTHORIZED', 'GET', path);
    await problem(401, 'UNAUTHORIZED', 'POST', '/channels', { body: { visibility: 'public' } });
  });
});
