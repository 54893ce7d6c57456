"""A question for a secret whose turn fails isn't shown: `asking` isn't set, so an answer would come unsealed (I10)."""

from collections.abc import AsyncIterator

from app.agents.port import Piece, Turn
from tests.engine.conftest import chat, ear, other_store, store  # noqa: F401
from tests.engine.helpers import Scripted, ask, changed, desk_of
from tests.support.stores import Chat


async def test_a_question_that_is_shown_is_asked(chat: Chat) -> None:  # noqa: F811
    async def fails(turn: Turn) -> AsyncIterator[Piece]:
        if turn.text == "ask me":
            yield changed(turn.head, asking=True)
            yield "What is your PIN?"
            raise RuntimeError
        yield "thank you"

    agent = Scripted(fails)
    desk = desk_of(chat.store, agent)
    await ask(desk, chat, "ask me")
    shown = any("PIN" in text for kind, _, text in chat.said() if kind == "assistant")
    assert not shown or chat.field("asking") == "1", chat.said()
