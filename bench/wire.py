"""The leanest WebSocket client that is still correct enough to measure with: it must never be what limits a figure.

Only what the servers under test send is understood (whole, unmasked text frames; ping; close); anything else ends the
connection with a reason instead of being guessed at. Not a client to copy: its mask is zero, which the protocol's
security rules forbid and a server can't tell from any other (it still pays for unmasking).
"""

import asyncio
import base64
import hashlib
from collections.abc import Callable
from typing import cast

_KEY = base64.b64encode(b"bench-bench-benc")
_ACCEPT = base64.b64encode(hashlib.sha1(_KEY + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())  # noqa: S324 - RFC 6455
_ZERO_MASK = b"\0\0\0\0"
_TEXT = 0x81
_CLOSE = 0x88
_PING = 0x89
_PONG = 0x8A
_TYPE = b'"type":"'


class WireError(Exception):
    """The server said something this client doesn't speak, or hung up; `code` is the close code or None."""

    def __init__(self, text: str, code: int | None = None) -> None:
        super().__init__(text)
        self.code = code


def frame(payload: bytes, opcode: int = _TEXT) -> bytes:
    """One masked frame (mask zero) around `payload`, at most 65,535 bytes of it."""
    size = len(payload)
    if size < 126:
        return bytes((opcode, 0x80 | size)) + _ZERO_MASK + payload
    return bytes((opcode, 0xFE)) + size.to_bytes(2, "big") + _ZERO_MASK + payload


def kind(payload: bytes) -> bytes:
    """The `type` of a JSON frame without decoding it; empty if it isn't written compactly.

    Sound because a quote inside a JSON string is escaped: `"type":"` can only be a key, and no frame that the load
    generator looks at has a nested `type` before its own.
    """
    start = payload.find(_TYPE)
    if start < 0:
        return b""
    start += len(_TYPE)
    return payload[start : payload.index(b'"', start)]


class Socket(asyncio.Protocol):
    """One connection: handshake, frames in, frames out. `on_text` gets each payload, `on_lost` why it ended."""

    __slots__ = ("_on_lost", "_on_text", "_request", "_rest", "_transport", "_upgraded", "code", "opened", "reason")

    def __init__(
        self,
        port: int,
        on_text: Callable[[bytes], None],
        on_lost: Callable[[WireError], None],
        subprotocol: str | None,
    ) -> None:
        lines = [
            "GET /ws HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {_KEY.decode()}",
            "Sec-WebSocket-Version: 13",
        ]
        if subprotocol is not None:
            lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")
        self._request = "\r\n".join([*lines, "", ""]).encode()
        self._on_text = on_text
        self._on_lost = on_lost
        self._rest = b""
        self._upgraded = False
        self._transport: asyncio.Transport | None = None
        self.code: int | None = None
        self.reason = "connection lost"
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def send(self, payload: bytes) -> None:
        """Write one text frame; silently nothing after the connection ended (`on_lost` has told)."""
        if self._transport is not None:
            self._transport.write(frame(payload))

    def abort(self) -> None:
        """Drop the connection without a closing handshake; `on_lost` is not called for it."""
        self._on_lost = _ignore
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        error = WireError(self.reason if exc is None else f"{self.reason}: {exc}", self.code)
        if not self.opened.done():
            self.opened.set_exception(error)
            self.opened.exception()  # looked at: an opener that gave up first must leave no warning
        self._on_lost(error)

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
            self._rest = b""
        if not self._upgraded:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._rest = data
                return
            if not self._upgrade(data[:end]):
                return
            data = data[end + 4 :]
        position = 0
        size = len(data)
        while size - position >= 2:
            start = position + 2
            length = data[position + 1]
            if length == 126:
                start += 2
                length = int.from_bytes(data[position + 2 : start], "big") if start <= size else 0
            elif length > 126:
                start += 8
                length = int.from_bytes(data[position + 2 : start], "big") if start <= size else 0
            end = start + length
            if end > size:
                break
            if data[position] == _TEXT:
                self._on_text(data[start:end])
            elif not self._control(data[position], data[start:end]):
                return
            position = end
        self._rest = data[position:]

    def _upgrade(self, head: bytes) -> bool:
        if not head.startswith(b"HTTP/1.1 101 ") or _ACCEPT not in head:
            self._give_up(f"no upgrade: {head.split(chr(13).encode())[0].decode('latin-1')}")
            return False
        self._upgraded = True
        if not self.opened.done():  # cancelled
            self.opened.set_result(None)
        return True

    def _control(self, first: int, payload: bytes) -> bool:
        if first == _PING and self._transport is not None:
            self._transport.write(frame(payload, _PONG))
        elif first == _CLOSE:
            self.code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
            self._give_up(f"closed with {self.code}")
            return False
        elif first != _PONG:
            self._give_up(f"a frame this client doesn't speak (first byte {first:#x})")
            return False
        return True

    def _give_up(self, reason: str) -> None:
        self.reason = reason
        if self._transport is not None:
            self._transport.abort()


def _ignore(_error: WireError) -> None:
    """A connection that we dropped ourselves has nobody to tell."""
