"""Keeps the leases of the turns that run here, and takes over those whose holder is gone (DESIGN: "Leases").

Must never let a run go on past its own deadline: somebody else may be writing by then.
"""

import asyncio
import itertools
import random
from collections.abc import Callable
from typing import Final

import structlog

from app.core.errors import NewerSchemaError, StoreUnavailableError
from app.engine.ports import Store
from app.engine.turns import Run, Turns

MOST_CLAIMED: Final = 256  # turns that run here before the reaper leaves expired ones to others
CLAIMS_AT_ONCE: Final = 16
FAR_EVERY: Final = 10  # sweeps


class Recovery:
    """The renewer and the reaper of one replica. ``lease`` in seconds."""

    def __init__(self, store: Store, turns: Turns, lease: float, leaving: Callable[[], bool]) -> None:
        self._store, self._turns, self._lease, self._leaving = store, turns, lease, leaving
        self._log = structlog.get_logger()

    async def renew(self) -> None:
        """Renew what has run for a third of its lease, in one write, until cancelled."""
        while True:
            await asyncio.sleep(self._lease / 6)
            self._turns.stop_overdue()
            now = self._turns.clock()
            due = [run for run in self._turns.running.values() if run.deadline - now < self._lease * 2 / 3]
            await asyncio.gather(*(self._renew(run, now) for run in due))

    async def _renew(self, run: Run, now: float) -> None:
        lease = run.lease
        try:
            # Past its deadline already, this process was paused: ask once, so that the refusal is seen and counted.
            left = run.deadline - now if run.deadline > now else self._lease / 3
            async with asyncio.timeout(max(0.0, left - self._lease / 6)):
                kept = await self._store.renew(lease)
        except (StoreUnavailableError, TimeoutError):
            if self._turns.clock() > run.deadline - self._lease / 6:
                self._log.warning("lease_not_renewed", session=lease.sid, turn=lease.turn)
                self._turns.drop(run)
            return
        if run.lease is not lease:
            return
        if kept:
            run.deadline = max(run.deadline, now + self._lease)
        else:
            self._turns.metrics.fenced.inc()
            self._turns.drop(run)

    async def reap(self) -> None:
        """Claim expired turns at random intervals, until cancelled."""
        interval = min(0.5, self._lease / 4)
        for number in itertools.count():
            await asyncio.sleep(interval * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
            try:
                await self.sweep(far=number % FAR_EVERY == 0)
            except StoreUnavailableError:
                continue

    async def sweep(self, far: bool = True) -> None:
        """One look at the indexes. Raises ``StoreUnavailableError``."""
        if self._leaving():
            return  # it would take back what it gives up
        room = MOST_CLAIMED - len(self._turns.running)
        expired = await self._store.expired(far)
        random.shuffle(expired)
        expired = expired[: max(room, 0)]
        for start in range(0, len(expired), CLAIMS_AT_ONCE):
            await asyncio.gather(*(self._claim(sid) for sid in expired[start : start + CLAIMS_AT_ONCE]))

    async def _claim(self, sid: str) -> None:
        try:
            claimed = await self._store.claim(sid, self._turns.new_mark())
        except NewerSchemaError:
            return  # a newer replica will
        except StoreUnavailableError as error:
            self._log.warning("turn_unreadable", session=sid, why=str(error))
            return
        if claimed is None:
            return
        lease = claimed.lease
        self._turns.metrics.takeovers.inc()
        self._log.info("turn_taken_over", session=sid, turn=lease.turn, attempt=lease.attempt, crashes=lease.crashes)
        self._turns.start(lease, claimed.now)
