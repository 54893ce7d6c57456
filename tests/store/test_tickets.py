"""Who waits for a person is in `tickets`, since when they began to, and nobody else is (I9 I11)."""

from typing import Any, Final

import pytest

from app.core import document
from app.core.messages import state_body
from app.core.session import Head, Summary, Ticket
from app.store.keys import SessionKeys, shard_of, tickets_key
from app.store.redis_store import RedisStore
from tests.support.redis_server import RedisServer
from tests.support.stores import DAY_MS, Chat, head_with, new_mark, open_store, say, whole

STATE: Final = state_body({"handoff": "waiting"})
WEEK_MS: Final = 7 * DAY_MS
OLD: Final = "2020-02-03T04:05:06.000Z"


def head_of(sid: str, handoff: str = "waiting", **fields: Any) -> Head:
    """A head with a ticket."""
    summary = Summary(issue="the bill", reason="asked for a person", mood="calm")
    ticket = Ticket(id="T-" + sid, department="billing", created_at=OLD, summary=summary)
    usual = {"handoff_state": handoff, "handoff_ticket": ticket, "current_handoff_ticket_id": ticket.id}
    return head_with(sid, **(usual | fields))


def since(chat: Chat) -> int | None:
    """When a conversation began to wait, as the index has it; None if it isn't there."""
    score = chat.server.command("ZSCORE", tickets_key(chat.keys.shard), chat.sid)
    return None if score is None else int(score)


def now_ms(server: RedisServer) -> int:
    """Redis's clock."""
    seconds, micros = server.command("TIME")
    return int(seconds) * 1000 + int(micros) // 1000


async def by_commit(chat: Chat, head: Head) -> None:
    """A turn changes the head."""
    await chat.commit(await chat.start(new_mark()), say("one moment"), head=head)


async def by_part(chat: Chat, head: Head) -> None:
    """A turn changes the head and goes on."""
    lease = await chat.start(new_mark())
    await chat.commit(lease, say("one moment"), head=head, final=False)
    await chat.commit(lease, say("here"))


async def by_act(chat: Chat, head: Head) -> None:
    """Somebody else changes it."""
    await chat.act(STATE, head=head, fresh="epoch")


async def by_import(chat: Chat, head: Head) -> None:
    """It comes from elsewhere."""
    await chat.store.delete(chat.sid)
    await put(chat.store, chat.sid, head.fields.handoff_state)


async def put(store: RedisStore, sid: str, handoff: str) -> None:
    """Import a conversation."""
    mark = new_mark()
    made: dict[str, Any] = {
        "schema": 1, "session_id": sid, "created_at": OLD, "last_interaction": OLD,
        "user_context": {"session_id": sid}, "handoff_state": handoff,
    }  # fmt: skip
    await store.import_(document.read(made, sid, mark), mark, "epoch")


WAYS: Final = [by_commit, by_part, by_act, by_import]


@pytest.mark.parametrize("way", WAYS)
async def test_who_begins_to_wait_is_in_the_index_since_now(chat: Chat, redis_server: RedisServer, way: Any) -> None:
    before = now_ms(redis_server)
    await way(chat, head_of(chat.sid))
    at = since(chat)
    assert at is not None
    assert before <= at <= now_ms(redis_server)
    assert chat.field("hold") == "2"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("handoff", ["none", "active", "resolved"])
async def test_who_waits_for_nobody_is_not(chat: Chat, way: Any, handoff: str) -> None:
    await way(chat, head_of(chat.sid, handoff))
    assert since(chat) is None
    assert chat.field("hold") == ("1" if handoff == "active" else "0")


async def test_what_comes_later_doesnt_move_its_beginning(chat: Chat, redis_server: RedisServer) -> None:
    await by_commit(chat, head_of(chat.sid))
    began = now_ms(redis_server) - 5000
    redis_server.command("ZADD", tickets_key(chat.keys.shard), began, chat.sid)
    await by_commit(chat, head_of(chat.sid, queue_position=2))
    await by_part(chat, head_of(chat.sid, queue_position=1))
    await by_act(chat, head_of(chat.sid, pending_query="why?"))
    await chat.commit(await chat.start("m9"), say("still here"))
    assert since(chat) == began


@pytest.mark.parametrize("way", [by_commit, by_part, by_act])
@pytest.mark.parametrize("handoff", ["none", "active", "resolved"])
async def test_who_waits_no_more_leaves_it(chat: Chat, way: Any, handoff: str) -> None:
    await by_commit(chat, head_of(chat.sid))
    await way(chat, head_of(chat.sid, handoff))
    assert since(chat) is None
    assert (await chat.store.waiting(), (await chat.store.tickets(None, 9))[0]) == (0, [])


async def test_who_waits_again_begins_anew(chat: Chat, redis_server: RedisServer) -> None:
    await by_act(chat, head_of(chat.sid))
    redis_server.command("ZADD", tickets_key(chat.keys.shard), 1, chat.sid)
    await by_act(chat, head_of(chat.sid, "active"))
    before = now_ms(redis_server)
    await by_act(chat, head_of(chat.sid))
    assert (since(chat) or 0) >= before


async def test_a_commit_without_a_head_leaves_it_as_it_is(chat: Chat) -> None:
    await by_act(chat, head_of(chat.sid))
    at = since(chat)
    await chat.commit(await chat.start("m1"), say("yes"))
    assert since(chat) == at


async def test_erasing_takes_it_out(chat: Chat) -> None:
    await by_commit(chat, head_of(chat.sid))
    await chat.store.delete(chat.sid)
    assert since(chat) is None
    assert await chat.store.waiting() == 0


@pytest.mark.parametrize("way", WAYS)
async def test_the_index_lives_as_long_as_who_waits(redis_url: str, redis_server: RedisServer, way: Any) -> None:
    async with open_store(redis_url, ttl_ms=3_600_000) as store:
        chat = Chat(store, redis_server)
        await way(chat, head_of(chat.sid))
        expires = int(chat.field("expires_at"))
        assert expires > now_ms(redis_server) + WEEK_MS - 5000
        assert redis_server.command("PEXPIRETIME", tickets_key(chat.keys.shard)) >= expires


async def test_one_that_waits_longer_keeps_the_index_longer(chat: Chat, redis_server: RedisServer) -> None:
    await by_act(chat, head_of(chat.sid))
    key = tickets_key(chat.keys.shard)
    redis_server.command("PEXPIREAT", key, now_ms(redis_server) + DAY_MS)
    chat.set_field("expires_at", now_ms(redis_server) + DAY_MS)
    await chat.send("m1")
    assert redis_server.command("PEXPIRETIME", key) == int(chat.field("expires_at")) > now_ms(redis_server) + 6 * DAY_MS


async def test_the_index_is_not_cut_short_by_a_neighbour(store: RedisStore, redis_server: RedisServer) -> None:
    one, two = (Chat(store, redis_server, sid) for sid in neighbours(2))
    await by_act(one, head_of(one.sid))
    key = tickets_key(one.keys.shard)
    later = int(one.field("expires_at")) + 5000
    redis_server.command("PEXPIREAT", key, later)
    await by_act(two, head_of(two.sid))
    await by_act(two, head_of(two.sid, "active"))
    assert redis_server.command("PEXPIRETIME", key) == later


def neighbours(count: int, shard: int = 7) -> list[str]:
    """Session ids of one shard."""
    return [sid for sid in map(str, range(10_000)) if shard_of(sid) == shard][:count]


async def test_a_retry_answers_the_same_and_writes_nothing(chat: Chat, redis_server: RedisServer) -> None:
    lease = await chat.start()
    commit = chat.commitment(lease, say("yes"), head=head_of(chat.sid))
    await chat.store.commit(commit)
    act = chat.change(STATE, head=head_of(chat.sid, "active"))
    for call in (lambda: chat.store.commit(commit), lambda: chat.store.act(act), lambda: chat.store.act(act)):
        await call()
        before = whole(redis_server)
        await call()
        assert whole(redis_server) == before
    assert since(chat) is None


async def test_a_conversation_of_a_release_before_tickets_joins_when_it_is_written(chat: Chat) -> None:
    """Its `hold` was 1 whether a person was awaited or at work."""
    await chat.send("m1")
    chat.set_field("hold", 1)
    await by_act(chat, head_of(chat.sid))
    assert since(chat) is not None


async def test_the_keys_of_the_index_are_the_conversations_own() -> None:
    assert tickets_key(SessionKeys("s1").shard) == SessionKeys("s1").all[8]
