"""The bytes of a WebSocket connection, under uvicorn: many frames in one write, and a way to cut the connection.

ASGI sends one frame a call, each through every middleware and to the socket by itself; a turn has five. A close waits
for the transport's buffer, which a client that doesn't read never empties. Must never frame by hand: websockets does.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.protocol import State

LINGER: Final = 2.0  # seconds to read on after a frame that can't be read
LAST_BYTES: Final = 10.0  # seconds a client has to take what is left for it
_UNREADABLE: Final = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class WireProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol, found by the application as ``scope["state"]["wire"]``."""

    _resumed: Callable[[], None] | None = None
    _deadline: asyncio.TimerHandle | None = None

    def handle_connect(self, event: Request) -> None:
        """Put this connection into the scope's state."""
        self.app_state = {**self.app_state, "wire": self}
        super().handle_connect(event)

    @property
    def writing(self) -> bool:
        """Whether the transport takes more; its buffer is bounded by its high-water mark and one batch."""
        return self.writable.is_set()

    def on_resume(self, resumed: Callable[[], None]) -> None:
        """Call ``resumed`` whenever the transport takes more again."""
        self._resumed = resumed

    def resume_writing(self) -> None:
        """The transport's buffer has emptied."""
        super().resume_writing()
        if self._resumed is not None:
            self._resumed()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone: whoever waits for it to take more has waited long enough."""
        super().connection_lost(exc)
        if self._deadline is not None:
            self._deadline.cancel()
        if self._resumed is not None:
            self._resumed()
            self._resumed = None

    def data_received(self, data: bytes) -> None:
        """Bytes from the client; what comes after a frame that can't be read is thrown away."""
        if self.conn.parser_exc is None and self.conn.handshake_exc is None:
            super().data_received(data)
            if self.conn.handshake_exc is not None and not self.handshake_initiated:
                self._refuse()

    def keepalive_timeout(self) -> None:
        """No pong: gone, or it reads nothing, and then it won't take the close either."""
        super().keepalive_timeout()
        self._cut_later()

    def handle_close(self, event: Frame) -> None:
        """The client leaves."""
        super().handle_close(event)
        self._cut_later()

    def handle_parser_exception(self) -> None:
        """Say why (1009 and its like), then read on for a moment.

        Closing with bytes unread resets the connection (RFC 1122 §4.2.2.13), and a proxy that is still sending passes
        on neither the rest nor our close: the client would see 1006, come back, and send it again.
        """
        close = self.conn.close_sent
        self.queue.put_nowait({"type": "websocket.disconnect", "code": 1006 if close is None else close.code})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.transport.resume_reading()
        self.close_timer = self.loop.call_later(LINGER, self.transport.close)
        self._cut_later()

    def write_texts(self, frames: list[str]) -> None:
        """Send text frames in one write; nothing once a close was sent or received."""
        connection = self.conn
        if connection.state is not State.OPEN or self.transport.is_closing():
            return
        for frame in frames:
            connection.send_text(frame.encode())
        self.transport.write(b"".join(connection.data_to_send()))

    def cut(self) -> None:
        """Drop the connection with whatever it has not taken."""
        self.transport.abort()

    def _cut_later(self) -> None:
        """A close waits until the client has taken everything; who never does would keep the file for ever."""
        if self._deadline is None:
            self._deadline = self.loop.call_later(LAST_BYTES, self.transport.abort)

    def _refuse(self) -> None:
        """Answer an upgrade that can't be read, as with a body: uvicorn leaves it, and trips over it at its end."""
        self.transport.write(b"".join(self.conn.data_to_send()) or _UNREADABLE)
        self.handshake_complete = self.close_sent = True
        self.transport.close()
