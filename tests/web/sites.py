"""What stands between or around the browser and a replica in tests: a balancer of one address, and another site.

It must never read what it passes on.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.poll import first_of

AGED = (b"cache-control: public, max-age=300", b"age: 200000\r\ncache-control: public, max-age=300")


class Front:
    """A balancer of one address: each new connection goes to `port` of the moment, and to nobody while it is None.

    `rate`: bytes a second, of each connection and way; None: as fast as it goes. `latency`: seconds, of each way.
    `aged`: as a cache on the way would, it says that what may be kept for minutes is days old.
    """

    def __init__(self, port: int | None) -> None:
        self.port = port
        self.rate: int | None = None
        self.latency = 0.0
        self.aged = False
        self.url = ""
        self._server: asyncio.Server | None = None
        self._pipes: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def start(cls, port: int | None) -> AsyncIterator["Front"]:
        front = cls(port)
        front._server = await asyncio.start_server(front._accept, "127.0.0.1", 0)
        front.url = f"http://127.0.0.1:{front._server.sockets[0].getsockname()[1]}"
        try:
            yield front
        finally:
            front._server.close()
            front.cut()
            await asyncio.gather(*front._pipes, return_exceptions=True)

    def cut(self) -> None:
        """End every connection that there is, without a word."""
        for pipe in self._pipes:
            pipe.cancel()

    def away(self) -> None:
        """From now on nobody is there, for those who are connected either."""
        self.port = None
        self.cut()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pipe = asyncio.current_task()
        assert pipe is not None
        self._pipes.add(pipe)
        upstream: asyncio.StreamWriter | None = None
        try:
            if self.port is not None:
                back, upstream = await asyncio.open_connection("127.0.0.1", self.port)
                await first_of(self._copy(reader, upstream), self._copy(back, writer))
        except (OSError, asyncio.CancelledError):
            pass  # nobody listens there, or it is cut: the browser sees a closed connection, which is the point
        finally:
            self._pipes.discard(pipe)
            for end in (writer, upstream):
                if end is not None:
                    end.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Everything from one to the other until either ends."""
        way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(1000)
        taking = asyncio.create_task(self._take(reader, way))
        try:
            await self._bring(way, writer)
        finally:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, way: asyncio.Queue[tuple[float, bytes]]) -> None:
        clock, data = asyncio.get_running_loop().time, b"-"
        while data:
            try:
                data = await reader.read(65536 if self.rate is None else max(1, self.rate // 20))
            except OSError:
                data = b""
            if self.rate is not None:
                await asyncio.sleep(len(data) / self.rate)
            await way.put((clock() + self.latency, data))

    async def _bring(self, way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        clock = asyncio.get_running_loop().time
        while (came := await way.get())[1]:
            due, data = came
            if due > clock():
                await asyncio.sleep(due - clock())
            writer.write(data.replace(*AGED) if self.aged else data)
            await writer.drain()


class Shop:
    """A page of another origin that embeds the widget; every path is the same page.

    `widget`: address of the script. `script`: more attributes of it. `attributes`: of the element. `page`: of `<html>`.
    `head`, `body`: more of the page. `headers`: more response headers.
    """

    def __init__(self) -> None:
        self.url = ""
        self.widget = ""
        self.script = ""
        self.attributes = ""
        self.page = 'lang="en"'
        self.headers: dict[str, str] = {}
        self.head = ""
        self.body = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, one answer."""
        await reader.readuntil(b"\r\n\r\n")
        body = (
            f"<!doctype html><html {self.page}><head><meta charset=utf-8><link rel=icon href=data:,>"
            f'<title>A shop</title><meta name=viewport content="width=device-width, initial-scale=1">{self.head}</head>'
            f"<body><main><h1>A shop</h1><p>What it sells.</p><a href=/other>Another page</a>{self.body}</main>"
            f'<script type="module" src="{self.widget}" {self.script}></script>'
            f"<baton-chat {self.attributes}></baton-chat></body></html>"
        ).encode()
        headers = {"Content-Type": "text/html", "Content-Length": str(len(body)), "Connection": "close", **self.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode() + body)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def shop_site(server: str = "") -> AsyncIterator[Shop]:
    """The shop, on a port of loopback. `server`: of the chat."""
    shop = Shop()
    shop.widget = f"{server}/widget.js"
    listening = await asyncio.start_server(shop.serve, "127.0.0.1", 0)
    shop.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield shop
    finally:
        listening.close()
