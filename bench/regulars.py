"""Customers who stay: one conversation each over any number of connections, and a ledger of what became of it.

A regular does what the protocol asks of a client: it comes back after a close, resumes after the last event it has
seen, and sends again, under the same id, what wasn't acked. It must never drop a message, nor count one that it has not
seen stored.
"""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from bench.talkers import HELLO, dial, greet, message, refuse
from bench.wire import Socket, WireError

_CONNECT_SECONDS = 10.0
_REJOIN_MS = 200  # if a replica closes without having said how long to wait
_RESTART = 1012


@dataclass
class Ledger:
    """What all regulars have seen. `acks`: when a message was first sent, and seconds until its ack."""

    acks: list[tuple[float, float]] = field(default_factory=list)
    sent: int = 0
    resent: int = 0
    returns: int = 0
    refused: int = 0
    not_completed: int = 0
    failure: str | None = None


class Regular:
    """One of them. `door` names the port of a replica that takes connections."""

    def __init__(self, ledger: Ledger, door: Callable[[], int]) -> None:
        self.stored: Counter[str] = Counter()
        self.answers: Counter[int] = Counter()
        self.ends: Counter[int] = Counter()
        self.pending: dict[str, float] = {}  # message id → when it was first sent
        self.said = 0
        self._ledger, self._door = ledger, door
        self._name = os.urandom(6).hex()
        self._token: str | None = None
        self._after: dict[str, Any] | None = None
        self._epoch = ""
        self._seq = self._attempt = 0
        self._reconnect_ms = _REJOIN_MS
        self._wire: Socket | None = None
        self._welcomed: asyncio.Future[None] | None = None
        self._back: asyncio.Task[None] | None = None

    async def open(self, port: int) -> None:
        """Connect with the token and the cursor there are; raises WireError or OSError."""
        self._welcomed = asyncio.get_running_loop().create_future()
        self._attempt += 1
        mine = self._attempt

        def heard(payload: bytes) -> None:
            if mine == self._attempt:  # and not one that was given up
                self.on_text(payload)

        def lost(error: WireError) -> None:
            if mine == self._attempt:
                self._on_lost(error)

        async with asyncio.timeout(_CONNECT_SECONDS):
            self._wire = await dial(port, heard, lost, "baton.v1")
            self._wire.send(orjson.dumps(HELLO | {"token": self._token, "after": self._after}))
            await self._welcomed

    def say(self) -> None:
        """Send one message under a new id, now or as soon as there is a connection."""
        self.said += 1
        self._ledger.sent += 1
        name = f"{self._name}-{self.said:06d}"
        self.pending[name] = time.perf_counter()
        if self._wire is not None and self._welcomed is not None and self._welcomed.done():
            self._wire.send(message(name.encode()))

    def close(self) -> None:
        """Leave without a word."""
        if self._back is not None:
            self._back.cancel()
        if self._wire is not None:
            self._wire.abort()

    @property
    def settled(self) -> bool:
        """Whether everything it said is acked, stored and answered."""
        return not self.pending and len(self.stored) >= self.said and len(self.ends) >= self.said

    @property
    def lost(self) -> int:
        """Messages that were never seen stored, or never acked."""
        return max(self.said - len(self.stored), len(self.pending))

    @property
    def doubled(self) -> int:
        """Messages, answers and ends of turns that came more than once."""
        return sum(each.total() - len(each) for each in (self.stored, self.answers, self.ends))

    def on_text(self, payload: bytes) -> None:
        """One frame."""
        frame = orjson.loads(payload)
        match frame["type"]:
            case "welcome":
                self._welcome(frame)
            case "ack":
                self._acked(frame["id"])
            case "drain":
                self._reconnect_ms = frame["reconnect_in"]
            case "error":
                self._amiss(f"Baton sent unexpectedly: {payload[:160].decode(errors='replace')}")
        if "mark" in frame:
            self._event(frame)

    def _welcome(self, frame: dict[str, Any]) -> None:
        if self._after is not None and not frame["recovered"]:
            self._amiss("a client came back and wasn't recovered")
        self._token, self._epoch, self._reconnect_ms = frame["token"], frame["epoch"], _REJOIN_MS
        if self._welcomed is not None:
            greet(self._welcomed)
        for name in self.pending:
            self._ledger.resent += 1
            if self._wire is not None:
                self._wire.send(message(name.encode()))

    def _acked(self, name: str) -> None:
        sent_at = self.pending.pop(name, None)
        if sent_at is None:
            self._amiss("a message was acked twice")
            return
        self._ledger.acks.append((sent_at, time.perf_counter() - sent_at))

    def _event(self, frame: dict[str, Any]) -> None:
        if frame["seq"] != self._seq + 1:
            self._amiss(f"a client got event {frame['seq']} after {self._seq}")
        self._seq = frame["seq"]
        self._after = {"epoch": self._epoch, "seq": frame["seq"], "mark": frame["mark"]}
        if frame["type"] == "turn_end":
            self.ends[frame["turn"]] += 1
            self._ledger.not_completed += frame["status"] != "completed"
        elif frame["type"] == "message" and frame["role"] == "user":
            self.stored[frame["id"]] += 1
        elif frame["type"] == "message":
            self.answers[frame["turn"]] += 1

    def _amiss(self, what: str) -> None:
        self._ledger.failure = self._ledger.failure or what

    def _on_lost(self, error: WireError) -> None:
        self._wire = None
        if self._welcomed is not None and not self._welcomed.done():
            refuse(self._welcomed, error)  # whoever opens it goes on from there
        else:
            self._back = asyncio.get_running_loop().create_task(self._come_back(error.code))

    async def _come_back(self, code: int | None) -> None:
        """Connect to somebody who takes connections, after a random wait, until it works."""
        tries = 0
        while True:
            most = self._reconnect_ms / 1000 if code == _RESTART else min(20.0, 0.5 * 2**tries)
            await asyncio.sleep(random.uniform(0, most))
            try:
                await self.open(self._door())
            except (WireError, OSError) as error:  # a TimeoutError is an OSError
                code = error.code if isinstance(error, WireError) else None
                tries += 1
                self._ledger.refused += 1
            else:
                self._ledger.returns += 1
                return


async def all_settled(regulars: Sequence[Regular], seconds: float) -> bool:
    """Whether everything that was said is acked, stored and answered within so many seconds."""
    deadline = time.monotonic() + seconds
    while not all(regular.settled for regular in regulars):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True
