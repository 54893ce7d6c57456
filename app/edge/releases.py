"""The versions of the browser's files that this replica serves: its own, and from the store those of other replicas.

While releases are mixed, and for as long as pages of an old one are open, a browser asks any replica for any version.
Must never serve files that don't hash to the version asked for, nor let addresses that somebody made up keep the
store or the memory busy.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol

import structlog

from app.core.errors import StoreUnavailableError
from app.edge.assets import Assets
from app.edge.bundles import MAX_STORED, BundleError, pack, unpack

REFRESH_SECONDS: Final = 3_600.0  # how often the own version is stored again: a fail-over can lose it
RETRY_SECONDS: Final = 5.0
LOOKUP_SECONDS: Final = 2.0
MOST_KEPT: Final = 32
"""Foreign versions in memory, a third of a megabyte each: as many as a release a day leaves alive. With fewer, who asks
for one after the other would have a replica unpack and compress all the time."""
MOST_MISSES: Final = 512  # unknown versions remembered, the newest
MISS_SECONDS: Final = 5.0


class BundleStore(Protocol):
    """Where the replicas keep their versions for each other. Both raise ``StoreUnavailableError``."""

    async def read(self, version: str, most: int) -> bytes | None:
        """The first ``most`` bytes of what is stored; None if nothing is."""
        ...

    async def write(self, version: str, value: bytes) -> None:
        """Store it, or prolong its life."""
        ...


class Releases:
    """``clock`` in seconds."""

    def __init__(self, own: Assets, store: BundleStore, secrets: Sequence[str], clock: Callable[[], float]) -> None:
        self.own = own
        self._store, self._secrets, self._clock = store, secrets, clock
        self._log = structlog.get_logger()
        self._kept: dict[str, Assets] = {}  # the one used last is the last
        self._misses: dict[str, float] = {}  # until when; the oldest is the first
        self._one = asyncio.Lock()  # one look-up at a time, for the modules of a page and whatever is made up
        self._due = float("-inf")
        self._failing = False

    async def publish(self) -> None:
        """Store the own version, so that the other replicas can serve it."""
        wait = REFRESH_SECONDS
        try:
            await self._store.write(self.own.version, pack(self.own.bundle, self._secrets))
            self._log.debug("release_stored", version=self.own.version)
            self._failing = False
        except StoreUnavailableError as error:
            wait = RETRY_SECONDS
            say = self._log.debug if self._failing else self._log.warning  # once, not every few seconds
            say("release_not_stored", version=self.own.version, reason=str(error))
            self._failing = True
        self._due = self._clock() + wait

    async def keep(self) -> None:
        """Publish again every hour, and soon after the store couldn't be reached; until cancelled."""
        while True:
            await asyncio.sleep(random.uniform(0.5, 1.0) * RETRY_SECONDS)  # noqa: S311 - jitter
            if self._clock() >= self._due:
                await self.publish()

    async def find(self, version: str) -> Assets | None:
        """The files of a version; None if nobody has it. Raises ``StoreUnavailableError``: it can't be known now."""
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                return await self._find(version)
        except TimeoutError as error:
            raise StoreUnavailableError("Redis did not answer in time") from error

    async def _find(self, version: str) -> Assets | None:
        if (known := self._known(version)) is not None or self._missed(version):
            return known
        async with self._one:
            if (known := self._known(version)) is not None or self._missed(version):
                return known  # whoever was before us asked for the same
            return await self._look_up(version)

    def _known(self, version: str) -> Assets | None:
        if version == self.own.version:
            return self.own
        if (kept := self._kept.pop(version, None)) is not None:
            self._kept[version] = kept
        return kept

    def _missed(self, version: str) -> bool:
        now = self._clock()
        while self._misses and self._misses[oldest := next(iter(self._misses))] <= now:
            del self._misses[oldest]
        return version in self._misses

    async def _look_up(self, version: str) -> Assets | None:
        stored = await self._store.read(version, MAX_STORED + 1)
        try:
            found = None if stored is None else unpack(stored, version, self._secrets)
        except BundleError as error:
            self._log.warning("release_refused", version=version, reason=str(error))
            found = None
        if found is None:
            self._misses[version] = self._clock() + MISS_SECONDS
            if len(self._misses) > MOST_MISSES:  # made up: to refuse more would shut the true ones out
                del self._misses[next(iter(self._misses))]
        else:
            self._kept[version] = found = replace(found, bundle=b"")
            if len(self._kept) > MOST_KEPT:
                del self._kept[next(iter(self._kept))]
        return found
