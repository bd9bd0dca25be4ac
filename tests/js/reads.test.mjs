// Read marks: what is unread, and who hears how far somebody has read.
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { TRANSPORTS, connect, rest } from './client.mjs';
import { invalid, isTime, meet, shape } from './helpers.mjs';

const [CHAT] = TRANSPORTS;
const OTHERS = { websocket: 'plain', polling: 'websocket', plain: 'websocket' };

/** A channel of ana (over `t`) and eva, in which eva has written `count` messages. */
async function written(t, count, other = CHAT) {
  const scene = await meet([t, other]);
  const { channelId, clients: [ana, eva] } = scene;
  for (let i = 1; i <= count; i++) await eva.ok('send_message', { channelId, text: `m${i}` });
  return { ...scene, ana, eva, mark: (seq) => ana.request('mark_read', { channelId, seq }) };
}

for (const t of TRANSPORTS) describe(t.name, () => {
  const other = { transport: OTHERS[t.transport], namespace: '/' };

  test('a mark is acked with what is still unread, and told to the others', async () => {
    const { channelId, ana, eva, mark, people: [reader] } = await written(t, 3, other);
    const second = await connect({ ...other, as: reader });
    assert.deepEqual(await mark(1), { success: true, unread: 2 });
    for (const client of [eva, second]) {
      const told = await client.next('message_read');
      shape(told, 'userId channelId seq timestamp');
      assert.deepEqual([told.userId, told.channelId, told.seq], [reader.id, channelId, 1]);
      isTime(told.timestamp);
    }
    await ana.none('message_read');
    assert.deepEqual(await mark(3), { success: true, unread: 0 });
    assert.equal((await eva.next('message_read')).seq, 3);
  });

  test('a mark never moves backwards', async () => {
    const { channelId, eva, mark } = await written(t, 3, other);
    await mark(3);
    assert.deepEqual(await mark(1), { success: true, unread: 0 });
    await eva.none('message_read', (d) => d.seq < 3);
    await eva.ok('send_message', { channelId, text: 'm4' });
    assert.deepEqual(await mark(2), { success: true, unread: 1 });
  });

  test('a mark never goes beyond the head', async () => {
    const { channelId, eva, mark } = await written(t, 2, other);
    assert.deepEqual(await mark(1000), { success: true, unread: 0 });
    assert.equal((await eva.next('message_read')).seq, 2);
    await eva.ok('send_message', { channelId, text: 'm3' });
    assert.deepEqual(await mark(2), { success: true, unread: 1 });
  });

  test('only others’ undeleted messages beyond the mark are unread', async () => {
    const { channelId, ana, eva, mark } = await written(t, 2, other);
    await ana.ok('send_message', { channelId, text: 'my own' });
    const { messageId } = await eva.ok('send_message', { channelId, text: 'to be deleted' });
    const { messageId: kept } = await eva.ok('send_message', { channelId, text: 'to be edited' });
    assert.deepEqual(await mark(1), { success: true, unread: 3 });
    await eva.ok('delete_message', { channelId, messageId });
    await eva.ok('edit_message', { channelId, messageId: kept, text: 'edited' });
    await eva.ok('add_reaction', { channelId, messageId: kept, emoji: '👍' });
    assert.deepEqual(await mark(1), { success: true, unread: 2 });
    assert.deepEqual(await mark(2), { success: true, unread: 1 });
  });

  test('a deletion before the mark changes nothing after it', async () => {
    const { channelId, eva, mark } = await written(t, 1, other);
    const { messageId } = await eva.ok('send_message', { channelId, text: 'read, then deleted' });
    await eva.ok('send_message', { channelId, text: 'm3' });
    assert.deepEqual(await mark(2), { success: true, unread: 1 });
    await eva.ok('delete_message', { channelId, messageId });
    assert.deepEqual(await mark(2), { success: true, unread: 1 });
  });

  test('marks belong to one user each', async () => {
    const { channelId, ana, eva, mark } = await written(t, 1, other);
    await ana.ok('send_message', { channelId, text: 'from ana' });
    assert.deepEqual(await mark(2), { success: true, unread: 0 });
    assert.deepEqual(await eva.request('mark_read', { channelId, seq: 1 }), { success: true, unread: 1 });
  });

  test('a wrong seq is refused', async () => {
    const { channelId, ana, eva } = await written(t, 1, other);
    for (const seq of [-1, 1.5, '1', null, undefined]) await invalid(ana, 'seq', 'mark_read', { channelId, seq });
    await eva.none('message_read');
  });
});

test('GET /channels/{id}/unread counts the same, from the beginning where nothing was marked', async () => {
  const { channelId, ana, mark, people: [reader, writer] } = await written(CHAT, 3);
  const unread = async (as) => {
    const { status, body } = await rest('GET', `/channels/${channelId}/unread`, { as });
    assert.equal(status, 200);
    return body.unread;
  };
  assert.equal(await unread(reader), 3);
  await mark(2);
  assert.equal(await unread(reader), 1);
  await ana.ok('send_message', { channelId, text: 'an own one' });
  assert.equal(await unread(reader), 1);
  assert.equal(await unread(writer), 1);
});

test('concurrent marks end at the furthest', async () => {
  const { channelId, mark, people: [reader] } = await written(CHAT, 8);
  const second = await connect({ ...TRANSPORTS.at(-1), as: reader });
  await Promise.all([3, 8, 1, 5, 2].flatMap((seq) => [mark(seq), second.ok('mark_read', { channelId, seq })]));
  assert.deepEqual(await mark(1), { success: true, unread: 0 });
});
