"""A turn has a time limit, whatever its agent makes of being interrupted (I4: it ends, and the next one works)."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

from app.agents.port import NextMessage, Piece, Turn
from app.engine.turns import STUCK_AFTER
from tests.engine.helpers import Desk, Scripted, ask, desk_of, ended, say
from tests.support.poll import until
from tests.support.stores import Chat

LIMIT = 30.0


class Clock:
    """The machine's, moved on by hand."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


async def at_work(desk: Desk, clock: Clock) -> None:
    """Wait until the agent has been asked."""
    await until(lambda: desk.turns.running["s1"].had(clock()) > 0, what="an agent at work")


async def stopped(desk: Desk, chat: Chat, clock: Clock, turn: int) -> None:
    """Its time is up; wait for its end."""
    clock.ahead += LIMIT + 1
    desk.turns.stop_overdue()
    await until(lambda: ended(chat, turn), what="the end of the turn")
    await desk.idle()


def ending(chat: Chat, turn: int) -> tuple[str, str | None]:
    """Status and reason of a turn's end."""
    (end,) = [e.document() for e in chat.log() if e.turn == turn and e.document()["type"] == "turn_end"]
    return end["status"], end["reason"]


def texts(chat: Chat, turn: int) -> list[str]:
    """What the bot said in a turn."""
    return [text for kind, of, text in chat.said() if (kind, of) == ("assistant", turn)]


def hangs(then: Callable[[], None]) -> Callable[[Turn], AsyncIterator[Piece]]:
    """An agent that writes two words and then nothing; `then` is what it does when it is interrupted."""

    async def answer(turn: Turn) -> AsyncIterator[Piece]:
        if turn.text != "hang":
            yield "fine"
            return
        yield "two "
        yield "words"
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            then()
            raise

    return answer


def nothing() -> None:
    """Goes quietly."""


def other_error() -> None:
    """Many libraries turn an interruption into an error of their own."""
    raise RuntimeError("interrupted")


async def test_one_that_hangs_ends_as_failed_and_what_it_wrote_stays(chat: Chat) -> None:
    for how in (nothing, other_error):
        clock = Clock()
        desk = desk_of(chat.store, Scripted(hangs(how)), limit=LIMIT, clock=clock)
        turn = await say(desk, chat, "hang")
        await at_work(desk, clock)
        desk.turns.stop_overdue()
        assert ended(chat, turn) is None, "it has time left"
        await stopped(desk, chat, clock, turn)
        assert ending(chat, turn) == ("failed", "timeout")
        assert texts(chat, turn)[0] == "two words"
        assert "sorry" in texts(chat, turn)[1]
        assert texts(chat, await ask(desk, chat, "hello")) == ["fine"]


async def test_one_that_ends_when_it_is_told_to_has_answered(chat: Chat) -> None:
    async def slow(turn: Turn) -> AsyncIterator[Piece]:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            yield f"in short: {turn.text}"

    clock = Clock()
    desk = desk_of(chat.store, Scripted(slow), limit=LIMIT, clock=clock)
    turn = await say(desk, chat, "hello")
    await at_work(desk, clock)
    await stopped(desk, chat, clock, turn)
    assert (ending(chat, turn), texts(chat, turn)) == (("completed", None), ["in short: hello"])


async def test_the_limit_is_that_of_the_turn_not_of_each_message(chat: Chat) -> None:
    went_on = asyncio.Event()

    async def parts(turn: Turn) -> AsyncIterator[Piece]:
        yield "one"
        await went_on.wait()
        yield NextMessage()
        yield "two"
        await asyncio.Event().wait()

    clock = Clock()
    desk = desk_of(chat.store, Scripted(parts), limit=LIMIT, clock=clock)
    turn = await say(desk, chat, "hello")
    await at_work(desk, clock)
    clock.ahead += LIMIT * 0.7
    desk.turns.stop_overdue()
    went_on.set()
    await until(lambda: texts(chat, turn) == ["one"], what="the first message")
    await at_work(desk, clock)
    clock.ahead += LIMIT * 0.4
    desk.turns.stop_overdue()
    await until(lambda: ended(chat, turn), what="the end of the turn")
    assert ending(chat, turn) == ("failed", "timeout")
    await desk.idle()


async def test_one_that_ignores_the_interruption_is_left_behind(chat: Chat) -> None:
    """Its turn ends without it, and what it says when it wakes up is heard by nobody."""
    wakes, woke = asyncio.Event(), asyncio.Event()

    async def stubborn(turn: Turn) -> AsyncIterator[Piece]:
        if turn.text != "hang":
            yield "fine"
            return
        yield "begun"
        while not wakes.is_set():
            try:
                await wakes.wait()
            except asyncio.CancelledError:
                continue
        woke.set()
        yield " and much later"
        yield NextMessage()

    clock = Clock()
    desk = desk_of(chat.store, Scripted(stubborn), limit=LIMIT, clock=clock)
    turn = await say(desk, chat, "hang")
    await until(lambda: chat.partial() == b"begun", what="its first word")
    clock.ahead += LIMIT + 1
    desk.turns.stop_overdue()
    clock.ahead += STUCK_AFTER - 1
    desk.turns.stop_overdue()
    assert ended(chat, turn) is None, "it has a moment to stop"
    clock.ahead += 2
    desk.turns.stop_overdue()
    await until(lambda: ended(chat, turn), what="the end of the turn")
    assert ending(chat, turn) == ("failed", "timeout")
    assert texts(chat, turn)[0] == "begun"
    assert texts(chat, await ask(desk, chat, "hello")) == ["fine"]
    assert len(desk.turns.stuck) == 1
    assert b"baton_agents_stuck_total 1.0" in desk.turns.metrics.text()
    before = chat.said()
    wakes.set()
    await until(lambda: woke.is_set() and not desk.turns.stuck, what="the end of its task")
    assert chat.said() == before
    assert b"baton_fenced_total 0.0" in desk.turns.metrics.text()
