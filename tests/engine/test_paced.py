"""An answer at a reader's pace in the engine: a takeover goes on in it, and a question for a secret shows nothing."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.agents.paced import AGAIN, Paced
from app.agents.port import NextMessage, Piece, Turn
from app.core.publication import Delta
from app.engine.recovery import Recovery
from app.store.redis_store import RedisStore
from tests.engine.helpers import Desk, Scripted, changed, desk_of, ended, say
from tests.support.poll import until
from tests.support.stores import LEASE_MS, Chat, Ear

ANSWER = " ".join(f"word{number}" for number in range(20))


def paced(store: RedisStore, answers: list[str], delay: float = 0.02) -> tuple[Desk, Recovery]:
    """A replica whose agent says one answer at each attempt, as a message of its own after a greeting."""

    async def script(turn: Turn) -> AsyncIterator[Piece]:
        if turn.part == 0:
            yield "hello"
            yield NextMessage()
        yield changed(turn.head, careful=True)
        yield answers[turn.attempt - 1]

    desk = desk_of(store, Paced(Scripted(script), delay))
    return desk, Recovery(store, desk.turns, LEASE_MS / 1000, lambda: False)


@pytest.mark.parametrize("second", [ANSWER, f"word0 {'other ' * 20}"])
async def test_a_takeover_goes_on_where_the_reader_is(
    chat: Chat, other_store: RedisStore, ear: Ear, second: str
) -> None:
    first, _ = paced(chat.store, [ANSWER])
    turn = await say(first, chat, "hello")
    await until(lambda: b"word4" in (chat.partial() or b""), what="some words")
    first.turns.drop(first.turns.running["s1"])
    chat.expire_lease()
    heir, reaper = paced(other_store, [ANSWER, second])
    await reaper.sweep()
    await until(lambda: ended(chat, turn), what="the end of the turn")
    await heir.idle()
    deltas = [one for one in ear.parsed() if isinstance(one, Delta) and one.part == 1]
    assert {one.attempt for one in deltas} == {1, 2}
    assert [one.first for one in deltas] == [0, *(one.last + 1 for one in deltas[:-1])], "chunk numbers are carried on"
    shown = "".join(one.text for one in deltas if one.attempt == 1)
    hello, answer = [text for kind, _, text in chat.said() if kind == "assistant"]
    assert (hello, ended(chat, turn)) == ("hello", "completed")
    assert answer == (ANSWER if second == ANSWER else f"{shown}{AGAIN}{second}")


async def test_a_question_for_a_secret_is_never_shown_before_it_is_stored(chat: Chat, ear: Ear) -> None:
    gate = asyncio.Event()

    async def asks(turn: Turn) -> AsyncIterator[Piece]:
        yield changed(turn.head, asking=True)
        yield "what are the last four digits?"
        await gate.wait()

    desk = desk_of(chat.store, Paced(Scripted(asks), 0.01))
    turn = await say(desk, chat, "what do I owe?")
    assert len(ear.heard()) == 1, "the message itself"
    (run,) = desk.turns.running.values()
    await until(lambda: run.draft is not None and "digits?" in run.draft.writer.answer.text, what="all of its text")
    assert run.draft is not None
    assert run.draft.writer.held
    assert not ear.heard()
    assert chat.partial() is None
    gate.set()
    await until(lambda: ended(chat, turn), what="the end of the turn")
    await desk.idle()
    assert ("assistant", turn, "what are the last four digits?") in chat.said()
    assert chat.field("asking") == "1"
