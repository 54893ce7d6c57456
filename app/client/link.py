"""One WebSocket of a client: its address, how it is opened, what its end means, and when it counts as dead.

It knows nothing of conversations. It must never keep waiting for a server that has been silent for two heartbeats.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

FINAL_CODES: Final = {
    1000: "The server closed the conversation.",
    1009: "The server refused a message as too large.",
    4400: "The server doesn't understand this client.",
    4401: "The server doesn't accept the saved conversation's token.",
    4403: "The server doesn't allow connections from here.",
    4404: "The conversation is gone: it expired or was erased.",
}
_RETRY_CODES: Final = {
    1001: "The replica is going away.",
    1012: "The replica is restarting.",
    1013: "The server is busy.",
    4408: "The server didn't hear from us in time.",
    4420: "The connection was too slow.",
    4429: "Too many messages in a short time.",
}
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_MAX_FRAME: Final = 16 * 2**20


def socket_url(url: str) -> str:
    """The `/ws` address of a server. Raises ValueError with a plain sentence when `url` isn't one."""
    mistake = f"{url!r} is not the address of a server (like http://127.0.0.1:8080)"
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        valid = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ValueError(mistake) from None
    scheme = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}.get(parts.scheme)
    if scheme is None or not valid:
        raise ValueError(mistake)
    path = parts.path.rstrip("/")
    return urlunsplit((scheme, parts.netloc, path if path.endswith("/ws") else f"{path}/ws", "", ""))


def backoff(attempt: int, rng: Callable[[], float] = random.random) -> float:
    """Full jitter: a random number of seconds up to 0.5, 1, 2 … 20 for attempt 0, 1, 2 …"""
    return rng() * min(20.0, 0.5 * 2.0 ** min(attempt, 10))


class SilenceError(Exception):
    """The server has been silent for two heartbeats."""


LINK_ERRORS: Final = (ConnectionClosed, InvalidHandshake, SilenceError, OSError, TimeoutError)


def ending(error: Exception) -> tuple[int, str]:
    """The close code of the other side (1006 when it sent none) and what to tell a person, for one of LINK_ERRORS."""
    if isinstance(error, ConnectionClosed):
        code = int(error.rcvd.code) if error.rcvd else 1006
        return code, FINAL_CODES.get(code) or _RETRY_CODES.get(code, "The connection was lost.")
    if isinstance(error, InvalidStatus):
        return 1006, f"The server answered with HTTP {error.response.status_code}."
    if isinstance(error, SilenceError):
        return 1006, "The server has gone silent."
    return 1006, "The server can't be reached."


class Link:
    """An open socket that asks after a silent server. `heartbeat` in seconds; the server's `welcome` sets it."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.heartbeat = 10.0

    @staticmethod
    def open(url: str) -> connect:
        """The async context manager of a socket to `url`. Raises OSError, TimeoutError or InvalidHandshake on entry."""
        return connect(
            url,
            subprotocols=[Subprotocol("baton.v1")],
            compression=None,
            proxy=None if urlsplit(url).hostname in _LOOPBACK else True,
            ping_interval=None,
            close_timeout=1,
            max_size=_MAX_FRAME,
        )

    async def write(self, frame: dict[str, Any]) -> None:
        await self._socket.send(orjson.dumps(frame), text=True)

    async def read(self) -> str | bytes:
        """The next message. Raises ConnectionClosed, or SilenceError after two heartbeats without any."""
        try:
            async with asyncio.timeout(self.heartbeat):
                return await self._socket.recv()
        except TimeoutError:
            await self.write({"type": "ping", "t": 0})
        try:
            async with asyncio.timeout(self.heartbeat):
                return await self._socket.recv()
        except TimeoutError:
            self.abort()
            raise SilenceError from None

    async def close(self) -> None:
        """Leave on purpose, to come back."""
        await self._socket.close(1001)

    def abort(self) -> None:
        """Cut the connection without a word."""
        self._socket.transport.abort()
