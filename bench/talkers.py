"""One conversation as the load generator sees it: a message goes out, its ack and the end of its turn come back.

No task per connection while it measures: everything happens in the callback that a frame arrives in. A talker checks
what it can see for free (every message acked, every turn ended, once) and must never repeat a message or hide a
refusal.
"""

import asyncio
import os
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from bench.wire import Socket, WireError, kind

TEXT = "Where can I read the invoice of last month, please?"
HELLO = {"type": "hello", "token": None, "after": None, "client": "bench"}
_ADDRESSES = 4  # loopback addresses to connect from: the ports of one run short


class LoadError(Exception):
    """The server didn't do what the measurement needs; the text is one plain line."""


@dataclass
class Meter:
    """What a group of talkers has seen. Times are seconds."""

    sent: int = 0
    acks: int = 0
    turns: int = 0
    again: bool = False  # closed loop: the end of a turn starts the talker's next
    failure: str | None = None
    ack_times: list[float] = field(default_factory=list)
    turn_times: list[float] = field(default_factory=list)

    def fail(self, reason: str) -> None:
        """Keep the first thing that went wrong; the measurement ends with it."""
        self.failure = self.failure or reason
        self.again = False

    def check(self) -> None:
        """Raises LoadError with the first thing that went wrong, if any did."""
        if self.failure is not None:
            raise LoadError(self.failure)


class Talker(Protocol):
    """One connection that can say something; its meter learns of the answer. `left`: turns it may still start."""

    meter: Meter
    left: int

    async def open(self, port: int) -> None:
        """Connect and be greeted; raises WireError or OSError."""

    def say(self) -> None: ...
    def close(self) -> None: ...


class EchoTalker:
    """Talks to the bare echo; an echoed message counts as an ack and a turn. Its frames are as long as Baton's."""

    __slots__ = ("_greeted", "_payload", "_sent_at", "_wire", "left", "meter")

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.left = 0
        self._payload = message(b"0" * 21)
        self._sent_at: deque[float] = deque()

    async def open(self, port: int) -> None:
        """Connect and have a hello echoed; raises WireError or OSError."""
        self._greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wire = await dial(port, self._on_text, self._on_lost, None)
        self._wire.send(orjson.dumps(HELLO))
        await self._greeted

    def say(self) -> None:
        """Send one message."""
        self.left -= 1
        self.meter.sent += 1
        self._sent_at.append(time.perf_counter())
        self._wire.send(self._payload)

    def close(self) -> None:
        """Leave without a word."""
        self._wire.abort()

    def _on_text(self, _payload: bytes) -> None:
        meter = self.meter
        if not self._sent_at:
            greet(self._greeted)
            return
        took = time.perf_counter() - self._sent_at.popleft()
        meter.acks += 1
        meter.ack_times.append(took)
        meter.turns += 1
        meter.turn_times.append(took)
        if meter.again and self.left > 0:
            self.say()

    def _on_lost(self, error: WireError) -> None:
        if self._greeted.done():
            self.meter.fail(f"the echo: {error}")
        else:
            refuse(self._greeted, error)


class BatonTalker:
    """Talks `baton.v1` in a conversation of its own. Acks and ends come in the order of the messages (I3), so it need
    keep only the times at which they were sent."""

    __slots__ = ("_ack_due", "_count", "_end_due", "_name", "_text", "_welcomed", "_wire", "left", "meter", "welcome")

    def __init__(self, meter: Meter, text: str = TEXT) -> None:
        self.meter = meter
        self._text = text
        self.left = 0
        self.welcome: dict[str, Any] = {}
        self._name = os.urandom(6).hex().encode()
        self._count = 0
        self._ack_due: deque[float] = deque()
        self._end_due: deque[float] = deque()

    async def open(self, port: int) -> None:
        """Connect, say hello and wait for the welcome; raises WireError or OSError."""
        self._welcomed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wire = await dial(port, self._on_text, self._on_lost, "baton.v1")
        self._wire.send(orjson.dumps(HELLO))
        await self._welcomed

    def say(self) -> None:
        """Send one message under a new id."""
        self.left -= 1
        self._count += 1
        self.meter.sent += 1
        now = time.perf_counter()
        self._ack_due.append(now)
        self._end_due.append(now)
        self._wire.send(message(b"%b-%08d" % (self._name, self._count), self._text))

    def close(self) -> None:
        """Leave without a word."""
        self._wire.abort()

    def _on_text(self, payload: bytes) -> None:
        meter = self.meter
        what = kind(payload)
        if what == b"turn_end" and self._end_due:
            meter.turns += 1
            meter.turn_times.append(time.perf_counter() - self._end_due.popleft())
            if b'"status":"completed"' not in payload:
                meter.fail("a turn didn't complete")
            if meter.again and self.left > 0:
                self.say()
        elif what == b"ack" and self._ack_due:
            meter.acks += 1
            meter.ack_times.append(time.perf_counter() - self._ack_due.popleft())
        elif what == b"welcome":
            self.welcome = orjson.loads(payload)
            greet(self._welcomed)
        elif what in (b"turn_end", b"ack", b"error", b""):
            meter.fail(f"Baton sent unexpectedly: {payload[:160].decode(errors='replace')}")

    def _on_lost(self, error: WireError) -> None:
        if self._welcomed.done():
            self.meter.fail(f"Baton: {error}")
        else:
            refuse(self._welcomed, error)


def greet(waiting: asyncio.Future[None]) -> None:
    """The connection is greeted: whoever opened it may go on, if it still waits."""
    if not waiting.done():
        waiting.set_result(None)


def refuse(waiting: asyncio.Future[None], error: WireError) -> None:
    """The connection won't be greeted: whoever opened it gets the error; nobody is told if nobody waits any more."""
    if not waiting.done():
        waiting.set_exception(error)
        waiting.exception()


async def dial(port: int, on_text: Callable[[bytes], None], on_lost: Callable[[WireError], None],
               subprotocol: str | None) -> Socket:  # fmt: skip
    """An upgraded connection; raises WireError or OSError."""
    loop = asyncio.get_running_loop()
    source = (f"127.0.0.{random.randint(1, _ADDRESSES)}", 0)
    _, wire = await loop.create_connection(
        lambda: Socket(port, on_text, on_lost, subprotocol), "127.0.0.1", port, local_addr=source
    )
    await wire.opened
    return wire


def message(name: bytes, text: str = TEXT) -> bytes:
    """A `send` frame; neither part may need escaping."""
    return b'{"type":"send","id":"%b","text":"%b"}' % (name, text.encode())
