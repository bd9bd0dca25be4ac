// The forms an id may have, and which of them are the same id.
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { RAW_PATHS, TRANSPORTS, connect, person, rest, unique, uniqueNumber } from './client.mjs';
import { invalid } from './helpers.mjs';

for (const t of TRANSPORTS) describe(t.name, () => {
  test('a number and its digits are one channel, and each request is answered in its own form', async () => {
    const number = uniqueNumber();
    const text = String(number);
    const ana = await connect({ ...t, as: person('ana') });
    const eva = await connect({ ...t, as: person('eva') });
    assert.strictEqual((await ana.ok('join_channel', { channelId: number })).channelId, number);
    assert.strictEqual((await eva.ok('join_channel', { channelId: text })).channelId, text);
    assert.strictEqual((await ana.next('user_joined_channel')).channelId, text);

    const { messageId, seq } = await ana.ok('send_message', { channelId: number, text: 'as a number' });
    assert.strictEqual((await eva.next('new_message')).message.channelId, number);
    await eva.ok('add_reaction', { channelId: text, messageId, emoji: '👍' });
    assert.strictEqual((await ana.next('reaction_added')).channelId, text);
    await ana.ok('typing_start', { channelId: number });
    assert.strictEqual((await eva.next('user_typing')).channelId, number);
    await eva.ok('mark_read', { channelId: text, seq });
    assert.strictEqual((await ana.next('message_read')).channelId, text);

    const { channels } = await eva.ok('sync_request', { channels: [{ channelId: text, lastSeq: 0 }] });
    assert.strictEqual(channels[0].channelId, text);
    assert.strictEqual(channels[0].events[0].data.message.channelId, number, 'stored as first written');
    assert.strictEqual(channels[0].events[1].data.channelId, text);
    await ana.ok('leave_channel', { channelId: text });
    assert.strictEqual((await eva.next('user_left_channel')).channelId, text);
  });

  test('leading zeros make another id', async () => {
    const number = uniqueNumber();
    const ana = await connect({ ...t, as: person('ana') });
    await ana.ok('join_channel', { channelId: number });
    await ana.fails('NOT_FOUND', 'send_message', { channelId: `00${number}`, text: 'elsewhere' });
    await ana.ok('send_message', { channelId: String(number), text: 'here' });
  });

  test('fractions, other types and missing ids are refused', async () => {
    const ana = await connect({ ...t, as: person('ana') });
    for (const channelId of [1.5, -0.25, true, null, {}, ['a'], undefined]) {
      await invalid(ana, 'channelId', 'join_channel', { channelId });
    }
    await invalid(ana, 'channelId', 'join_channel', { channel: 'not-the-field' });
  });

  test('integers end at 2^53 - 1 on both sides', async () => {
    const ana = await connect({ ...t, as: person('ana') });
    const far = -Number.MAX_SAFE_INTEGER;
    for (const channelId of [far, Number.MAX_SAFE_INTEGER]) {
      assert.strictEqual((await ana.ok('join_channel', { channelId })).channelId, channelId);
    }
    await ana.ok('send_message', { channelId: String(far), text: 'the same one' });
    for (const channelId of [2 ** 53, -(2 ** 53), 1e300]) await invalid(ana, 'channelId', 'join_channel', { channelId });
  });

  test('128 characters and 256 bytes are the most', async () => {
    const ana = await connect({ ...t, as: person('ana') });
    for (const filler of ['x', 'ñ']) {
      const start = unique('').replaceAll('-', '');
      const channelId = filler === 'x' ? start.padEnd(128, 'x') : `${'ñ'.repeat(128 - start.length)}${start}`;
      assert.strictEqual((await ana.ok('join_channel', { channelId })).channelId, channelId);
    }
    await invalid(ana, 'channelId', 'join_channel', { channelId: unique('').padEnd(129, 'x') });
    await invalid(ana, 'channelId', 'join_channel', { channelId: '語'.repeat(86) });
  });

  test('control characters are refused', async () => {
    const ana = await connect({ ...t, as: person('ana') });
    for (const code of [0, 9, 10, 13, 27, 127, 0x85]) {
      await invalid(ana, 'channelId', 'join_channel', { channelId: `${unique('a')}${String.fromCharCode(code)}b` });
    }
  });

  test('ids that look like keys, paths or markup are only ids', async () => {
    const ana = await connect({ ...t, as: person('ana') });
    const eva = await connect({ ...t, as: person('eva') });
    const stem = unique('raro');
    const ids = [`${stem}:5`, `${stem}#LOG`, `${stem}%23`, `${stem}/..`, `${stem} "<b>`, `channel:${stem}`, `${stem}🎉`];
    for (const channelId of ids) {
      await ana.ok('join_channel', { channelId });
      await ana.ok('send_message', { channelId, text: channelId });
      await eva.fails('FORBIDDEN', 'send_message', { channelId, text: 'not in' });
      if (!RAW_PATHS && channelId.includes('/')) continue;
      const path = `/channels/${encodeURIComponent(channelId)}`;
      const { status, body } = await rest('GET', path, { as: person('leo') });
      assert.deepEqual([status, body.id], [200, channelId]);
    }
    await eva.fails('NOT_FOUND', 'send_message', { channelId: stem, text: 'a part of an id is no id' });
  });

  test('a group, a channel and a thread of one id are three rooms', async () => {
    const id = uniqueNumber();
    const ana = await connect({ ...t, as: person('ana') });
    const eva = await connect({ ...t, as: person('eva') });
    await ana.ok('join-group', { groupId: id });
    await eva.ok('join_channel', { channelId: id });
    await ana.none('user_joined_channel');
    await ana.ok('group-activity', { groupId: id, type: 'hola' });
    await ana.next('group-activity');
    await eva.none('group-activity');
    await eva.ok('send_message', { channelId: id, text: 'channel only' });
    await eva.next('new_message');
    await ana.none('new_message');
    await ana.fails('FORBIDDEN', 'send_message', { channelId: id, text: 'no member of the channel' });
    await eva.fails('FORBIDDEN', 'group-activity', { groupId: id, type: 'no member of the group' });
    await eva.fails('NOT_FOUND', 'join_thread', { channelId: id, threadId: String(id) });
  });
});
