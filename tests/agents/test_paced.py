"""An agent at a reader's pace: word by word, on from what was shown, and never a question for a secret."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

from app.agents.paced import AGAIN, MOST_PACED, WORD_SECONDS, Paced
from app.agents.port import Agent, Audit, Category, Change, NextMessage, Piece, Turn
from app.core.session import new_head
from app.settings import Settings
from app.wiring.bot import make_bot
from tests.support.agents import Agent as Scripted

HEAD = new_head("s")
TEXT = "Your bill is\n\n**$81.20**, and  is due\non Friday. "


def turn(partial: str = "", part: int = 0) -> Turn:
    return Turn("s", 1, 1, "hello", HEAD, part, partial, 0)


def says(*pieces: Piece, continues: bool = False) -> Agent:
    async def answer(_turn: Turn) -> AsyncIterator[Piece]:
        for piece in pieces:
            yield piece

    return Scripted(answer, "Bot", continues)


async def said(agent: Agent, asked: Turn, delay: float = 0.0) -> list[Piece]:
    return [piece async for piece in Paced(agent, delay).answer(asked)]


def text(pieces: list[Piece]) -> str:
    return "".join(piece for piece in pieces if isinstance(piece, str))


def asking(yes: bool) -> Change:
    head = HEAD.copy()
    head.fields.asking = yes
    return Change(head)


async def test_everything_comes_in_its_order_and_the_text_in_words() -> None:
    category, audit, change, then = Category("billing_faq"), Audit("a", "b"), asking(False), NextMessage()
    agent = says(category, audit, change, "  one two\n\nthree ", "four", then, " \n", "five")
    assert await said(agent, turn()) == [
        category, audit, change, "  ", "one ", "two\n\n", "three ", "four", then, " \n", "five",
    ]  # fmt: skip
    assert (Paced(agent, 1).name, Paced(agent, 1).continues) == ("Bot", True)


def test_sixty_words_take_four_or_five_seconds() -> None:
    assert 4 <= 60 * WORD_SECONDS <= 5


class Naps:
    """Time that passes only while somebody sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "time", lambda: self.now)
        monkeypatch.setattr("app.agents.paced.asyncio.sleep", self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


async def timed(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, Piece]]:
    """What a paced agent says, and when."""
    with monkeypatch.context() as patched:
        naps = Naps(patched)
        return [(round(naps.now, 3), piece) async for piece in Paced(agent, 0.1).answer(turn())]


async def test_there_is_time_between_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await timed(says("one two ", "three"), monkeypatch) == [(0, "one "), (0.1, "two "), (0.2, "three")]


async def test_an_agent_that_takes_its_time_is_not_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def slowly(_turn: Turn) -> AsyncIterator[Piece]:
        for word in ("one ", "two ", "three"):
            await asyncio.sleep(0.5)
            yield word

    assert await timed(Scripted(slowly), monkeypatch) == [(0.5, "one "), (1, "two "), (1.5, "three")]


async def test_a_long_answer_does_not_use_its_time_up(monkeypatch: pytest.MonkeyPatch) -> None:
    when = [at for at, _ in await timed(says("word " * 5000), monkeypatch)]
    assert len(when) == 5000
    assert when[-1] == when[MOST_PACED] == pytest.approx(0.1 * MOST_PACED, abs=0.11)


@pytest.mark.parametrize(("limit", "delay"), [(120.0, WORD_SECONDS), (3600.0, WORD_SECONDS), (10.0, 0.00625)])
async def test_the_pace_takes_a_quarter_of_a_turns_time_at_most(limit: float, delay: float) -> None:
    store: Any = None  # this agent needs none
    settings = Settings(agent="echo", demo=True, turn_seconds=limit)
    async with AsyncExitStack() as stack:
        agent = (await make_bot(settings, store, store, stack)).agent
        assert isinstance(agent, Paced)
        assert agent.delay == delay
        plain = (await make_bot(replace(settings, demo=False), store, store, stack)).agent
        assert not isinstance(plain, Paced)


async def test_a_question_for_a_secret_is_not_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = says(asking(True), "what is it", NextMessage(), asking(False), "one two")
    pieces = [(at, piece) for at, piece in await timed(agent, monkeypatch) if isinstance(piece, str)]
    assert pieces == [(0, "what "), (0, "is "), (0, "it"), (0, "one "), (0.1, "two")]


@pytest.mark.parametrize("at", range(len(TEXT) + 1))
async def test_a_takeover_goes_on_where_the_reader_is(at: int) -> None:
    for pieces in ((TEXT,), (TEXT[:7], TEXT[7:20], TEXT[20:]), tuple(TEXT)):
        assert text(await said(says(*pieces), turn(TEXT[:at]))) == TEXT[at:]


async def test_an_agent_that_does_not_continue_is_asked_as_at_first() -> None:
    given: list[Turn] = []

    async def answer(asked: Turn) -> AsyncIterator[Piece]:
        given.append(asked)
        yield "all of it"

    assert text(await said(Scripted(answer, continues=False), turn("all", part=1))) == " of it"
    assert (given[0].partial, given[0].part) == ("", 1)
    assert text(await said(Scripted(answer, continues=True), turn("all", part=1))) == "all of it"
    assert (given[1].partial, given[1].part) == ("all", 1)


@pytest.mark.parametrize("pieces", [("Bill: $9",), tuple("Bill: $9"), ("Bill: ", "$9")])
async def test_another_answer_than_the_one_begun_is_said_whole(pieces: tuple[str, ...]) -> None:
    shown = "Bill: $80 is"
    second = text(await said(says(*pieces), turn(shown)))
    assert second == f"{AGAIN}Bill: $9"
    for at in range(len(AGAIN), len(second)):
        assert text(await said(says(*pieces), turn(shown + second[:at]))) == second[at:], "a third attempt goes on"


@pytest.mark.parametrize("pieces", [("Bill",), ("Bi", "ll"), ()])
async def test_a_shorter_answer_than_the_one_begun_is_said_whole(pieces: tuple[str, ...]) -> None:
    assert text(await said(says(*pieces), turn("Bill: $80"))) == AGAIN + "".join(pieces)
    then = await said(says(*pieces, NextMessage(), "two"), turn("Bill: $80"))
    assert then[-2:] == [NextMessage(), "two"]
    assert text(then) == f"{AGAIN}{''.join(pieces)}two"


async def test_what_was_shown_is_of_one_message_only() -> None:
    assert text(await said(says("one two", NextMessage(), "one two"), turn("one "))) == "twoone two"


async def test_the_agent_is_closed_when_it_is_not_listened_to_any_more() -> None:
    closed: list[bool] = []

    async def answer(_turn: Turn) -> AsyncIterator[Piece]:
        try:
            yield "one two"
        finally:
            closed.append(True)

    pieces: Any = Paced(Scripted(answer), 0).answer(turn())
    assert await anext(pieces) == "one "
    await pieces.aclose()
    assert closed == [True]
