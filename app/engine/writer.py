"""Sends the text of an answer while it is being written: gathered for ``INTERVAL``, one delta at a time, in order.

Must never have two deltas of a turn under way: the store appends by chunk number.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from app.core.errors import BatonError, FencedError, SessionGoneError, StoreRefusedError, StoreUnavailableError
from app.core.turn import Answer, Chunks
from app.engine.calls import Lease
from app.engine.ports import Store

INTERVAL: Final = 0.04  # seconds; an answer that is ready sooner costs no delta
RETRY_AFTER: Final = 0.2
MOST_REFUSALS: Final = 50  # of one delta, one after the other: some seconds


@dataclass(slots=True)
class Ticker:
    """One timer for all answers that are being written: a timer a turn would cost more than the turn's delta."""

    writers: set["AnswerWriter"] = field(default_factory=set)
    timer: asyncio.TimerHandle | None = None

    def add(self, writer: "AnswerWriter") -> None:
        """Flush this writer at the next ticks, until it is removed."""
        self.writers.add(writer)
        if self.timer is None:
            self.timer = asyncio.get_running_loop().call_later(INTERVAL, self._tick)

    def _tick(self) -> None:
        self.timer = None
        for writer in list(self.writers):
            writer.flush()
        if self.writers:
            self.timer = asyncio.get_running_loop().call_later(INTERVAL, self._tick)


class AnswerWriter:
    """Writes one part. ``lost`` is called when it can't be: the lease is lost, or the store refuses it for good."""

    __slots__ = ("_flight", "_lease", "_lost", "_store", "_ticker", "_ticking", "answer", "held")

    def __init__(
        self, store: Store, ticker: Ticker, lease: Lease, answer: Answer, lost: Callable[[BatonError], None]
    ) -> None:
        self._store, self._ticker, self._lease, self.answer, self._lost = store, ticker, lease, answer, lost
        self._ticking = self.held = False
        self._flight: asyncio.Task[None] | None = None

    def push(self, piece: str) -> None:
        """A piece from the agent. Raises ``AnswerTooLongError``."""
        self.answer.push(piece)
        if not self._ticking and not self.held:
            self._ticking = True
            self._ticker.add(self)

    def hold(self) -> None:
        """Show nothing of this part before it is stored; what was pushed and not sent yet is kept, too."""
        self.held = True
        self._ticker.writers.discard(self)

    def flush(self) -> None:
        """Send what is pending, unless a delta is still under way."""
        if self._flight is None and (chunks := self.answer.take()) is not None:
            self._flight = asyncio.get_running_loop().create_task(self._send(chunks))

    async def finish(self) -> None:
        """Wait for the delta under way; what is still pending goes with the commit."""
        self._ticker.writers.discard(self)
        if self._flight is not None:
            await self._flight

    def close(self) -> None:
        """Write nothing more."""
        self._ticker.writers.discard(self)
        if self._flight is not None:
            self._flight.cancel()

    async def _send(self, chunks: Chunks) -> None:
        refusals = 0
        try:
            while True:
                try:
                    stored = await self._store.delta(self._lease, chunks.part, chunks.first, chunks.last, chunks.text)
                except StoreUnavailableError as error:
                    refusals = refusals + 1 if isinstance(error, StoreRefusedError) else 0
                    if refusals == MOST_REFUSALS:
                        self._lost(error)
                        return
                    await asyncio.sleep(RETRY_AFTER * random.uniform(0.5, 1))  # noqa: S311 - jitter
                    continue
                if stored is None:
                    return
                # What is stored isn't what we thought: write the whole text.
                chunks = Chunks(chunks.part, 0, chunks.last, self.answer.stored)
        except (FencedError, SessionGoneError) as error:
            self._lost(error)
        finally:
            self._flight = None
