// What a message may hold, at the limit and one beyond; and what a repeated send does.
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { TRANSPORTS, connect, unique } from './client.mjs';
import { invalid, meet } from './helpers.mjs';

const [CHAT] = TRANSPORTS;
const many = (count) => Array.from({ length: count }, (_, i) => `item-${i}`);

for (const t of TRANSPORTS) describe(t.name, () => {
  test('a text has at most 4,000 characters, whatever they weigh', async () => {
    const { channelId, clients: [ana] } = await meet([t]);
    for (const char of ['x', 'ñ', '語']) {
      const text = char.repeat(4000);
      const { messageId } = await ana.ok('send_message', { channelId, text });
      assert.equal((await ana.next('new_message')).message.content.text, text);
      await ana.ok('edit_message', { channelId, messageId, text });
      await invalid(ana, 'text', 'send_message', { channelId, text: `${text}${char}` });
      await invalid(ana, 'text', 'edit_message', { channelId, messageId, text: `${text}${char}` });
    }
    await ana.none('new_message');
  });

  test('the lists end at 50 mentions, 10 attachments and 20 links', async () => {
    const { channelId, clients: [ana] } = await meet([t]);
    const { messageId } = await ana.ok('send_message', { channelId, text: 'short' });
    for (const [list, most] of [['mentions', 50], ['attachments', 10], ['links', 20]]) {
      await ana.ok('send_message', { channelId, text: 'full', [list]: many(most) });
      await invalid(ana, list, 'send_message', { channelId, text: 'over', [list]: many(most + 1) });
      await ana.ok('edit_message', { channelId, messageId, text: 'full', [list]: many(most) });
      await invalid(ana, list, 'edit_message', { channelId, messageId, text: 'over', [list]: many(most + 1) });
    }
  });

  test('an emoji is one grapheme cluster of at most 32 bytes', async () => {
    const { channelId, clients: [ana] } = await meet([t]);
    const { messageId } = await ana.ok('send_message', { channelId, text: 'react!' });
    for (const emoji of ['👍', '👍🏽', '👨‍👩‍👧‍👦', '🇪🇨', '❤️', '🏴󠁧󠁢󠁥󠁮󠁧󠁿']) {
      await ana.ok('add_reaction', { messageId, channelId, emoji });
      assert.equal((await ana.next('reaction_added')).emoji, emoji);
    }
    for (const emoji of ['', '👍👍', 'ok', '👍 ', `e${'\u0301'.repeat(16)}`, 7]) {
      await invalid(ana, 'emoji', 'add_reaction', { messageId, channelId, emoji });
    }
    await ana.none('reaction_added');
  });

  test('a thread’s title has at most 200 characters', async () => {
    const { channelId, clients: [ana] } = await meet([t]);
    const { messageId } = await ana.ok('send_message', { channelId, text: 'root' });
    await invalid(ana, 'title', 'create_thread', { messageId, channelId, title: 'ñ'.repeat(201) });
    await ana.ok('create_thread', { messageId, channelId, title: 'ñ'.repeat(200) });
    assert.equal((await ana.next('thread_created')).title, 'ñ'.repeat(200));
  });

  test('a message is edited 50 times and no more', async () => {
    const { channelId, clients: [ana] } = await meet([t]);
    const { messageId } = await ana.ok('send_message', { channelId, text: 'v0' });
    for (let i = 1; i <= 50; i++) await ana.ok('edit_message', { channelId, messageId, text: `v${i}` });
    const ack = await ana.request('edit_message', { channelId, messageId, text: 'v51' });
    assert.equal(ack.success, false);
    assert.ok(['CONFLICT', 'INVALID_REQUEST', 'FORBIDDEN'].includes(ack.errorCode), JSON.stringify(ack));
    assert.deepEqual((await ana.collect('message_edited', 50)).at(-1).text, 'v50');
    await ana.none('message_edited');
    assert.equal((await ana.ok('send_message', { channelId, text: 'next' })).seq, 52);
  });
});

describe('clientMessageId', () => {
  const once = (channelId, clientMessageId, text = 'once') => ({ channelId, text, clientMessageId });

  for (const t of TRANSPORTS) test(`a repeated send gets the same ack, and nothing is sent again: ${t.name}`, async () => {
    const { channelId, clients: [ana, eva], people } = await meet([t, CHAT]);
    const id = unique('c');
    const first = await ana.ok('send_message', once(channelId, id));
    assert.deepEqual(await ana.request('send_message', once(channelId, id)), first);
    assert.deepEqual(await ana.request('send_message', once(channelId, id, 'another text')), first);
    const later = await connect({ ...t, as: people[0] });
    assert.deepEqual(await later.request('send_message', once(channelId, id)), first, 'over another connection');
    await eva.next('new_message');
    await eva.none('new_message');
    assert.equal((await ana.ok('send_message', { channelId, text: 'next' })).seq, first.seq + 1);
  });

  test('concurrent duplicates over several connections are one message', async () => {
    const { channelId, clients: [eva] } = await meet([CHAT]);
    const { people: [author], clients: [first] } = await meet([CHAT], channelId);
    const clients = [first];
    for (const t of TRANSPORTS) clients.push(await connect({ ...t, as: author }));
    for (let round = 1; round <= 5; round++) {
      const data = once(channelId, unique('c'), `round ${round}`);
      const acks = await Promise.all([...clients, ...clients].map((client) => client.ok('send_message', data)));
      for (const ack of acks) assert.deepEqual(ack, acks[0]);
      assert.equal(acks[0].seq, round);
      assert.equal((await eva.next('new_message')).message.id, acks[0].messageId);
      await eva.none('new_message');
    }
  });

  test('it counts per user and per channel', async () => {
    const { channelId, clients: [ana, eva] } = await meet([CHAT, CHAT]);
    const elsewhere = unique('canal');
    await ana.ok('join_channel', { channelId: elsewhere });
    const id = unique('c');
    const acks = [
      await ana.ok('send_message', once(channelId, id)),
      await eva.ok('send_message', once(channelId, id)),
      await ana.ok('send_message', once(elsewhere, id)),
    ];
    assert.equal(new Set(acks.map((a) => a.messageId)).size, 3);
    assert.deepEqual(acks.map((a) => a.seq), [1, 2, 1]);
  });

  test('it has at most 128 characters', async () => {
    const { channelId, clients: [ana] } = await meet([CHAT]);
    await ana.ok('send_message', once(channelId, 'c'.repeat(128)));
    await invalid(ana, 'clientMessageId', 'send_message', once(channelId, 'c'.repeat(129)));
  });
});
