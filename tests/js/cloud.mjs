// What the tests of the deployed stack share: the SDK, the stack's functions, its table's rows, and sockets that show
// every frame as it came.
//
//   AWS_ENDPOINT_URL   the emulator
//   STACK_NAME, TABLE_NAME, NOTIFY_QUEUE_URL   the stack, and two of its resources
import { after } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { DynamoDBClient, QueryCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient, paginateListFunctions } from '@aws-sdk/client-lambda';
import { decodePacket } from 'engine.io-parser';
import { Decoder } from 'socket.io-parser';
import WebSocket from 'ws';
import { DEADLINE, Refused, SIO_OPTIONS, SIO_URL, WS_URL, within } from './client.mjs';

const env = process.env;
// Without it the SDK would turn to AWS itself.
assert.ok(env.AWS_ENDPOINT_URL, 'AWS_ENDPOINT_URL is set');

/** The settings of every client of the SDK. */
export const AWS = {
  endpoint: env.AWS_ENDPOINT_URL,
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
};
export const TABLE = env.TABLE_NAME;
export const dynamodb = new DynamoDBClient(AWS);
export const lambda = new LambdaClient(AWS);

/** The URL of Socket.IO's WebSocket, for clients that speak packets themselves. */
export const PACKETS_URL = `${SIO_URL.replace(/^http/, 'ws')}${SIO_OPTIONS.path}?EIO=4&transport=websocket`;
export { WS_URL };

let functions;

/** The name of the function that the template calls `logicalId`. */
export async function functionName(logicalId) {
  functions ??= (async () => {
    const names = [];
    for await (const page of paginateListFunctions({ client: lambda }, {})) names.push(...page.Functions.map((f) => f.FunctionName));
    return names;
  })();
  const found = (await functions).filter((name) => name.startsWith(`${env.STACK_NAME}-${logicalId}-`));
  assert.equal(found.length, 1, `functions called ${logicalId}: ${found}`);
  return found[0];
}

/** Calls a function of the stack and returns its answer. */
export async function invoke(logicalId, payload) {
  const answer = await lambda.send(new InvokeCommand({ FunctionName: await functionName(logicalId), Payload: JSON.stringify(payload) }));
  const text = Buffer.from(answer.Payload ?? []).toString();
  assert.equal(answer.FunctionError, undefined, `${logicalId}: ${text}`);
  return text ? JSON.parse(text) : null;
}

/** Part of a key as the table has it. */
export const part = (text) => text.replace(/[#%:]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** The partition of a connection's rows. */
export const connectionPartition = (socket) => `CONNS#${createHash('sha256').update(socket).digest()[0] % 128}`;

/** The partition of a room's subscriptions; not for the lobby, which has many. */
export const roomPartition = (room) => `SUBS#${part(room)}`;

/** All rows of a partition whose sort key begins so. */
export async function rows(pk, prefix = '') {
  const values = { ':pk': { S: pk }, ...(prefix && { ':sk': { S: prefix } }) };
  const found = [];
  for (let ExclusiveStartKey; ;) {
    const page = await dynamodb.send(new QueryCommand({
      TableName: TABLE, ConsistentRead: true, ExclusiveStartKey, ExpressionAttributeValues: values,
      KeyConditionExpression: `pk = :pk${prefix && ' AND begins_with(sk, :sk)'}`,
    }));
    found.push(...page.Items);
    ExclusiveStartKey = page.LastEvaluatedKey;
    if (!ExclusiveStartKey) return found;
  }
}

/** Every row of the table in which one of these texts occurs, whatever kind of row it is. */
export async function rowsAbout(...texts) {
  const found = [];
  for (let ExclusiveStartKey; ;) {
    const page = await dynamodb.send(new ScanCommand({ TableName: TABLE, ConsistentRead: true, ExclusiveStartKey }));
    found.push(...page.Items.filter((row) => texts.some((text) => JSON.stringify(row).includes(text))));
    ExclusiveStartKey = page.LastEvaluatedKey;
    if (!ExclusiveStartKey) return found.sort((a, b) => `${a.pk.S} ${a.sk.S}`.localeCompare(`${b.pk.S} ${b.sk.S}`));
  }
}

const open = new Set();
after(() => { for (const raw of open) raw.socket.terminate(); dynamodb.destroy(); lambda.destroy(); });

/** A WebSocket, and every frame that came over it. */
export class Raw {
  frames = [];
  #unread = [];
  #look = () => {};

  constructor(url, headers) {
    open.add(this);
    this.socket = new WebSocket(url, { headers });
    this.socket.on('message', (data, binary) => {
      const frame = binary ? data : String(data);
      this.frames.push(frame);
      this.#unread.push(frame);
      this.#look();
    });
    this.socket.on('error', () => {});
    this.closed = new Promise((resolve) => this.socket.on('close', (code) => { open.delete(this); resolve(code); }));
  }

  /** Resolves when it is let in; `Refused` with the HTTP status when not. */
  static async open(url, headers) {
    const raw = new Raw(url, headers);
    await within(new Promise((resolve, reject) => {
      raw.socket.once('open', resolve);
      raw.socket.once('unexpected-response', (_, answer) => {
        raw.socket.terminate();
        reject(Object.assign(new Refused(`HTTP ${answer.statusCode}`), { status: answer.statusCode }));
      });
      raw.socket.once('error', reject);
    }), 'no connection');
    return raw;
  }

  send(...frames) { for (const frame of frames) this.socket.send(frame); }

  /** The next frame that matches and was not taken yet. */
  async next(match, ms = DEADLINE) {
    const fits = (frame) => (match instanceof RegExp ? match.test(frame) : match(frame));
    let found;
    const wait = new Promise((resolve) => {
      this.#look = () => {
        const at = this.#unread.findIndex(fits);
        if (at >= 0) resolve(found = this.#unread.splice(at, 1)[0]);
      };
      this.#look();
    });
    await within(wait, `no frame like ${match}; unread: ${JSON.stringify(this.#unread).slice(0, 1000)}`, ms);
    this.#look = () => {};
    return found;
  }

  /** Frames that nobody has taken. */
  get unread() { return [...this.#unread]; }

  async close() {
    this.socket.close();
    await within(this.closed, 'not closed');
  }
}

/** A raw Socket.IO connection after the open packet; with a token, also inside a namespace. */
export async function packets({ as, namespace = '/', url = PACKETS_URL, headers } = {}) {
  const raw = await Raw.open(url, headers);
  raw.opening = JSON.parse((await raw.next(/^0\{/)).slice(1));
  if (as) {
    const path = namespace === '/' ? '' : `${namespace},`;
    raw.send(`40${path}${JSON.stringify({ token: as.token })}`);
    raw.sid = JSON.parse((await raw.next((frame) => frame.startsWith(`40${path}{`))).slice(2 + path.length)).sid;
    await raw.next((frame) => frame.startsWith(`42${path}["connected",`));
  }
  return raw;
}

/** Everything that came over a raw Socket.IO connection can be read by the official parsers. */
export function onlyPackets(raw) {
  for (const frame of raw.frames) {
    assert.equal(typeof frame, 'string', `a binary frame: ${frame}`);
    const packet = decodePacket(frame, 'nodebuffer');
    assert.notEqual(packet.type, 'error', `no Engine.IO packet: ${frame}`);
    if (packet.type !== 'message') continue;
    let decoded;
    const decoder = new Decoder();
    decoder.on('decoded', (one) => (decoded = one));
    assert.doesNotThrow(() => decoder.add(packet.data), `no Socket.IO packet: ${frame}`);
    assert.ok(decoded, `not a whole Socket.IO packet: ${frame}`);
  }
}

/** What a client heard of a channel's log, repeats dropped: complete, unchanged, in order. Returns how many were repeats. */
export function heardInOrder(heard, log, who = 'a listener') {
  const first = new Map();
  let repeats = 0;
  for (const data of heard) {
    if (first.has(data.seq)) {
      assert.deepEqual(data, first.get(data.seq), `${who}: ${data.seq} came again, changed`);
      repeats += 1;
    } else first.set(data.seq, data);
  }
  assert.deepEqual([...first.keys()], log.map((entry) => entry.seq), `${who}: the numbers, in order of arrival`);
  assert.deepEqual([...first.values()], log.map((entry) => entry.data), `${who}: as the log has it`);
  return repeats;
}
