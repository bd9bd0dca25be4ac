// A room so large that its broadcasts go through the queue, page by page.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { connect, person, unique } from './client.mjs';
import { Raw, WS_URL, roomPartition, rows } from './cloud.mjs';
import { replay } from './helpers.mjs';

const ROOM = 1000;
const AT_ONCE = 12;
const MESSAGES = 5;

/** Runs `job` for each number below `count`, a few at once. */
async function each(count, job) {
  const done = [];
  let next = 0;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => { while (next < count) { const i = next++; done[i] = await job(i); } }));
  return done;
}

test('five messages reach each of 1,000 connections once, in order', async () => {
  const ana = person('ana');
  const channelId = unique('canal');
  const speaker = await connect({ transport: 'websocket', namespace: '/chat', as: person('eva') });
  const others = await Promise.all(['/', '/chat', '/chat'].map((namespace) => connect({ transport: 'websocket', namespace, as: person('leo') })));
  const first = await connect({ transport: 'plain', as: ana });
  for (const client of [speaker, ...others, first]) await client.ok('join_channel', { channelId });
  // A member's later connections are in the room from the start.
  const many = await each(ROOM - others.length - 2, async () => {
    const raw = await Raw.open(WS_URL, { authorization: `Bearer ${ana.token}` });
    await raw.next(/^\{"event":"connected",/, 60_000);
    return raw;
  });
  assert.equal((await rows(roomPartition(`channel:${channelId}`))).length, ROOM);
  const told = [];
  for (let m = 1; m <= MESSAGES; m++) told.push((await speaker.ok('send_message', { channelId, text: `m${m}` })).seq);
  assert.deepEqual(told, [1, 2, 3, 4, 5]);
  const log = (await replay(speaker, channelId)).map((entry) => entry.data);

  const heardBy = (one) => (one.frames
    ? one.frames.map((frame) => JSON.parse(frame)).filter((frame) => frame.event === 'new_message')
    : one.received.filter((e) => e.event === 'new_message')).map((e) => e.data);
  const all = [...many, first, ...others, speaker];
  let missing = all.length;
  for (const end = Date.now() + 180_000; missing && Date.now() < end; await pause(200)) {
    missing = all.filter((one) => heardBy(one).length < MESSAGES).length;
  }
  assert.equal(missing, 0, `${missing} of ${all.length} did not hear all`);
  for (const client of [first, ...others, speaker]) await client.barrier();
  for (const one of all) assert.deepEqual(heardBy(one), log);
  for (const raw of many) assert.equal(raw.socket.readyState, 1);
  await Promise.all(many.map((raw) => raw.socket.terminate()));
});
