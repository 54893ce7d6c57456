"""What stands between or around the browser and a replica in tests: a balancer of one address, and another site.

It must never look into what it passes on.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Front:
    """A balancer of one address: each new connection goes to `port` of the moment, and to nobody while it is None."""

    def __init__(self, port: int | None) -> None:
        self.port = port
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
            for pipe in front._pipes:
                pipe.cancel()
            await asyncio.gather(*front._pipes, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pipe = asyncio.current_task()
        assert pipe is not None
        self._pipes.add(pipe)
        upstream: asyncio.StreamWriter | None = None
        try:
            if self.port is not None:
                back, upstream = await asyncio.open_connection("127.0.0.1", self.port)
                ways = [asyncio.create_task(copy(reader, upstream)), asyncio.create_task(copy(back, writer))]
                try:
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for way in ways:
                        way.cancel()
                    await asyncio.gather(*ways, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # nobody listens there, or the test ends: the browser sees a closed connection, which is the point
        finally:
            self._pipes.discard(pipe)
            for end in (writer, upstream):
                if end is not None:
                    end.close()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Everything from one to the other until either ends."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        return


class Shop:
    """A page of another origin that embeds the widget; every path is the same page.

    `widget`: address of the script. `attributes`: of the element. `page`: of `<html>`. `headers`: more response headers.
    """

    def __init__(self) -> None:
        self.url = ""
        self.widget = ""
        self.attributes = ""
        self.page = 'lang="en"'
        self.headers: dict[str, str] = {}
        self.body = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, one answer."""
        await reader.readuntil(b"\r\n\r\n")
        body = (
            f"<!doctype html><html {self.page}><head><meta charset=utf-8><link rel=icon href=data:,><title>A shop</title>"
            '<meta name=viewport content="width=device-width, initial-scale=1"></head>'
            f"<body><main><h1>A shop</h1><p>What it sells.</p><a href=/other>Another page</a>{self.body}</main>"
            f'<script type="module" src="{self.widget}"></script><baton-chat {self.attributes}></baton-chat></body></html>'
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
