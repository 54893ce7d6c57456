"""A Redis node that is kept connected: dial, check that it is fit, load the scripts, call; again after each loss.

Must never hand out a connection that has not passed the checks.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any, Final

import structlog

from app.core.errors import StoreRefusedError, StoreUnavailableError, StoreUnfitError
from app.store.keys import SHARDS_KEY
from app.store.link import Argument, Dialer, Link, ReplyError
from app.store.quiet import Quiet
from app.store.scripts import Script, Scripts

BACKOFF_FIRST: Final = 0.05
BACKOFF_MOST: Final = 1.0
ROLE_EVERY: Final = 1.0  # seconds

# The node isn't the one to talk to any more; redial instead of asking it again.
_LEAVE: Final = frozenset({"READONLY", "MASTERDOWN"})


class Node:
    """One multiplexed command connection. ``call`` fails at once while there is none."""

    def __init__(self, dialer: Dialer, scripts: Scripts, shards: int, label: str, clock: Callable[[], float]) -> None:
        self._dialer = dialer
        self._scripts = scripts
        self._shards = shards
        self._link: Link | None = None
        self._log = structlog.get_logger().bind(connection=label)
        self._clock = clock
        self._quiet = Quiet(clock)  # it dials about twice a second
        self._up_at = float("-inf")  # when a connection was last known to work
        self.unfit: str | None = None

    @property
    def connected(self) -> bool:
        """Whether a checked connection is up."""
        return self._link is not None and not self._link.lost.done()

    @property
    def silent_for(self) -> float:
        """Seconds without a connection; 0 while there is one."""
        return 0.0 if self.connected else self._clock() - self._up_at

    async def run(self) -> None:
        """Keep the node connected until cancelled."""
        delay = BACKOFF_FIRST
        try:
            while True:
                try:
                    link = await self._open()
                except (StoreUnavailableError, ReplyError) as error:
                    if self._quiet.may(str(error)):
                        self._log.warning("redis_unavailable", reason=str(error))
                except StoreUnfitError as error:
                    self.unfit = str(error)
                    if self._quiet.may(self.unfit):
                        self._log.error("redis_unfit", reason=self.unfit)
                else:
                    self._quiet.over()
                    self.unfit, delay, self._link = None, BACKOFF_FIRST, link
                    self._log.info("redis_connected")
                    await self._watch(link)
                    self._up_at = self._clock()
                    self._log.warning("redis_lost")
                await asyncio.sleep(random.uniform(0, delay))  # noqa: S311 - jitter
                delay = min(delay * 2, BACKOFF_MOST)
        finally:
            if self._link is not None:
                self._link.close()

    async def call(self, shard: int, *arguments: Argument) -> Any:
        """One command for the slot of ``shard``. Raises ``StoreUnavailableError``."""
        link = self._link
        if link is None:
            raise StoreUnavailableError("no connection to Redis")
        try:
            return await link.call(*arguments)
        except ReplyError as error:
            raise self._unavailable(link, error) from error

    async def run_script(self, shard: int, script: Script, keys: tuple[bytes, ...], *arguments: Argument) -> Any:
        """One script for the slot of ``shard``; loads it again if Redis forgot it. Raises ``StoreUnavailableError``."""
        link = self._link
        if link is None:
            raise StoreUnavailableError("no connection to Redis")
        try:
            return await link.call(b"EVALSHA", script.sha, script.keys, *keys[: script.keys], *arguments)
        except ReplyError as error:
            if error.code != "NOSCRIPT":
                raise self._unavailable(link, error) from error
        try:
            return await link.call(b"EVAL", script.source, script.keys, *keys[: script.keys], *arguments)
        except ReplyError as error:
            raise self._unavailable(link, error) from error

    def _unavailable(self, link: Link, error: ReplyError) -> StoreRefusedError:
        if error.code in _LEAVE:
            link.close()
        if error.code in {"ERR", "WRONGTYPE"}:
            self._log.error("redis_error", reply=str(error)[:300])
        return StoreRefusedError(f"Redis refused: {error.code}")

    async def _watch(self, link: Link) -> None:
        """Until the link is lost. One that only reads would not notice that its node was demoted (I3, I6)."""
        while not link.lost.done():
            await asyncio.wait([link.lost], timeout=ROLE_EVERY)
            try:
                if not link.lost.done() and (await link.call(b"ROLE"))[0] != b"master":
                    self._log.warning("redis_demoted")
                    link.close()
            except (StoreUnavailableError, ReplyError):
                continue  # lost: the loop ends; refused: it can't be asked, so its writes will tell

    async def _open(self) -> Link:
        link = await self._dialer.dial()
        try:
            await self._check(link)
            for script in self._scripts.all:
                await link.call(b"SCRIPT", b"LOAD", script.source)
        except BaseException:
            link.close()
            raise
        return link

    async def _check(self, link: Link) -> None:
        info = _parse_info(await link.call(b"INFO", b"everything"))
        valkey, redis = info.get("valkey_version"), info.get("redis_version", "0")
        major = int((valkey or redis).partition(".")[0])
        if major < (8 if valkey else 7):
            raise StoreUnfitError(f"Redis 7 or Valkey 8 is needed, this is {valkey or redis}")
        policy = info.get("maxmemory_policy", "noeviction")
        if policy != "noeviction":
            raise StoreUnfitError(f"maxmemory-policy must be noeviction, it is {policy}: conversations would vanish")
        if info.get("role") != "master":
            raise StoreUnavailableError("this Redis is a replica of another")
        if info.get("loading", "0") != "0":
            raise StoreUnavailableError("Redis is loading its data")
        try:  # a script that may not publish fails after its writes: each try would look like a crash of the turn
            await link.call(b"SPUBLISH", SHARDS_KEY, b"")
        except ReplyError as error:
            raise StoreUnfitError(f"its user may not publish ({error.code}); it needs all keys and channels") from error
        if await link.call(b"GET", SHARDS_KEY) is None:
            await link.call(b"SET", SHARDS_KEY, self._shards, b"NX")
        recorded = await link.call(b"GET", SHARDS_KEY)
        if recorded != b"%d" % self._shards:
            raise StoreUnfitError(f"this Redis holds {recorded!r} shards, this release is built for {self._shards}")


def _parse_info(raw: bytes | str) -> dict[str, str]:
    text = raw.decode() if isinstance(raw, bytes) else raw
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
