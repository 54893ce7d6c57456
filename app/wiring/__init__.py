"""Builds a replica, or Baton without sockets, and closes it again: the only place that constructs anything.

Each on one ``AsyncExitStack``. Must never hold logic: if something here needs a test of its own, it belongs elsewhere.
"""

import asyncio
import random
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog

from app.edge.admin import Admin
from app.edge.assets import load_assets
from app.edge.auth import Identities, Tokens
from app.edge.demo import Demo
from app.edge.drain import Drain
from app.edge.http import Pages
from app.edge.releases import Releases
from app.edge.websocket import Door, Rules, Services, WebSocketEndpoint
from app.engine.embedding import Baton
from app.fanout.hub import Hub
from app.faults import PAUSE_SECONDS, FaultRequests
from app.inherited import Inherited
from app.observe.metrics import Metrics
from app.settings import Settings
from app.store.releases import RedisReleases
from app.wiring.parts import Redis, new_id, open_parts, wall_ms

HEARTBEAT: Final = 25  # seconds
SILENCE_LIMIT: Final = 10.0  # seconds without store or pub/sub until /readyz says so
MOST_JOINING: Final = 512  # connections between accept and welcome
FRAMES_PER_MESSAGE: Final = 10  # how many frames of any kind a connection may send for each message


@dataclass(frozen=True, slots=True)
class Replica:
    """What serves: the parts that ``asgi.py`` mounts, and the way out."""

    socket: WebSocketEndpoint
    pages: Pages
    admin: Admin
    demo: Demo | None
    drain: Drain
    failed: asyncio.Event


@asynccontextmanager
async def open_replica(settings: Settings, inherited: Inherited) -> AsyncIterator[Replica]:
    """A running replica, which serves on what is inherited; closed on the way out.

    Raises:
        SettingsError: the agent can't be made, or Redis is unfit (version, eviction policy, shard count).
    """
    name, failed = inherited.name, asyncio.Event()
    structlog.contextvars.bind_contextvars(replica=name)
    async with AsyncExitStack() as stack:
        door = _door(settings)
        parts, start = await open_parts(settings, name, lambda: door.draining, failed, stack)
        door.store_ready = lambda: parts.redis.node.connected
        services = Services(
            door, parts.conversations, parts.hub, Tokens(settings.secrets), Identities(settings.identity_secret),
            parts.metrics, name, new_id, time.monotonic, time.time,
        )  # fmt: skip
        watch = Watch(door, parts.redis, parts.hub, parts.metrics)
        releases = Releases(load_assets(), RedisReleases(parts.redis.replay), settings.secrets, time.monotonic)
        page = releases.own.page("demo/index.html")
        start(_heartbeats(door), releases.keep())
        await parts.redis.first_contact()
        await releases.publish()  # before a page can name a version that the others don't know
        yield Replica(
            WebSocketEndpoint(services),
            Pages(parts.metrics, settings.admin_key, name, watch.not_ready, watch.measure, releases, page),
            Admin(parts.redis.store, settings.admin_key, parts.turns.new_mark, new_id),
            _demo(settings, inherited),
            Drain(door, parts.turns, settings.drain_seconds),
            failed,
        )


@asynccontextmanager
async def open_baton(settings: Settings) -> AsyncIterator[Baton]:
    """Baton without sockets, for a program that embeds it: the same store, scripts, bot and leases as the replicas.

    It is one more replica: it takes over turns of others, and others take over its own. ``settings`` need a
    ``redis_url`` and ``secrets``. Raises ``SettingsError``.
    """
    name, failed, leaving = "e-" + secrets.token_hex(4), asyncio.Event(), asyncio.Event()
    async with AsyncExitStack() as stack:
        parts, start = await open_parts(settings, name, leaving.is_set, failed, stack)
        start()
        drain = Drain(_door(settings), parts.turns, settings.drain_seconds)
        stack.push_async_callback(drain.release)  # what still runs is carried on elsewhere
        stack.callback(leaving.set)
        await parts.redis.first_contact()
        yield Baton(parts.redis.store, parts.heads, parts.conversations, parts.hub, wall_ms, new_id, failed)


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


def _demo(settings: Settings, inherited: Inherited) -> Demo | None:
    """Only in demo mode, and below a supervisor that breaks things on request."""
    if not settings.demo or inherited.control is None:
        return None
    requests = FaultRequests(inherited.control, inherited.faults)
    return Demo(inherited.name, settings.agent, requests, PAUSE_SECONDS)


def _door(settings: Settings) -> Door:
    rules = Rules(
        settings.allowed_origins,
        settings.max_connections,
        MOST_JOINING,
        settings.rate_limit * FRAMES_PER_MESSAGE,
        settings.session_ttl_seconds,
        HEARTBEAT,
    )
    return Door(rules)


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
