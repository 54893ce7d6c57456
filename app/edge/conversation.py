"""One connection's conversation: its hello, then each frame to its use case, and the answers back.

Must never wait for an agent: turns run detached, their answers come through the hub.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

import structlog

from app.core import codec, limits, messages
from app.core.connection import Connection, Refusal
from app.core.errors import CloseCode, ErrorCode, NewerSchemaError, SessionGoneError, StoreUnavailableError
from app.core.messages import (
    Cancel,
    ClientFrame,
    End,
    Event,
    Hello,
    History,
    Identify,
    Ping,
    Send,
    SignOut,
    Typing,
)
from app.core.session import new_head
from app.edge.auth import SessionToken, TokenError

if TYPE_CHECKING:
    from app.edge.outbox import Outbox
    from app.edge.websocket import Services
    from app.engine.calls import Snapshot

MAX_PAGE = 256 * 1024  # characters of events in one history frame; a whole page could be more than an outbox holds
UNAVAILABLE_RETRY = 1.0  # seconds that a client is asked to wait when the store is away


class SocketSession:
    """What a socket knows: which conversation it is in, and whether that has been stored yet."""

    __slots__ = ("_client", "_connection", "_epoch", "_outbox", "_services", "_sid", "_stored")

    def __init__(self, services: Services, outbox: Outbox, client: str | None) -> None:
        self._services, self._outbox, self._client = services, outbox, client
        self._connection = Connection(services.door.rules.rate)
        self._sid = ""
        self._epoch = ""
        self._stored = False

    @property
    def live(self) -> bool:
        """Whether hello was answered, or the connection is closing anyway."""
        return bool(self._sid) or self._outbox.closing is not None

    @property
    def _may_create(self) -> str | None:
        """The epoch of a session that this connection may create: one that it has seen no event of."""
        if not self._stored:
            self._stored = self._services.hub.seen(self._sid, self._outbox)
        return None if self._stored else self._epoch

    async def receive(self, raw: str | None) -> None:
        """One WebSocket message; None for a binary one."""
        if self._outbox.closing is not None:
            return
        step = self._connection.receive(raw, self._services.monotonic())
        if isinstance(step, Refusal):
            self._refuse(step)
            return
        try:
            await self._handle(step)
        except (StoreUnavailableError, NewerSchemaError) as error:
            self._unavailable(step, error)
        except SessionGoneError:
            self._outbox.close(CloseCode.GONE, messages.error(ErrorCode.SESSION_GONE, _id_of(step)))

    def leave(self) -> None:
        """The socket is gone."""
        self._connection.closed()
        if self._sid:
            self._services.hub.leave(self._sid, self._outbox)

    def _refuse(self, refusal: Refusal) -> None:
        self._outbox.durable(refusal.frame)
        if refusal.close is not None:
            self._outbox.close(refusal.close)

    def _unavailable(self, frame: ClientFrame, error: Exception) -> None:
        self._services.metrics.store_errors.inc()
        answer = messages.error(ErrorCode.UNAVAILABLE, _id_of(frame), UNAVAILABLE_RETRY)
        if isinstance(error, NewerSchemaError):
            structlog.get_logger().warning("newer_schema", session=self._sid)
        if isinstance(frame, Hello):
            self._outbox.close(CloseCode.TRY_AGAIN, answer)
        else:
            self._outbox.durable(answer)

    async def _handle(self, frame: ClientFrame) -> None:
        conversations, sid = self._services.conversations, self._sid
        match frame:
            case Send():
                await self._send(frame)
            case Ping():
                self._outbox.droppable(codec.pong(frame))
            case Hello():
                await self._hello(frame)
            case Cancel():
                self._say(await self._unless_new(conversations.cancel(sid, frame.turn), ErrorCode.UNKNOWN_TURN))
            case History():
                await self._history(frame)
            case Identify():
                await self._identify(frame)
            case SignOut():
                self._say(await self._unless_new(conversations.sign_out(sid), None))
                structlog.get_logger().info("audit", action="sign_out", session=sid)
            case Typing():
                await conversations.typing(sid, self._outbox.id, frame.active)
            case End():
                self._say(await self._unless_new(conversations.end(sid), ErrorCode.SESSION_GONE))

    async def _unless_new(self, act: Awaitable[ErrorCode | None], otherwise: ErrorCode | None) -> ErrorCode | None:
        """``otherwise`` if the conversation isn't stored yet; another connection may have: only the store knows."""
        try:
            return await act
        except SessionGoneError:
            if self._stored:
                raise
            return otherwise

    def _say(self, code: ErrorCode | None) -> None:
        if code is not None:
            retry = UNAVAILABLE_RETRY if code is ErrorCode.UNAVAILABLE else None
            self._outbox.durable(messages.error(code, None, retry))

    async def _send(self, frame: Send) -> None:
        services = self._services
        started = services.monotonic()
        sent = await services.conversations.send(
            self._sid, frame.id, frame.text, self._may_create, self._client, frame.context
        )
        if sent.code is None:
            self._stored = True
            self._outbox.durable(messages.ack(frame.id, sent.seq, sent.duplicate))
            metrics = services.metrics
            (metrics.messages.labels("duplicate") if sent.duplicate else metrics.accepted).inc()
            metrics.accept_seconds.observe(services.monotonic() - started)
            return
        services.metrics.messages.labels(sent.code).inc()
        if sent.code is ErrorCode.RATE_LIMITED:
            wait = sent.retry_after or 0.0
            self._refuse(self._connection.rate_limited(services.monotonic(), frame.id, wait))
        else:
            self._outbox.durable(messages.error(sent.code, frame.id, sent.retry_after))

    async def _history(self, frame: History) -> None:
        events, more = await self._services.conversations.history(self._sid, frame.before, frame.limit)
        page = _fitting(events)
        await self._outbox.drained()
        self._outbox.durable(messages.history(page, more or len(page) < len(events)))

    async def _identify(self, frame: Identify) -> None:
        try:
            who = self._services.identities.read(frame.token)
        except TokenError:
            structlog.get_logger().warning("audit", action="identify", result="refused", session=self._sid)
            self._say(ErrorCode.UNAUTHORIZED)
            return
        code = (await self._services.conversations.identify(self._sid, who, self._may_create)).code
        if code is None:
            self._stored = True
            structlog.get_logger().info("audit", action="identify", result="accepted", session=self._sid)
        self._say(code)

    async def _hello(self, frame: Hello) -> None:
        services = self._services
        after = frame.after if frame.after is not None and frame.after.seq > 0 else None
        if frame.token is None:
            token = SessionToken(services.new_id(), services.new_id(), services.wall())
        else:
            try:
                token = services.tokens.read(frame.token)
            except TokenError:
                self._outbox.close(CloseCode.BAD_TOKEN, messages.error(ErrorCode.UNAUTHORIZED))
                return
        services.metrics.joins.labels("new" if frame.token is None else "resume").inc()

        def welcome(snapshot: Snapshot | None) -> str:
            too_old = services.wall() - token.issued > services.door.rules.ttl
            if snapshot is None and (after is not None or too_old):
                raise SessionGoneError(token.sid)
            self._sid, self._stored = token.sid, snapshot is not None
            self._epoch = token.epoch if snapshot is None else snapshot.epoch
            return self._welcome(snapshot)

        await services.hub.join(token.sid, self._outbox, after, token.epoch, welcome)

    def _welcome(self, snapshot: Snapshot | None) -> str:
        services, now = self._services, self._services.wall()
        head = new_head(self._sid) if snapshot is None else snapshot.now.head
        ended = snapshot is not None and snapshot.mode == "ended"
        return messages.encode(
            type="welcome",
            session=self._sid,
            token=services.tokens.issue(self._sid, self._epoch, now),
            epoch=self._epoch,
            seq=0 if snapshot is None else snapshot.seq,
            recovered=snapshot is not None and snapshot.recovered,
            oldest=1,
            state=head.public_state(ended=ended, now_ms=int(now * 1000)),
            replica=services.replica,
            heartbeat=services.door.rules.heartbeat,
            limits={"text": limits.MAX_TEXT, "frame": limits.MAX_FRAME},
        )


def _fitting(events: list[Event]) -> list[Event]:
    """The newest of these that fit into one frame, at least one; the client asks for the others with the next page."""
    first, size = len(events), 0
    while first > 0 and (size := size + len(events[first - 1].body)) <= MAX_PAGE:
        first -= 1
    return events[min(first, len(events) - 1) :]


def _id_of(frame: ClientFrame) -> str | None:
    return frame.id if isinstance(frame, Send) else None
