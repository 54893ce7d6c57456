"""What waits to be sent to one client: bounded, so that a slow one costs a bounded amount (DESIGN: "slow or gone").

Must never block its caller and never drop a durable frame silently: who can't take those is closed with 4420.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from app.core.errors import CloseCode

SOFT: Final = 64 * 1024  # characters; over it typing and deltas are dropped and replays wait
HARD: Final = 1024 * 1024  # characters; over it the client is too slow
CLOSE_GRACE: Final = 10.0  # seconds a client has to take the close frame before the connection is cut

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Wire(Protocol):
    """The connection under an outbox (``edge/wire.py``)."""

    @property
    def writing(self) -> bool:
        """Whether it takes more."""
        ...

    def on_resume(self, resumed: Callable[[], None]) -> None:
        """Say when it takes more again."""
        ...

    def write_texts(self, frames: list[str]) -> None:
        """Send frames in one write."""
        ...

    def cut(self) -> None:
        """Drop the connection."""
        ...


def _nothing() -> None:
    """For a connection that is gone."""


class Outbox:
    """The sending side of one socket (port: ``engine/ports.py``, class ``Sink``). A tick's frames go in one write."""

    __slots__ = (
        "_alive", "_close_task", "_closing", "_cut", "_drained", "_loop", "_queue", "_scheduled", "_send", "_size",
        "_wire", "id", "sent_at",
    )  # fmt: skip

    def __init__(self, connection_id: str, wire: Wire, send: Send, loop: asyncio.AbstractEventLoop) -> None:
        self.id = connection_id
        self._wire, self._send, self._loop = wire, send, loop
        self._queue: list[str] | None = None
        self._size = 0
        self._scheduled = False
        self._alive = True
        self._drained: asyncio.Future[None] | None = None
        self._closing: CloseCode | None = None
        self._close_task: asyncio.Task[None] | None = None
        self._cut: asyncio.TimerHandle | None = None
        self.sent_at = loop.time()
        wire.on_resume(self._flush)

    @property
    def closing(self) -> CloseCode | None:
        """The code this side closes with, once it does."""
        return self._closing

    @property
    def ready(self) -> bool:
        """Whether the client keeps up."""
        return self._size <= SOFT

    def durable(self, frame: str) -> None:
        """Queue a frame that must arrive in order."""
        if self._closing is not None:
            return
        self._put(frame)
        if self._size > HARD:
            self._queue, self._size = None, 0
            self.close(CloseCode.TOO_SLOW)

    def droppable(self, frame: str) -> bool:
        """Queue a frame unless the client is behind; False if it was dropped."""
        if self._closing is not None or self._size > SOFT:
            return False
        self._put(frame)
        return True

    async def drained(self) -> None:
        """Wait until the client keeps up, or the connection closes."""
        while not self.ready and self._closing is None:
            if self._drained is None:
                self._drained = self._loop.create_future()
            await asyncio.shield(self._drained)

    def close(self, code: CloseCode, *frames: str) -> None:
        """Send what is queued, these frames, and a close; cut the connection if the client doesn't take them."""
        if self._closing is not None:
            return
        for frame in frames:
            self._put(frame)
        self._closing = code
        self._cut = self._loop.call_later(CLOSE_GRACE, self._wire.cut)
        self._wake()
        self._schedule()

    def gone(self) -> None:
        """The socket is closed: nothing more can be sent."""
        self._alive = False
        if self._closing is None:
            self._closing = CloseCode.NORMAL
        if self._cut is not None:
            self._cut.cancel()
        if self._close_task is not None:
            self._close_task.cancel()
        self._queue, self._size = None, 0
        self._wire.on_resume(_nothing)
        self._wake()

    def _put(self, frame: str) -> None:
        if self._queue is None:
            self._queue = []
        self._queue.append(frame)
        self._size += len(frame)
        if not self._scheduled:
            self._schedule()

    def _schedule(self) -> None:
        self._scheduled = True
        self._loop.call_soon(self._flush)

    def _wake(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    def _flush(self) -> None:
        """Write what the transport takes; the rest when it says so."""
        self._scheduled = False
        if not self._alive:
            return
        while self._queue and self._wire.writing:
            batch = self._batch(self._queue)
            self._wire.write_texts(batch)
            self.sent_at = self._loop.time()
        if self._size <= SOFT:
            self._wake()
        if not self._queue and self._closing is not None and self._close_task is None and self._wire.writing:
            self._close_task = self._loop.create_task(self._say_goodbye(self._closing))

    def _batch(self, queue: list[str]) -> list[str]:
        """Take what fits into one write. An idle connection keeps no list."""
        if self._size <= SOFT:
            self._queue, self._size = None, 0
            return queue
        size, count = 0, 0
        while count < len(queue) and size <= SOFT:
            size += len(queue[count])
            count += 1
        self._queue, self._size = queue[count:], self._size - size
        return queue[:count]

    async def _say_goodbye(self, code: CloseCode) -> None:
        try:
            await self._send({"type": "websocket.close", "code": int(code), "reason": ""})
        except OSError:
            return  # the client was quicker (uvicorn's ClientDisconnected)
