"""The plain WebSocket from Python 3.11 or newer: says each line of standard input in a channel, prints what is said there.

    pip install -r docs/recipes/requirements.txt
    python docs/recipes/plain.py ws://localhost:4000/ws "$TOKEN" general

In the cloud the address is wss://HOST/STAGE. Whatever Socket.IO clients can do is done with these frames:

    → {"action": "send_message", "id": 1, "data": {…}}
    ← {"event": "ack", "id": 1, "data": {"success": true, …}}
    ← {"event": "new_message", "data": {…}}
"""

import asyncio
import itertools
import json
import sys
import threading
import uuid

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

ANSWER_SECONDS = 5
# Nobody knows whether what was asked has arrived.
LOST = (ConnectionClosed, ConnectionError, TimeoutError)


class Refused(Exception):
    """The server's refusal, with its code."""

    def __init__(self, ack):
        super().__init__(f"{ack['errorCode']}: {ack.get('error', 'refused')}")


class Channel:
    """A channel's log, followed from its first entry; its entries are numbered without gaps."""

    def __init__(self, channel_id):
        self.channel_id = channel_id
        self.last_seq = 0
        self.online = asyncio.Event()
        self.socket = self.entering = None
        self.acks = {}
        self.ids = itertools.count(1)

    async def stay(self, url, token):
        """Connects, and again whenever the connection ends: `connect` waits longer and longer between its tries."""
        headers = {"Authorization": f"Bearer {token}"}
        async for self.socket in connect(url, additional_headers=headers):
            self.entering = asyncio.create_task(self.enter())
            try:
                async for text in self.socket:
                    self.receive(json.loads(text))
            except ConnectionClosed:
                pass
            self.online.clear()
            self.entering.cancel()
            for ack in self.acks.values():
                if not ack.done():
                    ack.set_exception(ConnectionError("the connection ended"))

    async def enter(self):
        """Joins, and asks for what was said since the last entry that is known."""
        try:
            await self.request("join_channel", {"channelId": self.channel_id})
            await self.catch_up()
            self.online.set()
        except Refused as refused:
            complain(refused)
        except LOST:
            await self.socket.close()

    async def catch_up(self):
        more = True
        while more:
            since = {"channelId": self.channel_id, "lastSeq": self.last_seq}
            [page] = (await self.request("sync_request", {"channels": [since]}))["channels"]
            for entry in page["events"]:
                self.take(entry["seq"], entry["event"], entry["data"])
            more = page["hasMore"]

    async def say(self, text):
        """Says something, and again while nobody knows whether it arrived: with the same id it is stored once."""
        message = {"channelId": self.channel_id, "text": text, "clientMessageId": str(uuid.uuid4())}
        while True:
            await self.online.wait()
            try:
                return await self.request("send_message", message)
            except Refused as refused:
                return complain(refused)
            except LOST:
                continue

    async def request(self, action, data):
        """Asks, and waits for the ack."""
        number = next(self.ids)
        ack = self.acks[number] = asyncio.get_running_loop().create_future()
        try:
            await self.socket.send(json.dumps({"action": action, "id": number, "data": data}))
            answer = await asyncio.wait_for(ack, ANSWER_SECONDS)
        finally:
            del self.acks[number]
        if not answer["success"]:
            raise Refused(answer)
        return answer

    def receive(self, frame):
        event, data = frame["event"], frame.get("data")
        if event == "ack":
            if (ack := self.acks.get(frame["id"])) and not ack.done():
                ack.set_result(data)
        elif event == "error":
            complain(f"{data['errorCode']}: {data['message']}")
        elif event == "new_message" and isinstance(data["message"], dict):  # a text is the lobby's
            if data["message"]["channelId"] == self.channel_id:
                self.heard(data)

    def heard(self, data):
        if data["seq"] == self.last_seq + 1:
            self.take(data["seq"], "new_message", data)
        elif data["seq"] > self.last_seq and self.online.is_set():
            # Edits and reactions have numbers, too: what lies between is asked for.
            self.online.clear()
            self.entering = asyncio.create_task(self.enter())

    def take(self, seq, event, data):
        if seq <= self.last_seq:
            return
        self.last_seq = seq
        if event == "new_message":
            print(f"{seq} {data['author']['username']}: {data['message']['content']['text']}", flush=True)


def complain(problem):
    print(problem, file=sys.stderr, flush=True)


def read_lines(loop, lines):
    for line in sys.stdin:
        loop.call_soon_threadsafe(lines.put_nowait, line.rstrip("\n"))
    loop.call_soon_threadsafe(lines.put_nowait, None)


async def speak(channel):
    lines = asyncio.Queue()
    thread = threading.Thread(target=read_lines, args=(asyncio.get_running_loop(), lines), daemon=True)
    thread.start()
    while (line := await lines.get()) is not None:
        await channel.say(line)


async def main(url, token, channel_id):
    channel = Channel(channel_id)
    staying, speaking = asyncio.create_task(channel.stay(url, token)), asyncio.create_task(speak(channel))
    done, _ = await asyncio.wait({staying, speaking}, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    staying.cancel()
    await asyncio.wait({staying})


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:]))
    except InvalidStatus as refused:  # an upgrade is refused with a status: the token is missing or not good
        sys.exit(f"{refused.response.status_code}: {refused.response.body.decode()}")
