/** What a channel's log amounts to: its messages, as they are now. Knows nothing of the page. */
export class Messages {
  #byId = new Map();
  #replies = new Map();

  /** The channel's own messages, or a thread's replies, in order. */
  in(threadId) {
    const same = (message) => (threadId ? message.threadId === threadId : !message.threadId);
    return [...this.#byId.values()].filter(same).sort((a, b) => a.seq - b.seq);
  }

  get(id) {
    return this.#byId.get(id);
  }

  /** How many replies a message has, as far as is known; undefined where it has no thread. */
  replies({ thread }) {
    return thread && Math.max(this.#replies.get(thread) ?? 0, this.in(thread).length);
  }

  clear() {
    this.#byId.clear();
    this.#replies.clear();
  }

  /** Adds messages read from history. What the log has told about one already is newer, and stays. */
  remember(items) {
    for (const item of items) {
      const message = flatten(item);
      if (!this.#byId.has(message.id)) this.#byId.set(message.id, message);
    }
  }

  /** Applies one entry of the log. Applying one twice changes nothing. */
  apply({ event, data }) {
    const message = this.#byId.get(data.messageId ?? data.parentMessageId);
    switch (event) {
      case 'new_message':
        return this.remember([{ ...data.message, author: data.author }]);
      case 'thread_updated':
        return this.#replies.set(data.threadId, data.replyCount);
    }
    if (!message) return; // older than the history that was read
    switch (event) {
      case 'message_edited':
        return Object.assign(message, { text: data.text, editedAt: data.editedAt });
      case 'message_deleted':
        return Object.assign(message, { text: '', deletedAt: data.deletedAt, reactions: new Map() });
      case 'reaction_added':
        return this.#reactions(message, data.emoji).add(String(data.userId));
      case 'reaction_removed':
        return this.#reactions(message, data.emoji).delete(String(data.userId));
      case 'thread_created':
        return Object.assign(message, { thread: data.threadId });
    }
  }

  #reactions({ reactions }, emoji) {
    if (!reactions.has(emoji)) reactions.set(emoji, new Set());
    return reactions.get(emoji);
  }
}

/** What the page needs of a message on the wire. */
function flatten({ id, seq, threadId, authorId, content, createdAt, editedAt, deletedAt, reactions }) {
  const users = Object.entries(reactions).map(([emoji, users]) => [emoji, new Set(users.map(String))]);
  return {
    id, seq, threadId, createdAt, editedAt, deletedAt,
    authorId: String(authorId),
    text: content.text,
    reactions: new Map(users),
  };
}
