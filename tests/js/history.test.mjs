// Reading back over REST: channels, threads, the lobby, direct messages.
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { TRANSPORTS, connect, person, rest, unique } from './client.mjs';
import { isTime, meet, problem, shape } from './helpers.mjs';

const [CHAT] = TRANSPORTS;
const texts = (messages) => messages.map((m) => m.content.text);

/** The page at `path`, after checking its form. */
async function page(as, path) {
  const { status, body } = await rest('GET', path, { as });
  assert.equal(status, 200, `${path}: ${JSON.stringify(body)}`);
  shape(body, 'messages hasMore');
  assert.equal(typeof body.hasMore, 'boolean');
  return body;
}

/** A channel of ana and eva with `count` messages m1… of ana. */
async function written(count) {
  const scene = await meet([CHAT, CHAT]);
  const sent = [];
  for (let i = 1; i <= count; i++) sent.push(await scene.clients[0].ok('send_message', { channelId: scene.channelId, text: `m${i}` }));
  return { ...scene, sent, path: `/channels/${scene.channelId}/messages` };
}

describe('GET /channels/{id}/messages', () => {
  test('a message is read as it was sent, the newest last', async () => {
    const { path, people: [ana, eva], clients: [, reader] } = await written(3);
    const { messages, hasMore } = await page(eva, path);
    assert.deepEqual(texts(messages), ['m1', 'm2', 'm3']);
    assert.equal(hasMore, false);
    const sent = await reader.collect('new_message', 3);
    for (const [i, { author, ...message }] of messages.entries()) {
      assert.deepEqual(message, sent[i].message);
      assert.deepEqual(author ?? sent[i].author, sent[i].author);
    }
    assert.deepEqual((await page(ana, path)).messages, messages);
  });

  test('limit, before and after cut pages out of it', async () => {
    const { path, people: [ana] } = await written(6);
    const cut = async (query) => {
      const { messages, hasMore } = await page(ana, `${path}?${query}`);
      return [texts(messages).join(' '), hasMore];
    };
    assert.deepEqual(await cut('limit=2'), ['m5 m6', true]);
    assert.deepEqual(await cut('limit=6'), ['m1 m2 m3 m4 m5 m6', false]);
    assert.deepEqual(await cut('limit=2&before=5'), ['m3 m4', true]);
    assert.deepEqual(await cut('limit=2&before=3'), ['m1 m2', false]);
    assert.deepEqual(await cut('before=1'), ['', false]);
    assert.deepEqual(await cut('after=4'), ['m5 m6', false]);
    assert.deepEqual(await cut('limit=2&after=1'), ['m2 m3', true]);
    assert.deepEqual(await cut('after=6'), ['', false]);
  });

  test('it tells what a message is now: edits and reactions, under its first number', async () => {
    const { path, channelId, people: [ana, eva], clients: [author, reader], sent: [first] } = await written(2);
    await author.ok('edit_message', { channelId, messageId: first.messageId, text: 'm1, corrected' });
    for (const client of [author, reader]) await client.ok('add_reaction', { channelId, messageId: first.messageId, emoji: '👍' });
    await reader.ok('add_reaction', { channelId, messageId: first.messageId, emoji: '🎉' });
    await author.ok('remove_reaction', { channelId, messageId: first.messageId, emoji: '👍' });
    const { messages } = await page(eva, path);
    assert.deepEqual(texts(messages), ['m1, corrected', 'm2']);
    shape(messages[0], 'id channelId seq authorId content reactions createdAt updatedAt editedAt author?');
    assert.deepEqual(messages[0].reactions, { '👍': [eva.id], '🎉': [eva.id] });
    assert.deepEqual([messages[0].seq, messages[0].authorId, messages[0].createdAt], [1, ana.id, first.createdAt]);
    isTime(messages[0].editedAt);
    assert.equal(messages[1].editedAt, undefined);
    assert.deepEqual(messages[1].reactions, {});
  });

  test('entries that are no message take no place in a page', async () => {
    const { path, channelId, people: [ana], clients: [, reader], sent } = await written(2);
    for (const emoji of ['👍', '🎉', '😀', '😎']) await reader.ok('add_reaction', { channelId, messageId: sent[0].messageId, emoji });
    await reader.ok('send_message', { channelId, text: 'm3' });
    const { messages, hasMore } = await page(ana, `${path}?limit=2`);
    assert.deepEqual([texts(messages).join(' '), messages.map((m) => m.seq), hasMore], ['m2 m3', [2, 7], true]);
    assert.deepEqual(texts((await page(ana, `${path}?limit=2&before=7`)).messages), ['m1', 'm2']);
  });

  test('a deleted message stays as an empty one', async () => {
    const { path, channelId, people: [ana], clients: [author], sent: [, second] } = await written(3);
    await author.ok('delete_message', { channelId, messageId: second.messageId });
    const { messages } = await page(ana, path);
    assert.deepEqual(texts(messages), ['m1', '', 'm3']);
    assert.deepEqual(messages[1].content, { text: '', attachments: [], mentions: [], links: [] });
    assert.equal(messages[1].id, second.messageId);
    isTime(messages[1].deletedAt);
    assert.equal(messages[0].deletedAt, undefined);
  });

  test('replies are read with threadId only', async () => {
    const { path, channelId, people: [ana, eva], clients: [author, reader], sent: [first] } = await written(1);
    const { threadId } = await author.ok('create_thread', { channelId, messageId: first.messageId });
    for (const text of ['r1', 'r2', 'r3']) await reader.ok('send_message', { channelId, threadId, text });
    await author.ok('send_message', { channelId, text: 'm2' });
    assert.deepEqual(texts((await page(ana, path)).messages), ['m1', 'm2']);
    const replies = await page(ana, `${path}?threadId=${threadId}`);
    assert.deepEqual([texts(replies.messages).join(' '), replies.hasMore], ['r1 r2 r3', false]);
    for (const reply of replies.messages) assert.deepEqual([reply.threadId, reply.authorId], [threadId, eva.id]);
    const newest = await page(ana, `${path}?threadId=${threadId}&limit=2`);
    assert.deepEqual([texts(newest.messages).join(' '), newest.hasMore], ['r2 r3', true]);
    const older = await page(ana, `${path}?threadId=${threadId}&limit=2&before=${newest.messages[0].seq}`);
    assert.deepEqual([texts(older.messages).join(' '), older.hasMore], ['r1', false]);
    await problem(404, 'NOT_FOUND', 'GET', `${path}?threadId=${unique('t')}`, { as: ana });
  });

  test('wrong queries are refused', async () => {
    const { path, people: [ana] } = await written(1);
    for (const query of ['limit=many', 'limit=-1', 'before=x', 'after=1.5']) {
      await problem(400, 'INVALID_REQUEST', 'GET', `${path}?${query}`, { as: ana });
    }
  });
});

describe('GET /messages', () => {
  test('the lobby is read without a token, as it was broadcast, the newest last, in pages', async () => {
    const ana = await connect({ transport: 'plain', as: person('ana') });
    const marker = unique('lobby');
    const sent = [];
    for (let i = 1; i <= 5; i++) {
      const { messageId } = await ana.ok('event_message', { marker, i, nested: { any: ['json', null] } });
      sent.push(await ana.next('new_message', (d) => d.id === messageId));
    }
    const own = (messages) => messages.filter((m) => m.marker === marker);
    const { messages } = await page(undefined, '/messages?limit=50');
    assert.deepEqual(own(messages), sent);
    const found = [];
    let query = 'limit=2';
    for (let pages = 0; own(found).length < 5; pages++) {
      assert.ok(pages < 100, 'the pages lead to all messages');
      const body = await page(undefined, `/messages?${query}`);
      assert.ok(body.messages.length <= 2);
      found.unshift(...body.messages);
      query = `limit=2&before=${encodeURIComponent(body.messages[0].id)}`;
    }
    assert.deepEqual(own(found), sent, 'each once, in order');
    assert.equal(new Set(found.map((m) => m.id)).size, found.length, 'no page repeats another');
  });
});

describe('GET /users/{id}/messages', () => {
  /** ana writes `count` direct messages to eva, the first with `initialize`. */
  async function letters(count) {
    const [ana, eva] = [person('ana'), person('eva')];
    const [writer, reader] = [await connect({ ...CHAT, as: ana }), await connect({ transport: 'plain', as: eva })];
    await writer.ok('initialize', { senderId: ana.id, receiverId: eva.id, messageContent: 'd1', multimedia: { url: 'x' } });
    for (let i = 2; i <= count; i++) await writer.ok('message', { content: `d${i}` });
    return { ana, eva, writer, reader, sent: await reader.collect('message', count) };
  }

  test('both users read their conversation as it was sent, the newest last, in pages', async () => {
    const { ana, eva, sent } = await letters(4);
    for (const [who, whom] of [[ana, eva], [eva, ana]]) {
      const path = `/users/${whom.id}/messages`;
      assert.deepEqual(await page(who, path), { messages: sent, hasMore: false });
      assert.deepEqual(await page(who, `${path}?limit=2`), { messages: sent.slice(2), hasMore: true });
      assert.deepEqual(await page(who, `${path}?limit=3&before=${encodeURIComponent(sent[2].id)}`), { messages: sent.slice(0, 2), hasMore: false });
    }
    shape(sent[0], 'id senderId receiverId content multimedia timestamp');
    assert.deepEqual([sent[0].multimedia, sent[1].multimedia], [{ url: 'x' }, null]);
  });

  test('nobody else reads it', async () => {
    const { ana, eva } = await letters(1);
    const leo = person('leo');
    for (const whom of [ana, eva]) assert.deepEqual(await page(leo, `/users/${whom.id}/messages`), { messages: [], hasMore: false });
    await problem(401, 'UNAUTHORIZED', 'GET', `/users/${eva.id}/messages`);
  });
});
