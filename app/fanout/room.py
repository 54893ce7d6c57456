"""One conversation on one replica: who listens here, and how far each of them is (I3).

No I/O and no awaiting: the hub feeds it. Must never hand a member an event that isn't the successor of its last one.
"""

from dataclasses import dataclass, field

from app.core.messages import Event, encode, turn_start
from app.core.publication import Delta, Running
from app.core.tail import Partial, Tail, Verdict, follow
from app.engine.calls import Snapshot
from app.engine.ports import Sink


def delta_frame(delta: Delta) -> str:
    """``delta`` on the wire."""
    return encode(
        type="delta", turn=delta.turn, attempt=delta.attempt, part=delta.part, first=delta.first, last=delta.last,
        text=delta.text,
    )  # fmt: skip


def _is_answer(event: Event) -> bool:
    """Whether the event is a message of the running turn's answer: the next delta belongs to the next part."""
    return event.seq != event.turn and event.body.startswith('"type":"message"') and '"assistant"' in event.body[:200]


@dataclass(slots=True)
class Member:
    """One socket's place in a conversation: the last event it was sent, and the last piece of the running answer."""

    sink: Sink
    seq: int = 0
    mark: str = "0"
    forked: bool = False
    running: Running | None = None
    shown: tuple[int, int, int, int] = (0, 0, 0, -1)  # turn, part, attempt that wrote chunk 0, last chunk

    def event(self, event: Event, frame: str) -> None:
        """Send an event unless it was sent before, or what was sent before is of another history."""
        if event.seq == self.seq and event.mark != self.mark:
            self.forked = True
        elif event.seq == self.seq + 1 and not self.forked:
            self.sink.durable(frame)
            self.seq, self.mark = event.seq, event.mark

    def start(self, running: Running | None) -> None:
        """Say which turn runs, once."""
        if running is not None and running != self.running:
            self.sink.droppable(turn_start(running.turn, running.attempt))
        self.running = running

    def delta(self, delta: Delta, frame: str, whole: str | None) -> None:
        """Send a piece that continues what was shown, else the whole text so far; a drop mends itself next time."""
        text = (delta.turn, delta.part, delta.wrote)
        if (*text, delta.last) <= self.shown:
            return  # late, and this member joined with more
        chosen = frame if delta.first == 0 or (*text, delta.first - 1) == self.shown else whole
        if chosen is not None and self.sink.droppable(chosen):
            self.shown = (*text, delta.last)


@dataclass(slots=True)
class Room:
    """The members of a conversation and what this replica has seen of it."""

    sid: str
    epoch: str = ""
    tail: Tail = field(default_factory=Tail)
    partial: Partial | None = None
    members: dict[str, Member] = field(default_factory=dict)
    joining: int = 0
    known: bool = False  # whether tail and epoch were read from the log
    stale: bool = False  # the log has to be read (once more)
    missed: bool = False  # the subscription was interrupted
    busy: bool = False  # a repair is under way

    def deliver(self, events: list[Event]) -> None:
        """Hand on events that follow the tail."""
        for event in events:
            if event.seq != self.tail.seq + 1:
                continue
            self.tail.advance(event)
            frame = event.frame()
            for member in self.members.values():
                member.event(event, frame)
            if self.partial is not None and event.turn == self.partial.turn:
                if _is_answer(event):
                    self.partial.next_part()
                elif event.body.startswith('"type":"turn_end"'):
                    self.run(None)  # which one runs now is said with the last of the events

    def run(self, running: Running | None) -> None:
        """A turn started, changed hands, or nothing runs any more."""
        self.partial = follow(self.partial, running)
        if self.partial is not None:
            running = Running(self.partial.turn, self.partial.attempt)
        for member in self.members.values():
            if member.seq == self.tail.seq:  # else it has read further in the log than what was published
                member.start(running)

    def adopt(self, snapshot: Snapshot) -> None:
        """Take over what the log's reader says is being written, if it is newer than what was published."""
        running = snapshot.running
        self.run(running)
        if running is not None and self.partial is not None:
            self.partial.read(running.attempt, snapshot.part, snapshot.wrote, snapshot.last, snapshot.text)

    def write(self, delta: Delta) -> bool:
        """Hand on a piece of the running answer; False if the whole text has to be read again."""
        if self.partial is None or self.partial.turn != delta.turn:
            return self.partial is not None and self.partial.turn > delta.turn
        verdict = self.partial.apply(delta)
        if verdict is Verdict.DELIVER:
            self.show(delta)
        return verdict is not Verdict.READ_LOG

    def show(self, delta: Delta) -> None:
        """Send a piece, or what a member missed before it."""
        frame, whole = delta_frame(delta), None
        for member in self.members.values():
            if member.seq != self.tail.seq:
                continue  # see run
            if whole is None and self.partial is not None and delta.first != 0:
                full = self.partial.whole()
                whole = delta_frame(full) if full else None
            member.delta(delta, frame, whole)

    def ahead(self) -> Member | None:
        """A member that has read further in the log than what was published here, or in another history."""
        return next((one for one in self.members.values() if one.seq > self.tail.seq or one.forked), None)

    @property
    def begun(self) -> bool:
        """Whether the conversation has an event, as far as is known here."""
        return self.tail.seq > 0 or self.ahead() is not None

    def lagging(self) -> list[Member]:
        """Members that missed an event and would never be sent another."""
        return [one for one in self.members.values() if one.seq < self.tail.seq and not one.forked]

    @property
    def answer(self) -> tuple[int, int, int, int]:
        """Where the running answer stands here: turn (0: none), part, wrote, last chunk."""
        return (self.partial.turn, *self.partial.place) if self.partial else (0, 0, 0, -1)

    def show_whole(self) -> None:
        """After a hole, or a join: everything so far, to those who haven't seen it."""
        full = self.partial.whole() if self.partial else None
        if full is None:
            return
        frame = delta_frame(full)
        for member in self.members.values():
            if member.seq == self.tail.seq:
                member.delta(full, frame, frame)
