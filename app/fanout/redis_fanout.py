"""The subscription connection: SSUBSCRIBE per conversation, kept alive, probed, replaced when it is deaf (I6).

Sharded pub/sub everywhere, so that Cluster is the same code path. Must never be needed for correctness: whoever
listens is told when messages may have been missed, and reads the log.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any, Final, Protocol

import structlog

from app.core.errors import StoreUnavailableError
from app.store.keys import WAKE_CHANNEL, SessionKeys, sid_of_channel
from app.store.link import Dialer, Link
from app.store.node import BACKOFF_FIRST, BACKOFF_MOST, Node
from app.store.quiet import Quiet

PROBE_EVERY: Final = 2.0  # seconds between probes
DEAF_AFTER: Final = 8.0  # seconds without a probe coming back; the limit of /readyz is 10
CONFIRM_TIMEOUT: Final = 3.0


class Listener(Protocol):
    """Who gets what is published."""

    def published(self, sid: str, raw: bytes) -> None:
        """One message of a conversation."""

    def interrupted(self) -> None:
        """From now on messages may be missed."""

    def restored(self, sids: list[str]) -> None:
        """Subscribed (again); what was published meanwhile was missed."""


class RedisFeed:
    """One pub/sub connection for all conversations of a replica."""

    def __init__(self, dialer: Dialer, node: Node, replica: str, shards: int, clock: Callable[[], float]) -> None:
        self._dialer, self._node, self._shards, self._clock = dialer, node, shards, clock
        self._probe = b"baton:probe:" + replica.encode()
        self._wanted: dict[bytes, asyncio.Future[None]] = {}
        self._leaving: dict[bytes, int] = {}
        self._link: Link | None = None
        self._heard = clock()
        self._refused = False
        self._quiet = Quiet(clock)
        self._listener: Listener | None = None
        self.on_wake: Callable[[], None] = lambda: None
        self._log = structlog.get_logger().bind(connection="pubsub")

    def listen(self, listener: Listener) -> None:
        """Name the listener, before ``run``."""
        self._listener = listener

    @property
    def silent_for(self) -> float:
        """Seconds since the last probe came back."""
        return self._clock() - self._heard

    async def run(self) -> None:
        """Keep the subscription connection up until cancelled."""
        delay = BACKOFF_FIRST
        while True:
            try:
                link = await self._dialer.dial(self._pushed)
            except StoreUnavailableError as error:
                if self._quiet.may(str(error)):
                    self._log.warning("redis_unavailable", reason=str(error))
            else:
                self._quiet.over()
                dialed = self._clock()
                try:
                    await self._serve(link)
                finally:
                    if self._clock() - dialed > BACKOFF_MOST:
                        delay = BACKOFF_FIRST
                    self._link = None
                    link.close()
                    self._interrupted()
            await asyncio.sleep(random.uniform(0, delay))  # noqa: S311 - jitter
            delay = min(delay * 2, BACKOFF_MOST)

    async def subscribe(self, sid: str) -> None:
        """Done when Redis confirmed. Raises ``StoreUnavailableError``."""
        channel = SessionKeys(sid, self._shards).channel
        confirmed = self._wanted.get(channel)
        if confirmed is None:
            confirmed = self._wanted[channel] = asyncio.get_running_loop().create_future()
            if self._link is not None:
                self._link.send(b"SSUBSCRIBE", channel)
        try:
            async with asyncio.timeout(CONFIRM_TIMEOUT):
                await asyncio.shield(confirmed)
        except TimeoutError as error:
            raise StoreUnavailableError("the subscription was not confirmed in time") from error

    def unsubscribe(self, sid: str) -> None:
        """Off; what is still under way is ignored."""
        channel = SessionKeys(sid, self._shards).channel
        confirmed = self._wanted.pop(channel, None)
        if confirmed is not None and not confirmed.done():
            confirmed.set_exception(StoreUnavailableError("unsubscribed"))
            confirmed.exception()  # mostly nobody waits for it
        if confirmed is not None and self._link is not None:
            self._leaving[channel] = self._leaving.get(channel, 0) + 1
            self._link.send(b"SUNSUBSCRIBE", channel)

    async def _serve(self, link: Link) -> None:
        self._link, opened = link, self._clock()  # what was heard stays: a subscription that is refused is silence
        self._refused = False
        self._leaving.clear()
        link.send(b"SSUBSCRIBE", self._probe)
        link.send(b"SSUBSCRIBE", WAKE_CHANNEL)
        for channel in self._wanted:
            link.send(b"SSUBSCRIBE", channel)
        while not link.lost.done():
            await asyncio.wait([link.lost], timeout=PROBE_EVERY)
            if min(self.silent_for, self._clock() - opened) > DEAF_AFTER:
                self._log.warning("pubsub_deaf", silent_for=round(self.silent_for, 1))
                return
            for channel, confirmed in self._wanted.items():
                if not confirmed.done():  # refused, while its slot has no owner: once more
                    link.send(b"SSUBSCRIBE", channel)
            try:
                await self._node.call(0, b"SPUBLISH", self._probe, b"?")
            except StoreUnavailableError:
                continue  # the command connection says so itself; deafness is judged by time alone
        self._log.warning("pubsub_lost")

    def _pushed(self, push: list[Any]) -> None:
        kind, channel, *rest = push
        if channel == self._probe:
            self._heard = self._clock()
        elif kind == b"smessage" and channel == WAKE_CHANNEL:
            self.on_wake()
        elif kind == b"smessage":
            if channel in self._wanted and self._listener is not None:
                self._listener.published(sid_of_channel(channel), rest[0])
        elif kind == b"ssubscribe":
            self._confirmed(channel)
        elif kind == b"sunsubscribe":
            self._left(channel)
        elif kind == b"error" and not self._refused:
            self._refused = True  # once a connection: there are as many refusals as conversations
            self._log.error("pubsub_refused", reason=channel.decode(errors="replace")[:300])

    def _confirmed(self, channel: bytes) -> None:
        confirmed = self._wanted.get(channel)
        if confirmed is None:
            return
        if not confirmed.done():
            confirmed.set_result(None)
        if self._listener is not None:
            self._listener.restored([sid_of_channel(channel)])

    def _left(self, channel: bytes) -> None:
        expected = self._leaving.pop(channel, 0)
        if expected > 1:
            self._leaving[channel] = expected - 1
        elif expected == 0 and channel in self._wanted and self._link is not None:
            # Nobody asked: the slot moved, or an ACL changed. Subscribe again; messages may have been missed.
            self._log.warning("pubsub_unsubscribed")
            self._interrupted()
            for wanted in self._wanted:
                self._link.send(b"SSUBSCRIBE", wanted)

    def _interrupted(self) -> None:
        for channel, confirmed in self._wanted.items():
            if confirmed.done():
                self._wanted[channel] = asyncio.get_running_loop().create_future()
        if self._listener is not None:
            self._listener.interrupted()
