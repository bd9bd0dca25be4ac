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

/**
 * An identifier. `123` and `"123"` are the same one; it comes back in the form in which it was sent. A string has at most 256 bytes.
 */
export type Id = string | number;
/**
 * A time: RFC 3339, UTC, milliseconds, `Z`.
 */
export type Timestamp = string;
/**
 * React to a message. Twice is no error and changes nothing.
 */
export type AddReaction = Reaction;
/**
 * The codes that clients may rely on.
 */
export type ErrorCode =
  | "INVALID_REQUEST"
  | "UNAUTHORIZED"
  | "FORBIDDEN"
  | "NOT_FOUND"
  | "CONFLICT"
  | "RATE_LIMITED"
  | "PAYLOAD_TOO_LARGE"
  | "UNKNOWN_EVENT"
  | "INTERNAL";
/**
 * Ties an ack to its request.
 */
export type FrameId = string | number;
/**
 * The caller is a member now.
 */
export type JoinedGroup = GroupNotice;
/**
 * The caller is a member no longer.
 */
export type LeftGroup = GroupNotice;
/**
 * An entry of a channel's log, exactly as it was broadcast; only the text of a deleted message is gone.
 */
export type LogEntry =
  | {
      data: NewMessage;
      event: "new_message";
      seq: number;
    }
  | {
      data: MessageEdited;
      event: "message_edited";
      seq: number;
    }
  | {
      data: MessageDeleted;
      event: "message_deleted";
      seq: number;
    }
  | {
      data: ReactionAdded;
      event: "reaction_added";
      seq: number;
    }
  | {
      data: ReactionRemoved;
      event: "reaction_removed";
      seq: number;
    }
  | {
      data: ThreadCreated;
      event: "thread_created";
      seq: number;
    };
/**
 * Somebody reacted to a message.
 */
export type ReactionAdded = Reacted;
/**
 * Somebody took a reaction back.
 */
export type ReactionRemoved = Reacted;
/**
 * A notification for this user. It comes again at each connection until it is confirmed, for 30 days.
 */
export type NewNotification = Notification;
/**
 * Take a reaction back. One that is not there is no error and changes nothing.
 */
export type RemoveReaction = Reaction;
/**
 * Send a direct message. The connection must have passed `initialize`.
 */
export type SendDirectMessage =
  | {
      /**
       * The text: not blank, at most `MAX_TEXT_CHARS` characters (4,000 unless configured).
       */
      content: string;
      /**
       * Any JSON.
       */
      multimedia?: unknown;
      /**
       * Whom it is for; without it, whom `initialize` named.
       */
      receiverId?: Id | null;
    }
  | {
      /**
       * The text: not blank, at most `MAX_TEXT_CHARS` characters (4,000 unless configured).
       */
      messageContent: string;
      /**
       * Any JSON.
       */
      multimedia?: unknown;
      /**
       * Whom it is for; without it, whom `initialize` named.
       */
      receiverId?: Id | null;
    };
/**
 * What others see of a user.
 */
export type Status = "online" | "away" | "offline";
/**
 * Get what happened in channels since the numbers one knows.
 */
export type SyncRequest =
  | {
      channels: Since[];
      /**
       * Most entries of each channel in one answer: 100 unless said.
       */
      limit?: number | null;
    }
  | {
      channelId: Id;
      /**
       * As in `channels`.
       */
      lastSeq?: number | null;
      /**
       * Most entries of each channel in one answer: 100 unless said.
       */
      limit?: number | null;
    };
/**
 * A channel's entries, or why there are none for the caller.
 */
export type SyncedChannel =
  | {
      channelId: Id;
      events: LogEntry[];
      /**
       * There is more than fitted into this answer.
       */
      hasMore: boolean;
      /**
       * The number of the last of `events`, or the one that was asked for: ask for what comes after it.
       */
      lastSeq: number;
      /**
       * The number asked for lies beyond the channel's head: start again from 0.
       */
      reset: boolean;
    }
  | {
      channelId: Id;
      errorCode: ErrorCode;
    };
/**
 * Somebody joined a channel, or was added.
 */
export type UserJoinedChannel = ChannelMember;
/**
 * Somebody joined a group, or was added.
 */
export type UserJoinedGroup = GroupMember;
/**
 * Somebody left a channel, or was removed.
 */
export type UserLeftChannel = ChannelMember;
/**
 * Somebody left a group, or was removed.
 */
export type UserLeftGroup = GroupMember;

/**
 * What somebody told the group.
 */
export interface Activity {
  data: unknown;
  groupId: Id;
  timestamp: Timestamp;
  type: string;
  userId: Id;
  username: string;
}
/**
 * A message and an emoji.
 */
export interface Reaction {
  channelId: Id;
  /**
   * One grapheme cluster of at most 32 bytes.
   */
  emoji: string;
  messageId: Id;
}
/**
 * The author of a message.
 */
export interface Author {
  /**
   * A picture's address.
   */
  avatar?: string;
  /**
   * The user's id.
   */
  id: Id;
  /**
   * The user's name.
   */
  username: string;
}
/**
 * Who joined or left a channel.
 */
export interface ChannelMember {
  channelId: Id;
  timestamp: Timestamp;
  userId: Id;
  username: string;
}
/**
 * A message as it is broadcast.
 */
export interface ChannelMessage {
  authorId: Id;
  channelId: Id;
  content: Content;
  createdAt: Timestamp;
  id: string;
  parentMessageId?: Id;
  /**
   * The users by emoji: none yet.
   */
  reactions: {
    [k: string]: Id[];
  };
  seq: number;
  threadId?: Id;
  updatedAt: Timestamp;
}
/**
 * A text with its lists.
 */
export interface Content {
  attachments: string[];
  links: string[];
  mentions: Id[];
  text: string;
}
/**
 * Say that one has seen a notification. Only then is it not sent again.
 */
export interface ConfirmNotification {
  notificationId: Id;
  /**
   * If given, the caller.
   */
  userId?: Id | null;
}
/**
 * The connection stands: the first that it is told.
 */
export interface Connected {
  /**
   * Names the connection in `exceptConnections` of the emit calls.
   */
  connectionId: string;
  message: string;
  /**
   * Null for an anonymous connection that has no identity yet.
   */
  user: UserRef | null;
}
/**
 * A user as signals name them.
 */
export interface UserRef {
  /**
   * The user's id.
   */
  id: Id;
  /**
   * The user's name.
   */
  username: string;
}
/**
 * Hang a thread on a message. On a message that has one: that thread, and nobody is told.
 */
export interface CreateThread {
  channelId: Id;
  messageId: Id;
  title?: string | null;
}
/**
 * Erase a message: its text, and that of its edits. Its author may, the room's owners and moderators, and administrators.
 */
export interface DeleteMessage {
  channelId: Id;
  messageId: Id;
}
/**
 * A direct message as both users get it.
 */
export interface DirectMessage {
  content: string;
  id: string;
  multimedia: unknown;
  receiverId: Id;
  senderId: Id;
  timestamp: Timestamp;
}
/**
 * The ack of an event that has nothing to say but that it succeeded.
 */
export interface DoneAck {
  success: true;
}
/**
 * Change the text of one's own message. A list left out stays as it was.
 */
export interface EditMessage {
  attachments?: string[] | null;
  channelId: Id;
  links?: string[] | null;
  /**
   * User ids or usernames. Who is newly mentioned is told.
   */
  mentions?: Id[] | null;
  messageId: Id;
  /**
   * The text: not blank, at most `MAX_TEXT_CHARS` characters (4,000 unless configured).
   */
  text: string;
}
/**
 * Somebody has watched an episode.
 */
export interface EpisodeWatched {
  /**
   * The episode.
   */
  episodeId: Id;
  groupId: Id;
  /**
   * The series.
   */
  seriesId: Id;
  /**
   * When first.
   */
  timestamp: Timestamp;
  /**
   * Who.
   */
  userId: Id;
  /**
   * The name of who.
   */
  username: string;
}
/**
 * What went wrong with an event that asked for no ack, or with the connection.
 */
export interface ErrorEvent {
  /**
   * With `INVALID_REQUEST` the fields that are wrong, with `RATE_LIMITED` when to come back, else a hint for people.
   */
  details?:
    | {
        field: string;
        message: string;
      }[]
    | {
        retryAfterMs: number;
      }
    | string;
  errorCode: ErrorCode;
  /**
   * The event that failed, where it is one.
   */
  event?: string;
  /**
   * The reason, for people.
   */
  message: string;
  timestamp: Timestamp;
}
/**
 * Say anything to the lobby: a JSON object, kept and sent on as it is.
 */
export interface EventMessage {
  authorId?: Id | null;
  /**
   * Anything but an object: that is how a channel's message looks.
   */
  message?: unknown[] | boolean | null | number | string;
  senderId?: Id | null;
  [k: string]: unknown;
}
/**
 * Tell a group of anything. Not stored.
 */
export interface GroupActivity {
  /**
   * Any JSON.
   */
  data?: unknown;
  groupId: Id;
  type: string;
}
/**
 * Who joined or left a group.
 */
export interface GroupMember {
  groupId: Id;
  timestamp: Timestamp;
  userId: Id;
  username: string;
}
/**
 * What the caller is told.
 */
export interface GroupNotice {
  groupId: Id;
  message: string;
}
/**
 * The ack that names the channel.
 */
export interface InChannelAck {
  channelId: Id;
  success: true;
}
/**
 * Open a conversation: send a first message, and name whom the following ones are for. Binds an anonymous connection to its sender.
 */
export interface Initialize {
  /**
   * The text: not blank, at most `MAX_TEXT_CHARS` characters (4,000 unless configured).
   */
  messageContent: string;
  /**
   * Any JSON.
   */
  multimedia?: unknown;
  /**
   * Whom it is for, and later messages that name nobody.
   */
  receiverId: Id;
  /**
   * The caller; binds a connection that has no identity yet.
   */
  senderId: Id;
}
/**
 * Become a member of a channel.
 */
export interface JoinChannel {
  channelId: Id;
}
/**
 * Become a member of a series group.
 */
export interface JoinGroup {
  groupId: Id;
}
/**
 * Follow a thread of a channel that one is a member of.
 */
export interface JoinThread {
  channelId: Id;
  threadId: Id;
}
/**
 * End one's membership of a channel, and of its threads.
 */
export interface LeaveChannel {
  channelId: Id;
}
/**
 * End one's membership of a series group.
 */
export interface LeaveGroup {
  groupId: Id;
}
/**
 * Follow a thread no longer.
 */
export interface LeaveThread {
  channelId: Id;
  threadId: Id;
}
/**
 * A message of the lobby: the object as it was sent, with what the server knows of it. A channel's has no `createdAt`
 * of its own, so that tells the two forms apart.
 */
export interface LobbyMessage {
  /**
   * Who said it; null for a connection without an identity.
   */
  authorId: Id | null;
  createdAt: Timestamp;
  id: string;
  [k: string]: unknown;
}
/**
 * A new message in a channel, or in one of its threads.
 */
export interface NewMessage {
  author: Author;
  message: ChannelMessage;
  seq: number;
}
/**
 * A message has another text.
 */
export interface MessageEdited {
  attachments: string[];
  channelId: Id;
  editedAt: Timestamp;
  editedBy: UserRef;
  links: string[];
  mentions: Id[];
  messageId: Id;
  seq: number;
  text: string;
}
/**
 * A message is gone.
 */
export interface MessageDeleted {
  channelId: Id;
  deletedAt: Timestamp;
  deletedBy: UserRef;
  messageId: Id;
  seq: number;
}
/**
 * Who reacted to what, or did so no longer.
 */
export interface Reacted {
  channelId: Id;
  emoji: string;
  messageId: Id;
  seq: number;
  userId: Id;
  username: string;
}
/**
 * A thread hangs on a message.
 */
export interface ThreadCreated {
  channelId: Id;
  createdAt: Timestamp;
  createdBy: UserRef;
  parentMessageId: Id;
  seq: number;
  threadId: Id;
  title: string | null;
}
/**
 * Say how far one has read a channel. The mark never moves backwards, and never beyond the head.
 */
export interface MarkRead {
  channelId: Id;
  seq: number;
}
/**
 * A message mentions this user.
 */
export interface MentionReceived {
  author: Author;
  channelId: Id;
  messageId: string;
  text: string;
  timestamp: Timestamp;
}
/**
 * Somebody has read a channel this far.
 */
export interface MessageRead {
  channelId: Id;
  seq: number;
  timestamp: Timestamp;
  userId: Id;
}
/**
 * A notification as clients see it.
 */
export interface Notification {
  /**
   * When it was sent.
   */
  createdAt: Timestamp;
  /**
   * Its time-ordered id.
   */
  id: string;
  /**
   * The text.
   */
  message: string;
  /**
   * Whom it is for.
   */
  userId: Id;
}
/**
 * The ack that names the message.
 */
export interface OfMessageAck {
  messageId: Id;
  success: true;
}
/**
 * The ack that names the thread.
 */
export interface OfThreadAck {
  success: true;
  threadId: Id;
}
/**
 * Show a newer token of the same user, so that the connection may go on.
 */
export interface RefreshToken {
  /**
   * A JWT of the same user.
   */
  token: string;
}
/**
 * When the token ends.
 */
export interface RefreshedAck {
  expiresAt: Timestamp;
  success: true;
}
/**
 * A failed ack.
 */
export interface Refusal {
  /**
   * With `INVALID_REQUEST` the fields that are wrong, with `RATE_LIMITED` when to come back, else a hint for people.
   */
  details?:
    | {
        field: string;
        message: string;
      }[]
    | {
        retryAfterMs: number;
      }
    | string;
  /**
   * The reason, for people.
   */
  error: string;
  errorCode: ErrorCode;
  success: false;
}
/**
 * Say something to a channel the caller belongs to, or to one of its threads.
 */
export interface SendMessage {
  attachments?: string[] | null;
  channelId: Id;
  /**
   * The client's own id: the same again within 24 hours gets the same ack, and nothing is stored twice.
   */
  clientMessageId?: string | null;
  links?: string[] | null;
  /**
   * User ids or usernames. Who is no member of the channel is passed over.
   */
  mentions?: Id[] | null;
  /**
   * The message that it quotes.
   */
  parentMessageId?: Id | null;
  /**
   * The text: not blank, at most `MAX_TEXT_CHARS` characters (4,000 unless configured).
   */
  text: string;
  /**
   * The thread that it replies to; replying joins it.
   */
  threadId?: Id | null;
}
/**
 * The ack: the message is durable.
 */
export interface SentAck {
  createdAt: Timestamp;
  messageId: string;
  seq: number;
  success: true;
}
/**
 * The session of the connection. Its id is a secret: give it as `auth.sessionID` to come back as the same user.
 */
export interface SessionStarted {
  sessionID: string;
  userID: Id;
}
/**
 * Say that one is away from this connection, or back.
 */
export interface SetPresence {
  status: "online" | "away";
}
/**
 * A channel, and how much of it one knows.
 */
export interface Since {
  channelId: Id;
  /**
   * The last number one has, 0 for none; without it the answer is the head's number and no entry.
   */
  lastSeq?: number | null;
}
/**
 * The ack that names the message.
 */
export interface StoredAck {
  messageId: string;
  success: true;
}
/**
 * What happened in the channels that were asked for.
 */
export interface Synced {
  channels: SyncedChannel[];
  timestamp: Timestamp;
}
/**
 * What happened in the channels that were asked for.
 */
export interface SyncedAck {
  channels: SyncedChannel[];
  success: true;
  timestamp: Timestamp;
}
/**
 * A thread has a reply. For all of the channel; the reply itself goes to who is in the thread.
 */
export interface ThreadUpdated {
  channelId: Id;
  lastReplyAt: Timestamp;
  replyCount: number;
  seq: number;
  threadId: Id;
}
/**
 * Say that one is typing. It ends by itself unless said again.
 */
export interface TypingStart {
  channelId: Id;
}
/**
 * Say that one is typing no longer.
 */
export interface TypingStop {
  channelId: Id;
}
/**
 * How many messages are left.
 */
export interface UnreadAck {
  success: true;
  /**
   * Others' messages beyond the mark, without those deleted.
   */
  unread: number;
}
/**
 * A user of a shared channel or group has come, gone, or is away. A slow reader may miss it.
 */
export interface UserPresence {
  /**
   * When the last connection ended; only of who is offline.
   */
  lastSeen?: Timestamp;
  status: Status;
  timestamp: Timestamp;
  userId: Id;
}
/**
 * Somebody types in a channel, or does so no longer. A slow reader may miss it.
 */
export interface UserTyping {
  channelId: Id;
  isTyping: boolean;
  userId: Id;
  username: string;
}
/**
 * Say that one has watched an episode. It is stored once for each user and episode.
 */
export interface WatchEpisode {
  episodeId: Id;
  groupId: Id;
  seriesId: Id;
}

/** What the server sends, in namespace `/`. */
export interface ServerToClientEvents {
  /** The connection stands: the first that it is told. */
  "connected": (payload: Connected) => void;
  /** Somebody has watched an episode. */
  "episode-watched": (payload: EpisodeWatched) => void;
  /** What went wrong with an event that asked for no ack, or with the connection. */
  "error": (payload: ErrorEvent) => void;
  /** What somebody told the group. */
  "group-activity": (payload: Activity) => void;
  /** The caller is a member now. */
  "joined-group": (payload: JoinedGroup) => void;
  /** The caller is a member no longer. */
  "left-group": (payload: LeftGroup) => void;
  /** A message mentions this user. */
  "mention_received": (payload: MentionReceived) => void;
  /** A direct message as both users get it. */
  "message": (payload: DirectMessage) => void;
  /** A message is gone. */
  "message_deleted": (payload: MessageDeleted) => void;
  /** A message has another text. */
  "message_edited": (payload: MessageEdited) => void;
  /** Somebody has read a channel this far. */
  "message_read": (payload: MessageRead) => void;
  /** A notification for this user. It comes again at each connection until it is confirmed, for 30 days. */
  "newNotification": (payload: NewNotification) => void;
  /** A message of the lobby: the object as it was sent, with what the server knows of it. A channel's has no `createdAt` of its own, so that tells the two forms apart. Or: A new message in a channel, or in one of its threads. */
  "new_message": (payload: LobbyMessage | NewMessage) => void;
  /** Somebody reacted to a message. */
  "reaction_added": (payload: ReactionAdded) => void;
  /** Somebody took a reaction back. */
  "reaction_removed": (payload: ReactionRemoved) => void;
  /** The session of the connection. Its id is a secret: give it as `auth.sessionID` to come back as the same user. */
  "session": (payload: SessionStarted) => void;
  /** What happened in the channels that were asked for. */
  "sync_response": (payload: Synced) => void;
  /** A thread hangs on a message. */
  "thread_created": (payload: ThreadCreated) => void;
  /** A thread has a reply. For all of the channel; the reply itself goes to who is in the thread. */
  "thread_updated": (payload: ThreadUpdated) => void;
  /** Somebody joined a group, or was added. */
  "user-joined-group": (payload: UserJoinedGroup) => void;
  /** Somebody left a group, or was removed. */
  "user-left-group": (payload: UserLeftGroup) => void;
  /** Somebody joined a channel, or was added. */
  "user_joined_channel": (payload: UserJoinedChannel) => void;
  /** Somebody left a channel, or was removed. */
  "user_left_channel": (payload: UserLeftChannel) => void;
  /** A user of a shared channel or group has come, gone, or is away. A slow reader may miss it. */
  "user_presence": (payload: UserPresence) => void;
  /** Somebody types in a channel, or does so no longer. A slow reader may miss it. */
  "user_typing": (payload: UserTyping) => void;
}

/** What clients send, and how it is answered. */
export interface ClientToServerEvents {
  /** React to a message. Twice is no error and changes nothing. */
  "add_reaction": (payload: AddReaction, ack: (answer: DoneAck | Refusal) => void) => void;
  /** Say that one has seen a notification. Only then is it not sent again. */
  "confirm-notification": (payload: ConfirmNotification, ack: (answer: DoneAck | Refusal) => void) => void;
  /** Say that one has seen a notification. Only then is it not sent again. */
  "confirmNotification": (payload: ConfirmNotification, ack: (answer: DoneAck | Refusal) => void) => void;
  /** Hang a thread on a message. On a message that has one: that thread, and nobody is told. */
  "create_thread": (payload: CreateThread, ack: (answer: OfThreadAck | Refusal) => void) => void;
  /** Erase a message: its text, and that of its edits. Its author may, the room's owners and moderators, and administrators. */
  "delete_message": (payload: DeleteMessage, ack: (answer: OfMessageAck | Refusal) => void) => void;
  /** Change the text of one's own message. A list left out stays as it was. */
  "edit_message": (payload: EditMessage, ack: (answer: OfMessageAck | Refusal) => void) => void;
  /** Say anything to the lobby: a JSON object, kept and sent on as it is. */
  "event_message": (payload: EventMessage, ack: (answer: StoredAck | Refusal) => void) => void;
  /** Tell a group of anything. Not stored. */
  "group-activity": (payload: GroupActivity, ack: (answer: DoneAck | Refusal) => void) => void;
  /** Open a conversation: send a first message, and name whom the following ones are for. Binds an anonymous connection to its sender. */
  "initialize": (payload: Initialize, ack: (answer: StoredAck | Refusal) => void) => void;
  /** Become a member of a series group. */
  "join-group": (payload: JoinGroup, ack: (answer: DoneAck | Refusal) => void) => void;
  /** Become a member of a channel. */
  "join_channel": (payload: JoinChannel, ack: (answer: InChannelAck | Refusal) => void) => void;
  /** Follow a thread of a channel that one is a member of. */
  "join_thread": (payload: JoinThread, ack: (answer: OfThreadAck | Refusal) => void) => void;
  /** End one's membership of a series group. */
  "leave-group": (payload: LeaveGroup, ack: (answer: DoneAck | Refusal) => void) => void;
  /** End one's membership of a channel, and of its threads. */
  "leave_channel": (payload: LeaveChannel, ack: (answer: InChannelAck | Refusal) => void) => void;
  /** Follow a thread no longer. */
  "leave_thread": (payload: LeaveThread, ack: (answer: OfThreadAck | Refusal) => void) => void;
  /** Say how far one has read a channel. The mark never moves backwards, and never beyond the head. */
  "mark_read": (payload: MarkRead, ack: (answer: UnreadAck | Refusal) => void) => void;
  /** Send a direct message. The connection must have passed `initialize`. */
  "message": (payload: SendDirectMessage, ack: (answer: StoredAck | Refusal) => void) => void;
  /** Show a newer token of the same user, so that the connection may go on. */
  "refresh_token": (payload: RefreshToken, ack: (answer: RefreshedAck | Refusal) => void) => void;
  /** Take a reaction back. One that is not there is no error and changes nothing. */
  "remove_reaction": (payload: RemoveReaction, ack: (answer: DoneAck | Refusal) => void) => void;
  /** Say something to a channel the caller belongs to, or to one of its threads. */
  "send_message": (payload: SendMessage, ack: (answer: SentAck | Refusal) => void) => void;
  /** Say that one is away from this connection, or back. */
  "set_presence": (payload: SetPresence, ack: (answer: DoneAck | Refusal) => void) => void;
  /** Get what happened in channels since the numbers one knows. */
  "sync_request": (payload: SyncRequest, ack: (answer: SyncedAck | Refusal) => void) => void;
  /** Say that one is typing. It ends by itself unless said again. */
  "typing_start": (payload: TypingStart, ack: (answer: DoneAck | Refusal) => void) => void;
  /** Say that one is typing no longer. */
  "typing_stop": (payload: TypingStop, ack: (answer: DoneAck | Refusal) => void) => void;
  /** Say that one has watched an episode. It is stored once for each user and episode. */
  "watch-episode": (payload: WatchEpisode, ack: (answer: DoneAck | Refusal) => void) => void;
}

/** What the server sends in namespace `/chat`, which is not in the lobby: `new_message` is always a channel's. */
export interface ChatToClientEvents extends Omit<ServerToClientEvents, "new_message"> {
  "new_message": (payload: NewMessage) => void;
}

/** The same events for who wants no ack: what fails then comes as `error`. */
export type WithoutAcks<Events = ClientToServerEvents> = {
  [Event in keyof Events]: (payload: Payload<Events[Event]>) => void;
};

type Payload<Listener> = Listener extends (payload: infer Payload, ...rest: any[]) => unknown ? Payload : never;
type Answer<Listener> = Listener extends (payload: any, ack: (answer: infer Answer) => void) => unknown ? Answer : never;
type OneOf<Frames> = Frames[keyof Frames];

/** A plain WebSocket's request, by `action`. With an `id` it is answered by an `AckFrame` of the same one. */
export type ClientFrame = OneOf<{
  [Event in keyof ClientToServerEvents]: { action: Event; id?: FrameId; data: Payload<ClientToServerEvents[Event]> };
}>;

/** A request in its flat form: all fields but `action` and `id` are the payload, which has no `data` or `id` itself. */
export type FlatFrame = OneOf<{
  [Event in keyof ClientToServerEvents as "data" extends keyof Payload<ClientToServerEvents[Event]> ? never : Event]:
    { action: Event; id?: FrameId } & Payload<ClientToServerEvents[Event]>;
}>;

/** The answer to the request of that `id`; name the event to know more: `AckFrame<"send_message">`. */
export interface AckFrame<Event extends keyof ClientToServerEvents = keyof ClientToServerEvents> {
  event: "ack";
  id: FrameId;
  data: Answer<ClientToServerEvents[Event]>;
}

/** Keeps an idle connection open, and wants no answer. */
export interface PingFrame {
  event: "ping";
}

/** What the server sends to a plain WebSocket, by `event`. */
export type ServerFrame =
  | AckFrame
  | PingFrame
  | OneOf<{ [Event in keyof ServerToClientEvents]: { event: Event; data: Payload<ServerToClientEvents[Event]> } }>;
