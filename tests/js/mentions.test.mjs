// Who is told of a mention, how often, and where.
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { TRANSPORTS, connect, person, unique, uniqueNumber } from './client.mjs';
import { isTime, meet, shape } from './helpers.mjs';

const [CHAT] = TRANSPORTS;

/** Another member of the channel. */
async function member(channelId, who, t = CHAT) {
  const client = await connect({ ...t, as: who });
  await client.ok('join_channel', { channelId });
  return client;
}

for (const t of TRANSPORTS) describe(t.name, () => {
  test('a mention by id or by username is told to every connection of the user, after the message', async () => {
    for (const key of ['id', 'username']) {
      const { channelId, clients: [ana, eva], people: [author, mentioned] } = await meet([CHAT, t]);
      const second = await connect({ ...CHAT, as: mentioned });
      const { messageId, createdAt } = await ana.ok('send_message', { channelId, text: 'hey', mentions: [mentioned[key]] });
      for (const client of [eva, second]) {
        const told = await client.next('mention_received');
        shape(told, 'messageId text author channelId timestamp');
        assert.deepEqual(told, {
          messageId, text: 'hey', author: { id: author.id, username: author.username }, channelId, timestamp: createdAt,
        });
        await client.none('mention_received');
        const order = client.received.map((e) => e.event);
        assert.ok(order.indexOf('new_message') < order.indexOf('mention_received'), order.join());
      }
      await ana.none('mention_received');
      assert.deepEqual((await eva.next('new_message')).message.content.mentions, [mentioned[key]]);
    }
  });

  test('an edit tells only the newly mentioned', async () => {
    const { channelId, clients: [ana, eva, leo], people: [, one, two] } = await meet([t, CHAT, CHAT]);
    const { messageId } = await ana.ok('send_message', { channelId, text: 'v1', mentions: [one.id] });
    await eva.next('mention_received');
    await ana.ok('edit_message', { channelId, messageId, text: 'v2', mentions: [one.id, two.username] });
    const told = await leo.next('mention_received');
    assert.deepEqual([told.messageId, told.text], [messageId, 'v2']);
    isTime(told.timestamp);
    await ana.ok('edit_message', { channelId, messageId, text: 'v3' });
    await ana.ok('edit_message', { channelId, messageId, text: 'v4', mentions: [one.username, two.id] });
    await eva.none('mention_received');
    await leo.none('mention_received');
  });
});

test('a user mentioned twice is told once, the author never', async () => {
  const { channelId, clients: [ana, eva], people: [author, one] } = await meet([CHAT, CHAT]);
  await ana.ok('send_message', { channelId, text: 'x', mentions: [one.id, one.username, one.id, author.id, author.username] });
  await eva.next('mention_received');
  await eva.none('mention_received');
  await ana.none('mention_received');
});

test('a mention of somebody outside the channel, or of nobody, is ignored in silence', async () => {
  const { channelId, clients: [ana, eva], people: [, one] } = await meet([CHAT, CHAT]);
  const stranger = person('leo');
  const leo = await connect({ ...CHAT, as: stranger });
  await ana.ok('send_message', { channelId, text: 'x', mentions: [stranger.id, stranger.username, unique('nadie'), one.id] });
  await eva.next('mention_received');
  await leo.none('mention_received');
  await leo.none('new_message');
  await eva.ok('leave_channel', { channelId });
  await ana.ok('send_message', { channelId, text: 'y', mentions: [one.id, one.username] });
  await eva.none('mention_received');
});

test('an ambiguous username mentions nobody, each id its own user', async () => {
  const { channelId, clients: [ana] } = await meet([CHAT]);
  const username = unique('gemela');
  const twins = [person('eva', { username }), person('eva', { username })];
  const clients = [await member(channelId, twins[0]), await member(channelId, twins[1])];
  await ana.ok('send_message', { channelId, text: 'which?', mentions: [username] });
  for (const client of clients) await client.none('mention_received');
  await ana.ok('send_message', { channelId, text: 'you', mentions: [twins[1].id] });
  await clients[1].next('mention_received');
  await clients[0].none('mention_received');
});

test('an id wins over a username', async () => {
  const { channelId, clients: [ana] } = await meet([CHAT]);
  const first = person('eva');
  const impostor = person('leo', { username: first.id });
  const [eva, leo] = [await member(channelId, first), await member(channelId, impostor)];
  await ana.ok('send_message', { channelId, text: 'eva?', mentions: [first.id] });
  await eva.next('mention_received');
  await leo.none('mention_received');
});

test('a numeric id mentions in both of its forms', async () => {
  const { channelId, clients: [ana] } = await meet([CHAT]);
  const id = uniqueNumber();
  const eva = await member(channelId, person('eva', { id, username: unique('eva') }));
  for (const form of [id, String(id)]) {
    await ana.ok('send_message', { channelId, text: 'number', mentions: [form] });
    await eva.next('mention_received');
  }
});

test('a user whose only connection is over another transport hears of a mention, also in a thread it did not join', async () => {
  for (const t of TRANSPORTS) {
    const { channelId, clients: [ana, eva], people: [, one] } = await meet([CHAT, t]);
    const { messageId } = await ana.ok('send_message', { channelId, text: 'root' });
    const { threadId } = await ana.ok('create_thread', { channelId, messageId });
    await ana.ok('send_message', { channelId, threadId, text: 'in the thread', mentions: [one.id] });
    assert.equal((await eva.next('mention_received')).text, 'in the thread');
  }
});
