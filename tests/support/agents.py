"""Agents for tests, named to a replica as `BATON_AGENT=tests.support.agents:make_…`.

They must never talk to anything outside, or signal a process but their own: what they do follows from the turn alone.
"""

import asyncio
import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from app.agents.port import Audit, Category, Change, NextMessage, Piece, Turn
from app.core.session import Head

Answer = Callable[[Turn], AsyncIterator[Piece]]


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent from one function."""

    answer: Answer
    name: str | None = None
    continues: bool = True


async def _whoami(turn: Turn) -> AsyncIterator[Piece]:
    user = turn.head.user
    yield f"{user.auth_state} {user.customer_name}"


async def _ponder(turn: Turn) -> AsyncIterator[Piece]:
    """Nothing for a while, then the text: a turn that is begun and has no token yet."""
    await asyncio.sleep(0.6)
    yield turn.text


async def _slow(turn: Turn) -> AsyncIterator[Piece]:
    """Longer than the fan-out goes without looking at the log."""
    await asyncio.sleep(6)
    yield turn.text


async def _steady(turn: Turn) -> AsyncIterator[Piece]:
    """Three messages of one turn; the second takes its time, word by word."""
    yield "one"
    yield NextMessage()
    for word in re.findall(r"\s*\S+", turn.text):
        await asyncio.sleep(0.02)
        yield word
    yield NextMessage()
    yield "three"


def _too_big(head: Head) -> Change:
    changed = head.copy()
    changed.fields.agent_states["faq"] = {"notes": "x" * 100_000}
    return Change(changed)


def _not_json(head: Head) -> Change:
    changed = head.copy()
    changed.fields.agent_states["faq"] = {"set": object()}
    return Change(changed)


async def _exit(code: int) -> None:
    sys.exit(code)


async def _break(how: str, text: str) -> None:
    """What harms the process, and not only the turn."""
    match how:
        case "exit":
            sys.exit(f"can't answer: {text}")
        case "task-exit" | "task-leave":
            await asyncio.create_task(_exit(2 if how == "task-exit" else 0))
        case "thread":
            await asyncio.to_thread(time.sleep, 600)
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)


async def _hang(*, ignoring: bool) -> None:
    """For ever, also when it is cancelled."""
    while True:
        with contextlib.suppress(*[asyncio.CancelledError] * ignoring):
            await asyncio.Event().wait()


async def _bad(turn: Turn) -> AsyncIterator[Piece]:
    """Does what the first word of the text says, and quotes the customer in every exception."""
    whatever: Any = None
    match turn.text.split()[0]:
        case "raise":
            raise RuntimeError(f"can't answer: {turn.text}")
        case "late":
            yield "A beginning"
            await asyncio.sleep(0.2)
            raise KeyError(turn.text)
        case "flood":
            for _ in range(40):
                yield "x" * 1000
        case "slow-flood":
            for _ in range(40):
                await asyncio.sleep(0.005)
                yield "y" * 1000
        case "nonsense":
            whatever = {"text": turn.text}
            yield whatever
        case "surrogate":
            yield "half of a pair: \ud83d"
        case "big-head":
            yield _too_big(turn.head)
            yield "kept a lot"
        case "odd-head":
            yield _not_json(turn.head)
            yield "kept something odd"
        case "hang" | "stubborn" as how:
            yield "A beginning"
            await _hang(ignoring=how == "stubborn")
        case "exit" | "thread" | "task-exit" | "task-leave" | "die" as how:
            await _break(how, turn.text)
        case "cancel":
            raise asyncio.CancelledError(turn.text)
        case _:
            yield f"fine: {turn.text}"


def _with(head: Head, **fields: Any) -> Change:
    """The head with some fields of its own."""
    changed = head.copy()
    for name, value in fields.items():
        setattr(changed.fields, name, value)
    return Change(changed)


async def _query(turn: Turn) -> AsyncIterator[Piece]:
    """Keeps what it is asked until it knows who asks; then answers it."""
    pending, user = turn.head.fields.pending_query, turn.head.user
    if turn.text.startswith("query "):
        yield _with(turn.head, pending_query=turn.text, action="authentication_required")
        yield "Who are you?"
    elif turn.text:
        yield f"heard {turn.text}"
    else:
        yield Category("account_data")
        yield f"{user.customer_name} had asked: "
        await asyncio.sleep(0.1)  # long enough for what was written to be seen
        yield str(pending)
        yield _with(turn.head, pending_query=None)


async def _ask(turn: Turn) -> AsyncIterator[Piece]:
    """Asks for a PIN, word by word; of an answer it tells the length alone, and only after a while."""
    if turn.secret is not None:
        await asyncio.sleep(0.8)
        client = "somebody" if turn.secret.client else "nobody"
        yield _with(turn.head, asking=False)
        yield Audit("pin", "taken", {"letters": len(turn.secret.text)})
        yield f"{len(turn.secret.text)} letters of {client}, attempt {turn.attempt}"
    elif turn.text.startswith("ask"):
        yield _with(turn.head, asking=True)
        yield Audit("pin", "asked")
        for word in ("Now ", "please ", "tell ", "me ", "your ", "PIN."):
            yield word
            await asyncio.sleep(0.1)
    else:
        yield f"heard {turn.text}"


@dataclass(frozen=True, slots=True)
class _Careful(Agent):
    """An agent that asks for secrets: what is typed too early is stored as it is, so that a test can see it."""

    def redact(self, text: str, head: Head | None) -> str:
        return text


class _Mute:
    """`answer` gives back nothing that could be iterated."""

    name = None
    continues = False

    def answer(self, turn: Turn) -> Any:
        return None if turn.text else ""


def make_whoami() -> Agent:
    """Says who it believes the customer is."""
    return Agent(_whoami)


def make_ponder() -> Agent:
    """Says the text again, after a while."""
    return Agent(_ponder, continues=False)


def make_slow() -> Agent:
    """Says the text again, after a long while."""
    return Agent(_slow, continues=False)


def make_parts() -> Agent:
    """Answers in three messages."""
    return Agent(_steady, continues=False)


def make_bad() -> Agent:
    """Misbehaves as it is told."""
    return Agent(_bad, continues=False)


def make_mute() -> _Mute:
    """Isn't an agent at all, though it has everything that one has."""
    return _Mute()


def make_query() -> Agent:
    """Answers a question of an account only to who has signed in."""
    return Agent(_query, name="Clerk", continues=False)


def make_asker() -> Agent:
    """Asks for a secret."""
    return _Careful(_ask, name="Porter", continues=False)
