"""A client of `baton.v1` for tests: it does what it is told, on one connection or, with `stay()`, over any number.

It shares no code with the product's client. Judging what it recorded is the business of `history.check`, never its own.
"""

import asyncio
import random
import uuid
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self

from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.support.poll import TooLate
from tests.support.records import DURABLE, Frame
from tests.support.wire import Wire

_PASSING: Final = frozenset({"rate_limited", "unavailable"})
_TRANSIENT: Final = (OSError, TimeoutError, InvalidHandshake, ConnectionClosed, TooLate)


class Turned(ConnectionError):
    """The server closed the connection instead of a welcome; `code` says how (1006: without a word)."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code} instead of a welcome")
        self.code = code


class Client(Wire):
    """One client of one conversation. `urls` are the `/ws` addresses of replicas; `stay()` uses them in turn.

    `token` and `cursor` follow what the server says, so a new `connect` and `hello` resume.
    """

    def __init__(self, urls: str | Sequence[str], *, name: str = "client", token: str | None = None) -> None:
        super().__init__([urls] if isinstance(urls, str) else list(urls), name)
        self.token = token
        self.cursor: Frame | None = None
        self.unacked: dict[str, str] = {}
        self._epoch = ""
        self._keeper: asyncio.Task[None] | None = None
        self._retry_at: float | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def hello(self, timeout: float = 10.0, **fields: Any) -> Frame:
        """Say hello with the current token and cursor (or with `fields` instead); the `welcome`. Raises Turned."""
        hello = {"type": "hello", "token": self.token, "after": self.cursor, "client": "test"} | fields
        before = len(self.frames("welcome"))
        await self.send_frame(hello)
        await self.wait(
            lambda: len(self.frames("welcome")) > before or self.close_code, timeout=timeout, what="a welcome"
        )
        welcomes = self.frames("welcome")
        if len(welcomes) == before:
            raise Turned(self.close_code or 1006)
        return welcomes[-1]

    async def open(self, url: str | None = None, **fields: Any) -> Frame:
        """Connect and say hello; the `welcome`."""
        await self.connect(url)
        return await self.hello(**fields)

    async def send(self, text: str, id: str | None = None) -> str:
        """Send a message, or keep it for the next connection while `stay()` runs; its id."""
        key = id or str(uuid.uuid4())
        self.unacked[key] = text
        try:
            await self.send_frame({"type": "send", "id": key, "text": text})
        except ConnectionClosed:
            if self._keeper is None:
                raise
        return key

    async def wait_ack(self, id: str, timeout: float = 10.0) -> Frame:
        """The first ack of a message."""
        return await self.wait_frame("ack", timeout=timeout, where=lambda frame: bool(frame["id"] == id))

    async def wait_turn_end(self, turn: int | None = None, timeout: float = 10.0) -> Frame:
        """The `turn_end` of a turn; without `turn`, that of the newest turn in the transcript."""

        def ended() -> Frame | None:
            begun = [e["seq"] for e in self.transcript if e["type"] != "turn_end" and e["turn"] == e["seq"]]
            wanted = turn if turn is not None else max(begun, default=None)
            return next((e for e in self.transcript if e["type"] == "turn_end" and e["turn"] == wanted), None)

        frame: Frame = await self.wait(ended, timeout=timeout, what=f"the end of turn {turn or 'in progress'}")
        return frame

    async def ask(self, text: str, timeout: float = 10.0) -> str:
        """Send a message and wait for its turn to end; the answer's text (its parts joined by line breaks)."""
        ack = await self.wait_ack(await self.send(text), timeout)
        await self.wait_turn_end(ack["seq"], timeout)
        return "\n".join(self.answers(ack["seq"]))

    @property
    def transcript(self) -> list[Frame]:
        """The durable events since the last `recovered: false`, as received."""
        events: list[Frame] = []
        for frame in self.frames():
            if frame.get("type") == "welcome" and not frame["recovered"]:
                events = []
            elif frame.get("type") in DURABLE:
                events.append(frame)
        return events

    def answers(self, turn: int | None = None) -> list[str]:
        """The texts of the assistant's messages in the transcript (of one turn)."""
        messages = [event for event in self.transcript if event.get("role") == "assistant"]
        return [message["text"] for message in messages if turn is None or message["turn"] == turn]

    async def stay(self, *, longest_pause: float = 0.5) -> None:
        """Connect and say hello now, and from here on again by itself whenever the connection is lost.

        It goes to the next of `urls` each time, after a random pause up to `longest_pause` seconds, and sends again
        what isn't acked, with the same ids. Raises TooLate when no replica welcomes it within 20 s.
        """
        assert self._keeper is None, "it stays already"
        welcomes = len(self.frames("welcome"))
        self._keeper = asyncio.create_task(self._keep(longest_pause))
        await self.wait(lambda: len(self.frames("welcome")) > welcomes, timeout=20, what="a welcome")

    async def close(self, code: int = 1000) -> None:
        """Stop reconnecting and close the connection."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        await self.end_socket(code)

    async def _keep(self, longest_pause: float) -> None:
        loop, turn = asyncio.get_running_loop(), 0
        while True:
            try:
                await self.open(self.urls[turn % len(self.urls)])
                while self.connected:
                    await self._send_again()
                    self._retry_at = None
                    await self._passing_refusal_or_close(loop)
            except _TRANSIENT:
                await self.drop()
            turn += 1
            await asyncio.sleep(random.random() * longest_pause)

    async def _send_again(self) -> None:
        for key, text in list(self.unacked.items()):
            await self.send_frame({"type": "send", "id": key, "text": text})

    async def _passing_refusal_or_close(self, loop: asyncio.AbstractEventLoop) -> None:
        """Return when the connection is gone, or when it is time to try refused messages again."""
        async with self._news:
            await self._news.wait_for(lambda: not self.connected or self._retry_at is not None)
        while self.connected and self._retry_at is not None and loop.time() < self._retry_at:
            await asyncio.sleep(min(0.1, self._retry_at - loop.time()))

    def received(self, frame: Frame) -> None:
        """Follow the token, the cursor and the acks; see `Wire`."""
        kind = frame.get("type")
        if kind == "welcome":
            self.token, self._epoch = frame["token"], frame["epoch"]
            if not frame["recovered"]:
                self.cursor = None
        elif kind in DURABLE:
            self.cursor = {"epoch": self._epoch, "seq": frame["seq"], "mark": frame["mark"]}
        elif kind == "ack":
            self.unacked.pop(frame["id"], None)
        elif kind == "error" and frame["code"] in _PASSING:
            pause = frame.get("retry_after") or 0.2
            self._retry_at = asyncio.get_running_loop().time() + pause * (1 + random.random() / 2)
        elif kind == "error" and frame.get("id") is not None:
            self.unacked.pop(frame["id"], None)
