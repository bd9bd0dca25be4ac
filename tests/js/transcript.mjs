// Prints what clients of every kind see of a fixed conversation, ids and times replaced: the same on every host.
import { setTimeout as pause } from 'node:timers/promises';
import { connect, person, rest, unique } from './client.mjs';

const mark = unique('');
const SETTLE = Number(process.env.TERTULIA_SETTLE_MS ?? 0) + 300;

function plain(value) {
  return JSON.parse(JSON.stringify(value, (key, given) => {
    if (key === 'connectionId') return '<connection>';
    if (typeof given !== 'string') return given;
    return given.replaceAll(mark, '')
      .replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/, '<time>')
      .replace(/\b(\d+)-[0-9a-f]{16}\b/g, '<message $1>')
      .replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '<uuid>');
  }));
}

const names = ['ana', 'luis', 'eva'];
const people = Object.fromEntries(names.map((name) => [name, person(name, { id: `${name}${mark}`, username: name })]));
const clients = {
  ana: await connect({ transport: 'websocket', namespace: '/chat', as: people.ana }),
  luis: await connect({ transport: 'websocket', namespace: '/', as: people.luis }),
  eva: await connect({ transport: 'plain', as: people.eva }),
};
const seen = Object.fromEntries(names.map((name) => [name, 0]));

/** What each has received since the last step. Acks and broadcasts may overtake each other, so a step is a set. */
async function told(step, ack) {
  await pause(SETTLE);
  const lines = names.flatMap((name) => clients[name].received.slice(seen[name])
    .filter(({ event }) => event !== 'ping')
    .map(({ event, data }) => `  ${name} < ${event} ${JSON.stringify(plain(data))}`));
  for (const name of names) seen[name] = clients[name].received.length;
  console.log([step, ack === undefined ? [] : `  = ${JSON.stringify(plain(ack))}`, lines.sort()].flat().join('\n'));
}

async function say(name, event, data) {
  const ack = await clients[name].request(event, data);
  await told(`${name} > ${event} ${JSON.stringify(plain(data))}`, ack);
  return ack;
}

const channelId = `general${mark}`;
const groupId = `serie${mark}`;
await told('connected');
for (const name of names) await say(name, 'join_channel', { channelId });
await say('ana', 'join_channel', { channelId });
const { messageId } = await say('ana', 'send_message', { channelId, text: 'hola @luis', mentions: ['luis', people.eva.id] });
await say('luis', 'send_message', { channelId, text: 'otra', parentMessageId: messageId, links: ['https://example.com'] });
await say('ana', 'edit_message', { messageId, channelId, text: 'hola a todos', mentions: ['luis'] });
await say('eva', 'add_reaction', { messageId, channelId, emoji: '🦀' });
await say('eva', 'remove_reaction', { messageId, channelId, emoji: '🦀' });
const { threadId } = await say('luis', 'create_thread', { channelId, messageId, title: 'aparte' });
await say('eva', 'join_thread', { channelId, threadId });
await say('eva', 'send_message', { channelId, threadId, text: 'respuesta' });
await say('luis', 'mark_read', { channelId, seq: 2 });
await say('ana', 'sync_request', { channels: [{ channelId, lastSeq: 1 }], limit: 3 });
await say('eva', 'delete_message', { messageId, channelId });
await say('ana', 'delete_message', { messageId, channelId });
await say('luis', 'typing_start', { channelId });
await say('luis', 'typing_stop', { channelId });
await say('luis', 'set_presence', { status: 'away' });
await say('luis', 'set_presence', { status: 'online' });
await say('eva', 'leave_thread', { channelId, threadId });
await say('eva', 'leave_channel', { channelId });
await say('eva', 'send_message', { channelId, text: 'ya no' });
for (const name of names) await say(name, 'join-group', { groupId });
await say('ana', 'watch-episode', { groupId, seriesId: 7, episodeId: '1' });
await say('eva', 'group-activity', { groupId, type: 'nota', data: { n: [1, 2] } });
await say('luis', 'leave-group', { groupId });
await say('luis', 'message', { content: 'antes' });
await say('luis', 'initialize', { senderId: people.luis.id, receiverId: people.ana.id, messageContent: 'hola' });
await say('luis', 'message', { content: 'después', multimedia: { url: 'x' } });
await say('eva', 'event_message', { texto: `a todos${mark}` });
await say('eva', 'nothing', {});
await say('ana', 'send_message', { channelId: `nunca${mark}`, text: 'x' });
await say('ana', 'send_message', { channelId, text: '' });
await say('ana', 'refresh_token', { token: 'x' });
const service = person('service', { roles: ['service'] });
const body = { message: 'aviso', userId: people.ana.id };
await told('notification', (await rest('POST', '/notification/send', { as: service, body })).body);
await told('history', (await rest('GET', `/channels/${channelId}/messages`, { as: people.ana })).body);
for (const name of names) clients[name].close();
process.exit(0);
