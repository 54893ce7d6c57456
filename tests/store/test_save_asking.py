"""`save_session` stores a head and what the store does about it together: `asking` is in force when it is saved."""

from app.engine.calls import Versioned
from tests.engine.conftest import chat, ear, other_store, store  # noqa: F401
from tests.support.stores import Chat, head_with


async def test_a_saved_question_is_asked(chat: Chat) -> None:  # noqa: F811
    await chat.send("m1")
    await chat.store.save(chat.sid, Versioned(chat.field("rev"), head_with(chat.sid, asking=True)))
    assert chat.field("asking") == "1"


async def test_a_saved_sign_in_asks_for_nothing_more(chat: Chat) -> None:  # noqa: F811
    await chat.commit(await chat.start(), head=head_with(chat.sid, asking=True), asking=True)
    await chat.store.save(chat.sid, Versioned(chat.field("rev"), head_with(chat.sid)))
    assert chat.field("asking") == "0"
