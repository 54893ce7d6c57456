"""Fields that this release doesn't know survive inside a ticket, too (I9)."""

from typing import Any

from app.core import document
from tests.store.conftest import chat, ear, other_store, store  # noqa: F401
from tests.support.stores import Chat, new_mark

OLD = "2020-02-03T04:05:06.000Z"


async def test_unknown_fields_of_a_ticket_survive(chat: Chat) -> None:  # noqa: F811
    made: dict[str, Any] = {
        "schema": 1,
        "session_id": chat.sid,
        "created_at": OLD,
        "last_interaction": OLD,
        "user_context": {"session_id": chat.sid, "of_tomorrow": 1},
        "handoff_state": "waiting",
        "handoff_ticket": {
            "id": "T-1",
            "department": "Billing",
            "created_at": OLD,
            "of_tomorrow": 1,
            "summary": {"issue": "a bill", "reason": "asked", "mood": "calm", "of_tomorrow": 2},
        },
    }
    mark = new_mark()
    await chat.store.import_(document.read(made, chat.sid, mark), mark, "epoch")
    exported = await chat.store.export(chat.sid)
    assert exported is not None
    assert exported["user_context"]["of_tomorrow"] == 1
    assert exported["handoff_ticket"].get("of_tomorrow") == 1
    assert exported["handoff_ticket"]["summary"].get("of_tomorrow") == 2
