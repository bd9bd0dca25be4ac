// Services that reach clients by the bus and by the queue.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import {
  DeleteMessageCommand, GetQueueAttributesCommand, GetQueueUrlCommand, ReceiveMessageCommand, SQSClient, SendMessageBatchCommand,
  SendMessageCommand, SetQueueAttributesCommand,
} from '@aws-sdk/client-sqs';
import { DEADLINE, connect, person, rest, unique } from './client.mjs';
import { AWS, invoke } from './cloud.mjs';
import { isTime, shape } from './helpers.mjs';
import { listOf } from './wire.mjs';

const bus = new EventBridgeClient(AWS);
const sqs = new SQSClient(AWS);
const QueueUrl = process.env.NOTIFY_QUEUE_URL;
after(() => { bus.destroy(); sqs.destroy(); });

const KINDS = [{ transport: 'plain' }, { transport: 'websocket', namespace: '/' }, { transport: 'websocket', namespace: '/chat' }];

async function publish(detail, detailType = 'tertulia.emit') {
  const put = await bus.send(new PutEventsCommand({ Entries: [{ Source: 'tests', DetailType: detailType, Detail: JSON.stringify(detail) }] }));
  assert.equal(put.FailedEntryCount, 0, JSON.stringify(put));
}

const queue = (body) => sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: typeof body === 'string' ? body : JSON.stringify(body) }));

/** One user with a connection of every kind, and another with as many; the first is in a channel, and all heard that. */
async function scene() {
  const [ana, eva] = [person('ana'), person('eva')];
  const open = (as) => Promise.all(KINDS.map((t) => connect({ ...t, as })));
  const [hers, others] = [await open(ana), await open(eva)];
  const channelId = unique('canal');
  await Promise.all(hers.map((client) => client.ok('join_channel', { channelId })));
  return { ana, eva, hers, others, channelId };
}

/** Everybody of `some` gets it once, nobody of `others` does. */
async function reaches(event, data, some, others) {
  for (const client of some) assert.deepEqual(await client.next(event), data);
  await Promise.all([...some, ...others].map((client) => client.none(event)));
}

for (const [way, send] of [['the bus', publish], ['the queue', queue]]) {
  test(`an event by ${way} reaches a room, a user, or all`, async () => {
    const { ana, hers, others, channelId } = await scene();
    const data = { texto: '¡hola! 🎉', n: [1, null, { a: 'b' }] };
    for (const [target, some, rest_] of [[`channel:${channelId}`, hers, others], [`user:${ana.id}`, hers, others], ['*', [...hers, ...others], []]]) {
      const event = unique('aviso');
      await send({ target, event, data });
      await reaches(event, data, some, rest_);
    }
  });

  test(`a notification by ${way} comes now, and what was not confirmed comes again`, async () => {
    const { ana, hers, others } = await scene();
    const message = unique('aviso');
    await send({ userId: ana.id, message }, 'tertulia.notify');
    const notices = await Promise.all(hers.map((client) => client.next('newNotification', (n) => n.message === message)));
    for (const notice of notices) {
      shape(notice, 'id message userId createdAt');
      isTime(notice.createdAt);
      assert.deepEqual(notice, notices[0]);
    }
    assert.equal(notices[0].userId, ana.id);
    await Promise.all([...hers, ...others].map((client) => client.none('newNotification')));
    const later = await connect({ ...KINDS[0], as: ana });
    assert.deepEqual(await later.next('newNotification'), notices[0]);
    await later.ok('confirmNotification', { notificationId: notices[0].id });
    const last = await connect({ ...KINDS[2], as: ana });
    await last.none('newNotification');
  });
}

test('who is not connected gets it at the next connection, in order', async () => {
  const [ana, witness] = [person('ana'), await connect({ ...KINDS[0], as: person('testigo') })];
  for (const message of ['uno', 'dos']) {
    await queue({ userId: ana.id, message });
    await queue({ target: `user:${witness.connected.user.id}`, event: 'paso', data: message });
    await witness.next('paso', (data) => data === message);
    for (const end = Date.now() + DEADLINE; ;) {
      if (listOf(await rest('GET', '/notifications', { as: ana })).some((n) => n.message === message)) break;
      assert.ok(Date.now() < end, `"${message}" is not kept`);
    }
  }
  for (const t of KINDS) {
    const client = await connect({ ...t, as: ana });
    assert.deepEqual((await client.collect('newNotification', 2)).map((n) => n.message), ['uno', 'dos']);
    await client.none('newNotification');
  }
});

test('a message of the queue that is delivered twice is one notification', async () => {
  const ana = person('ana');
  const client = await connect({ ...KINDS[1], as: ana });
  const record = (message) => ({
    messageId: unique('m'), receiptHandle: 'r', body: JSON.stringify({ userId: ana.id, message }), eventSource: 'aws:sqs',
    attributes: { SentTimestamp: String(Date.now()), ApproximateReceiveCount: '1' },
  });
  const [first, other] = [record('hola'), record('hola')];
  for (const Records of [[first], [first], [other, first]]) assert.deepEqual(await invoke('Notify', { Records }), { batchItemFailures: [] });
  const heard = await client.collect('newNotification', 4);
  assert.equal(new Set(heard.map((n) => n.id)).size, 2, JSON.stringify(heard));
  assert.equal(heard[0].id, heard[1].id);
  const kept = listOf(await rest('GET', '/notifications', { as: ana }));
  assert.deepEqual(kept.map((n) => n.id).sort(), [...new Set(heard.map((n) => n.id))].sort());
});

test('what cannot be understood, or may not be sent, ends as a dead letter and disturbs nobody', async () => {
  const { Attributes: { VisibilityTimeout, RedrivePolicy } } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['VisibilityTimeout', 'RedrivePolicy'] }));
  const { QueueUrl: dead } = await sqs.send(new GetQueueUrlCommand({ QueueName: JSON.parse(RedrivePolicy).deadLetterTargetArn.split(':').at(-1) }));
  const { ana, hers, others, channelId } = await scene();
  const target = `channel:${channelId}`;
  const mark = unique('mala');
  const names = ['connect', 'disconnect', 'error', 'ack', 'ping', 'connected', 'new_message', 'newNotification', 'join_channel', 'user_presence'];
  const data = { mark };
  const bad = [
    `no es json ${mark}`, `["${mark}"]`, { mark }, { mark, userId: ana.id }, { message: mark }, { userId: { a: 1 }, message: mark },
    { userId: ana.id, message: mark.repeat(300) }, { target: 'aquí', event: 'x', data }, { target, data }, { target, event: '', data },
    ...names.map((event) => ({ target, event, data })), { target: '*', event: 'message', data },
  ].map((body) => (typeof body === 'string' ? body : JSON.stringify(body)));
  for (const client of [...hers, ...others]) await client.next('connected');
  // Else it would take minutes until they were tried often enough.
  await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { VisibilityTimeout: '1' } }));
  try {
    for (let i = 0; i < bad.length; i += 9) {
      const Entries = [...bad.slice(i, i + 9), JSON.stringify({ target, event: 'buena', data: i })].map((MessageBody, n) => ({ Id: `n${n}`, MessageBody }));
      const sent = await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
      assert.equal(sent.Successful.length, Entries.length);
    }
    const given = [];
    for (const end = Date.now() + 60_000; given.length < bad.length && Date.now() < end;) {
      const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: dead, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }));
      for (const { Body, ReceiptHandle } of Messages.filter((m) => m.Body.includes(mark))) {
        given.push(Body);
        await sqs.send(new DeleteMessageCommand({ QueueUrl: dead, ReceiptHandle }));
      }
    }
    assert.deepEqual(given.sort(), bad.sort());
  } finally {
    await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { VisibilityTimeout } }));
  }
  const waves = [0, 9, 18].filter((i) => i < bad.length);
  for (const client of hers) assert.deepEqual((await client.collect('buena', waves.length)).sort((a, b) => a - b), waves);
  for (const client of [...hers, ...others]) {
    await client.barrier();
    assert.deepEqual(client.received.filter((e) => JSON.stringify(e).includes(mark)), []);
    assert.equal(client.received.filter((e) => e.event === 'connected').length, 1);
    assert.ok(client.socket.connected ?? client.socket.readyState === 1);
  }
});
