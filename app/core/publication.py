"""What the Lua scripts publish on a conversation's channel, parsed. The format is theirs (``store/lua/_session.lua``).

Ephemeral hints (I6): whatever is lost here is read again from the log. Must never trust a field's presence.
"""

import msgspec

from app.core.messages import Event


class Running(msgspec.Struct, frozen=True):
    """The turn that is being answered and which attempt writes it."""

    turn: int
    attempt: int


class Events(msgspec.Struct, frozen=True):
    """Durable events just stored. ``before`` is the (seq, mark) of the event in front of them; ``rev`` the head's."""

    before: tuple[int, str]
    events: list[Event]
    rev: str
    running: Running | None


class Delta(msgspec.Struct, frozen=True):
    """A piece of the answer being written: chunks ``first``..``last`` of a part; ``first`` 0 replaces the part.

    ``wrote`` is the attempt that wrote chunk 0 of the text that this belongs to.
    """

    turn: int
    attempt: int
    part: int
    wrote: int
    first: int
    last: int
    text: str


class TypingHint(msgspec.Struct, frozen=True):
    """Somebody is typing; ``origin`` is the connection that said so and must not be told."""

    origin: str
    frame: str


class Gone(msgspec.Struct, frozen=True):
    """The conversation was erased."""


class Forked(msgspec.Struct, frozen=True):
    """The epoch was replaced by this one: every socket of another must resume."""

    epoch: str


Publication = Events | Delta | Running | TypingHint | Gone | Forked


def parse(raw: bytes) -> Publication | None:
    """One published message; None for one that this release doesn't know."""
    head, _, rest = raw.decode("utf-8", "replace").partition("\n")
    kind, *words = head.split(" ")
    try:
        match kind:
            case "e":
                return _events(words, rest)
            case "d":
                turn, attempt, part, wrote, first, last = map(int, words)
                return Delta(turn, attempt, part, wrote, first, last, rest)
            case "r":
                return _running(words[0])
            case "t":
                return TypingHint(words[0], rest)
            case "g":
                return Gone()
            case "f":
                return Forked(words[0])
    except (ValueError, IndexError):
        return None
    return None


def _events(words: list[str], rest: str) -> Events:
    before_seq, before_mark, first, mark, at_ms, rev, running = words
    events = []
    seq, at = int(first), int(at_ms)
    for line in rest.split("\n"):
        turn, _, body = line.partition(" ")
        events.append(Event(seq, mark, at, None if turn == "-" else int(turn), body))
        seq += 1
    return Events((int(before_seq), before_mark), events, rev, _running(running))


def _running(word: str) -> Running | None:
    if word == "-":
        return None
    turn, attempt = word.split(".")
    return Running(int(turn), int(attempt))
