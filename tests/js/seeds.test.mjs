// The clients of S0, S1, S2 and S4, as their own documents write them. (S3 is in seeds-chat.)
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { io } from 'socket.io-client';
import { SIO_OPTIONS, SIO_URL, person, rest, token, unique, uniqueNumber, within } from './client.mjs';
import { isTime, shape } from './helpers.mjs';

const sockets = [];
after(() => { for (const socket of sockets) socket.disconnect(); });

/** socket.io-client with nothing but the given options; a connection of its own, closed after the tests. */
function client(options = {}, namespace = '') {
  const socket = io(SIO_URL + namespace, { forceNew: true, ...SIO_OPTIONS, ...options });
  sockets.push(socket);
  return socket;
}

/** The next `event` of the socket. */
const once = (socket, event) => within(new Promise((resolve) => socket.once(event, resolve)), `no "${event}"`);

const jwt = (id, username, more) => token({ id, username, ...more });

test('S0: a client passes initialize, without acks, and then sends messages', async () => {
  const [senderId, receiverId] = [unique('ana'), unique('eva')];
  const [ana, eva] = [client({ transports: ['websocket'] }), client({ transports: ['websocket'] })];
  await Promise.all([once(ana, 'connect'), once(eva, 'connect')]);

  ana.emit('message', { content: 'antes' });
  const refusal = await once(ana, 'error');
  assert.equal(refusal.errorCode, 'UNAUTHORIZED');
  assert.equal(refusal.message, 'Client is not initialized');
  assert.equal(refusal.details, "Make sure you have performed the 'initialize' event");

  ana.emit('initialize', { senderId, receiverId });
  const invalid = await once(ana, 'error');
  assert.deepEqual([invalid.errorCode, invalid.message], ['INVALID_REQUEST', 'Invalid data']);
  assert.ok(invalid.details.length > 0);

  ana.emit('initialize', { senderId, receiverId: senderId, messageContent: 'hola' });
  const same = await once(ana, 'error');
  assert.deepEqual([same.errorCode, same.message], ['INVALID_REQUEST', 'Sender and receiver cannot be the same']);

  eva.emit('initialize', { senderId: receiverId, receiverId: senderId, messageContent: 'estoy', multimedia: null });
  assert.equal((await once(eva, 'message')).content, 'estoy');
  ana.emit('initialize', { senderId, receiverId, messageContent: 'hola', multimedia: { url: 'foto.png' } });
  const seen = await once(eva, 'message');
  assert.deepEqual([seen.senderId, seen.receiverId, seen.content, seen.multimedia], [senderId, receiverId, 'hola', { url: 'foto.png' }]);
  ana.emit('message', { content: 'ya se puede' });
  assert.equal((await once(eva, 'message')).content, 'ya se puede');
});

test('S1: a message sent with event_message comes to all as new_message, and stays', async () => {
  const [ana, eva] = [client(), client()];
  await Promise.all([once(ana, 'connect'), once(eva, 'connect')]);
  const text = unique('hola');
  const seen = within(new Promise((resolve) => eva.on('new_message', (m) => m.text === text && resolve(m))), 'no "new_message"');
  ana.emit('event_message', { user: 'Ana', text });
  const message = await seen;
  assert.deepEqual([message.user, message.text], ['Ana', text]);
  const { body } = await rest('GET', '/messages');
  assert.ok(body.messages.some((m) => m.id === message.id && m.text === text));
});

for (const [place, options] of [
  ['auth.token and withCredentials', (bearer) => ({ auth: { token: bearer }, withCredentials: true })],
  ['auth.token', (bearer) => ({ auth: { token: bearer } })],
  ['extraHeaders', (bearer) => ({ extraHeaders: { Authorization: `Bearer ${bearer}` } })],
]) {
  test(`S2: a group's client, with its token in ${place}`, async () => {
    const [diego, maria, groupId] = [uniqueNumber(), uniqueNumber(), uniqueNumber()];
    const socket = client(options(jwt(diego, 'diegovinals')));
    const connected = await once(socket, 'connected');
    assert.equal(connected.message, 'Conectado exitosamente');
    assert.deepEqual(connected.user, { id: diego, username: 'diegovinals' });

    socket.emit('join-group', { groupId });
    assert.deepEqual(await once(socket, 'joined-group'), { groupId, message: 'Te has unido al grupo exitosamente' });

    const other = client(options(jwt(maria, 'mariavinals')));
    await once(other, 'connect');
    other.emit('join-group', { groupId });
    const joined = await once(socket, 'user-joined-group');
    isTime(joined.timestamp);
    assert.deepEqual(joined, { userId: maria, username: 'mariavinals', groupId, timestamp: joined.timestamp });

    other.emit('watch-episode', { groupId, seriesId: 456, episodeId: 789 });
    const watched = await once(socket, 'episode-watched');
    const by = { userId: maria, username: 'mariavinals', groupId };
    assert.deepEqual(watched, { ...by, seriesId: 456, episodeId: 789, timestamp: watched.timestamp });

    other.emit('group-activity', { groupId, type: 'series_added', data: { seriesName: 'Breaking Bad' } });
    const activity = await once(socket, 'group-activity');
    assert.deepEqual(activity, { ...by, type: 'series_added', data: { seriesName: 'Breaking Bad' }, timestamp: activity.timestamp });

    const service = jwt(unique('srv'), 'servicio', { roles: ['service'] });
    const added = once(socket, 'series-added');
    await rest('POST', `/groups/${groupId}/emit`, { token: service, body: { event: 'series-added', data: { seriesName: 'Dark', addedBy: 'Ana' } } });
    assert.deepEqual(await added, { seriesName: 'Dark', addedBy: 'Ana' });
    const notice = once(other, 'notification');
    const data = { message: 'Tienes una nueva notificación' };
    await rest('POST', `/users/${maria}/emit`, { token: service, body: { event: 'notification', data } });
    assert.deepEqual(await notice, data);

    socket.emit('leave-group', { groupId });
    assert.equal((await once(other, 'user-left-group')).userId, diego);
    socket.emit('watch-episode', { groupId, seriesId: 456, episodeId: 789 });
    const error = await once(socket, 'error');
    assert.equal(typeof error.message, 'string');
    isTime(error.timestamp);
  });
}

test('S2: a client whose token is wrong learns it from connect_error', async () => {
  for (const options of [{ auth: { token: 'no' } }, { extraHeaders: { Authorization: 'Bearer no' } }]) {
    assert.equal((await once(client({ ...options, reconnection: false }), 'connect_error')).message, 'Token inválido');
  }
});

test('S4: a client with session data gets its notifications, again after it came back', async () => {
  const user = { id: unique('usuario'), email: 'ana@example.org' };
  const data = { id: unique('sesion-de-la-app') };
  const socket = client({ autoConnect: false });
  const login = () => {
    socket.auth = { sessionID: data.id, userID: user.id, username: user.email };
    socket.connect();
  };
  login();
  assert.deepEqual(await once(socket, 'session'), { sessionID: data.id, userID: user.id });

  const received = once(socket, 'newNotification');
  const sent = await rest('POST', '/notification/send', { body: { message: 'hola', userId: user.id } });
  assert.equal(sent.status, 201);
  assert.equal(sent.body.message, 'Notification sent successfully');
  const notification = await received;
  shape(notification, 'id message userId createdAt');
  assert.deepEqual([notification.message, notification.userId], ['hola', user.id]);

  socket.disconnect();
  const kept = await rest('POST', '/notification/send', { body: { message: 'mientras no estabas', userId: user.id } });
  assert.equal(kept.status, 201);
  const again = new Promise((resolve) => {
    const seen = [];
    socket.on('newNotification', (n) => seen.push(n.message) === 2 && resolve(seen));
  });
  login();
  assert.deepEqual(await within(again, 'not both notifications'), ['hola', 'mientras no estabas']);
  socket.emit('confirmNotification', { notificationId: notification.id, userId: user.id });
  await within(socket.emitWithAck('confirm-notification', { notificationId: kept.body.id }), 'no ack');

  const late = client({ autoConnect: false });
  late.auth = { sessionID: data.id, userID: user.id, username: user.email };
  const seen = [];
  late.on('newNotification', (n) => seen.push(n.message));
  late.connect();
  await once(late, 'session');
  const { body } = await rest('POST', '/notification/send', { body: { message: 'nueva', userId: user.id } });
  assert.equal(body.delivered, 2);
  await late.emitWithAck('confirmNotification', { notificationId: body.id });
  assert.deepEqual(seen, ['nueva'], 'the confirmed ones do not come again');
});

test('S4: a client without its user data is told what is required', async () => {
  const socket = client({ autoConnect: false, reconnection: false });
  socket.auth = { sessionID: unique('sesion-desconocida') };
  socket.connect();
  assert.equal((await once(socket, 'connect_error')).message, 'Username and userID are required');
});

test('every seed works as well in /chat', async () => {
  const [ana, eva] = [person('ana'), person('eva')];
  const [first, second] = [client({ auth: { token: ana.token } }, '/chat'), client({ auth: { token: eva.token } }, '/chat')];
  await Promise.all([once(first, 'connected'), once(second, 'connected')]);
  const groupId = uniqueNumber();
  assert.deepEqual(await first.emitWithAck('join-group', { groupId }), { success: true });
  second.emit('join-group', { groupId });
  assert.equal((await once(first, 'user-joined-group')).userId, eva.id);
  second.emit('initialize', { senderId: eva.id, receiverId: ana.id, messageContent: 'hola' });
  assert.equal((await once(first, 'message')).content, 'hola');
});
