"""Those who read a conversation of `histories.py`: each judges every frame it gets, as a strict client would."""

import json
from dataclasses import dataclass, field
from typing import Any

from app.core.errors import CloseCode
from app.core.messages import Cursor
from app.engine.calls import Snapshot
from tests.core.histories import ROOT, World, Writing


@dataclass(slots=True)
class Reader:
    """A client with one transcript. `place` is the last durable event that it has applied."""

    world: World
    name: str
    epoch: str = ""
    place: tuple[int, str] = ROOT
    text: dict[tuple[int, int], tuple[int, str]] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    parts: dict[int, int] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    sink: "FakeSink | None" = None

    @property
    def cursor(self) -> Cursor | None:
        """What a hello would carry."""
        return Cursor(self.epoch, *self.place) if self.place != ROOT else None

    def welcome(self, snapshot: Snapshot | None) -> str:
        """The welcome, which the reader itself gets as its first frame."""
        recovered = snapshot is not None and snapshot.recovered
        epoch = self.world.epoch if snapshot is None else snapshot.epoch
        return json.dumps({"type": "welcome", "recovered": recovered, "epoch": epoch})

    def take(self, frame: dict[str, Any]) -> None:
        """One frame, in the order sent."""
        match frame["type"]:
            case "welcome":
                self.text.clear()
                if not frame["recovered"]:
                    self.place = ROOT
                    for known in (self.attempts, self.parts, self.ended):
                        known.clear()
                self.epoch = frame["epoch"]
            case "message" | "state" | "turn_end":
                self._event(frame)
            case "turn_start":
                self._attempt(frame)
            case "delta":
                self._delta(frame)

    def _event(self, frame: dict[str, Any]) -> None:
        place, turn = (frame["seq"], frame["mark"]), frame["turn"]
        assert self.world.before.get(place) == self.place, f"{self.name}: {place} after {self.place}"
        self.place = place
        if frame["type"] == "turn_end":
            assert turn not in self.ended, f"turn {turn} ended twice"
            self.ended.add(turn)
        elif frame["type"] == "message":
            assert turn not in self.ended, f"a message of turn {turn} after its end"
            if frame["role"] == "assistant":
                self.parts[turn] = self.parts.get(turn, 0) + 1

    def _attempt(self, frame: dict[str, Any]) -> None:
        turn = frame["turn"]
        if self.world.forks:
            return  # a lost branch may have had other turns under the same numbers
        assert turn not in self.ended, f"{self.name}: {frame} after the turn's end"
        assert frame["attempt"] >= self.attempts.get(turn, 0), f"{self.name}: stale {frame}"
        self.attempts[turn] = frame["attempt"]

    def _delta(self, frame: dict[str, Any]) -> None:
        self._attempt(frame)
        key = (frame["turn"], frame["part"])
        last, text = self.text.get(key, (-1, ""))
        if frame["first"] == 0:
            text = frame["text"]
        elif frame["first"] == last + 1:
            text += frame["text"]
        else:
            return
        self.text[key] = (frame["last"], text)
        if not self.world.forks:
            assert frame["part"] >= self.parts.get(frame["turn"], 0), f"{self.name}: {frame} after its message"
            assert text in self.world.shown[(*key, frame["last"])], f"{self.name}: shows {text!r} at {frame}"

    def showing(self, now: Writing) -> str:
        """The text of the answer being written, as this reader shows it."""
        return self.text.get((now.turn, now.part), (-1, ""))[1]


@dataclass(slots=True)
class FakeSink:
    """A socket's sending side that keeps up, but for the deltas that it drops while `behind`."""

    id: str
    reader: Reader
    behind: bool = False
    closed: CloseCode | None = None
    ready: bool = True

    def durable(self, frame: str) -> None:
        """Arrives."""
        if self.closed is None:
            self.reader.take(json.loads(frame))

    def droppable(self, frame: str) -> bool:
        """Arrives unless the reader is behind."""
        if self.behind or self.closed is not None:
            return False
        self.durable(frame)
        return True

    async def drained(self) -> None:
        """At once."""

    def close(self, code: CloseCode, *frames: str) -> None:
        """The end of this connection."""
        for frame in frames:
            self.durable(frame)
        self.closed = self.closed or code
