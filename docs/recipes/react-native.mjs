// Channels that survive the network, for React Native; runs in Node and in browsers as it is.
//
//   npm install socket.io-client@4.8.4
//
//   const chat = new Chat({ url: "https://api.example.com", token: () => currentToken(), onRefused });
//   const general = chat.channel("general", { lastSeq, onEntry, onReset, onError });
//   await general.send("hola");                                                   // resolves once it is stored
//   AppState.addEventListener("change", (state) => state === "active" && chat.wake());
//
// `onEntry({seq, event, data})` gets every entry of the channel's log once and in order, whatever was missed meanwhile.
// Keep `seq` together with what you store of the entry, and give it as `lastSeq` when the app starts again.
//
// React Native on Android sends the address it connects to as `Origin`: put https://api.example.com into FRONTEND_URL.
// In the cloud: url: "https://HOST", options: { path: "/STAGE", addTrailingSlash: false }.
import { io } from "socket.io-client";

/** What changes a channel, and so has a number of its own in its log. */
const LOGGED = ["new_message", "message_edited", "message_deleted", "reaction_added", "reaction_removed", "thread_created"];
/** What may work when it is asked for again. */
const PASSING = new Set(["INTERNAL", "RATE_LIMITED"]);
const ANSWER_MS = 5000;
const PAGE = 100;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const newId = () => `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;

/** A refusal by the server's code; `OFFLINE`: nobody knows whether the request arrived. */
export class ChatError extends Error {
  constructor({ errorCode = "OFFLINE", error = "no connection", details } = {}) {
    super(error);
    Object.assign(this, { code: errorCode, details });
  }
}

export class Chat {
  #channels = new Map();

  /** `token()` gives a good token for each connection. `onRefused(error)`: it was not; `wake()` tries the next one. */
  constructor({ url, token, onRefused = () => {}, options = {} }) {
    const auth = async (give) => give({ token: await token() });
    this.socket = io(`${url}/chat`, { transports: ["websocket"], auth, forceNew: true, ...options });
    this.socket.on("connect", () => this.#channels.forEach((channel) => channel.resume()));
    this.socket.on("connect_error", (error) => this.socket.active || onRefused(error));
    // The server ended it, say because the token expired: that is not tried again by itself.
    this.socket.on("disconnect", (reason) => reason === "io server disconnect" && this.socket.connect());
    for (const event of LOGGED) this.socket.on(event, (data) => this.#heard(data.message ?? data, event, data));
    // A reply in a thread that is not followed here: its entry has to be asked for.
    this.socket.on("thread_updated", (data) => this.#heard(data, null, data));
  }

  /** Joins a channel and follows its log from the entry after `lastSeq`. */
  channel(channelId, options) {
    const channel = new Channel(this, channelId, options);
    this.#channels.set(String(channelId), channel);
    if (this.socket.connected) channel.resume();
    return channel;
  }

  /** The app is in the foreground again: connects if need be, and finds out whether the line still stands. */
  wake() {
    if (this.socket.connected) this.#channels.forEach((channel) => channel.resume());
    else this.socket.connect();
  }

  close() {
    this.socket.disconnect();
  }

  /** Asks, and waits for the ack; again while the server says that it may work later. Rejects with a `ChatError`. */
  async request(event, data) {
    for (;;) {
      if (!this.socket.connected) throw new ChatError();
      const ack = await this.socket.timeout(ANSWER_MS).emitWithAck(event, data).catch(() => null);
      if (ack?.success) return ack;
      if (ack && !PASSING.has(ack.errorCode)) throw new ChatError(ack);
      // Silence for so long: the line is dead, whatever the socket believes. The next one brings `connect`.
      if (ack) await pause(ack.details?.retryAfterMs ?? 1000);
      else if (this.socket.connected) this.socket.io.engine.close();
    }
  }

  #heard({ channelId }, event, data) {
    this.#channels.get(String(channelId))?.heard(event, data);
  }
}

class Channel {
  #outbox = [];
  #running = null;
  #again = false;
  /** Something may have been missed. */
  #stale = true;

  constructor(chat, channelId, { lastSeq = 0, onEntry, onReset = () => {}, onError = () => {} }) {
    Object.assign(this, { chat, channelId, lastSeq, onEntry, onReset, onError });
  }

  /** Sends, now or when there is a connection again. Resolves with the ack; rejects when the server refuses it. */
  send(text, more = {}) {
    return new Promise((resolve, reject) => {
      // With this id the message is stored once, however often it has to be sent (within 24 hours).
      const message = { channelId: this.channelId, text, ...more, clientMessageId: newId() };
      this.#outbox.push({ message, resolve, reject });
      this.#go();
    });
  }

  /** Takes a broadcast: the very next entry as it is; anything else says that something was missed. */
  heard(event, data) {
    if (data.seq <= this.lastSeq) return;
    if (event && data.seq === this.lastSeq + 1) this.#take({ seq: data.seq, event, data });
    else this.resume();
  }

  /** Joins, and asks for what was missed. */
  resume() {
    this.#stale = true;
    this.#go();
  }

  /** One run at a time; what comes up meanwhile has one more follow. */
  #go() {
    this.#again = true;
    this.#running ??= this.#run().finally(() => { this.#running = null; });
  }

  async #run() {
    try {
      while (this.#again && this.chat.socket.connected) {
        this.#again = false;
        if (this.#stale) await this.#sync();
        await this.#flush();
      }
    } catch (error) {
      if (error.code !== "OFFLINE") this.onError(error); // else the next connection begins anew
    }
  }

  async #sync() {
    this.#stale = false;
    await this.chat.request("join_channel", { channelId: this.channelId });
    for (let more = true; more;) {
      const asked = { channels: [{ channelId: this.channelId, lastSeq: this.lastSeq }], limit: PAGE };
      const { channels: [page] } = await this.chat.request("sync_request", asked);
      if (page.errorCode) throw new ChatError(page);
      if (page.reset) { // the log is another, shorter one: forget what came from the old one
        this.lastSeq = 0;
        this.onReset();
      }
      for (const entry of page.events) this.#take(entry);
      more = page.hasMore || page.reset;
    }
  }

  async #flush() {
    while (this.#outbox.length > 0) {
      const [{ message, resolve, reject }] = this.#outbox;
      try {
        resolve(await this.chat.request("send_message", message));
      } catch (error) {
        if (error.code === "OFFLINE") throw error; // it may have arrived or not: it is sent again
        reject(error);
      }
      this.#outbox.shift();
    }
  }

  #take(entry) {
    if (entry.seq <= this.lastSeq) return;
    this.lastSeq = entry.seq;
    this.onEntry(entry);
  }
}
