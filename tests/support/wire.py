"""A WebSocket that writes everything down: the lower half of the test client.

It must never hide anything: what the wire brings twice, out of order or broken is recorded so.
"""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from tests.support.poll import TooLate
from tests.support.records import Frame, Log, Record, Way, is_frame


class Wire:
    """One client's sockets, one at a time, and the log of all of them. Times are seconds."""

    def __init__(self, urls: list[str], name: str) -> None:
        self.urls = urls
        self.log = Log(name)
        self.close_code: int | None = None
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._news = asyncio.Condition()
        self._connections = 0

    async def connect(
        self,
        url: str | None = None,
        *,
        origin: str | None = None,
        subprotocol: str | None = "baton.v1",
        headers: dict[str, str] | None = None,
    ) -> None:
        """Open a socket, without a hello. Raises what the handshake raises."""
        await self.end_socket()
        url = url or self.urls[0]
        socket = await connect(
            url,
            origin=Origin(origin) if origin else None,
            subprotocols=[Subprotocol(subprotocol)] if subprotocol else None,
            additional_headers=headers,
            compression=None,
            proxy=None,
            ping_interval=None,
            open_timeout=5,
            close_timeout=1,
            max_size=None,
        )
        self._connections += 1
        self.close_code = None
        self._socket = socket
        self._record(Way.OPENED, {"url": url})
        self._reader = asyncio.create_task(self._read(socket, self._connections))

    async def send_frame(self, frame: Frame) -> None:
        """Send any JSON object. Raises ConnectionClosed without a connection."""
        await self.send_raw(json.dumps(frame, ensure_ascii=False))

    async def send_raw(self, data: str | bytes) -> None:
        """Send a text frame (str) or a binary one (bytes), whatever it holds."""
        if self._socket is None:
            raise ConnectionClosed(None, None)
        try:
            frame = json.loads(data)
        except ValueError:
            frame = {"raw": data}
        self._record(Way.SENT, frame if isinstance(frame, dict) else {"raw": data})
        await self._socket.send(data)

    async def wait(self, predicate: Callable[[], Any], *, timeout: float = 10.0, what: str = "it") -> Any:
        """The first true value of `predicate`, looked at after every record. Raises TooLate."""
        async with self._news:
            try:
                async with asyncio.timeout(timeout):
                    return await self._news.wait_for(predicate)
            except TimeoutError:
                last = [record.frame for record in self.log.records[-5:]]
                raise TooLate(f"{self.log.name}: {what} didn't come within {timeout:g} s; last: {last}") from None

    async def wait_frame(
        self, type: str, *, since: int = 0, timeout: float = 10.0, where: Callable[[Frame], bool] = lambda _: True
    ) -> Frame:
        """The first received frame of a type since record number `since`, which may have come already."""

        def found() -> Frame | None:
            records = self.log.records[since:]
            return next((r.frame for r in records if is_frame(r, Way.RECEIVED, type) and where(r.frame)), None)

        frame: Frame = await self.wait(found, timeout=timeout, what=f"a {type} frame")
        return frame

    async def wait_closed(self, timeout: float = 10.0) -> int:
        """The close code the server sent (1006: none)."""
        code: int = await self.wait(lambda: self.close_code, timeout=timeout, what="the close")
        return code

    def frames(self, type: str | None = None) -> list[Frame]:
        """Everything received (of one type), oldest first."""
        received = (record.frame for record in self.log.records if record.way is Way.RECEIVED)
        return [frame for frame in received if type is None or frame.get("type") == type]

    @property
    def connected(self) -> bool:
        return self._socket is not None

    async def drop(self) -> None:
        """Cut the TCP connection without a WebSocket close."""
        if self._socket is not None:
            self._socket.transport.abort()
        await self.end_socket()

    async def end_socket(self, code: int = 1000) -> None:
        """Close the socket, if there is one, and wait until its last frame is recorded."""
        if self._socket is not None:
            await self._socket.close(code)
        if self._reader is not None:
            await self._reader

    def received(self, frame: Frame) -> None:
        """Called with every frame, before anyone who waits is told."""

    async def _read(self, socket: ClientConnection, connection: int) -> None:
        try:
            while True:
                raw = await socket.recv()
                frame = json.loads(raw) if isinstance(raw, str) else {"binary": raw}
                self.log.records.append(Record(time.monotonic(), connection, Way.RECEIVED, frame))
                self.received(frame)
                await self._tell()
        except ConnectionClosed as closed:
            self.close_code = closed.rcvd.code if closed.rcvd else 1006
        self.log.records.append(Record(time.monotonic(), connection, Way.CLOSED, {"code": self.close_code}))
        if self._socket is socket:
            self._socket = None
        await self._tell()

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    def _record(self, way: Way, frame: Frame) -> None:
        self.log.records.append(Record(time.monotonic(), self._connections, way, frame))
