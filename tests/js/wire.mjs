// What the official clients hide: the HTTP status of a refused upgrade, an `Origin` of choice, the form of an `error`.
import assert from 'node:assert/strict';
import http from 'node:http';
import https from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';
import { DEADLINE, POLLING, SIO_OPTIONS, SIO_URL, URL_BASE, WS_URL, rest } from './client.mjs';
import { isTime, shape } from './helpers.mjs';

/** An HTTP request with exactly these headers: `{status, headers, body}`; an accepted upgrade is `{status: 101}`. */
export function request(method, url, { headers = {}, body } = {}) {
  const target = new URL(url.startsWith('/') ? URL_BASE + url : url);
  return new Promise((resolve, reject) => {
    const call = (target.protocol === 'https:' ? https : http).request(target, { method, headers, agent: false, timeout: DEADLINE });
    call.on('response', (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts).toString() }));
    });
    call.on('upgrade', (answer, socket) => { socket.destroy(); resolve({ status: 101, headers: answer.headers }); });
    call.on('timeout', () => call.destroy(new Error(`${method} ${target}: no answer within ${DEADLINE} ms`)));
    call.on('error', reject);
    call.end(body);
  });
}

const UPGRADE = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' };
const upgrade = (url) => (headers) => request('GET', url.replace(/^ws/, 'http'), { headers: { ...UPGRADE, ...headers } });

const ENGINE = `${SIO_URL}${SIO_OPTIONS.path ?? '/socket.io'}${SIO_OPTIONS.addTrailingSlash === false ? '' : '/'}?EIO=4&transport=`;

/** The doors of the host, each as a request with the given headers, and the status with which it lets one in. */
export const DOORS = [
  ...(POLLING ? [{ name: 'Socket.IO polling', accepted: 200, knock: (headers) => request('GET', `${ENGINE}polling`, { headers }) }] : []),
  { name: 'Socket.IO websocket', accepted: 101, knock: upgrade(`${ENGINE}websocket`) },
  { name: 'plain WebSocket', accepted: 101, knock: upgrade(WS_URL) },
  { name: 'REST', accepted: 200, knock: (headers) => request('GET', '/messages?limit=1', { headers }) },
];

/** Waits for an `error` event of this code, checks its form and returns it. */
export async function errorOf(client, errorCode, event, ms = DEADLINE) {
  const error = await client.next('error', (e) => e?.errorCode === errorCode, ms);
  shape(error, event === undefined ? 'errorCode message timestamp details? event?' : 'errorCode message timestamp event details?');
  if (event !== undefined) assert.equal(error.event, event);
  assert.ok(typeof error.message === 'string' && error.message, JSON.stringify(error));
  isTime(error.timestamp);
  return error;
}

/** A connection that was refused: the `Refused` error. */
export async function refused(connecting) {
  let client;
  try {
    client = await connecting;
  } catch (error) {
    assert.equal(error.constructor.name, 'Refused', String(error.stack));
    if (error.data !== undefined) {
      shape(error.data, 'errorCode message timestamp? details? event?');
      assert.equal(error.data.errorCode, 'UNAUTHORIZED');
      assert.equal(error.data.message, error.message);
    }
    return error;
  }
  assert.fail(`was let in as ${JSON.stringify(client.connected)}`);
}

/** The list in an answer, whatever member holds it. */
export function listOf({ status, body }) {
  const list = Array.isArray(body) ? body : Object.values(body).find(Array.isArray);
  assert.ok(status === 200 && list, `no list in ${status} ${JSON.stringify(body)}`);
  return list;
}

/** All pages of a list. */
export async function everyPage(path, options, limit = 100) {
  const found = [];
  for (let after; ;) {
    const answer = await rest('GET', `${path}?limit=${limit}${after === undefined ? '' : `&after=${encodeURIComponent(after)}`}`, options);
    const page = listOf(answer);
    assert.ok(page.length <= limit, `${page.length} of ${limit}`);
    found.push(...page);
    if (!answer.body.hasMore) return found;
    after = answer.body.next ?? page.at(-1).id;
  }
}

/** Repeats `check` until it passes: for what the server learns in its own time, such as the end of a connection. */
export async function eventually(check) {
  for (const end = Date.now() + DEADLINE; ; await pause(20)) {
    try { return await check(); } catch (error) { if (Date.now() > end) throw error; }
  }
}
