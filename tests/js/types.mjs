// Prints `shared/contract/events.d.ts`, made from the AsyncAPI document beside it.
import { readFileSync } from 'node:fs';
import { compile } from 'json-schema-to-typescript';

const { components, operations } = JSON.parse(readFileSync(new URL('../../shared/contract/asyncapi.json', import.meta.url), 'utf8'));
const { schemas, messages } = components;

const HEAD = `\
// Tertulia's events, for socket.io-client and for plain WebSockets. Generated from asyncapi.json: do not edit.
//
//   const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io(url, { auth: { token } });
//   const ack = await socket.emitWithAck("send_message", { channelId, text });
//   if (ack.success) console.log(ack.seq); else console.error(ack.errorCode, ack.error);
//
// What services send by the emit calls is yours to name:
//
//   declare module "./events" {
//     interface ServerToClientEvents { "series-added": (payload: { seriesName: string }) => void }
//   }
`;

const TAIL = `\
/** What the server sends in namespace \`/chat\`, which is not in the lobby: \`new_message\` is always a channel's. */
export interface ChatToClientEvents extends Omit<ServerToClientEvents, "new_message"> {
  "new_message": (payload: NewMessage) => void;
}

/** The same events for who wants no ack: what fails then comes as \`error\`. */
export type WithoutAcks<Events = ClientToServerEvents> = {
  [Event in keyof Events]: (payload: Payload<Events[Event]>) => void;
};

type Payload<Listener> = Listener extends (payload: infer Payload, ...rest: any[]) => unknown ? Payload : never;
type Answer<Listener> = Listener extends (payload: any, ack: (answer: infer Answer) => void) => unknown ? Answer : never;
type OneOf<Frames> = Frames[keyof Frames];

/** A plain WebSocket's request, by \`action\`. With an \`id\` it is answered by an \`AckFrame\` of the same one. */
export type ClientFrame = OneOf<{
  [Event in keyof ClientToServerEvents]: { action: Event; id?: FrameId; data: Payload<ClientToServerEvents[Event]> };
}>;

/** A request in its flat form: all fields but \`action\` and \`id\` are the payload, which has no \`data\` or \`id\` itself. */
export type FlatFrame = OneOf<{
  [Event in keyof ClientToServerEvents as "data" extends keyof Payload<ClientToServerEvents[Event]> ? never : Event]:
    { action: Event; id?: FrameId } & Payload<ClientToServerEvents[Event]>;
}>;

/** The answer to the request of that \`id\`; name the event to know more: \`AckFrame<"send_message">\`. */
export interface AckFrame<Event extends keyof ClientToServerEvents = keyof ClientToServerEvents> {
  event: "ack";
  id: FrameId;
  data: Answer<ClientToServerEvents[Event]>;
}

/** Keeps an idle connection open, and wants no answer. */
export interface PingFrame {
  event: "ping";
}

/** What the server sends to a plain WebSocket, by \`event\`. */
export type ServerFrame =
  | AckFrame
  | PingFrame
  | OneOf<{ [Event in keyof ServerToClientEvents]: { event: Event; data: Payload<ServerToClientEvents[Event]> } }>;
`;

/** The generator takes what says nothing of its type for an object, a short list for a tuple, and a schema without a title for nobody's. */
function plain(schema) {
  if (Array.isArray(schema)) return schema.map(plain);
  if (typeof schema !== 'object') return schema;
  const { maxItems, properties, ...rest } = schema;
  const kept = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, plain(value)]));
  if (!properties) return kept;
  const says = (property) => ['type', '$ref', 'allOf', 'anyOf', 'oneOf'].some((key) => property[key]);
  const typed = (property) => says(property) ? plain(property) : { description: property.description, tsType: 'unknown' };
  return { ...kept, properties: Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, typed(property)])) };
}

const names = Object.keys(schemas);
const reference = (name) => ({ $ref: `#/components/schemas/${name}` });
const root = {
  type: 'object',
  properties: Object.fromEntries(names.map((name) => [name, reference(name)])),
  components: { schemas: Object.fromEntries(names.map((name) => [name, { ...plain(schemas[name]), title: name }])) },
};
const types = await compile(root, 'Everything', { additionalProperties: false, bannerComment: '', style: { printWidth: 120 } });

const typeOf = (schema) => schema.anyOf ? schema.anyOf.map(typeOf).join(' | ') : schema.$ref.split('/').at(-1);
const payloadOf = (id) => typeOf(messages[`socketio.${id}`].payload);
const comment = (text) => `  /** ${text.replace(/\s+/g, ' ')} */\n`;

function listeners(direction, signature) {
  const own = Object.entries(operations).filter(([id]) => id.startsWith(`socketio.${direction}.`));
  return own.map(([, { title, summary }]) => `${comment(summary)}  ${JSON.stringify(title)}: ${signature(title)};\n`).join('');
}

process.stdout.write(`${HEAD}
${types.replace(/^export interface Everything {\n(?:  .*\n)*}\n/m, '').trim()}

/** What the server sends, in namespace \`/\`. */
export interface ServerToClientEvents {
${listeners('signal', (name) => `(payload: ${payloadOf(`signal.${name}`)}) => void`)}}

/** What clients send, and how it is answered. */
export interface ClientToServerEvents {
${listeners('event', (name) => `(payload: ${payloadOf(`event.${name}`)}, ack: (answer: ${payloadOf(`ack.${name}`)} | Refusal) => void) => void`)}}

${TAIL}`);
