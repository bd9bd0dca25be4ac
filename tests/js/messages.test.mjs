// Sending, editing, deleting and reacting: the exact acks and broadcasts, the order, the rights.
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { TRANSPORTS, connect, person, unique } from './client.mjs';
import { invalid, isTime, makeChannel, meet, putMember, shape } from './helpers.mjs';

const [CHAT] = TRANSPORTS;
const OTHERS = { websocket: 'plain', polling: 'websocket', plain: 'websocket' };

for (const t of TRANSPORTS) describe(t.name, () => {
  const other = { transport: OTHERS[t.transport], namespace: '/' };

  test('a message is acked, and sent to the whole room, its sender included', async () => {
    const { channelId, clients: [ana, eva], people: [author] } = await meet([t, other]);
    const ack = await ana.request('send_message', {
      channelId, text: 'hola ñandú 🎉', attachments: ['a.png'], links: ['https://example.org/'],
    });
    shape(ack, 'success messageId seq createdAt');
    assert.equal(ack.success, true);
    assert.equal(typeof ack.messageId, 'string');
    assert.equal(ack.seq, 1);
    isTime(ack.createdAt);
    const sent = await ana.next('new_message');
    assert.deepEqual(await eva.next('new_message'), sent);
    shape(sent, 'message author seq');
    assert.deepEqual(sent.author, { id: author.id, username: author.username });
    assert.equal(sent.seq, 1);
    shape(sent.message, 'id channelId seq authorId content reactions createdAt updatedAt');
    const { updatedAt, ...rest } = sent.message;
    assert.deepEqual(rest, {
      id: ack.messageId, channelId, seq: 1, authorId: author.id, reactions: {}, createdAt: ack.createdAt,
      content: { text: 'hola ñandú 🎉', attachments: ['a.png'], mentions: [], links: ['https://example.org/'] },
    });
    isTime(updatedAt);
  });

  test('without an ack asked for, a message is sent all the same, and a failure is an error event', async () => {
    const { channelId, clients: [ana, eva] } = await meet([t, other]);
    ana.emit('send_message', { channelId, text: 'no ack' });
    assert.equal((await eva.next('new_message')).message.content.text, 'no ack');
    ana.emit('send_message', { channelId: unique('nada'), text: 'nowhere' });
    const error = await ana.next('error');
    shape(error, 'errorCode message details? event? timestamp');
    assert.equal(error.errorCode, 'NOT_FOUND');
    assert.equal(error.event ?? 'send_message', 'send_message');
    isTime(error.timestamp);
    await eva.none('error');
  });

  test('the author’s avatar is told where the token has one', async () => {
    const { channelId, clients: [eva] } = await meet([other]);
    const author = person('ana', { avatar: 'https://example.org/a.png' });
    const ana = await connect({ ...t, as: author });
    await ana.ok('join_channel', { channelId });
    await ana.ok('send_message', { channelId, text: 'look' });
    assert.deepEqual((await eva.next('new_message')).author,
      { id: author.id, username: author.username, avatar: 'https://example.org/a.png' });
  });

  test('an answer names its parent', async () => {
    const { channelId, clients: [ana, eva] } = await meet([t, other]);
    const { messageId } = await ana.ok('send_message', { channelId, text: 'question' });
    await eva.ok('send_message', { channelId, text: 'answer', parentMessageId: messageId });
    const { message } = await ana.next('new_message', (d) => d.seq === 2);
    shape(message, 'id channelId seq authorId content parentMessageId reactions createdAt updatedAt');
    assert.equal(message.parentMessageId, messageId);
  });

  test('an edit is told with all that the message now is', async () => {
    const { channelId, clients: [ana, eva], people: [author] } = await meet([t, other]);
    const { messageId } = await ana.ok('send_message', {
      channelId, text: 'frist', attachments: ['a.png'], mentions: [author.id], links: ['https://example.org/'],
    });
    assert.deepEqual(await ana.request('edit_message', { messageId, channelId, text: 'first' }), { success: true, messageId });
    const edited = await eva.next('message_edited');
    assert.deepEqual(await ana.next('message_edited'), edited);
    shape(edited, 'messageId channelId text attachments mentions links editedAt editedBy seq');
    const { editedAt, ...rest } = edited;
    assert.deepEqual(rest, {
      messageId, channelId, text: 'first', attachments: ['a.png'], mentions: [author.id], links: ['https://example.org/'],
      editedBy: { id: author.id, username: author.username }, seq: 2,
    });
    isTime(editedAt);
    await ana.ok('edit_message', { messageId, channelId, text: 'first', attachments: [], links: ['https://example.com/'] });
    const again = await eva.next('message_edited');
    assert.deepEqual([again.attachments, again.mentions, again.links, again.seq],
      [[], [author.id], ['https://example.com/'], 3]);
  });

  test('only the author edits', async () => {
    const [ana, eva] = [person('ana'), person('eva', { roles: ['admin', 'moderator'] })];
    const channelId = await makeChannel(eva, { members: [ana] });
    const author = await connect({ ...other, as: ana });
    const owner = await connect({ ...t, as: eva });
    const { messageId } = await author.ok('send_message', { channelId, text: 'mine' });
    await owner.fails('FORBIDDEN', 'edit_message', { messageId, channelId, text: 'yours' });
    await author.none('message_edited');
  });

  test('a deletion is acked and told, and the message is gone for every event', async () => {
    const { channelId, clients: [ana, eva], people: [author] } = await meet([t, other]);
    const { messageId } = await ana.ok('send_message', { channelId, text: 'oops' });
    assert.deepEqual(await ana.request('delete_message', { messageId, channelId }), { success: true, messageId });
    const deleted = await eva.next('message_deleted');
    assert.deepEqual(await ana.next('message_deleted'), deleted);
    shape(deleted, 'messageId channelId deletedAt deletedBy seq');
    const { deletedAt, ...rest } = deleted;
    assert.deepEqual(rest, { messageId, channelId, deletedBy: { id: author.id, username: author.username }, seq: 2 });
    isTime(deletedAt);
    await ana.fails('NOT_FOUND', 'edit_message', { messageId, channelId, text: 'back' });
    await ana.fails('NOT_FOUND', 'delete_message', { messageId, channelId });
    await eva.fails('NOT_FOUND', 'add_reaction', { messageId, channelId, emoji: '👍' });
    await eva.fails('NOT_FOUND', 'remove_reaction', { messageId, channelId, emoji: '👍' });
    await eva.fails('NOT_FOUND', 'create_thread', { messageId, channelId });
    await eva.fails('NOT_FOUND', 'send_message', { channelId, text: 'to it', parentMessageId: messageId });
  });

  test('author, owner, moderator and the JWT roles delete; a plain member does not', async () => {
    const [ana, eva, leo, mod, root, out] = [person('ana'), person('eva'), person('leo'), person('mod', { roles: ['moderator'] }),
      person('root', { roles: ['admin'] }), person('out', { roles: ['admin', 'moderator'] })];
    const channelId = await makeChannel(ana, { visibility: 'public', members: [leo, mod, root] });
    await putMember(ana, channelId, eva, 'moderator');
    const author = await connect({ ...other, as: leo });
    for (const who of [ana, eva, leo, mod, root]) {
      const { messageId } = await author.ok('send_message', { channelId, text: `for ${who.id}` });
      const client = await connect({ ...t, as: who });
      assert.deepEqual(await client.request('delete_message', { messageId, channelId }), { success: true, messageId });
    }
    const owner = await connect({ ...other, as: ana });
    const { messageId } = await owner.ok('send_message', { channelId, text: 'the owner’s' });
    await author.fails('FORBIDDEN', 'delete_message', { messageId, channelId });
    const stranger = await connect({ ...t, as: out });
    await stranger.fails('FORBIDDEN', 'delete_message', { messageId, channelId });
    await author.none('message_deleted', (d) => d.messageId === messageId);
  });

  test('a reaction is told once, however often it is added or removed', async () => {
    const { channelId, clients: [ana, eva], people: [, reader] } = await meet([t, other]);
    const { messageId } = await ana.ok('send_message', { channelId, text: 'nice?' });
    const told = { messageId, channelId, emoji: '👍', userId: reader.id, username: reader.username };
    const react = (event) => eva.request(event, { messageId, channelId, emoji: '👍' });
    assert.deepEqual(await react('remove_reaction'), { success: true });
    for (let i = 0; i < 3; i++) assert.deepEqual(await react('add_reaction'), { success: true });
    for (const client of [ana, eva]) assert.deepEqual(await client.next('reaction_added'), { ...told, seq: 2 });
    await ana.ok('add_reaction', { messageId, channelId, emoji: '👍' });
    assert.equal((await eva.next('reaction_added')).seq, 3, 'another user’s is another reaction');
    for (let i = 0; i < 3; i++) assert.deepEqual(await react('remove_reaction'), { success: true });
    for (const client of [ana, eva]) assert.deepEqual(await client.next('reaction_removed'), { ...told, seq: 4 });
    await ana.next('reaction_added');
    await ana.none('reaction_added');
    await ana.none('reaction_removed');
  });

  test('a message of another channel, or of none, is NOT_FOUND', async () => {
    const { channelId, clients: [ana] } = await meet([t]);
    const elsewhere = unique('canal');
    await ana.ok('join_channel', { channelId: elsewhere });
    const { messageId: foreign } = await ana.ok('send_message', { channelId: elsewhere, text: 'elsewhere' });
    const { threadId } = await ana.ok('create_thread', { channelId: elsewhere, messageId: foreign });
    for (const messageId of [foreign, unique('m')]) {
      await ana.fails('NOT_FOUND', 'edit_message', { messageId, channelId, text: 'x' });
      await ana.fails('NOT_FOUND', 'delete_message', { messageId, channelId });
      await ana.fails('NOT_FOUND', 'add_reaction', { messageId, channelId, emoji: '👍' });
      await ana.fails('NOT_FOUND', 'remove_reaction', { messageId, channelId, emoji: '👍' });
      await ana.fails('NOT_FOUND', 'create_thread', { messageId, channelId });
      await ana.fails('NOT_FOUND', 'send_message', { channelId, text: 'x', parentMessageId: messageId });
    }
    for (const id of [threadId, unique('t')]) {
      await ana.fails('NOT_FOUND', 'join_thread', { channelId, threadId: id });
      await ana.fails('NOT_FOUND', 'send_message', { channelId, threadId: id, text: 'x' });
    }
    assert.equal((await ana.ok('send_message', { channelId, text: 'the first entry' })).seq, 1);
  });

  test('a payload of wrong types or without its fields is refused, and the connection stays', async () => {
    const { channelId, clients: [ana] } = await meet([t]);
    await invalid(ana, 'text', 'send_message', { channelId });
    await invalid(ana, 'text', 'send_message', { channelId, txt: 'not the field' });
    await invalid(ana, 'text', 'send_message', { channelId, text: 7 });
    await invalid(ana, 'mentions', 'send_message', { channelId, text: 'x', mentions: 'eva' });
    await invalid(ana, 'attachments', 'send_message', { channelId, text: 'x', attachments: {} });
    await invalid(ana, 'messageId', 'edit_message', { channelId, text: 'x' });
    await invalid(ana, 'emoji', 'add_reaction', { channelId, messageId: 'm' });
    for (const data of ['text', 7, null, ['x'], true]) await ana.fails('INVALID_REQUEST', 'send_message', data);
    await ana.fails('UNKNOWN_EVENT', 'no_such_event', { channelId });
    assert.equal((await ana.ok('send_message', { channelId, text: 'still here' })).seq, 1);
  });

  test('a sender is never taken from the payload', async () => {
    const { channelId, clients: [ana, eva], people } = await meet([t, other]);
    await ana.fails('FORBIDDEN', 'send_message', { channelId, text: 'as eva', senderId: people[1].id });
    await eva.none('new_message');
    await ana.ok('send_message', { channelId, text: 'as myself', senderId: people[0].id });
    assert.equal((await eva.next('new_message')).author.id, people[0].id);
  });
});

describe('order', () => {
  test('all members see the same frames in seq order, over every transport, with concurrent senders', async () => {
    const { channelId, clients } = await meet(TRANSPORTS);
    const each = 15;
    const acks = await Promise.all(clients.map(async (client, who) => {
      const own = [];
      for (let i = 0; i < each; i++) own.push(await client.ok('send_message', { channelId, text: `${who}:${i}` }));
      return own;
    }));
    const total = each * clients.length;
    const heard = await Promise.all(clients.map((client) => client.collect('new_message', total)));
    assert.deepEqual(heard[0].map((d) => d.seq), Array.from({ length: total }, (_, i) => i + 1));
    for (const other of heard) assert.deepEqual(other, heard[0]);
    for (const [who, own] of acks.entries()) {
      const mine = heard[0].filter((d) => d.message.content.text.startsWith(`${who}:`));
      assert.deepEqual(mine.map((d) => d.message.content.text), own.map((_, i) => `${who}:${i}`));
      assert.deepEqual(mine.map((d) => [d.seq, d.message.id]), own.map((a) => [a.seq, a.messageId]));
    }
  });

  test('every kind of change takes one number, without a gap', async () => {
    const { channelId, clients: [ana, eva] } = await meet([CHAT, CHAT]);
    const { messageId } = await ana.ok('send_message', { channelId, text: 'one' });
    await ana.ok('edit_message', { messageId, channelId, text: 'two' });
    await eva.ok('add_reaction', { messageId, channelId, emoji: '3️⃣' });
    await eva.ok('remove_reaction', { messageId, channelId, emoji: '3️⃣' });
    const { threadId } = await eva.ok('create_thread', { messageId, channelId });
    assert.equal((await eva.ok('send_message', { channelId, threadId, text: 'six' })).seq, 6);
    await ana.ok('typing_start', { channelId });
    await ana.ok('mark_read', { channelId, seq: 6 });
    await ana.ok('delete_message', { messageId, channelId });
    assert.equal((await ana.ok('send_message', { channelId, text: 'eight' })).seq, 8);
    await eva.next('new_message', (d) => d.seq === 8);
    const logged = ['new_message', 'message_edited', 'message_deleted', 'reaction_added', 'reaction_removed', 'thread_created'];
    assert.deepEqual(eva.received.filter((e) => logged.includes(e.event)).map((e) => e.data.seq), [1, 2, 3, 4, 5, 6, 7, 8]);
  });

  // Where a socket's frames are handled side by side (API Gateway), a client must await each ack for this.
  if (TRANSPORTS.length === 3) for (const t of TRANSPORTS) test(`one client’s own order is kept without awaiting acks: ${t.name}`, async () => {
    const { channelId, clients: [ana, eva] } = await meet([t, CHAT]);
    const texts = Array.from({ length: 40 }, (_, i) => `n${i}`);
    const acks = await Promise.all(texts.map((text) => ana.ok('send_message', { channelId, text })));
    assert.deepEqual(acks.map((a) => a.seq), texts.map((_, i) => i + 1));
    assert.deepEqual((await eva.collect('new_message', 40)).map((d) => d.message.content.text), texts);
    const joined = unique('canal');
    const [, sent] = await Promise.all([ana.ok('join_channel', { channelId: joined }), ana.ok('send_message', { channelId: joined, text: 'right after' })]);
    assert.equal(sent.seq, 1);
  });
});
