// The rate limit: 20 events a second with bursts of 40 for each connection; ten times that ends it.
// Needs a host with the default limits at TERTULIA_LIMITS_URL.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';

if (process.env.TERTULIA_LIMITS_URL) {
  process.env.TERTULIA_URL = process.env.TERTULIA_LIMITS_URL;
  delete process.env.TERTULIA_WS_URL;
  delete process.env.TERTULIA_SIO_URL;
}
const { TRANSPORTS, connect, person, rest, unique, within } = await import('./client.mjs');
const { shape } = await import('./helpers.mjs');
const { errorOf } = await import('./wire.mjs');

const [RATE, BURST] = [20, 40];

/** Sends `count` requests at once: their acks and the seconds it took. */
async function burst(client, count) {
  const start = performance.now();
  const acks = await Promise.all(Array.from({ length: count }, () => client.request('set_presence', { status: 'online' })));
  return { acks, seconds: (performance.now() - start) / 1000 };
}

/** Checks the ack of a refused request; how long to wait, in milliseconds. */
function limited(ack) {
  shape(ack, 'success error errorCode details');
  assert.deepEqual([ack.success, ack.errorCode], [false, 'RATE_LIMITED']);
  shape(ack.details, 'retryAfterMs');
  const { retryAfterMs } = ack.details;
  assert.ok(Number.isInteger(retryAfterMs) && retryAfterMs > 0 && retryAfterMs <= 2000, `${retryAfterMs}`);
  return retryAfterMs;
}

for (const t of TRANSPORTS) {
  test(`a burst passes, what goes beyond is RATE_LIMITED, and after retryAfterMs it goes on (${t.name})`, async () => {
    const client = await connect({ ...t, as: person() });
    const { acks, seconds } = await burst(client, 2 * BURST);
    const passed = acks.filter((ack) => ack.success).length;
    assert.ok(passed >= BURST && passed <= BURST + Math.ceil(seconds * RATE), `${passed} of ${acks.length} in ${seconds} s`);
    const waits = acks.filter((ack) => !ack.success).map(limited);
    assert.ok(waits.length > 0);
    await pause(waits.at(-1));
    await client.ok('set_presence', { status: 'online' });
  });

  test(`without an ack the refusal is an error event (${t.name})`, async () => {
    const client = await connect({ ...t, as: person() });
    for (let n = 0; n < 2 * BURST; n++) client.emit('set_presence', { status: 'online' });
    const error = await errorOf(client, 'RATE_LIMITED');
    assert.ok(error.details.retryAfterMs > 0, JSON.stringify(error));
    await pause(error.details.retryAfterMs + 1000 / RATE);
    assert.notEqual((await client.request('set_presence', { status: 'online' })).success, undefined);
  });

  test(`ten times the rate closes the connection; the user may come back (${t.name})`, async () => {
    const ana = person();
    const [flooding, calm] = [await connect({ ...t, as: ana }), await connect({ ...t, as: ana })];
    for (let n = 0; n < 20 * BURST; n++) flooding.emit('typing_start', { channelId: 'no-hay' });
    await within(flooding.closed, 'the flooding connection was not closed', 10_000);
    await calm.ok('set_presence', { status: 'online' });
    const again = await connect({ ...t, as: ana });
    await again.ok('set_presence', { status: 'online' });
  });
}

test('each connection is counted for itself', async () => {
  const ana = person();
  const [busy, calm] = [await connect({ as: ana }), await connect({ as: ana, transport: 'plain' })];
  const { acks } = await burst(busy, 2 * BURST);
  assert.ok(acks.some((ack) => ack.errorCode === 'RATE_LIMITED'));
  for (let n = 0; n < 5; n++) await calm.ok('set_presence', { status: 'online' });
});

test('a steady 20 events a second never meet the limit', async () => {
  const client = await connect({ as: person() });
  for (let n = 0; n < 3 * RATE; n++) {
    const [ack] = await Promise.all([client.request('set_presence', { status: 'online' }), pause(1000 / RATE)]);
    assert.deepEqual(ack, { success: true }, `event ${n}`);
  }
});

test('unknown and invalid events count as well', async () => {
  const client = await connect({ as: person(), transport: 'plain' });
  const asked = Array.from({ length: 2 * BURST }, (_, n) => client.request(n % 2 ? unique('no-existe') : 'join-group', {}));
  const codes = new Set((await Promise.all(asked)).map((ack) => ack.errorCode));
  assert.deepEqual([...codes].sort(), ['INVALID_REQUEST', 'RATE_LIMITED', 'UNKNOWN_EVENT']);
});

test('a refused message is not stored', async () => {
  const client = await connect({ as: person() });
  const mark = unique('inundacion');
  const acks = await Promise.all(Array.from({ length: 2 * BURST }, (_, n) => client.request('event_message', { mark, n })));
  const passed = acks.filter((ack) => ack.success).map((ack) => ack.messageId);
  assert.ok(passed.length >= BURST && passed.length < acks.length, `${passed.length}`);
  for (const ack of acks.filter((a) => !a.success)) limited(ack);
  const { body } = await rest('GET', '/messages?limit=100');
  assert.deepEqual(body.messages.filter((m) => m.mark === mark).map((m) => m.id), passed);
});
