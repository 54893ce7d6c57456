"""A client that is cut off after chosen frames of a conversation, and an agent whose frames are the same in every run.

It must never see a frame that came after the one it was cut at: what was on its way is lost, as on a real network.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import suppress
from typing import Any, Final

from websockets.exceptions import ConnectionClosed

from app.agents.port import Piece, Turn
from tests.support.agents import Agent
from tests.support.client import Client
from tests.support.poll import TooLate
from tests.support.records import Frame, Way

HALT: Final = "…"
"""A text that ends so is answered up to here, and then no further: what a cancel finds doesn't depend on its moment."""
PACE: Final = 0.06
"""Seconds between two words: more than the 40 ms for which an answer's pieces are gathered."""
PATIENCE: Final = 8.0
"""Seconds until a frame that has no id counts as lost with its connection, and is sent again."""
_WORDS: Final = re.compile(r"\s*\S+")


async def _word_by_word(turn: Turn) -> AsyncIterator[Piece]:
    for word in _WORDS.findall(turn.text[len(turn.partial) :]):
        yield word
        await asyncio.sleep(PACE)
    if turn.text.endswith(HALT):
        await asyncio.sleep(3600)


def make_halting() -> Agent:
    """Says the text again, word by word, each a delta of its own; see HALT."""
    return Agent(_word_by_word)


def points(way: Way, frame: Frame) -> list[str]:
    """What has been reached with a frame, by name. Deltas count by their chunks, which a slow machine gathers."""
    kind = frame["type"]
    if way is Way.SENT:
        return [f"sent {kind} {frame['id']}" if kind == "send" else f"sent {kind}"]
    if kind == "delta":
        return [f"delta {frame['turn']}.{chunk}" for chunk in range(frame["last"] + 1)]
    if kind == "message" and frame["role"] == "assistant":
        chunks = range(len(_WORDS.findall(frame["text"])))
        return [*(f"delta {frame['turn']}.{chunk}" for chunk in chunks), f"message {frame['seq']}"]
    name = {"ack": "id", "message": "seq", "state": "seq", "turn_start": "turn", "turn_end": "turn"}.get(kind)
    return [kind if name is None else f"{kind} {frame[name]}"]


class Dropper(Client):
    """A client that is cut off once at each of the points in `drops`: right after the first frame that reaches it."""

    def __init__(self, urls: Sequence[str], *, name: str, drops: Collection[str] = ()) -> None:
        super().__init__(urls, name=name)
        self.left = set(drops)
        self.reached: list[str] = []
        """Every point in the order in which it was reached first."""

    async def send_frame(self, frame: Frame) -> None:
        """Send, and be cut off if this is a point: the frame is on its way, and its answer has nobody to come to."""
        await super().send_frame(frame)
        if self._due(Way.SENT, frame):
            await self.drop()

    def received(self, frame: Frame) -> None:
        """See `Client`. Raises ConnectionClosed at a point, so that nothing more is read."""
        super().received(frame)
        if self._due(Way.RECEIVED, frame):
            assert self._socket is not None
            self._socket.transport.abort()
            raise ConnectionClosed(None, None)

    def _due(self, way: Way, frame: Frame) -> bool:
        new = [point for point in points(way, frame) if point not in self.reached]
        self.reached += new
        due = not self.left.isdisjoint(new)
        self.left -= set(new)
        return due

    @property
    def welcomed(self) -> bool:
        """Whether it is connected and said hello."""
        last = next(r for r in reversed(self.log.records) if r.way is not Way.SENT)
        opened = max(n for n, r in enumerate(self.log.records) if r.way is Way.OPENED)
        return last.way is Way.RECEIVED and any(r.frame["type"] == "welcome" for r in self.log.records[opened + 1 :])

    def told_here(self, turn: int) -> str:
        """What the present connection alone has said of an answer that is being written."""
        opened = max(n for n, record in enumerate(self.log.records) if record.way is Way.OPENED)
        text = ""
        for record in self.log.records[opened:]:
            if record.way is Way.RECEIVED and record.frame["type"] == "delta" and record.frame["turn"] == turn:
                text = record.frame["text"] if record.frame["first"] == 0 else text + record.frame["text"]
        return text

    async def insist(self, frame: Frame, done: Callable[[], Any]) -> None:
        """Send a frame that has no id of its own, once, and again only if it has had no effect after a long while."""
        while not done():
            await self.wait(lambda: self.welcomed, what="a welcome")
            with suppress(ConnectionClosed):
                await self.send_frame(frame)
            with suppress(TooLate):
                await self.wait(done, timeout=PATIENCE, what="its effect")
