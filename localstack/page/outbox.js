/**
 * Messages on their way: sent one after the other, so that they arrive in the order in which they were written. One that
 * was cut off is sent again under the same `clientMessageId`, so that the channel has it once.
 */
export class Outbox {
  #queue = [];
  #sending = false;
  #send;
  #changed;
  #refused;

  /** `send(message)` resolves once it is stored; `refused(message, error)` hears of those that never will be. */
  constructor({ send, changed, refused }) {
    this.#send = send;
    this.#changed = changed;
    this.#refused = refused;
  }

  /** What waits, in order. */
  get waiting() {
    return [...this.#queue];
  }

  add(message) {
    this.#queue.push({ ...message, clientMessageId: randomId() });
    this.#changed();
    return this.flush();
  }

  /** Sends what waits; to be called after every reconnection. */
  async flush() {
    if (this.#sending) return;
    this.#sending = true;
    try {
      while (this.#queue.length > 0 && (await this.#sendFirst()));
    } finally {
      this.#sending = false;
    }
  }

  /** Whether to go on with the next one. */
  async #sendFirst() {
    const [message] = this.#queue;
    try {
      await this.#send(message);
    } catch (error) {
      if (error.code === 'OFFLINE') return false;
      if (error.code === 'RATE_LIMITED') return pause(error.details?.retryAfterMs ?? 1000);
      this.#refused(message, error);
    }
    this.#queue.shift();
    this.#changed();
    return true;
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(() => resolve(true), ms));

// Not crypto.randomUUID: browsers keep that from pages that came over plain HTTP.
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
