"""Leases of runs that stopped by themselves while nobody else had them: given back as soon as the store takes them.

A lease that is given back is no crash of its turn's. Must never hold the only way to a turn: what can't be given back
runs out, and a reaper takes it.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from app.core.errors import StoreUnavailableError
from app.engine.calls import Lease
from app.engine.ports import Store

OWED_FOR: Final = 300.0  # seconds; then it is left to the reapers


class Owed:
    """By session. ``clock`` is monotonic seconds."""

    def __init__(self, store: Store, clock: Callable[[], float], new_mark: Callable[[], str]) -> None:
        self._store, self._clock, self._new_mark = store, clock, new_mark
        self._leases: dict[str, tuple[Lease, float]] = {}

    def __contains__(self, sid: str) -> bool:
        return sid in self._leases

    def __len__(self) -> int:
        return len(self._leases)

    def add(self, lease: Lease) -> None:
        """To be given back."""
        self._leases[lease.sid] = lease, self._clock()

    def forget(self, sid: str) -> None:
        """It runs here again."""
        self._leases.pop(sid, None)

    async def give_back(self) -> None:
        """Release all, in one write, so that others carry on at once. Raises ``StoreUnavailableError``."""
        if not self._leases:
            return
        owed = list(self._leases.values())
        done = await asyncio.gather(*(self._release(*one) for one in owed), return_exceptions=True)
        errors = [error for error in done if error is not None]
        if len(errors) < len(owed):
            await self._store.wake()
        for error in errors:
            raise error

    async def _release(self, lease: Lease, since: float) -> None:
        try:
            await self._store.release(lease, self._new_mark())
        except StoreUnavailableError:
            if self._clock() - since < OWED_FOR:
                raise
        if self._leases.get(lease.sid, (None, 0.0))[0] is lease:
            del self._leases[lease.sid]
