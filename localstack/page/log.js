/**
 * A channel's log as one reader sees it: every entry once, in the order of `seq`, whatever was missed or came twice.
 *
 * `apply(entry)` gets each `{seq, event, data}` in turn. `replay(seq)` answers the entries after `seq` as `sync_request`
 * does. `restart()` is called when the server's log turns out to be another, shorter one; it has to start again.
 */
export class ChannelLog {
  /** The last number applied; unknown until `startAt`. */
  seq = null;
  #apply;
  #replay;
  #restart;
  #early = new Map();
  #catchingUp = null;

  constructor({ apply, replay, restart }) {
    this.#apply = apply;
    this.#replay = replay;
    this.#restart = restart;
  }

  /** All up to `seq` is known from elsewhere. */
  startAt(seq) {
    this.seq = seq;
    this.#drain();
  }

  /** Takes a broadcast entry. One that comes too early waits until what lies between has been asked for. */
  receive(entry) {
    this.#keep(entry);
    this.#drain();
    if (this.seq !== null && this.#early.size > 0) this.catchUp().catch(() => {}); // the next connection asks again
  }

  /** Asks for what was missed. */
  catchUp() {
    this.#catchingUp ??= this.#ask().finally(() => (this.#catchingUp = null));
    return this.#catchingUp;
  }

  async #ask() {
    for (let more = true; more; ) {
      const { events, hasMore, reset } = await this.#replay(this.seq);
      if (reset) return this.#startOver();
      events.forEach((entry) => this.#keep(entry));
      this.#drain();
      more = hasMore;
    }
  }

  #startOver() {
    this.seq = null;
    this.#early.clear();
    this.#catchingUp = null;
    return this.#restart();
  }

  #keep(entry) {
    if (this.seq !== null && entry.seq <= this.seq) return;
    // A thread's summary carries its reply's number: it must not take the reply's place.
    if (entry.event === 'thread_updated' && this.#early.has(entry.seq)) return;
    this.#early.set(entry.seq, entry);
  }

  #drain() {
    if (this.seq === null) return;
    for (const seq of this.#early.keys()) if (seq <= this.seq) this.#early.delete(seq);
    for (let entry; (entry = this.#early.get(this.seq + 1)); ) {
      this.#early.delete(++this.seq);
      this.#apply(entry);
    }
  }
}
