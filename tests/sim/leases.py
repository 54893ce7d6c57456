"""Watches who writes under which lease, at the moment of each write (I5): what is stored in the end may not show it.

Pure. It must never rely on what a script says about itself.
"""

from typing import Any, Final

from app.store import replies
from app.store.keys import sid_of_channel
from app.store.link import Argument
from tests.sim.node import Call
from tests.sim.replica import LEASE, author

_FIELDS: Final = (b"fence", b"turn", b"lease_until", b"seq", b"rev", b"part", b"last")


def looks(call: Call) -> tuple[tuple[Argument, ...], ...]:
    """What to read before and after a call that may change something."""
    if call.words[0] != b"EVALSHA":
        return ()
    session, todo, partial, turns = (call.words[at] for at in (3, 6, 7, 10))
    sid = sid_of_channel(session) if isinstance(session, bytes) else ""
    return (b"HMGET", session, *_FIELDS), (b"GET", partial), (b"LLEN", todo), (b"ZSCORE", turns, sid)


def judge_write(call: Call, before: list[Any], after: list[Any], now_ms: int, writer: int) -> str | None:
    """What is wrong with what this call of replica ``writer`` changed at ``now_ms``, Redis's time."""
    todo, indexed = after[2], after[3] is not None
    if indexed != (todo > 0):
        return f"I4 {call.step} left {todo} turns to run, and reapers {'' if indexed else 'do not '}look at it"
    if before == after:
        return None
    fence, turn, until = (replies.text(value or b"") for value in before[0][:3])
    taken = before[0][0] != after[0][0]
    wrong = None
    if call.name == "renew" and after[0][2] == b"0" and not taken:
        wrong = f"gave up the lease {fence}, and it is still good"
    elif call.fence:
        if fence != call.fence:
            wrong = f"wrote under {call.fence}, the lease is {fence}"
        elif author(fence.partition("-")[2]) != writer:
            wrong = f"wrote under {fence}, the lease of another replica"
    elif call.name == "accept" and taken and turn:
        wrong = f"took the lease {fence} while turn {turn} was running"
    elif call.name == "claim" and taken and now_ms <= int(until) <= now_ms + round(LEASE * 1000):
        wrong = f"took the lease {fence} before it had expired, at {until}"
    return None if wrong is None else f"I5 {call.step} {wrong}: {before} became {after} at {now_ms}"
