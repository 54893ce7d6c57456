"""``/ws``: one connection from its upgrade to its close, as an ASGI application.

Must never decide what a frame means (``core/connection.py`` judges it, the engine does it), and never keep anything
that a reconnect to another replica would need (I7).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from app.core.errors import CloseCode
from app.edge.auth import Identities, Tokens, client_of, origin_allowed
from app.edge.conversation import SocketSession
from app.edge.outbox import Outbox
from app.engine.conversations import Conversations
from app.engine.ports import Joiner
from app.observe.metrics import Metrics

HELLO_TIMEOUT: Final = 10.0  # seconds
SUBPROTOCOL: Final = "baton.v1"

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Rules:
    """What this replica lets in. ``rate``: frames a second and connection; ``ttl``: of a session, seconds."""

    origins: tuple[str, ...]
    most_connections: int
    most_joining: int
    rate: float
    ttl: float
    heartbeat: int


@dataclass(slots=True)
class Door:
    """The open sockets of a replica, and whether more are let in."""

    rules: Rules
    sockets: dict[str, Outbox] = field(default_factory=dict)
    joining: int = 0
    draining: bool = False
    store_ready: Callable[[], bool] = lambda: True

    def refusal(self, origin: str | None, host: str) -> tuple[CloseCode, str] | None:
        """The close code and its reason for a connection that isn't let in."""
        if not origin_allowed(origin, host, self.rules.origins):
            return CloseCode.BAD_ORIGIN, "origin"
        if self.draining:
            return CloseCode.RESTART, "draining"
        if len(self.sockets) >= self.rules.most_connections or self.joining >= self.rules.most_joining:
            return CloseCode.TRY_AGAIN, "full"
        if not self.store_ready():
            return CloseCode.TRY_AGAIN, "no_store"
        return None


@dataclass(frozen=True, slots=True)
class Services:
    """What a connection needs of the replica."""

    door: Door
    conversations: Conversations
    hub: Joiner
    tokens: Tokens
    identities: Identities
    metrics: Metrics
    replica: str
    new_id: Callable[[], str]
    monotonic: Callable[[], float]
    wall: Callable[[], float]


class WebSocketEndpoint:
    """The ASGI application of the route ``/ws``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await receive()  # websocket.connect
        chosen = SUBPROTOCOL if SUBPROTOCOL in scope["subprotocols"] else None
        await send({"type": "websocket.accept", "subprotocol": chosen})
        services, door = self._services, self._services.door
        headers = dict(scope["headers"])
        origin = headers.get(b"origin")
        refusal = door.refusal(
            None if origin is None else origin.decode("latin-1"), headers.get(b"host", b"").decode("latin-1")
        )
        if refusal is not None:
            # A browser can't read an HTTP refusal of an upgrade: it gets the code of a close.
            code, why = refusal
            services.metrics.refused.labels(why).inc()
            await send({"type": "websocket.close", "code": int(code), "reason": why})
            return
        outbox = Outbox(services.new_id(), scope["state"]["wire"], send, asyncio.get_running_loop())
        door.sockets[outbox.id] = outbox
        services.metrics.connections.inc()
        client = scope["client"]  # as a trusted proxy names it; None on a Unix socket
        address = client[0] if client else None
        structlog.get_logger().debug("socket_opened", client=address)
        session = SocketSession(services, outbox, client_of(address))
        try:
            if await self._hello(session, outbox, receive):
                while (message := await receive())["type"] != "websocket.disconnect":
                    await session.receive(message.get("text"))
        except OSError:
            structlog.get_logger().debug("client_disconnected")
        finally:
            session.leave()
            outbox.gone()
            del door.sockets[outbox.id]
            services.metrics.connections.dec()
            if outbox.closing is not None:
                services.metrics.closed.labels(str(int(outbox.closing))).inc()

    async def _hello(self, session: SocketSession, outbox: Outbox, receive: Receive) -> bool:
        """Read until a hello was answered; False if the client left. Too late: 4408."""
        door = self._services.door
        deadline = asyncio.get_running_loop().time() + HELLO_TIMEOUT
        while not session.live:
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                outbox.close(CloseCode.NO_HELLO)
                break
            if message["type"] == "websocket.disconnect":
                return False
            door.joining += 1  # only while it is at work: a silent socket must not shut the door for others
            try:
                await session.receive(message.get("text"))
            finally:
                door.joining -= 1
        return True
