"""A question for a secret is stored before anybody sees it, so that no answer can come unsealed (I10)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

import pytest

from app.agents.port import Change, NextMessage, Piece, Turn
from app.core.publication import Delta, Events
from app.store.redis_store import RedisStore
from tests.engine.helpers import Desk, Scripted, changed, desk_of, ended, say
from tests.support.poll import until
from tests.support.redis_server import RedisServer
from tests.support.stores import Chat, Ear

QUESTION: Final = ("What ", "is ", "your ", "PIN?")


class Slow:
    """An agent that writes nothing more until it is told to, and on another conversation words without end."""

    def __init__(self, *pieces: Piece | str, stop: int = -1) -> None:
        self.pieces, self.stop, self.go_on = pieces, stop, asyncio.Event()

    async def answer(self, turn: Turn) -> AsyncIterator[Piece]:
        """See `app/agents/port.py`."""
        if turn.session_id != "s1":
            while not self.go_on.is_set():
                yield "word "
                await asyncio.sleep(0.01)
            return
        for number, piece in enumerate(self.pieces):
            if number == self.stop % len(self.pieces):
                await self.go_on.wait()
            yield changed(turn.head, asking=True) if piece == "asking" else piece


async def seen_while_slow(desk: Desk, slow: Slow, chat: Chat, ear: Ear) -> Sequence[object]:
    """What was published of a turn while its agent pauses, in which another conversation got several deltas."""
    other = Chat(chat.store, chat.server, "other")
    turn = await say(desk, chat, "hello")
    await say(desk, other, "hello")
    await until(lambda: int(other.field("last") or -1) > 5, what="words for the other")
    before = int(other.field("last"))
    await until(lambda: int(other.field("last")) > before + 5, what="more words for the other")
    published = ear.parsed()[1:]  # after the message itself
    assert ended(chat, turn) is None
    assert (chat.partial() is None) == (not any(isinstance(one, Delta) for one in published))
    slow.go_on.set()
    await desk.idle()
    assert ended(chat, turn) == "completed"
    return published


async def test_nothing_of_it_is_shown_while_the_agent_is_slow(chat: Chat, ear: Ear) -> None:
    slow = Slow("asking", *QUESTION)
    desk = desk_of(chat.store, Scripted(slow.answer))
    assert await seen_while_slow(desk, slow, chat, ear) == []
    (stored,) = ear.parsed()
    assert isinstance(stored, Events)
    assert [event.said()[0] for event in stored.events] == ["".join(QUESTION), ""]
    assert (chat.field("asking"), chat.said()[1]) == ("1", ("assistant", 1, "".join(QUESTION)))


async def test_any_other_answer_is_shown_as_it_comes(chat: Chat, ear: Ear) -> None:
    slow = Slow(*QUESTION)
    published = await seen_while_slow(desk_of(chat.store, Scripted(slow.answer)), slow, chat, ear)
    assert "".join(one.text for one in published if isinstance(one, Delta)) == "What is your "
    assert chat.field("asking") == "0"


async def test_what_was_written_just_before_is_held_too(chat: Chat, ear: Ear) -> None:
    """It was waiting for the next tick when the question began."""
    slow = Slow("Sure. ", "asking", *QUESTION)
    assert await seen_while_slow(desk_of(chat.store, Scripted(slow.answer)), slow, chat, ear) == []
    assert chat.said()[1] == ("assistant", 1, "Sure. What is your PIN?")


async def test_a_message_before_it_is_shown_and_one_after_it(chat: Chat, ear: Ear) -> None:
    slow = Slow("Sure.", NextMessage(), "asking", *QUESTION, NextMessage(), "It ", "is ", "hidden.", stop=4)
    published = await seen_while_slow(desk_of(chat.store, Scripted(slow.answer)), slow, chat, ear)
    assert [type(one) for one in published] == [Events]
    texts = [event.said()[0] for one in ear.parsed() if isinstance(one, Events) for event in one.events]
    assert texts == ["What is your PIN?", "It is hidden.", ""]
    assert chat.field("asking") == "1"


async def test_the_part_after_the_question_is_written_openly(chat: Chat, ear: Ear) -> None:
    slow = Slow("asking", *QUESTION, NextMessage(), "It ", "is ", "hidden.")
    published = await seen_while_slow(desk_of(chat.store, Scripted(slow.answer)), slow, chat, ear)
    assert isinstance(published[0], Events)
    assert "".join(one.text for one in published if isinstance(one, Delta)) == "It is "


async def test_a_question_taken_over_is_held_again(chat: Chat, ear: Ear, other_store: RedisStore) -> None:
    first, second = Slow("asking", *QUESTION), Slow("asking", *QUESTION)
    here, there = desk_of(chat.store, Scripted(first.answer)), desk_of(other_store, Scripted(second.answer))
    turn = await say(here, chat, "hello")
    chat.expire_lease()
    claimed = await other_store.claim(chat.sid, "77")
    assert claimed is not None
    there.turns.start(claimed.lease, claimed.now)
    second.go_on.set()
    await until(lambda: ended(chat, turn), what="the end of the turn")
    first.go_on.set()
    await here.idle()
    assert [type(one) for one in ear.parsed() if isinstance(one, Delta)] == []
    assert [text for kind, _, text in chat.said() if kind == "assistant"] == ["".join(QUESTION)]


async def test_when_it_is_seen_an_unsealed_answer_is_refused_already(
    chat: Chat, ear: Ear, redis_server: RedisServer
) -> None:
    """The event that shows the question and the field that asks for it are one write."""
    slow = Slow("asking", *QUESTION)
    slow.go_on.set()
    desk = desk_of(chat.store, Scripted(slow.answer))
    await say(desk, chat, "hello")
    seen: list[bytes] = []

    def shown() -> bool:
        seen.extend(ear.heard())
        return any(b"PIN" in one for one in seen)

    await until(shown, what="the question", every=0.001)
    assert chat.field("asking") == "1"


@pytest.mark.parametrize("late", ["asking", "not asking"])
async def test_the_last_change_of_a_message_counts(chat: Chat, late: str) -> None:
    async def answer(turn: Turn) -> AsyncIterator[Piece]:
        yield changed(turn.head, asking=late != "asking")
        yield "What now? "
        change: Change = changed(turn.head, asking=late == "asking")
        yield change
        yield "That."

    desk = desk_of(chat.store, Scripted(answer))
    await say(desk, chat, "hello")
    await desk.idle()
    assert chat.field("asking") == str(int(late == "asking"))
