"""The bytes of an HTTP connection, under uvicorn: who opens one and says nothing, or half of it, is let go.

A connection is a file, and none of the limits of the door counts it before its request is read. Must never cut a
request whose headers have arrived: how long an answer takes is its handler's affair.
"""

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

PATIENCE: Final = 10.0  # seconds from the connection, or a request's first byte, to the end of its headers


class PatientHttp(HttpToolsProtocol):
    """uvicorn's protocol with a deadline for each request's headers (RFC 9110 §15.5.9 allows to close without 408)."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Somebody is there."""
        super().connection_made(transport)
        self._wait()

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._wait()

    def on_headers_complete(self) -> None:
        """All of its headers."""
        self._stop()
        super().on_headers_complete()

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
