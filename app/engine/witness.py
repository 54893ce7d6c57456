"""A sink that nobody reads but us: it sees a conversation as a socket would, and waits for one turn's end.

Must never be left in a room: whoever joins it leaves it.
"""

import asyncio
from typing import Any

import orjson

from app.core.errors import CloseCode

Frame = dict[str, Any]


class Witness:
    """One observer (port: ``Sink``). Keeps a turn's frames for as long as somebody waits for them."""

    def __init__(self, connection_id: str) -> None:
        self.id = connection_id
        self.closed: CloseCode | None = None
        self.state: Frame = {}
        self._top = 0
        self._events: dict[int, Frame] = {}
        self._changed = asyncio.Event()

    @property
    def ready(self) -> bool:
        """It always keeps up."""
        return True

    def durable(self, frame: str) -> None:
        """An event, or the welcome."""
        document: Frame = orjson.loads(frame)
        if document.get("type") == "welcome":
            self.state, self._top = document["state"], document["seq"]
        elif "seq" in document:
            self.see(document)

    def see(self, event: Frame) -> None:
        """One event, from a room or from the log."""
        self._events[event["seq"]] = event
        if event["type"] == "state" and event["seq"] > self._top:  # what it was before is in the welcome, as it is now
            self.state = event["state"]
        self._changed.set()

    def droppable(self, frame: str) -> bool:
        """What is being written is of no interest: the message has it all."""
        return bool(frame)

    async def drained(self) -> None:
        """At once."""

    def close(self, code: CloseCode, *frames: str) -> None:
        """The room is gone: erased, forked, or this replica leaves."""
        self.closed = code
        self._changed.set()

    async def event(self, seq: int) -> Frame | None:
        """The event at ``seq``, as soon as it is there; None if the room closed before."""
        while seq not in self._events and self.closed is None:
            self._changed.clear()
            await self._changed.wait()
        return self._events.get(seq)

    def has_ended(self, turn: int) -> bool:
        """Whether a turn's end has been seen."""
        return any(event["type"] == "turn_end" and event["turn"] == turn for event in self._events.values())

    async def turn(self, turn: int) -> list[Frame] | None:
        """A turn's messages of the bot and its end, as soon as that is there; None if the room closed before."""
        while True:
            mine = [event for seq, event in sorted(self._events.items()) if event.get("turn") == turn]
            if mine and mine[-1]["type"] == "turn_end":
                return mine
            if self.closed is not None:
                return None
            self._changed.clear()
            await self._changed.wait()
