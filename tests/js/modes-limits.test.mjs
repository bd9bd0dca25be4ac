// Limits that are configured: MAX_TEXT_CHARS=10, MAX_FRAME_BYTES=2048, PRESENCE_ROOM_MAX=2; and rooms per user.
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { TRANSPORTS, connect, person, rest, token, unique } from './client.mjs';
import { invalid, makeChannel, problem, shape } from './helpers.mjs';
import { errorOf } from './wire.mjs';

const skip = process.env.MAX_TEXT_CHARS !== '10' && 'needs a host with other limits';
const [CHAT] = TRANSPORTS;
const [TEXT, FRAME, ROOMS] = [10, 2048, 100];
const service = { token: token({ id: unique('servicio'), roles: ['service'] }) };

describe('configured limits', { skip }, () => {
  for (const t of TRANSPORTS) {
    test(`MAX_TEXT_CHARS counts characters, wherever people write (${t.name})`, async () => {
      const ana = person();
      const client = await connect({ ...t, as: ana });
      const channelId = unique('c');
      await client.ok('join_channel', { channelId });
      const eva = unique('eva');
      for (const char of ['x', 'ñ', '語', '😀']) {
        const [text, over] = [char.repeat(TEXT), char.repeat(TEXT + 1)];
        const { messageId } = await client.ok('send_message', { channelId, text });
        await invalid(client, 'text', 'send_message', { channelId, text: over });
        await client.ok('edit_message', { channelId, messageId, text });
        await invalid(client, 'text', 'edit_message', { channelId, messageId, text: over });
        await client.ok('initialize', { senderId: ana.id, receiverId: eva, messageContent: text });
        await invalid(client, 'messageContent', 'initialize', { senderId: ana.id, receiverId: eva, messageContent: over });
        await client.ok('message', { content: text });
        await invalid(client, 'content', 'message', { content: over });
      }
      const { details } = await client.fails('INVALID_REQUEST', 'send_message', { channelId, text: 'x'.repeat(TEXT + 1) });
      assert.ok(details[0].message.includes(`${TEXT}`), 'the limit is told');
    });

    test(`a frame over MAX_FRAME_BYTES is refused and the connection goes on (${t.name})`, async () => {
      const client = await connect({ ...t, as: person() });
      for (const text of ['x'.repeat(FRAME - 200), 'ñ'.repeat(FRAME / 2 - 100)]) await client.ok('event_message', { text });
      for (const text of ['x'.repeat(FRAME + 1), 'ñ'.repeat(FRAME / 2 + 1), 'x'.repeat(8 * FRAME)]) {
        const ack = await client.fails('PAYLOAD_TOO_LARGE', 'event_message', { text });
        assert.ok(ack.error.includes(`${FRAME}`), ack.error);
      }
      client.emit('event_message', { text: 'x'.repeat(FRAME + 1) });
      await errorOf(client, 'PAYLOAD_TOO_LARGE');
      await client.ok('event_message', { text: 'x' });
    });

    test(`rooms above PRESENCE_ROOM_MAX connections hear of no presence, smaller ones do (${t.name})`, async () => {
      const [ana, eva, leo, mia] = ['ana', 'eva', 'leo', 'mia'].map((name) => person(name));
      await makeChannel(ana, { members: [eva, leo] });
      const large = await makeChannel(ana, { members: [eva, leo, mia] });
      const of = (who) => (d) => d.userId === who.id;
      const first = await connect({ ...CHAT, as: eva });
      const second = await connect({ ...t, as: leo });
      await first.next('user_presence', of(leo));
      const third = await connect({ ...t, as: mia });
      await third.barrier();
      for (const client of [first, second]) await client.none('user_presence', of(mia));

      // A room of the two alone: within the limit, though they share a larger one as well.
      await makeChannel(eva, { members: [ana] });
      const owner = await connect({ ...t, as: ana });
      await first.next('user_presence', of(ana));
      await first.none('user_presence', of(ana));
      for (const client of [second, third]) await client.none('user_presence', of(ana));
      await owner.ok('typing_start', { channelId: large });
      for (const client of [first, second, third]) await client.next('user_typing', of(ana));
    });
  }

  test('REST has the same limits', async () => {
    const userId = unique('ana');
    const send = (message) => rest('POST', '/notification/send', { ...service, body: { message, userId } });
    assert.equal((await send('x'.repeat(TEXT))).status, 201);
    const { details } = await problem(400, 'INVALID_REQUEST', 'POST', '/notification/send', { ...service, body: { message: 'x'.repeat(TEXT + 1), userId } });
    shape(details[0], 'field message');
    assert.equal((await problem(413, 'PAYLOAD_TOO_LARGE', 'POST', '/broadcast', { ...service, body: { event: 'e', data: 'x'.repeat(FRAME) } })).status, 413);
    assert.equal((await rest('POST', '/broadcast', { ...service, body: { event: unique('e'), data: 'x'.repeat(FRAME - 200) } })).status, 202);
  });

  test('a user is in at most 100 rooms, channels and groups together', async () => {
    const [ana, eva] = [person(), person('eva')];
    const client = await connect({ as: ana });
    const channels = Array.from({ length: ROOMS - 1 }, () => unique('c'));
    for (const channelId of channels) await client.ok('join_channel', { channelId });
    await client.ok('join-group', { groupId: unique('g') });
    const full = async (who) => {
      await who.fails('CONFLICT', 'join_channel', { channelId: unique('c') });
      await who.fails('CONFLICT', 'join-group', { groupId: unique('g') });
    };
    await full(client);
    const other = await connect({ as: ana, transport: 'plain' });
    await full(other);
    for (const kind of ['/channels', '/groups']) await problem(409, 'CONFLICT', 'POST', kind, { as: ana, body: { id: unique() } });

    const channelId = await makeChannel(eva);
    await problem(409, 'CONFLICT', 'PUT', `/channels/${channelId}/members/${ana.id}`, { as: eva, body: { role: 'member' } });
    await client.fails('NOT_FOUND', 'send_message', { channelId, text: 'hola' });

    await client.ok('join_channel', { channelId: channels[0] });
    const { messageId } = await client.ok('send_message', { channelId: channels[0], text: 'hola' });
    await client.ok('create_thread', { channelId: channels[0], messageId });
    await client.ok('leave_channel', { channelId: channels[1] });
    await other.ok('join_channel', { channelId: unique('c') });
    await full(client);
    const fresh = await connect({ as: eva });
    await fresh.ok('join_channel', { channelId: channels[0] });
  });

  test('a room with a first member who is in too many rooms is not half made', async () => {
    const [ana, eva] = [person(), person('eva')];
    const client = await connect({ as: ana });
    for (let n = 0; n < ROOMS; n++) await client.ok('join_channel', { channelId: unique('c') });
    const id = unique('sala');
    await problem(409, 'CONFLICT', 'POST', '/channels', { as: eva, body: { id, members: [ana.id] } });
    await problem(404, 'NOT_FOUND', 'GET', `/channels/${id}`, { as: eva });
    assert.equal((await rest('POST', '/channels', { as: eva, body: { id } })).status, 201);
  });
});
