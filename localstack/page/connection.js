/**
 * One person's line to the server over a plain WebSocket. A request is a promise of its ack, what the server says is
 * an event, and a line that breaks is laid again, ever more patiently.
 *
 *   connection.onState(({ state, unwelcome }) => …)   'connecting' | 'online' | 'offline'
 *   connection.on('connected', ({ user }) => …)       after every (re)connection
 *   const ack = await connection.request('send_message', { channelId, text });
 */

const ANSWER_MS = 10_000;
const CONNECT_MS = 10_000;
const FIRST_RETRY_MS = 400;
const LAST_RETRY_MS = 15_000;

/** A refusal, by the server's code; or `OFFLINE`: nobody knows whether the request arrived. */
export class RequestError extends Error {
  constructor(code, message, details) {
    super(message ?? code);
    Object.assign(this, { code, details });
  }
}

const offline = () => new RequestError('OFFLINE');

export class Connection extends EventTarget {
  state = 'offline';
  #url;
  #socket;
  #timer;
  #failures = 0;
  #lastId = 0;
  #pending = new Map();

  constructor(url) {
    super();
    this.#url = url;
  }

  /** Listens to an event of the server's. */
  on(event, listener) {
    return this.#listen(`server:${event}`, listener);
  }

  /** Listens to the line itself; `unwelcome`: it broke before the server had said a word. */
  onState(listener) {
    return this.#listen('state', listener);
  }

  /** Connects now, if there is no connection yet. */
  open() {
    if (this.state !== 'offline') return;
    clearTimeout(this.#timer);
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    this.#become('connecting');
    this.#timer = setTimeout(() => this.#broken(), CONNECT_MS);
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    socket.onclose = () => this.#broken();
  }

  /** Hangs up for good. */
  close() {
    this.#cut();
    this.#become('offline');
  }

  /** Asks, and waits for the ack. Rejects with a `RequestError`. */
  request(action, data) {
    if (this.state !== 'online') return Promise.reject(offline());
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      // A server that is silent for so long is gone, whatever the socket believes.
      const timer = setTimeout(() => this.#broken(), ANSWER_MS);
      this.#pending.set(id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ action, data, id }));
    });
  }

  /** Says something that needs no answer and may be lost. */
  tell(action, data) {
    if (this.state === 'online') this.#socket.send(JSON.stringify({ action, data }));
  }

  /** Gives up the present socket and starts again: for when the network is known to have gone. */
  restart() {
    if (this.state !== 'offline') this.#broken();
  }

  #receive({ event, id, data }) {
    if (event === 'ack') return this.#settle(id, data);
    if (event === 'connected') {
      clearTimeout(this.#timer);
      this.#become('online');
    }
    this.#emit(`server:${event}`, data);
  }

  #settle(id, ack) {
    const waiting = this.#pending.get(id);
    if (!waiting) return;
    this.#failures = 0;
    this.#pending.delete(id);
    clearTimeout(waiting.timer);
    if (ack.success) waiting.resolve(ack);
    else waiting.reject(new RequestError(ack.errorCode, ack.error, ack.details));
  }

  #broken() {
    const unwelcome = this.state === 'connecting';
    this.#cut();
    const patience = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures++);
    this.#timer = setTimeout(() => this.open(), patience * (0.5 + Math.random() / 2));
    this.#become('offline', unwelcome);
  }

  #cut() {
    clearTimeout(this.#timer);
    if (this.#socket) {
      this.#socket.onmessage = this.#socket.onclose = null;
      this.#socket.close();
    }
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(offline());
    }
    this.#pending.clear();
  }

  #become(state, unwelcome = false) {
    if (this.state === state) return;
    this.state = state;
    this.#emit('state', { state, unwelcome });
  }

  #listen(name, listener) {
    this.addEventListener(name, ({ detail }) => listener(detail));
    return this;
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** Reads the REST side with the same token: `await get('groups/5/progress')`. */
export function reader(token) {
  return async function get(path) {
    const headers = { authorization: `Bearer ${token}` };
    const answer = await fetch(path, { headers }).catch(() => {
      throw offline();
    });
    const body = await answer.json().catch(() => ({}));
    if (answer.ok) return body;
    throw new RequestError(body.errorCode ?? `HTTP ${answer.status}`, body.detail ?? body.title, body.details);
  };
}
