"""The heads of the conversations this replica listens to, so that a turn need not fetch them (DESIGN: "caches heads").

A stale one costs a retry, never a wrong write: every write compares ``rev``. Must never hold one nobody listens to.
"""

from dataclasses import dataclass, field

from app.engine.calls import Versioned


def _number(rev: str) -> int:
    number, _, _ = rev.partition("-")
    return int(number) if number.isdigit() else 0


@dataclass(slots=True)
class Heads:
    """Session id to head and revision; None while it isn't known or can't be trusted."""

    _known: dict[str, Versioned | None] = field(default_factory=dict)

    def get(self, sid: str) -> Versioned | None:
        """What is cached."""
        return self._known.get(sid)

    def put(self, sid: str, now: Versioned) -> None:
        """What the store answered, unless something newer is here or nobody listens."""
        if sid not in self._known:
            return
        before = self._known[sid]
        if before is None or _number(before.rev) <= _number(now.rev):
            self._known[sid] = now

    def listen(self, sid: str) -> None:
        """Somebody listens to this session here: its head may be kept."""
        self._known.setdefault(sid, None)

    def changed(self, sid: str, rev: str) -> None:
        """Drop what an event says is stale. An older publication than what is cached says nothing."""
        before = self._known.get(sid)
        if before is not None and before.rev != rev and _number(before.rev) <= _number(rev):
            self._known[sid] = None

    def forget(self, sid: str) -> None:
        """Nobody listens here any more."""
        self._known.pop(sid, None)

    def forget_all(self) -> None:
        """The subscription was interrupted: trust none."""
        self._known = dict.fromkeys(self._known)
