// Typing: told to the others, never stored, and over by itself.
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { DEADLINE, TRANSPORTS } from './client.mjs';
import { meet } from './helpers.mjs';

const [CHAT] = TRANSPORTS;
const OTHERS = { websocket: 'plain', polling: 'websocket', plain: 'websocket' };
/** Long enough for TYPING_SECONDS to run out. */
const EXPIRY = DEADLINE + 1000 * Number(process.env.TYPING_SECONDS ?? 1);

for (const t of TRANSPORTS) describe(t.name, { concurrency: true }, () => {
  const other = { transport: OTHERS[t.transport], namespace: '/' };
  const typing = ({ id, username }, channelId, isTyping) => ({ userId: id, username, channelId, isTyping });

  test('start and stop are acked and told to the others only', async () => {
    const { channelId, clients: [ana, eva], people: [author] } = await meet([t, other]);
    assert.deepEqual(await ana.request('typing_start', { channelId }), { success: true });
    assert.deepEqual(await eva.next('user_typing'), typing(author, channelId, true));
    assert.deepEqual(await ana.request('typing_stop', { channelId }), { success: true });
    assert.deepEqual(await eva.next('user_typing'), typing(author, channelId, false));
    await ana.none('user_typing');
  });

  test('it expires by itself, once', async () => {
    const { channelId, clients: [ana, eva, leo], people } = await meet([t, other, CHAT]);
    await ana.ok('typing_start', { channelId });
    await leo.ok('typing_start', { channelId });
    assert.deepEqual((await eva.collect('user_typing', 2)).map((d) => d.isTyping), [true, true]);
    const begun = Date.now();
    const ended = [await eva.next('user_typing', undefined, EXPIRY), await eva.next('user_typing', undefined, EXPIRY)];
    assert.ok(Date.now() - begun > 500, 'not at once');
    assert.deepEqual(new Set(ended.map((d) => d.userId)), new Set([people[0].id, people[2].id]));
    assert.deepEqual(ended.map((d) => d.isTyping), [false, false]);
    await ana.none('user_typing', (d) => d.userId === people[0].id);
    await eva.none('user_typing');
  });

  test('after a stop nothing is left to expire', async () => {
    const { channelId, clients: [ana, eva, leo], people: [author] } = await meet([t, other, CHAT]);
    await ana.ok('typing_start', { channelId });
    await ana.ok('typing_stop', { channelId });
    await leo.ok('typing_start', { channelId });
    // When leo's, which began later, has expired, ana's would have as well.
    await eva.next('user_typing', (d) => d.userId !== author.id && !d.isTyping, EXPIRY);
    assert.deepEqual((await eva.collect('user_typing', 2, (d) => d.userId === author.id)).map((d) => d.isTyping), [true, false]);
    await eva.none('user_typing', (d) => d.userId === author.id);
  });

  test('it ends when the one who types disconnects', async () => {
    const { channelId, clients: [ana, eva], people: [author] } = await meet([t, other]);
    await ana.ok('typing_start', { channelId });
    await eva.next('user_typing');
    const begun = Date.now();
    await ana.close();
    assert.deepEqual(await eva.next('user_typing', undefined, EXPIRY), typing(author, channelId, false));
    assert.ok(Date.now() - begun < 800, 'not only when it expires');
  });

  test('it is not part of the log', async () => {
    const { channelId, clients: [ana, eva] } = await meet([t, other]);
    await ana.ok('typing_start', { channelId });
    await eva.next('user_typing');
    assert.equal((await eva.ok('sync_request', { channelId })).channels[0].lastSeq, 0);
  });
});
