"""A conversation in memory, as the scripts would store and publish it, and a customer who judges what reaches them.

`World` is the log and the wire from it to one replica, on which publications are lost, doubled, held back and
reordered. `Reader` is one client over any number of connections: it applies PROTOCOL.md and raises AssertionError for
what breaks I2, I3 or I4. Neither may look into the product's rooms.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from app.core.messages import Cursor, Event, assistant_body, state_body, turn_end_body, user_body
from app.core.publication import Running
from app.core.session import new_head
from app.engine.calls import Snapshot, Top, Versioned

SID = "session"
ROOT = (0, "0")


@dataclass(slots=True)
class Writing:
    """The answer being written."""

    turn: int
    attempt: int = 1
    part: int = 0
    wrote: int = 0
    last: int = -1
    text: str = ""
    restarts: bool = False


@dataclass(slots=True)
class World:
    """The stored conversation, everything ever stored (`before`, `shown`), and what is under way to the replica."""

    epoch: str = "epoch 0"
    log: list[Event] = field(default_factory=list)
    todo: list[int] = field(default_factory=list)
    writing: Writing | None = None
    wire: list[bytes] = field(default_factory=list)
    before: dict[tuple[int, str], tuple[int, str]] = field(default_factory=dict)
    shown: dict[tuple[int, int, int], set[str]] = field(default_factory=dict)
    marks: int = 0
    forks: int = 0

    @property
    def top(self) -> tuple[int, str]:
        """The newest event's identity."""
        return (self.log[-1].seq, self.log[-1].mark) if self.log else ROOT

    # What is written

    def say(self) -> None:
        """A user's message: it starts a turn or waits for one."""
        seq = self.top[0] + 1
        self.todo.append(seq)
        if self.writing is None:
            self.writing = Writing(seq)
        self._store([(seq, user_body(f"id {seq}", f"text {seq}"))])

    def act(self) -> None:
        """A change of the head, in no turn."""
        self._store([(None, state_body({"auth": "anonymous"}))])

    def write(self, chunks: int) -> None:
        """A piece of the answer."""
        now = self.writing
        if now is None:
            return
        first = 0 if now.restarts else now.last + 1
        text = "".join(f"{now.turn}.{now.attempt}.{now.part}.{first + n} " for n in range(chunks))
        now.text = text if first == 0 else now.text + text
        now.last, now.restarts = first + chunks - 1, False
        now.wrote = now.attempt if first == 0 else now.wrote
        self.shown.setdefault((now.turn, now.part, now.last), set()).add(now.text)
        self._publish(f"d {now.turn} {now.attempt} {now.part} {now.wrote} {first} {now.last}\n{text}")

    def take_over(self, restarts: bool) -> None:
        """Another replica goes on with the answer, or begins it anew."""
        if self.writing is not None:
            self.writing.attempt += 1
            self.writing.restarts = restarts
            self._publish(f"r {self.writing.turn}.{self.writing.attempt}")

    def commit(self, final: bool) -> None:
        """What was written becomes a message; `final` ends the turn and starts the next."""
        now = self.writing
        if now is None:
            return
        bodies = [assistant_body(f"answer {self.marks}", now.text or "no words", None, None)]
        turn, now.part, now.wrote, now.last, now.text, now.restarts = now.turn, now.part + 1, 0, -1, "", False
        if final:
            bodies.append(turn_end_body("completed", None))
            self.todo.remove(turn)
            self.writing = Writing(self.todo[0]) if self.todo else None
        self._store([(turn, body) for body in bodies])

    def cancel_waiting(self) -> None:
        """The newest waiting turn ends before it began."""
        if len(self.todo) > 1:
            self._store([(self.todo.pop(), turn_end_body("cancelled", "cancelled"))])

    def lose_tail(self, count: int) -> None:
        """Redis comes back without its newest events; nobody is told, but what it had published went with it."""
        if 0 < count < len(self.log):
            self.wire.clear()
            del self.log[-count:]
            self.forks += 1
            ended = {event.turn for event in self.log if '"turn_end"' in event.body}
            self.todo = [event.seq for event in self.log if event.turn == event.seq and event.seq not in ended]
            self.writing = Writing(self.todo[0]) if self.todo else None

    def _store(self, bodies: list[tuple[int | None, bytes]]) -> None:
        (seq, mark), self.marks = self.top, self.marks + 1
        new = str(self.marks)
        lines = [f"e {seq} {mark} {seq + 1} {new} 0 {self.marks}-{new} {self._running()}"]
        for turn, body in bodies:
            event = Event(self.top[0] + 1, new, 0, turn, body.decode())
            self.before[(event.seq, new)] = self.top
            self.log.append(event)
            lines.append(f"{'-' if turn is None else turn} {event.body}")
        self._publish("\n".join(lines))

    def _running(self) -> str:
        return f"{self.writing.turn}.{self.writing.attempt}" if self.writing else "-"

    def _publish(self, text: str) -> None:
        self.wire.append(text.encode())

    def steps(self, number: int, flag: bool, publish: Callable[[list[bytes]], None]) -> dict[str, Callable[[], object]]:
        """What can be written, and what becomes of what is under way; `publish` hands it to the replica."""
        wire = self.wire
        at = number % len(wire) if wire else 0
        return {
            "say": self.say,
            "act": self.act,
            "write": lambda: self.write(1 + number % 3),
            "take over": lambda: self.take_over(flag),
            "commit": lambda: self.commit(flag),
            "cancel": self.cancel_waiting,
            "lose tail": lambda: self.lose_tail(1 + number % 4),
            "deliver": lambda: publish([wire.pop(0)] if wire else []),
            "deliver all": lambda: publish([wire.pop(0) for _ in list(wire)]),
            "reorder": lambda: publish([wire.pop(at)] if wire else []),
            "double": lambda: publish(wire[at : at + 1]),
            "drop": lambda: wire and wire.pop(at),
        }

    # What the hub asks of its ports

    async def join(self, sid: str, after: Cursor | None, limit: int) -> Snapshot | None:
        """As join.lua."""
        await asyncio.sleep(0)
        if not self.log:
            return None
        seen = (after.seq, after.mark) if after else None
        known = seen == ROOT or seen in [(event.seq, event.mark) for event in self.log]
        recovered = after is not None and after.epoch == self.epoch and known
        events = self.log[after.seq :][:limit] if recovered and after else self.log[-limit:]
        now = self.writing or Writing(0)
        running = Running(now.turn, now.attempt) if self.writing else None
        head = Versioned(f"{self.marks}-{self.marks}", new_head(sid))
        seq, mark = self.top
        snapshot = Snapshot(
            self.epoch,
            seq,
            mark,
            recovered,
            head,
            "bot",
            running,
            now.part,
            now.wrote,
            now.last,
            now.text,
            list(events),
        )
        await asyncio.sleep(0)
        return snapshot

    async def top_of(self, _sid: str) -> Top | None:
        """As the top check reads it."""
        await asyncio.sleep(0)
        now = self.writing or Writing(0)
        top = Top(self.epoch, *self.top, (now.turn, now.part, now.wrote, now.last)) if self.log else None
        await asyncio.sleep(0)
        return top

    async def fork(self, _sid: str, seen: Cursor, new: str) -> str:
        """As fork.lua."""
        here = (seen.seq, seen.mark) in [(event.seq, event.mark) for event in self.log]
        if self.epoch == seen.epoch and not here:
            self.epoch = new
            self._publish(f"f {new}")
        return self.epoch

    async def subscribe(self, _sid: str) -> None:
        """Confirmed at once."""

    def unsubscribe(self, _sid: str) -> None:
        """Nothing to do."""
