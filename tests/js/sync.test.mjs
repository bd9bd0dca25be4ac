// sync_request: what a client that was away gets, and how it knows that it is complete.
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { TRANSPORTS, connect, person, rest, unique } from './client.mjs';
import { invalid, isTime, makeChannel, meet, replay, shape } from './helpers.mjs';

const [CHAT] = TRANSPORTS;
const LOGGED = ['new_message', 'message_edited', 'message_deleted', 'reaction_added', 'reaction_removed', 'thread_created'];

/** What `client` heard of the log, as a replay would tell it. */
const heard = (client) => client.received.filter((e) => LOGGED.includes(e.event))
  .map(({ event, data }) => ({ seq: data.seq, event, data }));

async function say(client, channelId, count, text = (i) => `m${i}`) {
  for (let i = 1; i <= count; i++) await client.ok('send_message', { channelId, text: text(i) });
}

for (const t of TRANSPORTS) describe(t.name, () => {
  test('the short form without a number tells the head', async () => {
    const { channelId, clients: [ana] } = await meet([t]);
    const head = async () => {
      const ack = await ana.request('sync_request', { channelId });
      shape(ack, 'success channels timestamp');
      isTime(ack.timestamp);
      return ack.channels;
    };
    assert.deepEqual(await head(), [{ channelId, events: [], lastSeq: 0, hasMore: false, reset: false }]);
    await say(ana, channelId, 3);
    const [entry] = await head();
    shape(entry, 'channelId events lastSeq hasMore reset');
    assert.deepEqual([entry.events, entry.lastSeq, entry.reset], [[], 3, false]);
  });

  test('the short form with a number tells what came after it', async () => {
    const { channelId, clients: [ana] } = await meet([t]);
    await say(ana, channelId, 3);
    const { channels: [entry] } = await ana.ok('sync_request', { channelId, lastSeq: 1 });
    assert.deepEqual(entry.events.map((e) => [e.seq, e.event, e.data.message.content.text]), [[2, 'new_message', 'm2'], [3, 'new_message', 'm3']]);
    assert.deepEqual([entry.lastSeq, entry.hasMore, entry.reset], [3, false, false]);
  });

  test('the replay is exactly what was broadcast', async () => {
    const { channelId, clients: [ana, eva] } = await meet([CHAT, t]);
    const { messageId } = await ana.ok('send_message', { channelId, text: 'uno 🎉', mentions: [unique('x')], links: ['l'], attachments: ['a'] });
    await eva.ok('send_message', { channelId, text: 'dos', parentMessageId: messageId });
    await ana.ok('edit_message', { channelId, messageId, text: 'uno!', attachments: [] });
    await eva.ok('add_reaction', { channelId, messageId, emoji: '🎉' });
    const { threadId } = await eva.ok('create_thread', { channelId, messageId, title: 'hilo' });
    await ana.ok('send_message', { channelId, threadId, text: 'respuesta' });
    await eva.ok('remove_reaction', { channelId, messageId, emoji: '🎉' });
    const { seq } = await ana.ok('send_message', { channelId, text: 'fin' });
    await eva.next('new_message', (d) => d.seq === seq);
    assert.equal(heard(eva).length, 8);
    assert.deepEqual(await replay(eva, channelId), heard(eva));
    assert.deepEqual(await replay(ana, channelId), heard(eva), 'the same for everybody');
  });

  test('a client that was away is complete again', async () => {
    const { channelId, clients: [ana, eva], people } = await meet([CHAT, t]);
    await say(ana, channelId, 2);
    const lastSeq = (await eva.collect('new_message', 2)).at(-1).seq;
    await eva.close();
    await say(ana, channelId, 3, (i) => `missed ${i}`);
    const back = await connect({ ...t, as: people[1] });
    const { channels: [entry] } = await back.ok('sync_request', { channels: [{ channelId, lastSeq }] });
    assert.deepEqual(entry.events, heard(ana).filter((e) => e.seq > lastSeq));
    assert.deepEqual(entry.events.map((e) => e.data.message.content.text), ['missed 1', 'missed 2', 'missed 3']);
    await say(ana, channelId, 1);
    assert.equal((await back.next('new_message')).seq, entry.lastSeq + 1);
  });

  test('a limit is kept, per channel, and hasMore leads through the pages', async () => {
    const { channelId, clients: [ana] } = await meet([t]);
    const second = unique('canal');
    await ana.ok('join_channel', { channelId: second });
    await say(ana, channelId, 5);
    await say(ana, second, 2);
    const asked = [{ channelId, lastSeq: 0 }, { channelId: second, lastSeq: 0 }];
    const { channels } = await ana.ok('sync_request', { channels: asked, limit: 2 });
    assert.deepEqual(channels.map((c) => [c.channelId, c.events.map((e) => e.seq), c.lastSeq, c.hasMore]),
      [[channelId, [1, 2], 2, true], [second, [1, 2], 2, false]]);
    const pages = [];
    for (let lastSeq = 2, hasMore = true; hasMore;) {
      const { channels: [page] } = await ana.ok('sync_request', { channels: [{ channelId, lastSeq }], limit: 2 });
      pages.push(page.events.map((e) => e.seq));
      ({ lastSeq, hasMore } = page);
    }
    assert.deepEqual(pages, [[3, 4], [5]]);
  });

  test('one answer has at most 96 KiB, and the pages together have everything', async () => {
    const { channelId, clients: [ana] } = await meet([t]);
    const second = unique('canal');
    await ana.ok('join_channel', { channelId: second });
    for (const id of [channelId, second]) await say(ana, id, 20, (i) => `${i} ${'語'.repeat(3900)}`);
    const found = { [channelId]: [], [second]: [] };
    const marks = { [channelId]: 0, [second]: 0 };
    let answers = 0;
    for (let open = [channelId, second]; open.length; answers++) {
      assert.ok(answers < 40, 'every answer brings at least one event');
      const ack = await ana.ok('sync_request', { channels: open.map((id) => ({ channelId: id, lastSeq: marks[id] })) });
      assert.ok(Buffer.byteLength(JSON.stringify(ack)) <= 96 * 1024, 'at most 96 KiB');
      assert.ok(ack.channels.some((c) => c.events.length > 0), 'at least one event');
      for (const page of ack.channels) {
        found[page.channelId].push(...page.events.map((e) => e.seq));
        marks[page.channelId] = page.lastSeq;
      }
      open = ack.channels.filter((c) => c.hasMore).map((c) => c.channelId);
    }
    const all = Array.from({ length: 20 }, (_, i) => i + 1);
    assert.deepEqual(found, { [channelId]: all, [second]: all });
    assert.ok(answers > 1, 'the size, not the limit, ended the pages');
  });

  test('a number beyond the head resets; the head itself brings nothing', async () => {
    const { channelId, clients: [ana] } = await meet([t]);
    await say(ana, channelId, 2);
    const ask = async (lastSeq) => (await ana.ok('sync_request', { channels: [{ channelId, lastSeq }] })).channels[0];
    assert.deepEqual(await ask(2), { channelId, events: [], lastSeq: 2, hasMore: false, reset: false });
    const beyond = await ask(3);
    shape(beyond, 'channelId events lastSeq hasMore reset');
    assert.deepEqual([beyond.events, beyond.reset], [[], true]);
  });

  test('a channel of others comes back as an error of its own, the rest is answered', async () => {
    const { channelId, clients: [ana] } = await meet([t]);
    await say(ana, channelId, 1);
    const { channelId: open } = await meet([CHAT]);
    const hidden = await makeChannel(person('eva'));
    const nowhere = unique('nada');
    const { channels } = await ana.ok('sync_request', { channels: [open, hidden, channelId, nowhere].map((id) => ({ channelId: id, lastSeq: 0 })) });
    const [first, second, own, last] = channels;
    assert.deepEqual(first, { channelId: open, errorCode: 'FORBIDDEN' });
    assert.deepEqual(second, { channelId: hidden, errorCode: 'NOT_FOUND' });
    assert.deepEqual(last, { channelId: nowhere, errorCode: 'NOT_FOUND' });
    assert.deepEqual([own.channelId, own.events.length], [channelId, 1]);
    const short = await ana.ok('sync_request', { channelId: nowhere });
    assert.deepEqual(short.channels, [{ channelId: nowhere, errorCode: 'NOT_FOUND' }]);
  });

  test('without an ack asked for, the answer is a sync_response', async () => {
    const { channelId, clients: [ana] } = await meet([t]);
    await say(ana, channelId, 2);
    const { channels } = await ana.ok('sync_request', { channels: [{ channelId, lastSeq: 0 }] });
    await ana.none('sync_response');
    ana.emit('sync_request', { channels: [{ channelId, lastSeq: 0 }] });
    const answer = await ana.next('sync_response');
    shape(answer, 'channels timestamp');
    assert.deepEqual(answer.channels, channels);
    isTime(answer.timestamp);
  });

  test('wrong numbers are refused', async () => {
    const { channelId, clients: [ana] } = await meet([t]);
    for (const lastSeq of [-1, 1.5, '1']) await invalid(ana, 'lastSeq', 'sync_request', { channelId, lastSeq });
    for (const limit of [501, -1, 1.5, 'all']) {
      await invalid(ana, 'limit', 'sync_request', { channels: [{ channelId, lastSeq: 0 }], limit });
    }
    await ana.ok('sync_request', { channels: [{ channelId, lastSeq: 0 }], limit: 500 });
  });
});

test('a deleted message’s text is nowhere any more', async () => {
  const { channelId, clients: [ana, eva], people: [author] } = await meet([CHAT, CHAT]);
  const secret = unique('secreto');
  const content = { text: `${secret} v1`, attachments: [`${secret}.png`], links: [`https://example.org/${secret}`], mentions: [`${secret}-nadie`] };
  const { messageId } = await ana.ok('send_message', { channelId, ...content });
  await ana.ok('edit_message', { channelId, messageId, text: `${secret} v2` });
  await eva.ok('add_reaction', { channelId, messageId, emoji: '🤫' });
  const { threadId } = await eva.ok('create_thread', { channelId, messageId });
  await ana.ok('edit_message', { channelId, messageId, text: `${secret} v3`, links: [`https://example.com/${secret}`] });
  await eva.ok('send_message', { channelId, threadId, text: 'a reply stays' });
  await ana.ok('send_message', { channelId, text: 'as does its neighbour', parentMessageId: messageId });
  assert.ok(JSON.stringify(await replay(eva, channelId)).includes(secret));
  await ana.ok('delete_message', { channelId, messageId });

  const events = await replay(eva, channelId);
  assert.deepEqual(events.map((e) => e.seq), [1, 2, 3, 4, 5, 6, 7, 8], 'the log keeps its entries');
  assert.deepEqual(events.map((e) => e.event), ['new_message', 'message_edited', 'reaction_added', 'thread_created',
    'message_edited', 'new_message', 'new_message', 'message_deleted']);
  assert.ok(!JSON.stringify(events).includes(secret), 'replay');
  assert.equal(events[0].data.message.content.text, '');
  assert.equal(events[1].data.text, '');
  assert.equal(events[5].data.message.content.text, 'a reply stays');
  assert.equal(events[6].data.message.content.text, 'as does its neighbour');
  const later = await connect({ ...CHAT, as: person('leo') });
  await later.ok('join_channel', { channelId });
  assert.deepEqual(await replay(later, channelId), events);
  for (const path of [`/channels/${channelId}/messages`, `/channels/${channelId}`, `/channels/${channelId}/messages?threadId=${threadId}`]) {
    assert.ok(!JSON.stringify((await rest('GET', path, { as: author })).body).includes(secret), path);
  }
});
