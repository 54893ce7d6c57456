"""The bytes of an HTTP connection, under uvicorn: who opens one and says nothing, or half of it, is let go.

A connection is a file, and none of the limits of the door counts it before its request is read; nor does the parser
limit what it keeps of headers and trailers. Must never cut a request whose headers have arrived and whose body goes on:
how long an answer takes is its handler's affair.
"""

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

PATIENCE: Final = 10.0  # seconds from the connection, or a request's first byte, to the end of its headers
MOST_HEAD: Final = 65_536
"""Bytes of headers, or between or after the parts of a body; the read in which they begin and end isn't counted."""


class PatientHttp(HttpToolsProtocol):
    """uvicorn's protocol with a deadline and a size for each request's headers.

    RFC 9110 §15.5.9 allows to close without a 408, RFC 6585 §5 without a 431.
    """

    _deadline: asyncio.TimerHandle | None = None
    _head: int = 0
    _went_on: bool = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Somebody is there."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Some of a request."""
        self._went_on = False
        super().data_received(data)
        self._head = 0 if self._went_on else self._head + len(data)
        if self._head > MOST_HEAD:
            self.transport.abort()

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._went_on = True
        self._wait()

    def on_headers_complete(self) -> None:
        """All of its headers."""
        self._stop()
        self._went_on = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Some of its body."""
        self._went_on = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """All of it."""
        self._went_on = True
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there."""
        self._stop()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(PATIENCE, self.transport.abort)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
