"""Readers of `tests/core/readers.py` whose sockets are slow, break, and come back: the tabs of a customer.

What a tab is sent it judges as a strict client would; a close it finds a reason for, or it fails. Must never look into
the hub.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from app.core.errors import CloseCode, SessionGoneError, StoreUnavailableError
from app.engine.calls import Snapshot
from app.fanout.hub import Hub
from tests.core.histories import ROOT, SID
from tests.core.readers import FakeSink, Reader
from tests.fanout.schedules import Erasable


@dataclass(slots=True)
class PageReader(Reader):
    """A reader who, told to start over, takes the newest page for its beginning."""

    anew: bool = True

    def take(self, frame: dict[str, Any]) -> None:
        """One frame, in the order sent."""
        if frame["type"] == "welcome" and not frame["recovered"]:
            self.anew = True
        elif "seq" in frame and self.anew:
            self.anew, self.place = False, self.world.before[(frame["seq"], frame["mark"])]
        Reader.take(self, frame)


@dataclass(slots=True)
class SlowSink(FakeSink):
    """A socket's sending side that says when it has fallen behind. `closes`: how the server closed it."""

    over: bool = False
    closes: list[CloseCode] = field(default_factory=list)
    wakes: list["asyncio.Future[None]"] = field(default_factory=list)

    def slow(self, slow: bool) -> None:
        """As an outbox over its soft limit: it drops what may be dropped, and replays wait."""
        self.ready, self.behind = not slow, slow
        if not slow:
            self._wake()

    async def drained(self) -> None:
        """Until it keeps up again, or is closed."""
        while not self.ready and self.closed is None:
            self.wakes.append(asyncio.get_running_loop().create_future())
            await self.wakes[-1]

    def close(self, code: CloseCode, *frames: str) -> None:
        """By the server."""
        if self.closed is None:
            self.closes.append(code)
        FakeSink.close(self, code, *frames)
        self._wake()

    def hang_up(self) -> None:
        """By the client, or by the network."""
        self.over, self.closed = True, self.closed or CloseCode.NORMAL
        self._wake()

    def _wake(self) -> None:
        wakes, self.wakes = self.wakes, []
        for wake in wakes:
            if not wake.done():
                wake.set_result(None)


class Tab:
    """One reader and its connections, one after the other, to one hub."""

    def __init__(self, world: Erasable, hub: Hub, name: str) -> None:
        self.hub, self.world, self.reader = hub, world, PageReader(world, name)
        self.sinks: list[SlowSink] = []
        self.joins: list[asyncio.Task[None]] = []

    @property
    def connected(self) -> bool:
        """Whether there is a socket, at least one that is joining."""
        return bool(self.sinks) and self.sinks[-1].closed is None

    @property
    def closes(self) -> set[CloseCode]:
        """All the ways in which the server has closed a socket of this tab."""
        return {code for sink in self.sinks for code in sink.closes}

    def connect(self) -> None:
        """Another connection, instead of the one there is."""
        self.leave(False)
        if self.sinks and CloseCode.GONE in self.sinks[-1].closes:
            self.reader.place = ROOT  # start anew
        self.sinks.append(SlowSink(f"{self.reader.name} {len(self.sinks)}", self.reader))
        self.joins.append(asyncio.get_running_loop().create_task(self._join(self.sinks[-1])))

    def slow(self, slow: bool) -> None:
        """Its socket falls behind, or keeps up again."""
        for sink in self.sinks[-1:]:
            sink.slow(slow)

    def leave(self, cancelled: bool) -> None:
        """The socket is gone. Who still joins finds out, or is cancelled."""
        if self.sinks and not self.sinks[-1].over:
            self.sinks[-1].hang_up()
            if self.joins[-1].done():
                self.hub.leave(SID, self.sinks[-1])
            elif cancelled:
                self.joins[-1].cancel()

    async def _join(self, sink: SlowSink) -> None:
        """As `edge/conversation.py` does it: the socket's end is noticed after the hello, at the latest."""
        after, epoch = self.reader.cursor, self.world.epoch

        def welcome(snapshot: Snapshot | None) -> str:
            if snapshot is None and after is not None:
                raise SessionGoneError(SID)
            return self.reader.welcome(snapshot)

        try:
            await self.hub.join(SID, sink, after, epoch, welcome)
        except StoreUnavailableError:
            sink.close(CloseCode.TRY_AGAIN)
        except SessionGoneError:
            sink.close(CloseCode.GONE)
        finally:
            if sink.over:
                self.hub.leave(SID, sink)
