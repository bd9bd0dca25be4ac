// One client for every transport, so that a behaviour is written once and run over all of them.
//
//   TERTULIA_URL          http://127.0.0.1:PORT of a running host (REST and Socket.IO)
//   TERTULIA_SIO_URL      where Socket.IO is, if elsewhere; TERTULIA_WS_URL the plain WebSocket (default: /ws)
//   TERTULIA_SIO_OPTIONS  JSON, merged into socket.io-client's options (cloud: path, transports, addTrailingSlash)
//   JWT_SECRET            the HS256 secret the host verifies with
//   TERTULIA_DEADLINE_MS  how long a wait may last (default 3000)
//   TERTULIA_SETTLE_MS    how late a broadcast may trail the ack that caused it (default 0: a host queues it first)
import { after } from 'node:test';
import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { io } from 'socket.io-client';
import WebSocket from 'ws';
import { answered, heard } from './schemas.mjs';

const env = process.env;
export const URL_BASE = (env.TERTULIA_URL ?? 'http://127.0.0.1:4000').replace(/\/$/, '');
export const WS_URL = env.TERTULIA_WS_URL ?? `${URL_BASE.replace(/^http/, 'ws')}/ws`;
export const SIO_URL = (env.TERTULIA_SIO_URL ?? URL_BASE).replace(/\/$/, '');
export const SIO_OPTIONS = JSON.parse(env.TERTULIA_SIO_OPTIONS ?? '{}');
export const DEADLINE = Number(env.TERTULIA_DEADLINE_MS ?? 3000);
const SETTLE = Number(env.TERTULIA_SETTLE_MS ?? 0);

// What a host can do and API Gateway, or an emulator of it, cannot. It is told by polling, which only a host serves.
export const POLLING = !SIO_OPTIONS.transports || SIO_OPTIONS.transports.includes('polling');
/** A refused upgrade is answered with the status and the problem that the server gives; else with any refusal, and no body. */
export const REFUSALS = POLLING;
/** The status of an upgrade that lacks a good identity. */
export const REFUSED = REFUSALS ? 401 : 403;
/** A preflight reaches the server. */
export const PREFLIGHTS = POLLING;
/** Binary frames reach the server as what they are; else the gateway closes the connection, or an emulator makes text of them. */
export const BINARY = POLLING;
/** A path begins at the root and is told as it was sent; else it comes decoded, and an encoded `/` is a separator. */
export const RAW_PATHS = POLLING;
/** The page of the documentation; a redirect to it would lose the beginning of the path. */
export const DOCS = RAW_PATHS ? '/docs' : '/docs/';
/** One process writes a channel, one after the other; else writers race, and who loses for too long is told RATE_LIMITED. */
export const ONE_WRITER = POLLING;
/** The server knows its own address, and allows it as an origin. */
export const OWN_ORIGIN = POLLING;

/** What every behaviour runs over. Spread one into `connect`. */
export const TRANSPORTS = [
  { name: 'Socket.IO websocket, /chat', transport: 'websocket', namespace: '/chat' },
  { name: 'Socket.IO polling, /', transport: 'polling', namespace: '/' },
  { name: 'plain WebSocket', transport: 'plain' },
].filter((t) => POLLING || t.transport !== 'polling');

/** A random id, so that tests share a host without meeting. */
export const unique = (prefix = 'x') => `${prefix}-${randomUUID().slice(0, 13)}`;

/** A random integer id. */
export const uniqueNumber = () => 1_000_000 + Math.floor(Math.random() * 9e15 / 2);

const base64url = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** An HS256 token. `id` becomes `sub`; a claim given as `undefined` is left out; `secret` signs with another key. */
export function token({ id, secret = env.JWT_SECRET, ...claims } = {}) {
  const now = Math.floor(Date.now() / 1000);
  const body = { sub: id, iat: now, exp: now + 3600, ...claims };
  const signed = `${base64url({ alg: 'HS256', typ: 'JWT' })}.${base64url(body)}`;
  return `${signed}.${createHmac('sha256', secret ?? '').update(signed).digest('base64url')}`;
}

/** A new user with a token: `{id, username, token}`. More claims (`roles`, `avatar`, …) go into the token. */
export function person(prefix = 'ana', claims = {}) {
  const { id = unique(prefix), username = `${id}-name`, ...rest } = claims;
  return { id, username, token: token({ id, username, ...rest }) };
}

/** A refused connection. `status` is the HTTP status, `data` what CONNECT_ERROR carried. */
export class Refused extends Error {}

/** The value of `promise`, or an error that says `what` did not happen in time. */
export async function within(promise, what, ms = DEADLINE) {
  const clock = new AbortController();
  const late = pause(ms, undefined, { signal: clock.signal }).then(() => { throw new Error(`${what} within ${ms} ms`); });
  late.catch(() => {});
  try { return await Promise.race([promise, late]); } finally { clock.abort(); }
}

/** Other files use the same lobby: a `new_message` that is not said to be the lobby's is a channel's. */
const meant = (event) => (data) => event !== 'new_message' || typeof data?.message === 'object';

const open = new Set();
after(() => Promise.all([...open].map((client) => client.close())));

/** What both kinds of client share: the log, the waits, the barrier. */
class Client {
  /** Everything received, in order: `{event, data}`. */
  received = [];
  /** Resolves with the reason when the connection has ended. */
  closed = new Promise((resolve) => (this.ended = resolve));
  /** Resolves at the `connected` event, whose payload stays in `connected`. */
  welcomed = new Promise((resolve) => (this.welcome = resolve));
  #waiting = new Set();
  #unread = [];

  /** The connection id that the server told. */
  get id() { return this.connected?.connectionId; }

  arrived(event, data) {
    const entry = { event, data };
    this.received.push(entry);
    if (event === 'ping') return;
    heard(event, data);
    if (event === 'connected') this.welcome(this.connected = data);
    this.#unread.push(entry);
    for (const look of [...this.#waiting]) look();
  }

  #take(event, predicate) {
    const at = this.#unread.findIndex((e) => e.event === event && predicate(e.data));
    return at < 0 ? undefined : this.#unread.splice(at, 1)[0];
  }

  /** The next `event` that was not consumed yet; fails after `ms`, naming what did arrive. */
  next(event, predicate = meant(event), ms = DEADLINE) {
    const error = new Error(`no "${event}" within ${ms} ms`);
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = this.#take(event, predicate);
        if (found) finish(resolve, found.data);
      };
      const timer = setTimeout(() => {
        error.message += `; unread: ${JSON.stringify(this.#unread)}`;
        finish(reject, error);
      }, ms);
      const finish = (settle, value) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        settle(value);
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** The next `count` of `event`, in order of arrival. */
  async collect(event, count, predicate) {
    const found = [];
    while (found.length < count) found.push(await this.next(event, predicate));
    return found;
  }

  /** Proves that no such (unconsumed) event came: what caused it must have been acked before this is called. */
  async none(event, predicate = meant(event)) {
    await this.barrier();
    const found = this.#unread.filter((e) => e.event === event && predicate(e.data));
    assert.deepEqual(found, [], `unexpected "${event}"`);
  }

  /** A round trip: whatever was queued for this connection before has arrived when it returns. */
  async barrier() {
    if (SETTLE) await pause(SETTLE);
    await this.request('sync_request', { channels: [] });
  }

  /** Forgets what has arrived and was not consumed. */
  async drain() {
    await this.barrier();
    this.#unread.length = 0;
  }

  /** The ack of a request. */
  async request(event, ...args) {
    const ack = await this.ask(event, ...args);
    answered(event, ack);
    return ack;
  }

  /** A request that must succeed; its ack. */
  async ok(event, data) {
    const ack = await this.request(event, data);
    assert.equal(ack?.success, true, `${event} ${JSON.stringify(data)?.slice(0, 300)} → ${JSON.stringify(ack)}`);
    return ack;
  }

  /** A request that must fail with `code` and nothing but the documented members; its ack. */
  async fails(code, event, data) {
    const ack = await this.request(event, data);
    const said = `${event} ${JSON.stringify(data)?.slice(0, 300)} → ${JSON.stringify(ack)}`;
    assert.equal(ack?.success, false, said);
    assert.equal(ack.errorCode, code, said);
    assert.equal(typeof ack.error, 'string', said);
    for (const key of Object.keys(ack)) assert.ok(['success', 'error', 'errorCode', 'details'].includes(key), said);
    return ack;
  }

  async close() {
    open.delete(this);
    this.shut();
    await this.closed;
  }
}

class SocketIo extends Client {
  constructor({ transport, namespace = '/', token: jwt, auth, headers, query, options }) {
    super();
    open.add(this);
    this.socket = io(SIO_URL + (namespace === '/' ? '' : namespace), {
      transports: [transport], forceNew: true, reconnection: false,
      auth: jwt === undefined ? auth : { token: jwt, ...auth }, query, extraHeaders: headers,
      ...SIO_OPTIONS, ...options,
    });
    this.socket.onAny((event, data) => this.arrived(event, data));
    this.socket.on('disconnect', (reason) => this.ended(reason));
  }

  ready() {
    return new Promise((resolve, reject) => {
      this.socket.once('connect', resolve);
      this.socket.once('connect_error', (error) => {
        this.socket.disconnect();
        this.ended('refused');
        reject(Object.assign(new Refused(error.message), { data: error.data, status: error.context?.status ?? error.description }));
      });
    });
  }

  ask(event, ...args) { return this.socket.timeout(DEADLINE).emitWithAck(event, ...args); }

  /** Sends without asking for an ack. */
  emit(event, ...args) { this.socket.emit(event, ...args); }

  shut() {
    if (!this.socket.connected) this.ended('never connected');
    this.socket.disconnect();
  }
}

class Plain extends Client {
  #last = 0;
  #acks = new Map();

  constructor({ token: jwt, headers, query }) {
    super();
    open.add(this);
    const url = new URL(WS_URL);
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
    this.socket = new WebSocket(url, { headers: { ...(jwt === undefined ? {} : { authorization: `Bearer ${jwt}` }), ...headers } });
    this.socket.on('message', (text, binary) => this.#frame(String(text), binary));
    this.socket.on('close', (code) => this.ended(code));
    this.socket.on('error', () => {});
  }

  ready() {
    return new Promise((resolve, reject) => {
      this.socket.once('open', resolve);
      this.socket.once('unexpected-response', (_, answer) => {
        this.socket.terminate();
        reject(Object.assign(new Refused(`HTTP ${answer.statusCode}`), { status: answer.statusCode }));
      });
      this.socket.once('error', reject);
    });
  }

  #frame(text, binary) {
    const frame = JSON.parse(text);
    const keys = Object.keys(frame).sort().join();
    if (frame.event === 'ack' && keys === 'data,event,id' && !binary) {
      this.#acks.get(frame.id)?.(frame.data);
      this.#acks.delete(frame.id);
    } else if ((keys === 'data,event' || (frame.event === 'ping' && keys === 'event')) && !binary) {
      this.arrived(frame.event, frame.data);
    } else {
      this.arrived('(frame of no known form)', text);
    }
  }

  ask(event, data) { return this.requestFrame({ action: event, data }); }

  /** Sends a whole frame, e.g. of the flat form, and waits for its ack; `id` is added when missing. */
  requestFrame(frame) {
    const id = frame.id ?? ++this.#last;
    const acked = new Promise((resolve) => this.#acks.set(id, resolve));
    this.raw(JSON.stringify({ ...frame, id }));
    return within(acked, `no ack of ${JSON.stringify(frame).slice(0, 300)}`);
  }

  emit(event, data) { this.raw(JSON.stringify({ action: event, data })); }

  /** Sends any text (or binary) frame as it is. */
  raw(frame) { this.socket.send(frame); }

  shut() { this.socket.terminate(); }
}

/**
 * Connects and waits for `connected`. `transport`: websocket | polling | plain. `as` takes a `person()`.
 * Rejects with `Refused` where the server refuses. `connected` itself stays readable with `next`.
 */
export async function connect({ transport = 'websocket', as, ...given } = {}) {
  const settings = as ? { token: as.token, ...given } : given;
  const attempt = () => (transport === 'plain' ? new Plain(settings) : new SocketIo({ transport, ...settings }));
  let client = attempt();
  // An emulator may lose a first packet, once in thousands of connections. Clients in use try again by themselves.
  const silent = POLLING ? DEADLINE : DEADLINE / 2;
  await within(client.ready(), 'no connection', silent).catch(async (error) => {
    if (POLLING || error instanceof Refused) throw error;
    await client.close();
    client = attempt();
    await within(client.ready(), 'no connection', silent);
  });
  await within(client.welcomed, 'no "connected"');
  return client;
}

/** A REST call: `{status, body, headers}`; a JSON body is parsed. */
export async function rest(method, path, { token: jwt, body, headers, as } = {}) {
  const authorization = jwt ?? as?.token;
  const answer = await fetch(URL_BASE + path, {
    method,
    headers: {
      ...(authorization === undefined ? {} : { authorization: `Bearer ${authorization}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  const isJson = /json/.test(answer.headers.get('content-type') ?? '');
  return { status: answer.status, body: isJson && text ? JSON.parse(text) : text, headers: answer.headers };
}
