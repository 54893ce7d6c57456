"""What is published, on its way to one replica (port: ``Feed``), and from there to readers, who write down every frame.

Publications are hints (I6): the feed may lose or delay any, but one connection never reorders them. It must never make
one up.
"""

import contextvars
import json
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from app.core.errors import CloseCode, SessionGoneError, StoreUnavailableError
from app.core.messages import Cursor
from app.engine.calls import Snapshot
from app.engine.ports import Joiner
from app.fanout.redis_fanout import Listener
from tests.sim.loop import PROCESS, Process, VirtualLoop
from tests.support.records import DURABLE, Frame, Log, Record, Way

EPOCH: Final = "epoch"


class SimFeed:
    """One replica's subscriptions. ``deaf``: nothing arrives; ``slow``: it arrives at `flow`; so many are ``lost``."""

    def __init__(self, loop: VirtualLoop, process: Process) -> None:
        self._loop, self._process = loop, process
        self._context = contextvars.copy_context()
        self._context.run(PROCESS.set, process)
        self._wanted: set[str] = set()
        self._kept: deque[tuple[str, bytes]] = deque()
        self._listener: Listener | None = None
        self.on_wake: Callable[[], None] = lambda: None
        self.deaf = self.slow = False
        self.lost = 0

    def listen(self, listener: Listener) -> None:
        """Who gets it."""
        self._listener = listener

    async def subscribe(self, sid: str) -> None:
        """Confirmed at once, or never. Raises ``StoreUnavailableError``."""
        if self.deaf:
            raise StoreUnavailableError("the subscription was not confirmed in time")
        self._wanted.add(sid)
        if self._listener is not None:
            self._listener.restored([sid])

    def unsubscribe(self, sid: str) -> None:
        """Off again."""
        self._wanted.discard(sid)

    def published(self, sid: str, raw: bytes) -> None:
        """The server sends it to every subscriber."""
        if sid not in self._wanted or self.deaf or not self._process.alive:
            return
        if self.lost:
            self.lost -= 1
            return
        self._kept.append((sid, raw))
        if not self.slow:
            self._hand_on()

    def wake(self) -> None:
        """Somebody released leases."""
        if self._process.alive and not (self.deaf or self.slow or self.lost):
            self._soon(self.on_wake)

    def flow(self) -> None:
        """What is late arrives; a deaf connection is replaced, and its replica knows that it missed something."""
        self.slow = False
        self._hand_on()
        if self.deaf and self._listener is not None:
            self.deaf = False
            self._soon(self._listener.interrupted)
            self._soon(self._listener.restored, sorted(self._wanted))

    def _hand_on(self) -> None:
        while self._kept and self._listener is not None:
            self._soon(self._listener.published, *self._kept.popleft())

    def _soon(self, callback: Any, *arguments: Any) -> None:
        self._loop.call_soon(callback, *arguments, context=self._context)


class Reader:
    """A customer's transcript, over any number of connections. ``log`` is for `tests/support/history.py`."""

    def __init__(self, sid: str, name: str) -> None:
        self.sid, self.log = sid, Log(name)
        self.socket: Socket | None = None
        self._process: Process | None = None
        self._epoch = ""
        self._cursor: Cursor | None = None
        self._connections = 0

    @property
    def connected(self) -> bool:
        """Whether its connection is one to a process that lives."""
        there = self._process is not None and self._process.alive
        return there and self.socket is not None and self.socket.closed is None

    @property
    def seq(self) -> int:
        """The newest event that it was shown."""
        return 0 if self._cursor is None else self._cursor.seq

    def open(self, process: Process) -> "Socket":
        """A new connection; whatever still comes from the one before is lost."""
        self._connections += 1
        self._process = process
        self.socket = Socket(self, f"{self.log.name}-{self._connections}")
        self.note(Way.OPENED, {})
        after = self._cursor
        place = None if after is None else {"epoch": after.epoch, "seq": after.seq, "mark": after.mark}
        self.note(Way.SENT, {"type": "hello", "after": place})
        return self.socket

    async def join(self, hub: Joiner, socket: "Socket") -> None:
        """A replica's answer to the hello."""

        def welcome(snapshot: Snapshot | None) -> str:
            if snapshot is None and after is not None:
                raise SessionGoneError(self.sid)
            recovered, epoch = (
                snapshot is not None and snapshot.recovered,
                EPOCH if snapshot is None else snapshot.epoch,
            )
            seq = 0 if snapshot is None else snapshot.seq
            return json.dumps({"type": "welcome", "epoch": epoch, "seq": seq, "recovered": recovered})

        after = self._cursor
        try:
            await hub.join(self.sid, socket, after, EPOCH, welcome)
        except StoreUnavailableError:
            socket.close(CloseCode.TRY_AGAIN)

    def note(self, way: Way, frame: Frame) -> None:
        """A line of the log. All of them at one time: how late something may be isn't judged here."""
        self.log.records.append(Record(0.0, self._connections, way, frame))

    def take(self, frame: Frame) -> None:
        """One frame."""
        self.note(Way.RECEIVED, frame)
        if frame["type"] == "welcome":
            self._epoch = frame["epoch"]
            self._cursor = self._cursor if frame["recovered"] else None
        elif frame["type"] in DURABLE:
            self._cursor = Cursor(self._epoch, frame["seq"], frame["mark"])


class Socket:
    """The sending side of one connection (port: ``Sink``), which always keeps up."""

    ready = True

    def __init__(self, reader: Reader, id: str) -> None:
        self._reader, self.id = reader, id
        self.closed: CloseCode | None = None

    def durable(self, frame: str) -> None:
        """Arrives, if this is still the reader's connection."""
        if self.closed is None and self._reader.socket is self:
            self._reader.take(json.loads(frame))

    def droppable(self, frame: str) -> bool:
        """Arrives, too."""
        self.durable(frame)
        return True

    async def drained(self) -> None:
        """At once."""

    def close(self, code: CloseCode, *frames: str) -> None:
        """The end of this connection."""
        for frame in frames:
            self.durable(frame)
        self.closed = self.closed or code
