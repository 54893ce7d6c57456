"""One connection to a Redis node: the commands of an event-loop tick in one write, the replies by their order.

redis-py connects (TCP, TLS, unix socket, AUTH, RESP3); from then on the bytes are ours, because one write and one
parse per tick cost a tenth of a call per command (figures: docs/decisions.md). Must never reuse a connection on which
a call timed out: its reply may still come.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, cast

import hiredis
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import AuthenticationError, RedisError

from app.core.errors import StoreUnavailableError

MAX_WAITING: Final = 50_000  # calls without a reply; more are refused at once
MAX_UNSENT: Final = 64 * 1024 * 1024  # bytes that the socket has not taken yet
CALL_TIMEOUT: Final = 3.0  # seconds
CONNECT_TIMEOUT: Final = 3.0

_INCOMPLETE: Final = object()

Argument = bytes | str | int | float
Push = Callable[[list[Any]], None]


class ReplyError(Exception):
    """An error reply of Redis, as it came: its first word is the code."""

    @property
    def code(self) -> str:
        """``NOSCRIPT``, ``OOM``, ``MOVED``…"""
        return str(self).partition(" ")[0]


def _ignore(_push: list[Any]) -> None:
    """Pushes that nobody asked for."""


class Link(asyncio.Protocol):
    """A live connection. Calls fail with ``StoreUnavailableError`` from the moment it is lost; it never comes back."""

    def __init__(self, connection: AbstractConnection, transport: asyncio.Transport, on_push: Push = _ignore) -> None:
        self._connection = connection  # keeps redis-py's objects alive: their finalizers close the socket
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(replyError=ReplyError, notEnoughData=_INCOMPLETE)
        self._waiting: deque[tuple[asyncio.Future[Any], float]] = deque()
        self._out: list[bytes] = []
        self._on_push = on_push
        self.lost: asyncio.Future[None] = self._loop.create_future()
        self._watchdog = self._loop.call_later(CALL_TIMEOUT / 8, self._watch)
        transport.set_protocol(self)

    def call(self, *arguments: Argument) -> asyncio.Future[Any]:
        """Send one command with the others of this tick.

        Raises (at once or from the future):
            StoreUnavailableError: the connection is lost, too much is waiting, or no reply came in time.
            ReplyError: Redis answered with an error.
        """
        future: asyncio.Future[Any] = self._loop.create_future()
        if self.lost.done() or len(self._waiting) >= MAX_WAITING:
            future.set_exception(StoreUnavailableError("no connection to Redis"))
            return future
        self.send(*arguments)  # first: what can't be packed must not wait for a reply
        self._waiting.append((future, self._loop.time()))
        return future

    def send(self, *arguments: Argument) -> None:
        """Send a command whose answer comes as a push (SSUBSCRIBE, SUNSUBSCRIBE)."""
        packed = hiredis.pack_command(arguments)  # type: ignore[arg-type]  # its stub knows one argument
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(packed)

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self.lost.done() or self._transport.is_closing():  # connection_lost follows
            return
        if self._transport.get_write_buffer_size() > MAX_UNSENT:
            self.close(StoreUnavailableError("Redis takes no more bytes"))
            return
        self._transport.write(out[0] if len(out) == 1 else b"".join(out))

    def data_received(self, data: bytes) -> None:
        """Replies and pushes, in the order Redis sent them."""
        reader = self._reader
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not _INCOMPLETE:
                if isinstance(reply, hiredis.PushNotification):
                    self._on_push(reply)
                    continue
                if isinstance(reply, ReplyError) and not self._waiting:
                    self._on_push([b"error", str(reply).encode()])  # a subscription was refused
                    continue
                future, _ = self._waiting.popleft()
                if future.done():
                    continue
                if isinstance(reply, ReplyError):
                    future.set_exception(reply)
                else:
                    future.set_result(reply)
        except (hiredis.ProtocolError, IndexError) as error:
            self.close(StoreUnavailableError(f"not RESP: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        self.close(StoreUnavailableError(f"connection to Redis lost: {exc or 'closed'}"))

    def close(self, reason: StoreUnavailableError | None = None) -> None:
        """Drop the connection; what waits fails with ``reason``. Safe to repeat."""
        if self.lost.done():
            return
        self.lost.set_result(None)
        self._watchdog.cancel()
        self._transport.abort()
        self._connection._writer = None  # closed: its finalizer has nothing to warn of
        waiting, self._waiting = self._waiting, deque()
        for future, _ in waiting:
            if not future.done():
                future.set_exception(reason or StoreUnavailableError("closed"))
                future.exception()  # a caller that was cancelled leaves nobody to read it

    def _watch(self) -> None:
        if self._waiting and self._waiting[0][1] < self._loop.time() - CALL_TIMEOUT:
            self.close(StoreUnavailableError("Redis did not answer in time"))
            return
        self._watchdog = self._loop.call_later(CALL_TIMEOUT / 8, self._watch)


class Dialer:
    """Opens links to the node of one URL. One per replica."""

    def __init__(self, url: str, name: str) -> None:
        self._pool = ConnectionPool.from_url(
            url,
            protocol=3,
            client_name=name,
            socket_timeout=CONNECT_TIMEOUT,
            socket_connect_timeout=CONNECT_TIMEOUT,
        )

    async def dial(self, on_push: Push = _ignore) -> Link:
        """A new link. Raises ``StoreUnavailableError``."""
        connection: AbstractConnection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await connection.connect()  # type: ignore[no-untyped-call]
        except AuthenticationError as error:
            raise StoreUnavailableError("Redis refused the user or the password") from error
        except (RedisError, OSError, TimeoutError, RuntimeError) as error:
            # uvloop's write says RuntimeError when the other end has reset the connection in the meantime.
            raise StoreUnavailableError(f"can't connect to Redis: {type(error).__name__}") from error
        # The one private name of redis-py that we use; tests/store/test_link.py would notice its going.
        writer = connection._writer
        if writer is None:
            raise StoreUnavailableError("redis-py connected without a writer")
        link = Link(connection, cast(asyncio.Transport, writer.transport), on_push)
        # redis-py awaits asyncio.wait_for, which before Python 3.12 may swallow a cancellation.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            link.close()
            raise asyncio.CancelledError
        return link
