"""Sends the text of an answer while it is being written: gathered for ``INTERVAL``, one delta at a time, in order.

Must never have two deltas under way: the store appends by chunk number.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Final

from app.core.errors import FencedError, SessionGoneError, StoreUnavailableError
from app.core.turn import Answer, Chunks
from app.engine.calls import Lease
from app.engine.ports import Store

INTERVAL: Final = 0.04  # seconds; an answer that is ready sooner costs no delta
RETRY_AFTER: Final = 0.2


class AnswerWriter:
    """Writes one part. ``lost`` is called when the lease turns out to be lost."""

    def __init__(self, store: Store, lease: Lease, answer: Answer, lost: Callable[[], None]) -> None:
        self._store, self._lease, self.answer, self._lost = store, lease, answer, lost
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._flight: asyncio.Task[None] | None = None

    def push(self, piece: str) -> None:
        """A piece from the agent. Raises ``AnswerTooLongError``."""
        self.answer.push(piece)
        if self._timer is None and self._flight is None:
            self._timer = self._loop.call_later(INTERVAL, self._flush)

    async def finish(self) -> None:
        """Wait for the delta under way; what is still pending goes with the commit."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._flight is not None:
            await self._flight

    def close(self) -> None:
        """Write nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._flight is not None:
            self._flight.cancel()

    def _flush(self) -> None:
        self._timer = None
        chunks = self.answer.take()
        if chunks is not None:
            self._flight = self._loop.create_task(self._send(chunks))

    async def _send(self, chunks: Chunks) -> None:
        try:
            while True:
                try:
                    stored = await self._store.delta(self._lease, chunks.part, chunks.first, chunks.last, chunks.text)
                except StoreUnavailableError:
                    await asyncio.sleep(RETRY_AFTER * random.uniform(0.5, 1))  # noqa: S311 - jitter
                    continue
                if stored is None:
                    break
                # What is stored isn't what we thought: write the whole text.
                chunks = Chunks(chunks.part, 0, chunks.last, self.answer.stored)
        except (FencedError, SessionGoneError):
            self._lost()
        finally:
            self._flight = None
        if self.answer.pending and self._timer is None:
            self._timer = self._loop.call_later(INTERVAL, self._flush)
