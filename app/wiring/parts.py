"""What a replica and an embedded Baton have in common: store, engine, fan-out and bot, and the work that keeps them up.

Must never hold logic: if something here needs a test of its own, it belongs elsewhere.
"""

import asyncio
import os
import random
import secrets
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

import structlog

from app.edge.auth import SecretVault
from app.engine.conversations import Conversations
from app.engine.heads import Heads
from app.engine.recovery import Recovery
from app.engine.turns import Turns, TurnSettings
from app.fanout.hub import Hub
from app.fanout.redis_fanout import RedisFeed
from app.observe.metrics import Metrics
from app.settings import Settings, SettingsError
from app.store.base import StoreSettings
from app.store.keys import SHARDS
from app.store.link import Dialer
from app.store.node import Node
from app.store.redis_store import RedisStore
from app.store.scripts import Scripts
from app.wiring.bot import Work, make_bot

FIRST_CONTACT: Final = 5.0  # seconds to wait for Redis before serving without it


def marks() -> Callable[[], str]:
    """A source of random decimals from 1 to 2^63-1 (DESIGN: "Marks"): seeded by the system, needs no secrecy."""
    source = random.Random(os.urandom(32))  # noqa: S311 - a mark must be new, not unguessable
    return lambda: str(source.getrandbits(63) or 1)


def message_ids() -> Callable[[], str]:
    """A source of 128-bit ids for messages: they must not collide; they open nothing."""
    source = random.Random(os.urandom(32))  # noqa: S311 - see above
    return lambda: f"{source.getrandbits(128):032x}"


def new_id() -> str:
    """128 unguessable bits, for sessions, epochs and connections."""
    return secrets.token_urlsafe(16)


def wall_ms() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Redis:
    """The connections of a replica: commands, long reads, pub/sub; and the store over them."""

    node: Node
    replay: Node
    feed: RedisFeed
    store: RedisStore

    def work(self) -> tuple[Work, ...]:
        """What keeps them up."""
        return self.node.run(), self.replay.run(), self.feed.run()

    async def first_contact(self) -> None:
        """Wait a moment for it. Raises ``SettingsError`` if it is unfit."""
        deadline = time.monotonic() + FIRST_CONTACT
        while time.monotonic() < deadline and not (self.node.connected and self.replay.connected):
            if self.node.unfit is not None:
                raise SettingsError(f"BATON_REDIS_URL: {self.node.unfit}")
            await asyncio.sleep(0.01)


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything but the sockets."""

    metrics: Metrics
    heads: Heads
    redis: Redis
    turns: Turns
    hub: Hub
    conversations: Conversations


async def open_parts(
    settings: Settings, name: str, leaving: Callable[[], bool], failed: asyncio.Event, stack: AsyncExitStack
) -> tuple[Parts, Callable[..., None]]:
    """Build it on ``stack``; the second value starts it, with further work. Raises ``SettingsError``."""
    metrics, heads, redis = Metrics(), Heads(), _redis(settings, name)
    vault = SecretVault(settings.secrets, os.urandom)
    bot = await make_bot(settings, redis.store, redis.node, stack)
    limits = TurnSettings(settings.turn_seconds, settings.lease_seconds)
    turns = Turns(
        redis.store, bot.agent, heads, limits, metrics, time.monotonic, wall_ms, marks(), message_ids(), vault.open
    )
    hub = Hub(redis.store, redis.feed, heads, new_id)
    redis.feed.listen(hub)
    recovery = Recovery(redis.store, turns, settings.lease_seconds, leaving)
    redis.feed.on_wake = recovery.wake
    conversations = Conversations(redis.store, heads, turns, vault, wall_ms, turns.new_mark, bot.redact)

    def start(*more: Work) -> None:
        work = (*redis.work(), hub.run(), recovery.renew(), recovery.reap(), recovery.give_back(), *bot.work(), *more)
        stack.push_async_callback(_stop, [_start(one, failed) for one in work])

    return Parts(metrics, heads, redis, turns, hub, conversations), start


def _redis(settings: Settings, name: str) -> Redis:
    scripts, dialer = Scripts(), Dialer(settings.redis_url or "", name)
    node = Node(dialer, scripts, SHARDS, "commands", time.monotonic)
    replay = Node(dialer, scripts, SHARDS, "replay", time.monotonic)
    own = StoreSettings(
        owner=secrets.token_hex(8),
        lease_ms=round(settings.lease_seconds * 1000),
        ttl_ms=round(settings.session_ttl_seconds * 1000),
        rate=settings.rate_limit,
        shards=SHARDS,
    )
    store = RedisStore(node, replay, scripts, own, message_ids(), marks())
    return Redis(node, replay, RedisFeed(dialer, node, name, SHARDS, time.monotonic), store)


def _start(work: Work, failed: asyncio.Event) -> asyncio.Task[None]:
    """Run in the background; its end is the replica's: a replica without one of its parts is worse than none."""
    task = asyncio.create_task(work)

    def ended(done: asyncio.Task[None]) -> None:
        if not done.cancelled():
            structlog.get_logger().critical("background_failed", exc_info=done.exception())
            failed.set()

    task.add_done_callback(ended)
    return task


async def _stop(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
