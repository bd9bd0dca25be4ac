/** The channel: its history, what is written now, and the thread that is open beside it. */
import { bubbles, pendingBubbles } from './bubbles.js';
import { composer } from './composer.js';
import { RequestError } from './connection.js';
import { coalesce, part, say, stayAtEnd } from './dom.js';
import { words } from './i18n.js';
import { ChannelLog } from './log.js';
import { Messages } from './messages.js';
import { Outbox } from './outbox.js';

const PAGE = 50;
const REPLAY = 500;
const TYPING_MS = 7000;
const LOGGED = ['new_message', 'message_edited', 'message_deleted', 'reaction_added', 'reaction_removed', 'thread_created', 'thread_updated'];

export function startChat({ connection, get, channelId, me, people, failed }) {
  const messages = new Messages();
  const history = (query) =>
    get(`channels/${encodeURIComponent(channelId)}/messages?${new URLSearchParams(query)}`).then(({ messages: page, hasMore }) => {
      for (const { author } of page) people.meet(author?.id, author?.username);
      messages.remember(page);
      return hasMore;
    });

  const log = new ChannelLog({
    apply(entry) {
      const { author, userId, username } = entry.data;
      people.meet(author?.id ?? userId, author?.username ?? username);
      messages.apply(entry);
      draw();
    },
    async replay(lastSeq) {
      const { channels } = await connection.request('sync_request', { channels: [{ channelId, lastSeq }], limit: REPLAY });
      const [page] = channels;
      if (page.errorCode) throw new RequestError(page.errorCode);
      return page;
    },
    restart() {
      messages.clear();
      return load();
    },
  });
  for (const event of LOGGED) {
    connection.on(event, (data) => {
      // The lobby says `new_message` too, with whatever people put into it, but never with a message of a channel.
      const { channelId: where } = event === 'new_message' ? Object(data.message) : data;
      if (String(where) === channelId) log.receive({ seq: data.seq, event, data });
    });
  }

  // ---- what one can do
  const request = (action, data) => connection.request(action, { channelId, ...data });
  const attempt = (action, data) => request(action, data).catch(failed);
  const act = {
    react: ({ id }, emoji, on) => attempt(on ? 'add_reaction' : 'remove_reaction', { messageId: id, emoji }),
    erase: ({ id }) => attempt('delete_message', { messageId: id }),
    edit: (message) => (message.threadId ? replyLine : line).edit(message),
    reply: (message) => openThread(message).catch(failed),
  };
  const edit = (messageId, text) => request('edit_message', { messageId, text });
  const outbox = new Outbox({
    send: (message) => request('send_message', message),
    changed: () => draw(),
    refused({ text, threadId }, error) {
      (threadId ? replyLine : line).giveBack(text);
      failed(error);
    },
  });
  const line = composer(part('composer'), {
    edit,
    failed,
    send(text) {
      toEnd();
      outbox.add({ text });
    },
    typing: (active) => connection.tell(active ? 'typing_start' : 'typing_stop', { channelId }),
  });

  // ---- the thread beside
  let thread = null;
  const replyLine = composer(part('thread-composer'), {
    edit,
    failed,
    send: (text) => outbox.add({ text, threadId: thread.id, parentMessageId: thread.root }),
  });

  async function openThread({ id }) {
    const { threadId } = await request('create_thread', { messageId: id });
    thread = { id: threadId, root: id };
    replyLine.clear();
    part('thread').hidden = false;
    draw();
    replyLine.focus();
    await enterThread();
  }

  async function enterThread() {
    await request('join_thread', { threadId: thread.id });
    await history({ threadId: thread.id, limit: PAGE });
    draw();
  }

  function closeThread() {
    thread = null;
    part('thread').hidden = true;
    line.focus();
  }
  part('thread-close').addEventListener('click', closeThread);

  // ---- what one sees
  const toEnd = stayAtEnd(part('scroll'));
  stayAtEnd(part('thread-scroll'));
  const look = { me, nameOf: people.nameOf, repliesOf: (message) => messages.replies(message) };
  const drawMessages = bubbles(part('messages'), { ...look, act });
  const drawRoot = bubbles(part('thread-root'), { me, nameOf: people.nameOf, act: { ...act, reply: undefined } });
  const drawReplies = bubbles(part('thread-messages'), { me, nameOf: people.nameOf, act: { ...act, reply: undefined } });
  const drawPending = pendingBubbles(part('pending'));
  const drawPendingReplies = pendingBubbles(part('thread-pending'));

  const draw = coalesce(() => {
    const all = messages.in();
    drawMessages(all);
    drawPending(outbox.waiting.filter(({ threadId }) => !threadId));
    part('empty').hidden = all.length > 0 || log.seq === null;
    if (!thread) return;
    drawRoot([messages.get(thread.root)].filter(Boolean));
    drawReplies(messages.in(thread.id));
    drawPendingReplies(outbox.waiting.filter(({ threadId }) => threadId === thread.id));
  });

  part('earlier').addEventListener('click', async () => {
    const scroll = part('scroll');
    const fromEnd = scroll.scrollHeight - scroll.scrollTop;
    const [{ seq: before }] = messages.in();
    part('earlier').hidden = !(await history({ before, limit: PAGE }).catch((error) => failed(error) ?? true));
    draw();
    queueMicrotask(() => (scroll.scrollTop = scroll.scrollHeight - fromEnd));
  });

  showTyping(connection, channelId);

  // ---- coming in, and coming back
  async function load() {
    part('earlier').hidden = !(await history({ limit: PAGE }));
    const [oldest] = messages.in();
    // From there on the log is replayed: it has what history leaves out, the threads, and whatever came meanwhile.
    if (log.seq === null) log.startAt(oldest ? oldest.seq - 1 : 0);
    await log.catchUp();
    draw();
  }

  return {
    async enter() {
      await request('join_channel', {});
      await (log.seq === null ? load() : log.catchUp());
      await outbox.flush();
      if (thread) await enterThread();
    },
  };
}

/** Says who is writing, for as long as they are. */
function showTyping(connection, channelId) {
  const writers = new Map();
  const draw = () => say(part('typing'), writers.size > 0 ? words.typing([...writers.values()].map(({ username }) => username)) : '');
  const forget = (id) => {
    clearTimeout(writers.get(id)?.timer);
    writers.delete(id);
    draw();
  };
  connection.on('user_typing', (data) => {
    if (String(data.channelId) !== channelId) return;
    const id = String(data.userId);
    forget(id);
    if (!data.isTyping) return;
    writers.set(id, { username: data.username, timer: setTimeout(() => forget(id), TYPING_MS) });
    draw();
  });
  connection.onState(() => [...writers.keys()].forEach(forget));
}
