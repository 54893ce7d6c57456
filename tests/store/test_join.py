"""join.lua reads everything a socket needs at one moment, and honours a cursor wholly or not at all (I3)."""

import pytest

from app.core.errors import NewerSchemaError
from app.core.messages import Cursor, user_body
from app.engine.calls import Snapshot
from tests.support.redis_server import RedisServer
from tests.support.stores import Chat, Ear, head_with, new_mark, say, whole

LIMIT = 200


async def join(chat: Chat, after: Cursor | None) -> Snapshot:
    """A snapshot of a conversation that exists; and reading it writes nothing."""
    before = whole(chat.server)
    snapshot = await chat.store.join(chat.sid, after, LIMIT)
    assert whole(chat.server) == before
    assert snapshot is not None
    return snapshot


def seqs(snapshot: Snapshot) -> list[int]:
    """The numbers of its events, in their order."""
    return [event.seq for event in snapshot.events]


async def long(chat: Chat, events: int) -> None:
    """A conversation with so many events and nothing to do."""
    await chat.send("m1")
    await chat.act(mode="human", stop=True)
    chat.server.command("DEL", chat.keys.log)
    mark = new_mark()
    for seq in range(1, events + 1):
        words = ("t", 1, "n", "", "d", user_body(f"m{seq}", "x"))
        chat.server.command("XADD", chat.keys.log, f"{seq}-{mark}", *words)
    chat.server.command("PEXPIREAT", chat.keys.log, chat.field("expires_at"))
    chat.set_field("seq", events)
    chat.set_field("mark", mark)


async def test_a_cursor_gets_what_came_after_it(chat: Chat) -> None:
    await chat.commit(await chat.start("m1"), say("one"))
    await chat.commit(await chat.start("m2"), say("two"))
    log = chat.log()
    for at in log:
        snapshot = await join(chat, Cursor("epoch", at.seq, at.mark))
        assert snapshot.recovered
        assert snapshot.events == log[at.seq :]
        assert (snapshot.epoch, snapshot.seq, snapshot.mark) == ("epoch", 6, log[-1].mark)


async def test_a_cursor_with_the_mark_of_another_history_is_not_recovered(chat: Chat) -> None:
    await chat.commit(await chat.start("m1"), say("one"))
    log = chat.log()
    for mark in (new_mark(), log[1].mark, "0", "", None, "x", "1-1", "9" * 19, "9" * 25, "²"):
        snapshot = await join(chat, Cursor("epoch", 1, mark))
        assert not snapshot.recovered, mark
        assert snapshot.events == log


async def test_a_cursor_of_another_epoch_is_not_recovered(chat: Chat) -> None:
    await chat.commit(await chat.start("m1"), say("one"))
    log = chat.log()
    for cursor in (Cursor("other", 1, log[0].mark), Cursor("", 1, log[0].mark), Cursor("other", 0, "0")):
        snapshot = await join(chat, cursor)
        assert not snapshot.recovered
        assert snapshot.events == log


async def test_a_cursor_beyond_the_top_is_not_recovered(chat: Chat) -> None:
    await chat.send("m1")
    mark = chat.field("mark")
    for seq in (2, 3, 2**53):
        snapshot = await join(chat, Cursor("epoch", seq, mark))
        assert not snapshot.recovered
        assert seqs(snapshot) == [1]


async def test_without_a_cursor_the_newest_come_and_nothing_is_recovered(chat: Chat) -> None:
    await chat.commit(await chat.start("m1"), say("one"))
    snapshot = await join(chat, None)
    assert not snapshot.recovered
    assert snapshot.events == chat.log()


async def test_from_the_start_everything_comes(chat: Chat) -> None:
    await chat.commit(await chat.start("m1"), say("one"))
    snapshot = await join(chat, Cursor("epoch", 0, "0"))
    assert snapshot.recovered
    assert snapshot.events == chat.log()


async def test_of_a_long_conversation_the_newest_come_oldest_first(chat: Chat) -> None:
    await long(chat, 450)
    assert seqs(await join(chat, None)) == list(range(251, 451))


async def test_a_long_tail_comes_in_pages_from_the_cursor_on(chat: Chat) -> None:
    await long(chat, 450)
    at, pages = Cursor("epoch", 10, chat.field("mark")), []
    while True:
        snapshot = await join(chat, at)
        assert snapshot.recovered
        assert snapshot.seq == 450
        if not snapshot.events:
            break
        pages.append(seqs(snapshot))
        at = Cursor("epoch", snapshot.events[-1].seq, snapshot.events[-1].mark)
    assert pages == [list(range(11, 211)), list(range(211, 411)), list(range(411, 451))]


async def test_from_the_start_a_long_conversation_comes_in_pages(chat: Chat) -> None:
    await long(chat, 450)
    snapshot = await join(chat, Cursor("epoch", 0, "0"))
    assert snapshot.recovered
    assert seqs(snapshot) == list(range(1, 201))


async def test_the_answer_being_written_comes_with_its_numbers(chat: Chat) -> None:
    lease = await chat.start("m1")
    await chat.store.delta(lease, 0, 0, 3, "one")
    await chat.commit(lease, say("one"), final=False)
    await chat.store.delta(lease, 1, 0, 2, "twö")
    snapshot = await join(chat, None)
    assert snapshot.running is not None
    assert (snapshot.running.turn, snapshot.running.attempt) == (1, 1)
    assert (snapshot.part, snapshot.last, snapshot.text) == (1, 2, "twö")


async def test_a_turn_that_has_written_nothing_has_no_text(chat: Chat) -> None:
    lease = await chat.start("m1")
    await chat.store.delta(lease, 0, 0, 3, "one")
    await chat.commit(lease, say("one"), final=False)
    snapshot = await join(chat, None)
    assert snapshot.running is not None
    assert (snapshot.part, snapshot.last, snapshot.text) == (1, -1, "")


async def test_with_nothing_to_do_nothing_runs(chat: Chat) -> None:
    lease = await chat.start("m1")
    await chat.store.delta(lease, 0, 0, 3, "one")
    await chat.commit(lease, say("one"))
    snapshot = await join(chat, None)
    assert (snapshot.running, snapshot.text) == (None, "")


async def test_the_head_its_revision_and_the_mode_come_with_it(chat: Chat) -> None:
    await chat.start("m1")
    acted = await chat.act(head=head_with(chat.sid, pending_query="why?"), mode="ended", stop=True)
    snapshot = await join(chat, None)
    assert (snapshot.mode, snapshot.now.rev) == ("ended", acted.rev)
    assert snapshot.now.head.fields.pending_query == "why?"


async def test_an_absent_session_has_no_snapshot(chat: Chat) -> None:
    assert await chat.store.join(chat.sid, None, LIMIT) is None
    assert await chat.store.join(chat.sid, Cursor("epoch", 1, "1"), LIMIT) is None


async def test_a_newer_schema_is_refused(chat: Chat) -> None:
    await chat.send("m1")
    chat.set_field("schema", 999)
    with pytest.raises(NewerSchemaError):
        await chat.store.join(chat.sid, None, LIMIT)
    with pytest.raises(NewerSchemaError):
        await chat.store.load(chat.sid)
    with pytest.raises(NewerSchemaError):
        await chat.store.export(chat.sid)


async def test_the_top_is_the_newest_event(chat: Chat) -> None:
    assert await chat.store.top(chat.sid) is None
    await chat.commit(await chat.start("m1"), say("one"))
    top = await chat.store.top(chat.sid)
    assert top is not None
    assert (top.epoch, top.seq, top.mark) == ("epoch", 3, chat.log()[-1].mark)


async def test_the_top_says_where_the_running_answer_stands(chat: Chat) -> None:
    lease, seen = await chat.start("m1"), []

    async def look() -> None:
        top = await chat.store.top(chat.sid)
        assert top is not None
        seen.append(top.answer)

    await look()
    await chat.store.delta(lease, 0, 0, 3, "one")
    await look()
    await chat.commit(lease, say("one"), final=False)
    await look()
    await chat.commit(lease, say("two"))
    await look()
    assert seen == [(1, 0, 0, -1), (1, 0, 1, 3), (1, 1, 0, -1), (0, 0, 0, -1)]


async def test_history_is_what_lies_before_oldest_first(chat: Chat) -> None:
    await long(chat, 30)
    log = chat.log()
    assert await chat.store.history(chat.sid, 21, 5) == log[15:20]
    assert await chat.store.history(chat.sid, 4, 200) == log[:3]
    assert await chat.store.history(chat.sid, 1, 200) == []
    assert await chat.store.history(chat.sid, 2**53, 2) == log[-2:]


async def test_a_fork_replaces_the_epoch_once_and_says_so(chat: Chat, ear: Ear, redis_server: RedisServer) -> None:
    seen = Cursor("epoch", 1, "7")
    assert await chat.store.fork(chat.sid, seen, "new") is None
    await chat.send("m1")
    ear.heard()
    here = Cursor("epoch", 1, chat.field("mark"))
    assert await chat.store.fork(chat.sid, here, "new") == "epoch", "what was seen is in the log"
    assert await chat.store.fork(chat.sid, seen, "new") == "new"
    assert ear.heard() == [b"f new"]
    before = whole(redis_server)
    assert await chat.store.fork(chat.sid, seen, "newer") == "new"
    assert (whole(redis_server), ear.heard()) == (before, [])
    assert not (await join(chat, Cursor("epoch", 1, chat.field("mark")))).recovered
