"""Builds a replica and closes it again: the only place that constructs anything, on one ``AsyncExitStack``.

Must never hold logic: if something here needs a test of its own, it belongs elsewhere.
"""

import asyncio
import os
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import structlog

from app.agents.registry import UnknownAgentError, make_agent
from app.edge.admin import Admin
from app.edge.auth import Identities, SecretVault, Tokens
from app.edge.drain import Drain
from app.edge.http import Pages, load_assets
from app.edge.websocket import Door, Rules, Services, WebSocketEndpoint
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

HEARTBEAT: Final = 25  # seconds
SILENCE_LIMIT: Final = 10.0  # seconds without store or pub/sub until /readyz says so
TURN_LIMIT: Final = 120.0  # seconds for one turn's agent
FIRST_CONTACT: Final = 5.0  # seconds to wait for Redis before serving without it
MOST_JOINING: Final = 512  # connections between accept and welcome
FRAMES_PER_MESSAGE: Final = 10  # how many frames of any kind a connection may send for each message


@dataclass(frozen=True, slots=True)
class Replica:
    """What serves: the parts that ``asgi.py`` mounts, and the way out."""

    socket: WebSocketEndpoint
    pages: Pages
    admin: Admin
    drain: Drain
    failed: asyncio.Event


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


@asynccontextmanager
async def open_replica(settings: Settings) -> AsyncIterator[Replica]:
    """A running replica; closed on the way out.

    Raises:
        SettingsError: the agent can't be made, or Redis is unfit (version, eviction policy, shard count).
    """
    name, failed = "r-" + secrets.token_hex(4), asyncio.Event()
    structlog.contextvars.bind_contextvars(replica=name)
    metrics, heads = Metrics(), Heads()
    redis = _redis(settings, name)
    turns = _turns(settings, redis.store, heads, metrics)
    hub = Hub(redis.store, redis.feed, heads, new_id)
    redis.feed.listen(hub)
    door = _door(settings, redis.node)
    recovery = Recovery(redis.store, turns, settings.lease_seconds, lambda: door.draining)
    vault = SecretVault(settings.secrets, os.urandom)
    conversations = Conversations(redis.store, heads, turns, vault, wall_ms, turns.new_mark)
    tokens, identities = Tokens(settings.secrets), Identities(settings.identity_secret)
    services = Services(door, conversations, hub, tokens, identities, metrics, name, new_id, time.monotonic, time.time)
    watch = Watch(door, redis, hub, metrics)
    async with AsyncExitStack() as stack:
        background = (*redis.work(), hub.run(), recovery.renew(), recovery.reap(), _heartbeats(door))
        stack.push_async_callback(_stop, [_start(work, failed) for work in background])
        await _first_contact(redis)
        yield Replica(
            WebSocketEndpoint(services),
            Pages(metrics, settings.admin_key, name, watch.not_ready, watch.measure, load_assets()),
            Admin(redis.store, settings.admin_key, turns.new_mark, new_id),
            Drain(door, turns, settings.drain_seconds),
            failed,
        )


@dataclass(frozen=True, slots=True)
class Redis:
    """The connections of a replica: commands, long reads, pub/sub; and the store over them."""

    node: Node
    replay: Node
    feed: RedisFeed
    store: RedisStore

    def work(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """What keeps them up."""
        return self.node.run(), self.replay.run(), self.feed.run()


@dataclass(frozen=True, slots=True)
class Watch:
    """What ``/readyz`` and ``/metrics`` ask."""

    door: Door
    redis: Redis
    hub: Hub
    metrics: Metrics

    def not_ready(self) -> str | None:
        """Why no new connection should come here; None if one may."""
        if self.door.draining:
            return "draining"
        if self.redis.node.unfit is not None:
            return "store_unfit"
        if max(self.redis.node.silent_for, self.redis.replay.silent_for) > SILENCE_LIMIT:
            return "store_silent"
        return "pubsub_silent" if self.redis.feed.silent_for > SILENCE_LIMIT else None

    def measure(self) -> None:
        """Set the gauges."""
        self.metrics.rooms.set(self.hub.rooms)
        self.metrics.pubsub_silence.set(self.redis.feed.silent_for)
        self.metrics.draining.set(self.door.draining)


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


def _turns(settings: Settings, store: RedisStore, heads: Heads, metrics: Metrics) -> Turns:
    try:
        agent = make_agent(settings.agent, settings.echo_delay_ms)
    except UnknownAgentError as error:
        raise SettingsError(str(error)) from error
    limits = TurnSettings(TURN_LIMIT, settings.lease_seconds)
    return Turns(store, agent, heads, limits, metrics, time.monotonic, wall_ms, marks(), message_ids())


def _door(settings: Settings, node: Node) -> Door:
    rules = Rules(
        settings.allowed_origins,
        settings.max_connections,
        MOST_JOINING,
        settings.rate_limit * FRAMES_PER_MESSAGE,
        settings.session_ttl_seconds,
        HEARTBEAT,
    )
    return Door(rules, store_ready=lambda: node.connected)


def _start(work: Coroutine[Any, Any, None], failed: asyncio.Event) -> asyncio.Task[None]:
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


async def _first_contact(redis: Redis) -> None:
    deadline = time.monotonic() + FIRST_CONTACT
    while time.monotonic() < deadline and not (redis.node.connected and redis.replay.connected):
        if redis.node.unfit is not None:
            raise SettingsError(f"BATON_REDIS_URL: {redis.node.unfit}")
        await asyncio.sleep(0.01)


async def _heartbeats(door: Door) -> None:
    """Say something to whoever has heard nothing for a heartbeat."""
    loop = asyncio.get_running_loop()
    frame = '{"type":"heartbeat"}'
    while True:
        await asyncio.sleep(random.uniform(1.5, 2.5))  # noqa: S311 - jitter
        silent = loop.time() - HEARTBEAT + 3
        for outbox in list(door.sockets.values()):
            if outbox.sent_at < silent:
                outbox.droppable(frame)
