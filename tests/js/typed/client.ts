// A stranger's client: it only has to compile, without a cast, and what is wrong in it must not.
import { io, type Socket } from "socket.io-client";
import type {
  AckFrame, ChatToClientEvents, ClientFrame, ClientToServerEvents, ErrorCode, FlatFrame, Id, NewMessage, ServerFrame, ServerToClientEvents,
  WithoutAcks,
} from "../../../shared/contract/events.js";

const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io("http://localhost:4000", { auth: { token: "x" } });
const chat: Socket<ChatToClientEvents, ClientToServerEvents> = io("http://localhost:4000/chat");

/** Fails to compile where the type is not exactly this one. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <_ extends true>() => {};

chat.on("new_message", ({ message, author, seq }) => console.log(seq, author.username, message.content.text, message.threadId ?? ""));
socket.on("new_message", (said) => {
  // @ts-expect-error: the lobby's form has no author
  console.log(said.author.username);
  if ("createdAt" in said) console.log(said.id, said.authorId, said["texto"]);
  else console.log(said.message.content.mentions.length, said.author.avatar?.length);
});
socket.on("message_edited", ({ text, editedBy, seq }) => console.log(text.length + seq, editedBy.id));
socket.on("user_presence", ({ status, lastSeen }) => console.log(status === "away", lastSeen?.slice(0, 10)));
socket.on("connected", ({ user }) => console.log(user?.username));
socket.on("error", ({ errorCode, event }) => console.log(errorCode === "RATE_LIMITED", event?.length));
socket.on("group-activity", ({ type, data }) => {
  // @ts-expect-error: anything, until it is looked at
  console.log(type, data.episode);
});
// @ts-expect-error: no such event
socket.on("new_mesage", () => {});
// @ts-expect-error: no such member
socket.on("user_typing", ({ typing }) => console.log(typing));

const sent = await socket.emitWithAck("send_message", { channelId: "general", text: "hola", mentions: ["luis", 7] });
if (sent.success) {
  same<Same<typeof sent.seq, number>>();
  console.log(sent.messageId.length, sent.createdAt.slice(0, 10));
  // @ts-expect-error: it did not fail
  console.log(sent.errorCode);
} else {
  same<Same<typeof sent.errorCode, ErrorCode>>();
  // @ts-expect-error: it failed
  console.log(sent.seq);
  // @ts-expect-error: no such code
  console.log(sent.errorCode === "NOT_HERE");
}
socket.timeout(1000).emit("join_channel", { channelId: 5 }, (late, answer) => {
  if (!late && answer.success) same<Same<typeof answer.channelId, Id>>();
});
socket.emit("mark_read", { channelId: 5, seq: 12 }, (answer) => console.log(answer.success && answer.unread + 1));
socket.emit("message", { content: "hola" }, () => {});
socket.emit("message", { messageContent: "hola", receiverId: null }, () => {});
socket.emit("event_message", { texto: "a todos", n: [1, 2] }, (answer) => console.log(answer.success && answer.messageId));
const quiet: Socket<ServerToClientEvents, WithoutAcks> = socket;
quiet.emit("typing_start", { channelId: "general" });

const synced = await socket.emitWithAck("sync_request", { channels: [{ channelId: "general", lastSeq: 3 }] });
await socket.emitWithAck("sync_request", { channelId: "general" });
for (const channel of synced.success ? synced.channels : []) {
  if ("errorCode" in channel) continue;
  for (const entry of channel.events) {
    if (entry.event === "new_message") same<Same<typeof entry.data, NewMessage>>();
    // @ts-expect-error: not of every entry
    console.log(entry.data.editedAt);
  }
}

// @ts-expect-error: no text
await socket.emitWithAck("send_message", { channelId: "general" });
// @ts-expect-error: no such field
await socket.emitWithAck("send_message", { channelId: "general", text: "x", mention: ["luis"] });
// @ts-expect-error: neither string nor number
await socket.emitWithAck("join_channel", { channelId: true });
// @ts-expect-error: nobody chooses to be offline
await socket.emitWithAck("set_presence", { status: "offline" });
// @ts-expect-error: no such event
await socket.emitWithAck("send_mesage", { channelId: "general", text: "x" });
// @ts-expect-error: neither name of the text
socket.emit("message", { receiverId: 7 }, () => {});
// @ts-expect-error: that is how a channel's message looks
socket.emit("event_message", { message: { text: "x" } }, () => {});
// @ts-expect-error: neither form
await socket.emitWithAck("sync_request", { limit: 5 });

const ws = new WebSocket("ws://localhost:4000/ws?token=x");
const send = (frame: ClientFrame | FlatFrame) => ws.send(JSON.stringify(frame));
send({ action: "send_message", id: 1, data: { channelId: "general", text: "hola" } });
send({ action: "join-group", groupId: 123 });
send({ action: "group-activity", id: "a", data: { groupId: 123, type: "vote", data: { episode: 6 } } });
// @ts-expect-error: another event's payload
send({ action: "join-group", data: { channelId: "general" } });
// @ts-expect-error: its payload has a field `data`
send({ action: "group-activity", groupId: 123, type: "vote", data: 1 });
// @ts-expect-error: no such event
send({ action: "send_mesage", data: { channelId: "general", text: "hola" } });

ws.onmessage = ({ data }) => {
  const frame: ServerFrame = JSON.parse(data);
  switch (frame.event) {
    case "ack":
      if (!frame.data.success) console.log(frame.id, frame.data.errorCode);
      break;
    case "ping":
      // @ts-expect-error: it says nothing
      console.log(frame.data);
      break;
    case "thread_updated":
      console.log(frame.data.replyCount + 1);
      break;
    case "message":
      // @ts-expect-error: that is another event's
      console.log(frame.data.replyCount);
      break;
  }
};
const ack: AckFrame<"send_message"> = JSON.parse("{}");
if (ack.data.success) console.log(ack.data.seq + 1);
