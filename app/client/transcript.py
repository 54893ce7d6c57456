"""What a client has applied of one conversation, and the rules for applying more.

Pure: no socket, no clock, no terminal. It must never show an event twice, never skip one (I3), and never let a stale
attempt's delta into an answer. The cursor belongs to the events applied here: both are one object.
"""

from dataclasses import dataclass, field

import msgspec

from app.client.frames import Delta, Durable, StateEvent, TurnEnd, TurnStart, View, Welcome


class Gap(Exception):
    """A durable event came out of order; the connection must be replaced and resumed from the cursor."""


class Cursor(msgspec.Struct, frozen=True):
    """The last durable event applied: what `hello.after` carries."""

    epoch: str
    seq: int
    mark: str


@dataclass(slots=True)
class Draft:
    """The answer being written: `text` is what a reader should see of this part now; `last` its newest chunk number."""

    turn: int
    part: int
    last: int = -1
    text: str = ""


@dataclass(slots=True)
class Transcript:
    """The applied part of one conversation. `open_turns` maps a running or waiting turn to its newest attempt."""

    epoch: str = ""
    cursor: Cursor | None = None
    view: View = field(default_factory=View)
    open_turns: dict[int, int] = field(default_factory=dict)
    ended_turns: set[int] = field(default_factory=set)
    draft: Draft | None = None

    def welcome(self, frame: Welcome) -> bool:
        """Take a `welcome`; True when what was shown is void (`recovered: false` on a transcript that has events)."""
        void = not frame.recovered and self.cursor is not None
        if not frame.recovered:
            self.cursor, self.draft = None, None
            self.open_turns.clear()
            self.ended_turns.clear()
        self.epoch, self.view = frame.epoch, frame.state
        return void

    def event(self, frame: Durable) -> bool:
        """Apply a durable event; False when it was applied before. Raises Gap when one before it is missing (I3)."""
        if self.cursor is not None:
            if frame.seq <= self.cursor.seq:
                return False
            if frame.seq != self.cursor.seq + 1:
                raise Gap(f"event {frame.seq} after {self.cursor.seq}")
        self.cursor = Cursor(self.epoch, frame.seq, frame.mark)
        if isinstance(frame, TurnEnd):
            self.open_turns.pop(frame.turn, None)
            self.ended_turns.add(frame.turn)
            self._drop_draft(frame.turn)
            return True
        if frame.turn == frame.seq:
            self.open_turns.setdefault(frame.turn, 0)
        if isinstance(frame, StateEvent):
            self.view = frame.state
        elif frame.role == "assistant":
            self._drop_draft(frame.turn)
        return True

    def turn_start(self, frame: TurnStart) -> None:
        """Note the attempt that writes the turn now; frames of lower ones are stale from here on (I5)."""
        if frame.turn in self.ended_turns:
            return
        self.open_turns[frame.turn] = max(frame.attempt, self.open_turns.get(frame.turn, 0))

    def delta(self, frame: Delta) -> Draft | None:
        """Apply the delta rules; the changed draft, or None when the frame is stale, repeated or after a hole."""
        if frame.turn in self.ended_turns or frame.attempt < self.open_turns.get(frame.turn, 0):
            return None
        self.open_turns[frame.turn] = frame.attempt
        draft = self.draft
        if draft is None or (draft.turn, draft.part) != (frame.turn, frame.part):
            draft = Draft(frame.turn, frame.part)
        if frame.first == 0:
            draft.text = frame.text
        elif frame.first == draft.last + 1:
            draft.text += frame.text
        else:
            return None
        draft.last = frame.last
        self.draft = draft
        return draft

    def _drop_draft(self, turn: int | None) -> None:
        if self.draft is not None and self.draft.turn == turn:
            self.draft = None
