"""What an import takes from a document besides what was said: whether a secret is asked for, who waits (I4 I10 I11)."""

from typing import Any, Final

import pytest

from app.core import document
from app.core.messages import state_body
from app.engine.calls import AskingChanged
from tests.support.redis_server import RedisServer
from tests.support.stores import DAY_MS, Chat, head_with, new_mark, say

OLD: Final = "2020-02-03T04:05:06.000Z"
STATE: Final = state_body({"auth": "authenticated"})


async def put(chat: Chat, **fields: Any) -> None:
    """Import a conversation that has seen no event."""
    usual = {
        "schema": 1, "session_id": chat.sid, "created_at": OLD, "last_interaction": OLD,
        "user_context": {"session_id": chat.sid},
    }  # fmt: skip
    mark = new_mark()
    await chat.store.import_(document.read({**usual, **fields}, chat.sid, mark), mark, "epoch")


async def again(chat: Chat) -> dict[str, Any]:
    """Export, erase and import it; the document."""
    exported = await chat.store.export(chat.sid)
    assert exported is not None
    await chat.store.delete(chat.sid)
    mark = new_mark()
    await chat.store.import_(document.read(exported, chat.sid, mark), mark, "new epoch")
    return exported


@pytest.mark.parametrize("asking", [False, True])
async def test_an_import_asks_for_a_secret_where_its_document_does(chat: Chat, asking: bool) -> None:
    await put(chat, asking=asking)
    assert chat.field("asking") == str(int(asking))
    wrong = chat.message("m1", fresh=None, asking=not asking, sealed=b"" if asking else b"x")
    result = await chat.store.accept(wrong)
    assert isinstance(result, AskingChanged)
    assert (result.asking, result.now.head.fields.asking) == (asking, asking)
    accepted = await chat.send("m1", fresh=None, asking=asking, sealed=b"x" if asking else b"")
    assert accepted.lease is not None
    assert accepted.lease.sealed == (b"x" if asking else None)


@pytest.mark.parametrize("mode", ["human", "ended"])
async def test_an_import_without_the_bot_asks_for_none(chat: Chat, mode: str) -> None:
    await put(chat, asking=True, mode=mode)
    assert chat.field("asking") == "0"
    if mode == "human":
        await chat.send("m1", "1234", fresh=None)
        assert chat.said() == [("user", None, "1234")]


async def test_a_document_that_says_nothing_of_it_asks_for_none(chat: Chat) -> None:
    await put(chat)
    assert chat.field("asking") == "0"


async def test_asking_survives_export_and_import(chat: Chat) -> None:
    await chat.commit(await chat.start(), say("your PIN?"), head=head_with(chat.sid, asking=True), asking=True)
    assert (await again(chat))["asking"] is True
    assert chat.field("asking") == "1"


@pytest.mark.parametrize(("handoff", "hold"), [("none", 0), ("active", 1), ("waiting", 2), ("resolved", 0)])
async def test_an_import_is_held_as_its_ticket_says(
    chat: Chat, redis_server: RedisServer, handoff: str, hold: int
) -> None:
    await put(chat, handoff_state=handoff)
    assert chat.field("hold") == str(hold)
    seconds, _ = redis_server.command("TIME")
    days = (int(chat.field("expires_at")) - int(seconds) * 1000 + 60_000) // DAY_MS
    assert days == (7 if hold else 1)
    assert await chat.store.waiting() == int(hold == 2)
    await chat.send("m1", fresh=None)
    assert chat.field("hold") == str(hold)


async def test_a_ticket_survives_export_and_import(chat: Chat) -> None:
    await put(
        chat, handoff_state="waiting", current_handoff_ticket_id="T-1",
        handoff_ticket={
            "id": "T-1", "department": "Billing", "created_at": OLD, "of_tomorrow": 1,
            "summary": {"issue": "a bill", "reason": "asked", "mood": "calm", "tried": ["faq"]},
        },
    )  # fmt: skip
    exported = await again(chat)
    ((sid, head),), _ = await chat.store.tickets(None, 9)
    assert sid == chat.sid
    assert head.fields.handoff_ticket is not None
    assert (head.fields.handoff_ticket.id, head.fields.handoff_ticket.summary.tried) == ("T-1", ["faq"])
    assert exported["handoff_ticket"]["summary"]["issue"] == "a bill"


async def test_a_turn_that_a_state_event_began_survives_export_and_import(chat: Chat) -> None:
    await chat.commit(await chat.start("m1"), say("who are you?"))
    lease = (await chat.act(STATE, start=True)).lease
    assert lease is not None
    await chat.commit(lease, say("because"))
    before = chat.said()
    await again(chat)
    assert chat.said() == before
    assert before[3:] == [("state", 4, ""), ("assistant", 4, "because"), ("turn_end", 4, "completed")]
    assert (chat.todo(), (await chat.send("m2")).seq) == ([], 7)


async def test_one_that_is_still_open_is_ended_once(chat: Chat) -> None:
    await chat.act(STATE, start=True, fresh="e1")
    await again(chat)
    assert chat.said() == [("state", 1, ""), ("turn_end", 1, "failed")]
    assert chat.todo() == []
