// Threads: their room, and the summary that the whole channel gets.
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { ONE_WRITER, TRANSPORTS, connect, unique } from './client.mjs';
import { isTime, meet, shape } from './helpers.mjs';

const [CHAT] = TRANSPORTS;
const OTHERS = { websocket: 'plain', polling: 'websocket', plain: 'websocket' };

/** A channel of ana (over `t`), eva and leo with a thread that ana created on her message. */
async function thread(t, other = CHAT) {
  const scene = await meet([t, other, other]);
  const { channelId, clients: [ana] } = scene;
  const { messageId } = await ana.ok('send_message', { channelId, text: 'root' });
  const { threadId } = await ana.ok('create_thread', { channelId, messageId, title: 'hilo' });
  for (const client of scene.clients) await client.drain();
  return { ...scene, messageId, threadId };
}

for (const t of TRANSPORTS) describe(t.name, () => {
  const other = { transport: OTHERS[t.transport], namespace: '/' };

  test('a new thread is acked and told to the room', async () => {
    const { channelId, clients: [ana, eva], people: [author] } = await meet([t, other]);
    const { messageId } = await eva.ok('send_message', { channelId, text: 'root' });
    const ack = await ana.request('create_thread', { channelId, messageId, title: 'hilo' });
    shape(ack, 'success threadId');
    assert.equal(typeof ack.threadId, 'string');
    const told = await eva.next('thread_created');
    assert.deepEqual(await ana.next('thread_created'), told);
    shape(told, 'threadId channelId parentMessageId title createdBy createdAt seq');
    const { createdAt, ...rest } = told;
    assert.deepEqual(rest, {
      threadId: ack.threadId, channelId, parentMessageId: messageId, title: 'hilo',
      createdBy: { id: author.id, username: author.username }, seq: 2,
    });
    isTime(createdAt);
  });

  test('a message has one thread: whoever creates it again gets the same, and nothing is sent', async () => {
    const { channelId, clients: [ana, eva], messageId, threadId } = await thread(t, other);
    assert.deepEqual(await eva.request('create_thread', { channelId, messageId, title: 'another' }), { success: true, threadId });
    assert.deepEqual(await ana.request('create_thread', { channelId, messageId }), { success: true, threadId });
    await ana.none('thread_created');
    assert.equal((await ana.ok('send_message', { channelId, text: 'next' })).seq, 3);
  });

  test('a reply goes to the thread’s room, its summary to the whole channel, in this order', async () => {
    const { channelId, clients: [ana, eva, leo], threadId } = await thread(t, other);
    assert.deepEqual(await eva.request('join_thread', { channelId, threadId }), { success: true, threadId });
    const ack = await ana.ok('send_message', { channelId, threadId, text: 'reply' });
    assert.equal(ack.seq, 3);
    for (const client of [ana, eva]) {
      const { message, seq } = await client.next('new_message');
      shape(message, 'id channelId seq authorId content threadId reactions createdAt updatedAt');
      assert.deepEqual([message.threadId, message.id, seq], [threadId, ack.messageId, 3]);
    }
    for (const client of [ana, eva, leo]) {
      assert.deepEqual(await client.next('thread_updated'),
        { threadId, channelId, replyCount: 1, lastReplyAt: ack.createdAt, seq: 3 });
    }
    await leo.none('new_message');
    const order = ana.received.filter((e) => e.data?.seq === 3).map((e) => e.event);
    assert.deepEqual(order, ['new_message', 'thread_updated']);
  });

  test('replying joins the thread; leaving it ends the replies, not the summaries', async () => {
    const { channelId, clients: [ana, eva], threadId } = await thread(t, other);
    await eva.ok('send_message', { channelId, threadId, text: 'eva replies' });
    await eva.next('new_message');
    await ana.ok('send_message', { channelId, threadId, text: 'for eva' });
    await eva.next('new_message', (d) => d.message.content.text === 'for eva');
    assert.deepEqual(await eva.request('leave_thread', { channelId, threadId }), { success: true, threadId });
    const { seq } = await ana.ok('send_message', { channelId, threadId, text: 'without eva' });
    assert.equal((await eva.next('thread_updated', (d) => d.seq === seq)).replyCount, 3);
    await eva.none('new_message');
  });

  test('the membership in a thread outlasts the connection', async () => {
    const { channelId, clients: [ana, eva], people, threadId } = await thread(t, other);
    await ana.close();
    const back = await connect({ ...t, as: people[0] });
    await eva.ok('send_message', { channelId, threadId, text: 'welcome back' });
    assert.equal((await back.next('new_message')).message.content.text, 'welcome back');
  });

  test('two threads of a channel do not meet', async () => {
    const { channelId, clients: [ana, eva], threadId } = await thread(t, other);
    const { messageId } = await eva.ok('send_message', { channelId, text: 'another root' });
    const { threadId: second } = await eva.ok('create_thread', { channelId, messageId });
    assert.notEqual(second, threadId);
    await ana.drain();
    await eva.drain();
    await ana.ok('send_message', { channelId, threadId, text: 'first thread' });
    await eva.none('new_message');
    await eva.ok('send_message', { channelId, threadId: second, text: 'second thread' });
    await ana.none('new_message', (d) => d.message.threadId === second);
  });
});

test('a thread may go without a title', async () => {
  const { channelId, clients: [ana] } = await meet([CHAT]);
  const { messageId } = await ana.ok('send_message', { channelId, text: 'root' });
  await ana.ok('create_thread', { channelId, messageId });
  const told = await ana.next('thread_created');
  shape({ ...told, title: '' }, 'threadId channelId parentMessageId title createdBy createdAt seq');
  assert.equal(told.title ?? null, null);
});

test('threads created at once on one message are one thread', async () => {
  const { channelId, clients } = await meet(TRANSPORTS);
  const { messageId } = await clients[0].ok('send_message', { channelId, text: 'root' });
  const acks = await Promise.all([...clients, ...clients].map((c) => c.ok('create_thread', { channelId, messageId })));
  assert.equal(new Set(acks.map((a) => a.threadId)).size, 1);
  const told = await clients[0].next('thread_created');
  assert.deepEqual([told.threadId, told.seq], [acks[0].threadId, 2]);
  await clients[0].none('thread_created');
  await clients[0].ok('send_message', { channelId, threadId: told.threadId, text: 'all of its creators are in' });
  for (const client of clients) await client.next('thread_updated');
});

/** Replies, again where others may be faster for too long. */
async function reply(client, data) {
  let ack = await client.request('send_message', data);
  while (!ONE_WRITER && ack.errorCode === 'RATE_LIMITED') {
    await pause(ack.details.retryAfterMs);
    ack = await client.request('send_message', data);
  }
  assert.equal(ack.success, true, JSON.stringify(ack));
}

test('concurrent replies are all accepted, counted, and told in seq order', async () => {
  const { channelId, clients } = await meet([...TRANSPORTS, ...Array(12).fill(TRANSPORTS.at(-1))]);
  const { messageId } = await clients[0].ok('send_message', { channelId, text: 'root' });
  const { threadId } = await clients[0].ok('create_thread', { channelId, messageId });
  for (const client of clients) await client.ok('join_thread', { channelId, threadId });
  for (const client of clients) await client.drain();
  const each = 8;
  await Promise.all(clients.map(async (client) => {
    for (let i = 0; i < each; i++) await reply(client, { channelId, threadId, text: `r${i}` });
  }));
  const total = each * clients.length;
  const expected = Array.from({ length: total }, (_, i) => i + 3);
  for (const client of clients) {
    const told = await client.collect('thread_updated', total);
    assert.deepEqual(told.map((d) => d.seq), expected);
    assert.deepEqual(told.map((d) => d.replyCount), expected.map((seq) => seq - 2));
    assert.deepEqual((await client.collect('new_message', total)).map((d) => d.seq), expected);
  }
});

test('a thread is reached through its own channel only', async () => {
  const { channelId, threadId, clients: [ana, eva] } = await thread(CHAT);
  const elsewhere = unique('canal');
  for (const client of [ana, eva]) await client.ok('join_channel', { channelId: elsewhere });
  await ana.fails('NOT_FOUND', 'send_message', { channelId: elsewhere, threadId, text: 'wrong channel' });
  await eva.fails('NOT_FOUND', 'join_thread', { channelId: elsewhere, threadId });
  await eva.fails('NOT_FOUND', 'leave_thread', { channelId: elsewhere, threadId });
  await eva.ok('join_thread', { channelId, threadId });
});
