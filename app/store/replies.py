"""Replies of the scripts as types. Must never trust Redis: what doesn't parse is ``UnreadableError``."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from app.core.errors import DocumentError, NewerSchemaError, UnreadableError
from app.core.messages import Event
from app.core.publication import Running
from app.core.session import Head, decode_head
from app.engine.calls import Lease, Snapshot, Versioned


@contextmanager
def guard() -> Iterator[None]:
    """What doesn't parse is unavailable: one damaged session must not end a replica."""
    try:
        yield
    except (ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
        raise UnreadableError("a session in Redis can't be read") from error


def status(reply: Any) -> str:
    """The first word of a script's answer. Raises ``NewerSchemaError`` for ``schema``."""
    word = text(reply[0])
    if word == "schema":
        raise NewerSchemaError("the session was written by a newer release")
    return word


def text(value: Any) -> str:
    """A bulk string or a number as text."""
    return value.decode() if isinstance(value, bytes) else str(value)


def head(raw: Any) -> Head:
    """A head from Redis. Raises ``UnreadableError`` if it isn't one: it is left as it is."""
    try:
        return decode_head(raw)
    except (DocumentError, TypeError) as error:
        raise UnreadableError("a session in Redis can't be read") from error


def event(entry: Sequence[Any]) -> Event:
    """A stream entry of the log."""
    with guard():
        seq, _, mark = text(entry[0]).partition("-")
        _, at, _, turn, _, body = entry[1]
        return Event(int(seq), mark, int(at), int(turn) if turn else None, body.decode())


def events(entries: Sequence[Any]) -> list[Event]:
    """Stream entries of the log, in the order given."""
    return [event(entry) for entry in entries]


@guard()
def lease(sid: str, fence: Any, reply: Sequence[Any], asked_at: float) -> Lease:
    """What ``lease_reply`` of ``_lease.lua`` answers."""
    turn, attempt, crashes, part, last, written, entry, *sealed = reply
    return Lease(
        sid,
        text(fence),
        int(turn),
        int(attempt),
        int(crashes),
        int(part),
        int(last),
        text(written),
        event(entry),
        sealed[0] if sealed else None,
        asked_at,
    )


@guard()
def snapshot(reply: Sequence[Any]) -> Snapshot:
    """What ``join.lua`` answers."""
    _, epoch, seq, mark, recovered, rev, mode, raw_head, turn, attempt, part, wrote, last, written, entries = reply
    running = Running(int(turn), int(attempt)) if turn else None
    return Snapshot(
        text(epoch),
        int(seq),
        text(mark),
        bool(recovered),
        Versioned(text(rev), head(raw_head)),
        text(mode),
        running,
        int(part),
        int(wrote),
        int(last),
        text(written),
        events(entries),
    )
