"""Export, import and erase of a whole conversation (I4 I9): what came out goes in again, and nothing is left behind."""

from typing import Any

import pytest

from app.core import document
from app.core.errors import NewerSchemaError, SessionExistsError
from app.core.messages import Cursor, state_body
from app.core.publication import Forked, Gone
from tests.support.redis_server import RedisServer
from tests.support.stores import Chat, Ear, head_with, new_mark, refused, say, whole

OLD = "2020-02-03T04:05:06.000Z"


async def put(chat: Chat, exported: dict[str, Any], mark: str = "") -> None:
    """Import a document."""
    mark = mark or new_mark()
    await chat.store.import_(document.read(exported, chat.sid, mark), mark, "new epoch")


async def get(chat: Chat) -> dict[str, Any]:
    """Export one that exists."""
    exported = await chat.store.export(chat.sid)
    assert exported is not None
    return exported


def marks_removed(exported: dict[str, Any]) -> dict[str, Any]:
    """A document without the marks, which an import makes anew."""
    events = [{name: value for name, value in event.items() if name != "mark"} for event in exported["events"]]
    return {**exported, "events": events}


async def talk(chat: Chat) -> None:
    """Two turns that have ended, and a change of the head."""
    await chat.commit(await chat.start("m1"), say("one"))
    await chat.act(state_body({"auth": "x"}), head=head_with(chat.sid, pending_query="why?"))
    await chat.commit(await chat.start("m2"), say("two"))


def history(*messages: tuple[str, str, int, int | None]) -> dict[str, Any]:
    """A document without events; each message is id, role, seq, turn."""
    return {
        "schema": 1,
        "session_id": "s1",
        "created_at": OLD,
        "last_interaction": OLD,
        "user_context": {"session_id": "s1"},
        "conversation_history": [
            {"id": id, "role": role, "seq": seq, "turn": turn, "text": id.upper(), "at": OLD, "name": None}
            for id, role, seq, turn in messages
        ],
    }


async def test_erasing_leaves_no_key(chat: Chat, redis_server: RedisServer) -> None:
    lease = (await chat.send("m1", sealed=b"x")).lease
    assert lease is not None
    await chat.store.delta(lease, 0, 0, 0, "text")
    await chat.send("m2")
    assert await chat.store.delete(chat.sid)
    assert [key for key in whole(redis_server) if key != b"baton:shards"] == []
    assert not await chat.store.delete(chat.sid)


async def test_erasing_leaves_the_neighbours(chat: Chat, redis_server: RedisServer) -> None:
    others = [Chat(chat.store, redis_server, f"n{number}") for number in range(100)]
    for other in others:
        await other.send("m1")
    before = whole(redis_server)
    await chat.send("m1")
    await chat.store.delete(chat.sid)
    after = whole(redis_server)
    kept = {key for key in before if b"}s:" in key}
    assert {key: after.get(key) for key in kept} == {key: before[key] for key in kept}
    assert sorted((await chat.store.active_ids(None, 200))[0]) == sorted(other.sid for other in others)
    assert all(other.indexed() for other in others)


async def test_erasing_is_published(chat: Chat, ear: Ear) -> None:
    await chat.send("m1")
    ear.heard()
    await chat.store.delete(chat.sid)
    assert ear.parsed() == [Gone()]


async def test_a_newer_schema_is_not_erased(chat: Chat, ear: Ear, redis_server: RedisServer) -> None:
    await chat.start()
    chat.set_field("schema", 999)
    before = whole(redis_server)
    ear.heard()
    with pytest.raises(NewerSchemaError):
        await chat.store.delete(chat.sid)
    assert whole(redis_server) == before
    assert ear.heard() == []


async def test_what_was_erased_is_gone(chat: Chat) -> None:
    await talk(chat)
    await chat.store.delete(chat.sid)
    assert await chat.store.load(chat.sid) is None
    assert await chat.store.export(chat.sid) is None
    assert refused(await chat.store.accept(chat.message("m1", fresh=None))) == "gone"


async def test_export_erase_import_gives_the_same_conversation(chat: Chat) -> None:
    await talk(chat)
    exported = await get(chat)
    assert [message["text"] for message in exported["conversation_history"]] == ["hello", "one", "hello", "two"]
    assert exported["ids"] == {"m1": 1, "m2": 5}
    await chat.store.delete(chat.sid)
    await put(chat, exported)
    assert marks_removed(await get(chat)) == marks_removed(exported)


async def test_an_imported_conversation_knows_its_ids_and_goes_on(chat: Chat) -> None:
    await talk(chat)
    exported = await get(chat)
    await chat.store.delete(chat.sid)
    await put(chat, exported)
    again = await chat.send("m2", fresh=None)
    assert (again.seq, again.duplicate) == (5, True)
    accepted = await chat.send("m3", fresh=None)
    assert accepted.seq == 8
    assert accepted.lease is not None
    assert accepted.head is not None
    assert accepted.head.fields.pending_query == "why?"
    await chat.commit(accepted.lease, say("three"))
    assert chat.said()[-1] == ("turn_end", 8, "completed")


async def test_a_cursor_from_before_is_not_recovered_after_an_import(chat: Chat) -> None:
    await talk(chat)
    exported, mark = await get(chat), chat.field("mark")
    await chat.store.delete(chat.sid)
    await put(chat, exported)
    for epoch in ("epoch", "new epoch"):
        snapshot = await chat.store.join(chat.sid, Cursor(epoch, 7, mark), 200)
        assert snapshot is not None
        assert not snapshot.recovered


async def test_unknown_fields_survive_import_a_turn_and_export(chat: Chat) -> None:
    await talk(chat)
    exported = await get(chat)
    exported["of_tomorrow"] = {"a": [1, None]}
    exported["user_context"]["of_tomorrow"] = "b"
    exported["agent_states"] = {"faq": {"of_tomorrow": 2}}
    exported["events"][1]["of_tomorrow"] = {"c": 3}
    await chat.store.delete(chat.sid)
    await put(chat, exported)
    loaded = await chat.store.load(chat.sid)
    assert loaded is not None
    head = loaded.head.copy()
    head.fields.pending_query = None
    await chat.act(head=head)
    again = await get(chat)
    assert again["of_tomorrow"] == {"a": [1, None]}
    assert again["user_context"]["of_tomorrow"] == "b"
    assert again["agent_states"] == {"faq": {"of_tomorrow": 2}}
    assert again["events"][1]["of_tomorrow"] == {"c": 3}
    assert again["pending_query"] is None


async def test_turns_that_were_open_are_ended_once(chat: Chat) -> None:
    await chat.commit(await chat.start("m1"), say("one"))
    await chat.start("m2")
    await chat.send("m3")
    exported = await get(chat)
    await chat.store.delete(chat.sid)
    await put(chat, exported)
    ends = [(turn, status) for kind, turn, status in chat.said() if kind == "turn_end"]
    assert ends == [(1, "completed"), (4, "failed"), (5, "failed")]
    assert (chat.todo(), chat.field("seq")) == ([], "7")
    assert (await chat.send("m4")).lease is not None


async def test_a_document_without_events_is_numbered_from_its_history(chat: Chat) -> None:
    await put(chat, history(("a", "user", 3, 3), ("b", "assistant", 4, 3), ("c", "user", 9, 9)))
    assert chat.said() == [
        ("user", 1, "A"), ("assistant", 1, "B"), ("user", 3, "C"), ("turn_end", 1, "completed"),
        ("turn_end", 3, "completed"),
    ]  # fmt: skip
    assert (await chat.send("c")).seq == 3
    assert (await chat.send("c")).duplicate


async def test_ids_follow_their_messages_when_they_are_renumbered(chat: Chat) -> None:
    without_events = history(("a", "user", 3, 3), ("b", "assistant", 4, 3), ("c", "user", 9, 9))
    without_events["ids"] = {"a": 3, "c": 9}
    await put(chat, without_events)
    assert [(await chat.send(id)).seq for id in ("a", "c")] == [1, 3]


async def test_a_newer_document_is_refused(chat: Chat, redis_server: RedisServer) -> None:
    await talk(chat)
    exported = await get(chat)
    await chat.store.delete(chat.sid)
    before = whole(redis_server)
    with pytest.raises(NewerSchemaError):
        await put(chat, {**exported, "schema": 999})
    assert whole(redis_server) == before


async def test_one_that_exists_is_left_as_it_is(chat: Chat, redis_server: RedisServer) -> None:
    await talk(chat)
    exported = await get(chat)
    before = whole(redis_server)
    with pytest.raises(SessionExistsError):
        await put(chat, exported)
    assert whole(redis_server) == before


async def test_an_import_tried_again_answers_the_same_and_writes_nothing(chat: Chat, redis_server: RedisServer) -> None:
    await talk(chat)
    exported, mark = await get(chat), new_mark()
    await chat.store.delete(chat.sid)
    await put(chat, exported, mark)
    before = whole(redis_server)
    await put(chat, exported, mark)
    assert whole(redis_server) == before
    with pytest.raises(SessionExistsError):
        await put(chat, exported)


async def test_an_import_sends_the_sockets_away_to_resume(chat: Chat, ear: Ear) -> None:
    await put(chat, history(("a", "user", 1, 1)))
    assert ear.parsed() == [Forked("new")]


async def test_a_long_conversation_is_exported_whole(chat: Chat) -> None:
    await put(chat, history(*((f"m{seq}", "user", seq, None) for seq in range(1, 1202))))
    exported = await get(chat)
    assert [event["seq"] for event in exported["events"]] == list(range(1, 1202))
    assert len(exported["ids"]) == 1201
