"""Keeps the leases of the turns that run here, and takes over those whose holder is gone (DESIGN: "Leases").

Must never let a run go on past its own deadline: somebody else may be writing by then.
"""

import asyncio
import contextlib
import itertools
import random
from collections.abc import Callable
from typing import Final

import structlog
from msgspec.structs import replace

from app.core.errors import NewerSchemaError, StoreRefusedError, StoreUnavailableError, UnreadableError
from app.engine.ports import Store
from app.engine.run import Run
from app.engine.turns import Turns

MOST_CLAIMED: Final = 256  # claimed turns that run here before the reaper leaves expired ones to others
CLAIMS_AT_ONCE: Final = 16
FAR_EVERY: Final = 10  # sweeps
SWEEP_EVERY: Final = 0.5  # seconds
LONGEST_LOOK: Final = 1.0  # seconds between two looks at what runs here
RETRY: Final = 0.1


class Recovery:
    """The renewer and the reaper of one replica. ``lease`` in seconds."""

    def __init__(self, store: Store, turns: Turns, lease: float, leaving: Callable[[], bool]) -> None:
        self._store, self._turns, self._lease, self._leaving = store, turns, lease, leaving
        self._log = structlog.get_logger()
        self._released = asyncio.Event()

    def wake(self) -> None:
        """Somebody released a lease: sweep now."""
        self._released.set()

    async def renew(self) -> None:
        """Renew what has run for a third of its lease, in one write, until cancelled."""
        while True:
            await asyncio.sleep(min(self._lease / 6, LONGEST_LOOK))
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
                self._turns.give_up(run)
            return
        if run.lease is not lease or self._turns.running.get(lease.sid) is not run:
            return  # its turn has ended meanwhile
        if kept:
            run.deadline = max(run.deadline, now + self._lease)
        else:
            self._turns.refused(run)

    async def give_back(self) -> None:
        """Release the leases of what stopped by itself as soon as the store is there again, until cancelled."""
        pause = RETRY
        while True:
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
            try:
                await self._turns.owed.give_back()
                pause = RETRY
            except StoreRefusedError:
                pause = min(pause * 2, LONGEST_LOOK)  # it is there, and takes nothing
            except StoreUnavailableError:
                pause = RETRY

    async def reap(self) -> None:
        """Claim expired turns at random intervals, and when some were released, until cancelled."""
        interval = min(SWEEP_EVERY, self._lease / 4)
        for number in itertools.count():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(interval * random.uniform(0.5, 1.5)):  # noqa: S311 - jitter
                    await self._released.wait()
            if self._released.is_set():
                self._released.clear()
                await asyncio.sleep(random.uniform(0, RETRY / 2))  # noqa: S311 - not all replicas at once
            try:
                await self.sweep(far=number % FAR_EVERY == 0)
            except StoreUnavailableError:
                continue

    async def sweep(self, far: bool = True) -> None:
        """One look at the indexes. Raises ``StoreUnavailableError``.

        Claims ``CLAIMS_AT_ONCE`` at a time, and no more than ``MOST_CLAIMED`` run here: a dead replica's thousand turns
        must not sink its heirs. What was begun here doesn't count, or a busy replica would never take one over.
        """
        if self._leaving():
            return  # it would take back what it gives up
        expired = [sid for sid in await self._store.expired(far) if sid not in self._turns.owed]
        random.shuffle(expired)
        for start in range(0, len(expired), CLAIMS_AT_ONCE):
            if self._leaving():
                return
            claimed = sum(run.lease.attempt > 1 for run in self._turns.running.values())
            now = expired[start : start + min(CLAIMS_AT_ONCE, max(0, MOST_CLAIMED - claimed))]
            refused = [one for one in await asyncio.gather(*(self._claim(sid) for sid in now)) if one is not None]
            if refused:
                sid, error = refused[0]
                self._log.warning("turns_not_claimed", turns=len(refused), session=sid, why=str(error))
            if any(isinstance(error, StoreRefusedError) for _, error in refused):
                return  # out of memory, most likely: the next sweep begins with others

    async def _claim(self, sid: str) -> tuple[str, StoreUnavailableError] | None:
        """Take a turn over and run it; an error that asking again won't mend."""
        mark, asked_at = self._turns.new_mark(), self._turns.clock()
        while True:
            try:
                claimed = await self._store.claim(sid, mark)
                break
            except NewerSchemaError:
                return None  # a newer replica will
            except (UnreadableError, StoreRefusedError) as error:
                return sid, error
            except StoreUnavailableError:
                # The reply may be lost, and the turn ours: ask again, or it would wait for its lease and count a crash.
                if self._leaving() or self._turns.clock() - asked_at > self._lease / 2:
                    return None
                await asyncio.sleep(RETRY)
        if claimed is None:
            return None
        lease = replace(claimed.lease, asked_at=min(asked_at, claimed.lease.asked_at))
        if self._leaving():
            self._turns.owed.add(lease)  # the drain gives it back
            return None
        self._turns.metrics.takeovers.inc()
        self._log.info("turn_taken_over", session=sid, turn=lease.turn, attempt=lease.attempt, crashes=lease.crashes)
        self._turns.start(lease, claimed.now)
        return None
