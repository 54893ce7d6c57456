"""An agent that yields without end is stopped, also if what it yields is no text; so is one that ends the process."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from app.agents.port import Audit, Category, Change, NextMessage, Piece, Turn
from app.core import limits
from app.core.turn import Allowance, AnswerTooLongError
from tests.engine.helpers import Scripted, ask, desk_of
from tests.engine.test_time_limit import ending, texts
from tests.support.stores import Chat

FLOODS: dict[str, Callable[[Turn], Piece]] = {
    "nothing": lambda _turn: "",
    "heads": lambda turn: Change(turn.head),
    "categories": lambda _turn: Category("account_data"),
    "lines for the log": lambda _turn: Audit("flood", "goes on"),
    "messages": lambda _turn: NextMessage(),
}


@pytest.mark.parametrize("what", FLOODS)
async def test_a_flood_of_anything_ends_the_turn(chat: Chat, what: str) -> None:
    async def flood(turn: Turn) -> AsyncIterator[Piece]:
        if turn.text != "flood":
            yield "fine"
            return
        yield "before it"
        while True:
            yield FLOODS[what](turn)

    desk = desk_of(chat.store, Scripted(flood))
    turn = await ask(desk, chat, "flood")
    assert ending(chat, turn) == ("failed", "too_long")
    assert (texts(chat, turn)[0], len(texts(chat, turn))) == ("before it", 2)
    assert texts(chat, await ask(desk, chat, "hello")) == ["fine"]


async def test_a_turn_has_so_many_messages_over_all_of_its_attempts(chat: Chat) -> None:
    async def chatty(turn: Turn) -> AsyncIterator[Piece]:
        for number in range(turn.part, 2 * limits.MAX_PARTS):
            yield f"message {number}"
            yield NextMessage()

    desk = desk_of(chat.store, Scripted(chatty))
    turn = await ask(desk, chat, "talk")
    assert ending(chat, turn) == ("failed", "too_long")
    assert len(texts(chat, turn)) == limits.MAX_PARTS + 1  # and the apology


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit("no"), asyncio.CancelledError(), MemoryError()])
async def test_no_exception_gets_further_than_the_turn(chat: Chat, error: BaseException) -> None:
    class Raising(Scripted):
        def answer(self, turn: Turn) -> AsyncIterator[Piece]:
            if turn.text == "raise":
                raise error
            return self.script(turn)

    async def fine(_turn: Turn) -> AsyncIterator[Piece]:
        yield "fine"

    desk = desk_of(chat.store, Raising(fine))
    turn = await ask(desk, chat, "raise")
    assert ending(chat, turn) == ("failed", "error")
    assert texts(chat, await ask(desk, chat, "hello")) == ["fine"]


def test_text_and_what_is_none_are_counted_apart() -> None:
    left = Allowance(pieces=2, notes=1)
    left.text()
    left.note()
    left.text()
    for more in (left.text, left.note):
        with pytest.raises(AnswerTooLongError):
            more()
