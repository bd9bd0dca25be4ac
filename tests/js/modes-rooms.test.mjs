// A host with OPEN_ROOMS=false: rooms are made over REST only, and what one may not join looks as if it were not there.
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { TRANSPORTS, connect, person, rest, unique } from './client.mjs';
import { makeChannel, problem, putMember } from './helpers.mjs';

const skip = !['false', ''].includes(process.env.OPEN_ROOMS) && 'needs a host with OPEN_ROOMS=false';

const make = async (kind, owner, body) => {
  const made = await rest('POST', `/${kind}`, { as: owner, body });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  return made.body.id;
};

describe('closed rooms', { skip }, () => {
  for (const t of TRANSPORTS) {
    for (const [kind, join, field] of [['channels', 'join_channel', 'channelId'], ['groups', 'join-group', 'groupId']]) {
      test(`joining a room of /${kind} that nobody has made is NOT_FOUND and makes none (${t.name})`, async () => {
        const ana = person();
        const client = await connect({ ...t, as: ana });
        const id = unique('nada');
        for (let n = 0; n < 2; n++) await client.fails('NOT_FOUND', join, { [field]: id });
        await problem(404, 'NOT_FOUND', 'GET', `/${kind}/${id}`, { as: ana });
        await make(kind, person('eva'), { id });
        await client.ok(join, { [field]: id });
      });

      test(`a private room of /${kind} looks to others as if it did not exist (${t.name})`, async () => {
        const [ana, eva] = [person(), person('eva')];
        const hidden = await make(kind, ana, { id: unique('oculta'), visibility: 'private' });
        const client = await connect({ ...t, as: eva });
        const there = await client.fails('NOT_FOUND', join, { [field]: hidden });
        const gone = await client.fails('NOT_FOUND', join, { [field]: unique('nada') });
        assert.deepEqual(there, gone);
        await make(kind, ana, { id: unique('otra'), visibility: 'private', members: [eva.id] }).then((id) => client.ok(join, { [field]: id }));
      });
    }

    test(`in a room that was made, all goes on as ever (${t.name})`, async () => {
      const [ana, eva] = [person(), person('eva')];
      const channelId = await makeChannel(ana, { visibility: 'public' });
      const [owner, guest] = [await connect({ as: ana }), await connect({ ...t, as: eva })];
      await guest.fails('FORBIDDEN', 'send_message', { channelId, text: 'todavía no' });
      await guest.ok('join_channel', { channelId });
      assert.equal((await owner.next('user_joined_channel')).userId, eva.id);
      const { messageId } = await guest.ok('send_message', { channelId, text: 'hola', mentions: [ana.id] });
      assert.equal((await owner.next('mention_received')).messageId, messageId);
      await guest.ok('add_reaction', { channelId, messageId, emoji: '👍' });
      const { threadId } = await owner.ok('create_thread', { channelId, messageId });
      await guest.ok('join_thread', { channelId, threadId });
      await guest.ok('send_message', { channelId, threadId, text: 'en el hilo' });
      await guest.ok('leave_channel', { channelId });
      await guest.fails('FORBIDDEN', 'send_message', { channelId, text: 'fuera' });
      assert.equal((await rest('DELETE', `/channels/${channelId}`, { as: ana })).status, 204);
      await guest.fails('NOT_FOUND', 'join_channel', { channelId });
    });

    test(`a private room opens to whom its owner adds (${t.name})`, async () => {
      const [ana, eva] = [person(), person('eva')];
      const channelId = await makeChannel(ana);
      const guest = await connect({ ...t, as: eva });
      await guest.fails('NOT_FOUND', 'join_channel', { channelId });
      await putMember(ana, channelId, eva);
      await guest.ok('join_channel', { channelId });
      await guest.ok('send_message', { channelId, text: 'hola' });
      await guest.ok('leave_channel', { channelId });
      await guest.fails('NOT_FOUND', 'join_channel', { channelId });
    });
  }

  test('what a series group is for goes on as well', async () => {
    const [ana, eva] = [person(), person('eva')];
    const groupId = await make('groups', ana, { id: unique('g') });
    const [owner, guest] = [await connect({ as: ana }), await connect({ as: eva, transport: 'plain' })];
    await guest.ok('join-group', { groupId });
    assert.equal((await owner.next('user-joined-group')).userId, eva.id);
    await guest.ok('watch-episode', { groupId, seriesId: 1, episodeId: 2 });
    await guest.ok('group-activity', { groupId, type: 'aplauso' });
    assert.equal((await owner.next('episode-watched')).userId, eva.id);
    assert.equal((await owner.next('group-activity')).type, 'aplauso');
  });

  test('the lobby and direct messages need no room', async () => {
    const [ana, eva] = [person(), person('eva')];
    const [one, other] = [await connect({ as: ana }), await connect({ as: eva })];
    const { messageId } = await one.ok('event_message', { text: unique('hola') });
    await other.next('new_message', (m) => m.id === messageId);
    await one.ok('initialize', { senderId: ana.id, receiverId: eva.id, messageContent: 'hola' });
    assert.equal((await other.next('message')).senderId, ana.id);
  });
});
