// The channel log with many writers at once, and broadcasts that come from the table's stream, sometimes twice.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { connect, person, unique } from './client.mjs';
import { heardInOrder, invoke, part, rows } from './cloud.mjs';
import { replay } from './helpers.mjs';
import { eventually } from './wire.mjs';

const KINDS = [{ transport: 'plain' }, { transport: 'websocket', namespace: '/chat' }, { transport: 'plain' }, { transport: 'websocket', namespace: '/' }];

/** People in a new channel, each on a connection of the next kind. */
async function gather(count) {
  const channelId = unique('canal');
  const clients = await Promise.all(Array.from({ length: count }, (_, i) => connect({ ...KINDS[i % KINDS.length], as: person() })));
  await Promise.all(clients.map((client) => client.ok('join_channel', { channelId })));
  return { channelId, clients };
}

/** Sends until it is in the log; a channel that is too busy says so, and nothing else. */
async function say(client, channelId, text) {
  for (let attempt = 0; ; attempt++) {
    const ack = await client.request('send_message', { channelId, text, clientMessageId: text });
    if (ack.success) return ack;
    assert.equal(ack.errorCode, 'RATE_LIMITED', JSON.stringify(ack));
    assert.ok(attempt < 10, `${text}: still ${JSON.stringify(ack)}`);
  }
}

const heard = (client) => client.received.filter((e) => e.event === 'new_message').map((e) => e.data);

/** Waits until everybody has heard the whole log, and checks that it is what was heard. */
async function everybodyHeard(clients, log) {
  await eventually(() => {
    for (const client of clients) assert.equal(new Set(heard(client).map((d) => d.seq)).size, log.length, `heard by ${client.id}`);
  });
  clients.forEach((client) => heardInOrder(heard(client), log, client.id));
}

/** A batch of the table's stream that tells of these items again. */
const batch = (items) => ({
  Records: items.map((NewImage, i) => ({
    eventID: `${i}`, eventName: 'INSERT', eventSource: 'aws:dynamodb',
    dynamodb: { Keys: { pk: NewImage.pk, sk: NewImage.sk }, NewImage, SequenceNumber: String(1000 + i), StreamViewType: 'NEW_IMAGE' },
  })),
});

test('eight writers at once: one log without a gap, and everybody hears all of it in order', async () => {
  const { channelId, clients } = await gather(10);
  const senders = clients.slice(0, 8);
  const acks = [];
  await Promise.all(senders.map(async (client, s) => {
    for (let m = 0; m < 25; m++) acks.push({ text: `${s}.${m}`, ...(await say(client, channelId, `${s}.${m}`)) });
  }));
  const numbers = Array.from({ length: 200 }, (_, i) => i + 1);
  assert.deepEqual(acks.map((ack) => ack.seq).sort((a, b) => a - b), numbers);
  const log = await replay(clients[9], channelId);
  assert.deepEqual(log.map((entry) => entry.seq), numbers);
  for (const ack of acks) {
    const { message, author } = log[ack.seq - 1].data;
    assert.deepEqual([message.id, message.content.text, author.id], [ack.messageId, ack.text, senders[ack.text.split('.')[0]].connected.user.id]);
  }
  await everybodyHeard(clients, log);
});

test('a batch of the stream that comes twice changes nothing', async () => {
  const { channelId, clients } = await gather(4);
  const [ana, eva] = clients;
  const { messageId } = await say(ana, channelId, 'uno');
  for (const text of ['dos', 'tres', 'cuatro']) await say(eva, channelId, text);
  await eva.ok('add_reaction', { channelId, messageId, emoji: '🎉' });
  await ana.ok('edit_message', { channelId, messageId, text: 'uno!' });
  for (const client of clients) await client.next('message_edited');
  const items = await rows(`CHANNEL#${part(channelId)}`, 'LOG#');
  assert.equal(items.length, 6);
  const stale = { eventName: 'MODIFY', dynamodb: { Keys: {}, NewImage: items[0], SequenceNumber: '1' } };
  const broken = batch([{ pk: { S: 'CHANNEL#x' }, sk: { S: 'LOG#x' } }, { pk: { S: 'USERS#1' }, sk: { S: 'LOG#1' } }]).Records;
  for (const records of [batch(items).Records, batch(items.slice(2)).Records, [stale, ...broken, ...batch(items).Records]]) {
    assert.deepEqual(await invoke('Broadcast', { Records: records }), { batchItemFailures: [] });
  }
  await Promise.all([say(ana, channelId, 'cinco'), say(eva, channelId, 'seis')]);
  const log = await replay(ana, channelId);
  assert.equal(log.length, 8);
  for (const client of clients) await client.next('new_message', (d) => d.seq === 8);
  for (const client of clients) {
    await client.barrier();
    const events = client.received.filter((e) => log.some((entry) => entry.event === e.event));
    heardInOrder(events.map(({ event, data }) => ({ seq: data.seq, event, data })), log.map((entry) => ({ seq: entry.seq, data: entry })), client.id);
  }
});
