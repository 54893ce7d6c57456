"""What waits to be sent to one client: bounded, so that a slow one costs a bounded amount (DESIGN: "slow or gone").

Must never block its caller and never drop a durable frame silently: who can't take those is closed with 4420.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

from app.core.errors import CloseCode

SOFT: Final = 64 * 1024  # characters; over it typing and deltas are dropped and replays wait
HARD: Final = 1024 * 1024  # characters; over it the client is too slow
CLOSE_GRACE: Final = 10.0  # seconds a client has to take the close frame before the connection is cut

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Outbox:
    """The sending side of one socket (port: ``engine/ports.py``, class ``Sink``)."""

    __slots__ = (
        "_abort",
        "_closing",
        "_cut",
        "_drained",
        "_loop",
        "_queue",
        "_send",
        "_size",
        "_task",
        "id",
        "sent_at",
    )

    def __init__(self, connection_id: str, send: Send, abort: Callable[[], None]) -> None:
        self.id = connection_id
        self._send, self._abort = send, abort
        self._loop = asyncio.get_running_loop()
        self._queue: deque[str] | None = None
        self._size = 0
        self._task: asyncio.Task[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._closing: CloseCode | None = None
        self._cut: asyncio.TimerHandle | None = None
        self.sent_at = self._loop.time()

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
            self._empty()
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
        self._cut = self._loop.call_later(CLOSE_GRACE, self._abort)
        self._wake()
        self._start()

    def gone(self) -> None:
        """The socket is closed: nothing more can be sent."""
        if self._closing is None:
            self._closing = CloseCode.NORMAL
        if self._cut is not None:
            self._cut.cancel()
        if self._task is not None:
            self._task.cancel()
        self._empty()

    def _put(self, frame: str) -> None:
        if self._queue is None:
            self._queue = deque()
        self._queue.append(frame)
        self._size += len(frame)
        self._start()

    def _start(self) -> None:
        if self._task is None:
            self._task = self._loop.create_task(self._drain())

    def _empty(self) -> None:
        self._queue, self._size = None, 0
        self._wake()

    def _wake(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    async def _drain(self) -> None:
        try:
            while self._queue:
                frame = self._queue.popleft()
                await self._send({"type": "websocket.send", "text": frame})
                self._size -= min(len(frame), self._size)
                if self._size <= SOFT:
                    self._wake()
            self._queue = None  # an idle connection keeps no deque
            self.sent_at = self._loop.time()
            if self._closing is not None:
                await self._send({"type": "websocket.close", "code": int(self._closing), "reason": ""})
        except OSError:
            return  # the client is gone (uvicorn's ClientDisconnected); the receiving side notices
        finally:
            self._task = None
