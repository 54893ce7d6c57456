"""A server of one conversation in this process, written from PROTOCOL.md, that misbehaves on request.

For tests of clients only: it keeps everything in memory and shares no code with the product. Anything that must hold of
the real server must never be tested against it.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

Frame = dict[str, Any]
STATE: Frame = {
    "auth": "anonymous", "customer_name": None, "handoff": "none", "ticket": None, "position": None,
    "pending_query": None, "action": "none", "ended": False,
}  # fmt: skip


class FakeServer:
    """`pieces`: what the bot streams for the next messages; from number `hold_at` on they wait for an open `gate`."""

    def __init__(self) -> None:
        self.events: list[Frame] = []
        self.received: list[Frame] = []
        self.hellos: list[Frame] = []
        self.refusals: deque[Frame] = deque()
        self.state = dict(STATE)
        self.replica, self.epoch, self.token = "r-1", "e1", "token-1"
        self.pieces: list[str] | None = None
        self.heartbeat = 25.0
        self.turn_away: int | None = None
        self.lose_acks = 0
        self.pongs = True
        self.hold_at = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.running: Frame | None = None
        self.url = ""
        self._sockets: set[ServerConnection] = set()
        self._turns: asyncio.Queue[tuple[int, str]] = asyncio.Queue()
        self._answer: asyncio.Task[None] | None = None

    @classmethod
    @asynccontextmanager
    async def start(cls) -> AsyncIterator["FakeServer"]:
        """A listening server."""
        self = cls()
        bot = asyncio.create_task(self._bot())
        async with serve(self._connection, "127.0.0.1", 0, subprotocols=[Subprotocol("baton.v1")]) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            self.url = f"http://127.0.0.1:{port}"
            yield self
            for task in (bot, self._answer):
                if task is not None:
                    task.cancel()
            await asyncio.gather(bot, return_exceptions=True)

    # What a test makes happen.

    def cut(self) -> None:
        """Lose every connection without a close, as a killed replica does."""
        sockets, self._sockets = self._sockets, set()
        for socket in sockets:
            socket.transport.abort()

    async def close_all(self, code: int) -> None:
        """Close every connection with a code."""
        sockets, self._sockets = self._sockets, set()
        await asyncio.gather(*(socket.close(code) for socket in sockets))

    def say(self, **frame: Any) -> None:
        """Send a frame to everyone, as it is."""
        for socket in self._sockets:
            self._to(socket, frame)

    def store(self, type: str, **fields: Any) -> Frame:
        """Append a durable event and send it to everyone."""
        seq = len(self.events) + 1
        event = {"type": type, "seq": seq, "mark": f"{self.epoch}-m{seq}", "at": "2026-01-01T00:00:00.000Z"} | fields
        self.events.append(event)
        self.say(**event)
        return event

    def message(self, role: str, text: str, turn: int | None, id: str | None = None) -> Frame:
        """Store a message; a user's starts a turn."""
        seq = len(self.events) + 1
        fields: Frame = {"id": id or f"{role}-{seq}", "role": role, "text": text, "name": None}
        return self.store("message", turn=seq if role == "user" else turn, **fields)

    def change(self, **state: Any) -> None:
        """Store a change of the state."""
        self.state |= state
        self.store("state", turn=None, state=dict(self.state))

    def fork(self, keep: int) -> None:
        """Lose all events after `keep`, as a failed-over Redis can; every connection is closed with 1012 later."""
        del self.events[keep:]
        self.epoch += "f"

    def texts(self, role: str) -> list[str]:
        return [event["text"] for event in self.events if event.get("role") == role]

    def got(self, type: str) -> list[Frame]:
        return [frame for frame in self.received if frame["type"] == type]

    # What a server does.

    async def _connection(self, socket: ServerConnection) -> None:
        try:
            hello = json.loads(await socket.recv())
            self.hellos.append(hello)
            code = self.turn_away
            if code is None and hello["token"] not in (None, self.token):
                code = 4401
            if code is not None:
                await socket.close(code)
                return
            self._welcome(socket, hello["after"])
            self._sockets.add(socket)
            async for raw in socket:
                self._frame(socket, json.loads(raw))
        except ConnectionClosed:
            return
        finally:
            self._sockets.discard(socket)

    def _welcome(self, socket: ServerConnection, after: Frame | None) -> None:
        seq = after["seq"] if after else 0
        mark = self.events[seq - 1]["mark"] if 0 < seq <= len(self.events) else None
        recovered = bool(after) and after is not None and (after["epoch"], after["mark"]) == (self.epoch, mark)
        limits = {"text": 8000, "frame": 65536}
        self._to(socket, {
            "type": "welcome", "session": "s", "token": self.token, "epoch": self.epoch, "seq": len(self.events),
            "recovered": recovered, "oldest": 1, "state": self.state, "replica": self.replica,
            "heartbeat": self.heartbeat, "limits": limits, "a_new_field": 1,
        })  # fmt: skip
        for event in self.events[seq if recovered else max(0, len(self.events) - 200) :]:
            self._to(socket, event)
        if self.running:
            self._to(socket, {"type": "turn_start", "turn": self.running["turn"], "attempt": self.running["attempt"]})
            if self.running["text"]:
                self._to(socket, self.running | {"type": "delta", "first": 0})

    def _frame(self, socket: ServerConnection, frame: Frame) -> None:
        self.received.append(frame)
        match frame["type"]:
            case "send" if self.refusals:
                self._to(socket, {"type": "error", "id": frame["id"], "retry_after": None} | self.refusals.popleft())
            case "send":
                self._accept(socket, frame)
            case "end":
                self.change(ended=True)
            case "sign_out":
                self.change(auth="anonymous", customer_name=None)
            case "cancel" if self.running and self._answer:
                self._answer.cancel()
            case "history":
                older = [event for event in self.events if event["seq"] < frame["before"]]
                page = {"events": older[-frame["limit"] :], "more": len(older) > frame["limit"]}
                self._to(socket, {"type": "history"} | page)
            case "ping" if self.pongs:
                self._to(socket, {"type": "pong", "t": frame["t"]})

    def _accept(self, socket: ServerConnection, frame: Frame) -> None:
        known = next((e["seq"] for e in self.events if e.get("id") == frame["id"]), None)
        if known is None:
            seq = self.message("user", frame["text"], None, frame["id"])["seq"]
            self._turns.put_nowait((seq, frame["text"]))
        if self.lose_acks:
            self.lose_acks -= 1
            self.cut()
            return
        ack = {"id": frame["id"], "seq": known or len(self.events), "duplicate": known is not None}
        self._to(socket, {"type": "ack"} | ack)

    async def _bot(self) -> None:
        while True:
            turn, text = await self._turns.get()
            self._answer = asyncio.create_task(self._write(turn, self.pieces or ["Echo: ", text]))
            await asyncio.gather(self._answer, return_exceptions=True)
            written = self.running["text"] if self.running else ""
            status = "cancelled" if self._answer.cancelled() else "completed"
            self.running = None
            self.message("assistant", written, turn)
            self.store("turn_end", turn=turn, status=status, reason=None)

    async def _write(self, turn: int, pieces: list[str]) -> None:
        self.running = {"turn": turn, "attempt": 1, "part": 0, "last": -1, "text": ""}
        self.say(type="turn_start", turn=turn, attempt=1)
        for number, piece in enumerate(pieces):
            if number >= self.hold_at:
                await self.gate.wait()
            self.running |= {"last": number, "text": self.running["text"] + piece}
            self.say(**(self.running | {"type": "delta", "first": number, "text": piece}))
            await asyncio.sleep(0)

    def _to(self, socket: ServerConnection, frame: Frame) -> None:
        # The transport is written directly: these calls must not wait, and the frames are far below its limits.
        socket.protocol.send_text(json.dumps(frame).encode())
        socket.send_data()
