// Events of one's own services, by interface merging.
import { io, type Socket } from "socket.io-client";
import type { ClientToServerEvents, ServerFrame, ServerToClientEvents } from "../../../shared/contract/events.js";

declare module "../../../shared/contract/events.js" {
  interface ServerToClientEvents {
    "series-added": (payload: { seriesName: string }) => void;
  }
}

const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io();
socket.on("series-added", ({ seriesName }) => console.log(seriesName.length));
// @ts-expect-error: no such member
socket.on("series-added", ({ name }) => console.log(name));

export const told = (frame: ServerFrame) => frame.event === "series-added" && frame.data.seriesName;
