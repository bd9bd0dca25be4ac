// Clients written from the documents of the enterprise chat and the live chat alone, with socket.io-client as it comes.
import { after, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { DEADLINE, SIO_OPTIONS, SIO_URL, person, rest, token, unique, within } from './client.mjs';
import { io } from 'socket.io-client';

const sockets = [];
after(() => sockets.forEach((socket) => socket.disconnect()));

/** A socket of a namespace, once it is connected. */
async function dial(namespace, options = {}) {
  const socket = io(SIO_URL + namespace, { forceNew: true, ...SIO_OPTIONS, ...options });
  sockets.push(socket);
  await within(new Promise((resolve, reject) => socket.on('connect', resolve).on('connect_error', reject)), 'no connection');
  return socket;
}

/** The next event of this name; asked for before what causes it. */
const once = (socket, event) => within(new Promise((resolve) => socket.once(event, resolve)), `no ${event}`);

/** An event with an ack, in the callback style. */
const ask = (socket, event, data) => within(new Promise((resolve) => socket.emit(event, data, resolve)), `no ack of ${event}`);

describe('enterprise chat: namespace /chat, a JWT, every documented event', () => {
  const enter = (who) => dial('/chat', { auth: { token: who.token } });

  test('two members talk, edit, react, type, open a thread, mention and delete', async () => {
    const [ana, eva] = [person('ana'), person('eva')];
    const [one, two] = [await enter(ana), await enter(eva)];
    const channelId = unique('general');
    assert.deepEqual(await ask(one, 'join_channel', { channelId }), { success: true, channelId });
    const joined = once(one, 'user_joined_channel');
    assert.deepEqual(await ask(two, 'join_channel', { channelId }), { success: true, channelId });
    assert.equal((await joined).username, eva.username);

    const message = once(two, 'new_message');
    const mention = once(two, 'mention_received');
    const sent = await ask(one, 'send_message', { channelId, text: 'Hola @eva', attachments: [], mentions: [eva.id], links: [] });
    assert.equal(sent.success, true);
    const received = await message;
    assert.equal(received.message.id, sent.messageId);
    assert.equal(received.message.content.text, 'Hola @eva');
    assert.equal(received.author.username, ana.username);
    const mentioned = await mention;
    assert.deepEqual([mentioned.messageId, mentioned.text, mentioned.author.id, mentioned.channelId],
      [sent.messageId, 'Hola @eva', ana.id, channelId]);

    const { messageId } = sent;
    const edited = once(two, 'message_edited');
    assert.deepEqual(await ask(one, 'edit_message', { messageId, channelId, text: 'Hola, @eva' }), { success: true, messageId });
    assert.deepEqual([(await edited).text, (await edited).editedBy.id], ['Hola, @eva', ana.id]);

    const added = once(one, 'reaction_added');
    assert.deepEqual(await ask(two, 'add_reaction', { messageId, channelId, emoji: '👋' }), { success: true });
    assert.deepEqual([(await added).emoji, (await added).userId], ['👋', eva.id]);
    const removed = once(one, 'reaction_removed');
    assert.deepEqual(await ask(two, 'remove_reaction', { messageId, channelId, emoji: '👋' }), { success: true });
    assert.equal((await removed).emoji, '👋');

    for (const [event, isTyping] of [['typing_start', true], ['typing_stop', false]]) {
      const typing = once(two, 'user_typing');
      one.emit(event, { channelId });
      assert.deepEqual(await typing, { userId: ana.id, username: ana.username, channelId, isTyping });
    }

    const created = once(one, 'thread_created');
    const { success, threadId } = await ask(two, 'create_thread', { channelId, messageId, title: 'Saludos' });
    assert.equal(success, true);
    assert.deepEqual([(await created).threadId, (await created).title], [threadId, 'Saludos']);
    const reply = once(two, 'new_message');
    assert.equal((await ask(one, 'send_message', { channelId, threadId, text: 'en el hilo' })).success, true);
    assert.equal((await reply).message.threadId, threadId);

    const synced = once(two, 'sync_response');
    two.emit('sync_request', { channelId, lastSeq: 0 });
    assert.deepEqual((await synced).channels[0].events.map((e) => e.event),
      ['new_message', 'message_edited', 'reaction_added', 'reaction_removed', 'thread_created', 'new_message']);

    const deleted = once(two, 'message_deleted');
    assert.deepEqual(await ask(one, 'delete_message', { messageId, channelId }), { success: true, messageId });
    assert.equal((await deleted).deletedBy.username, ana.username);
    const left = once(one, 'user_left_channel');
    assert.deepEqual(await ask(two, 'leave_channel', { channelId }), { success: true, channelId });
    assert.equal((await left).userId, eva.id);
  });

  test('a refusal is an ack with an error text', async () => {
    const socket = await enter(person('ana'));
    const ack = await ask(socket, 'send_message', { channelId: unique('nada'), text: 'nobody there' });
    assert.equal(ack.success, false);
    assert.equal(typeof ack.error, 'string');
    const error = once(socket, 'error');
    socket.emit('send_message', { channelId: unique('nada'), text: 'no ack' });
    assert.equal((await error).errorCode, 'NOT_FOUND');
  });

  test('the token may come as a header or in the query as well', async () => {
    for (const options of [{ extraHeaders: { authorization: `Bearer ${person().token}` } }, { query: { token: person().token } }]) {
      const socket = await dial('/chat', options);
      assert.equal((await ask(socket, 'join_channel', { channelId: unique('canal') })).success, true);
    }
  });

  test('a wrong or expired token is refused with its text', async () => {
    const now = Math.floor(Date.now() / 1000);
    const wrong = [
      ['Token inválido', 'no.token.atall'],
      ['Token inválido', token({ id: 'ana', secret: 'another secret, long enough for HS256' })],
      ['Token expirado', token({ id: 'ana', exp: now - 5 })],
    ];
    for (const [text, jwt] of wrong) {
      await assert.rejects(dial('/chat', { auth: { token: jwt }, reconnection: false }), { message: text });
    }
  });

  test('who loses the connection is back in the channels after the automatic reconnect', async () => {
    const [ana, eva] = [person('ana'), person('eva')];
    const [one, two] = [await enter(ana), await dial('/chat', { auth: { token: eva.token }, reconnectionDelay: 50 })];
    const channelId = unique('general');
    for (const socket of [one, two]) await ask(socket, 'join_channel', { channelId });
    const again = once(two, 'connect');
    two.io.engine.close();
    await again;
    const message = once(two, 'new_message');
    await ask(one, 'send_message', { channelId, text: 'still with us?' });
    assert.equal((await message).message.content.text, 'still with us?');
  });
});

describe('live chat: the lobby', () => {
  test('what one client says is stored, then heard by all, and read back by a client that comes later', async () => {
    const who = () => ({ auth: { token: person().token } });
    const [one, two] = [await dial('', who()), await dial('', who())];
    const text = unique('hola');
    const mine = (socket) => within(new Promise((resolve) => socket.on('new_message', (m) => m.message === text && resolve(m))), 'no new_message');
    const heard = [mine(one), mine(two)];
    const ack = await ask(one, 'event_message', { message: text, author: 'Ana' });
    assert.deepEqual(Object.keys(ack).sort(), ['messageId', 'success']);
    for (const message of await Promise.all(heard)) {
      assert.deepEqual([message.id, message.message, message.author], [ack.messageId, text, 'Ana']);
    }
    const { messages } = (await rest('GET', '/messages?limit=50')).body;
    assert.deepEqual(messages.find((m) => m.id === ack.messageId), await heard[1]);
  });

  test('a client without any token takes part', async () => {
    const [one, two] = [await dial(''), await dial('')];
    const text = unique('hola');
    const heard = within(new Promise((resolve) => two.on('new_message', (m) => m.message === text && resolve(m))), 'no new_message', DEADLINE);
    one.emit('event_message', { message: text });
    assert.equal((await heard).authorId, null);
  });

  test('the chat’s namespace is not in the lobby', async () => {
    const chat = await dial('/chat', { auth: { token: person().token } });
    const lobby = await dial('', { auth: { token: person().token } });
    const heard = [];
    chat.on('new_message', (m) => heard.push(m));
    await ask(lobby, 'event_message', { message: unique('hola') });
    await ask(chat, 'sync_request', { channels: [] });
    assert.deepEqual(heard, []);
    assert.equal((await ask(chat, 'event_message', { message: unique('from the chat') })).success, true);
  });

  test('the documentation page is there', async () => {
    const { status, body, headers } = await rest('GET', '/docs/');
    assert.equal(status, 200);
    assert.match(headers.get('content-type'), /text\/html/);
    assert.match(body, /swagger/i);
  });
});
