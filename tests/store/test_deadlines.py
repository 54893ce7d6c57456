"""I11: the keys of a conversation share one deadline, moved by what is stored; the indexes outlive their members."""

from collections.abc import Awaitable, Callable
from typing import Final

import pytest

from app.core.messages import state_body
from app.engine.calls import Lease
from app.store.keys import SessionKeys
from tests.support.redis_server import RedisServer
from tests.support.stores import DAY_MS, Chat, head_with, new_mark, open_store, say

WEEK_MS: Final = 7 * DAY_MS
SLACK_MS: Final = 5000
STATE: Final = state_body({"auth": "x"})


def now_ms(server: RedisServer) -> int:
    """Redis's clock."""
    seconds, micros = server.command("TIME")
    return int(seconds) * 1000 + int(micros) // 1000


def deadlines(chat: Chat) -> dict[bytes, int]:
    """When each key of the conversation that exists will go."""
    found = {key: int(chat.server.command("PEXPIRETIME", key)) for key in chat.keys.all[:6]}
    return {key: at for key, at in found.items() if at != -2}


def deadline(chat: Chat) -> int:
    """The one deadline of all keys, which the indexes outlive."""
    found = deadlines(chat)
    assert set(found.values()) == {int(chat.field("expires_at"))}, found
    at = int(chat.field("expires_at"))
    for index in chat.keys.all[6:]:
        if chat.server.command("ZSCORE", index, chat.sid) is not None:
            assert chat.server.command("PEXPIRETIME", index) >= at, index
    return at


def age(chat: Chat, share: float) -> None:
    """Let a share of the day go by for the conversation: its keys and their deadline, but not its indexes."""
    if not chat.field("expires_at"):
        return
    at = int(chat.field("expires_at")) - round(DAY_MS * share)
    chat.set_field("expires_at", at)
    for key in deadlines(chat):
        chat.server.command("PEXPIREAT", key, at)


async def every_write(chat: Chat) -> list[tuple[str, Callable[[], Awaitable[object]]]]:
    """The story of a conversation, one write a line."""
    store, sid = chat.store, chat.sid

    async def commit(*bodies: bytes, final: bool = True) -> None:
        claimed = await claim()
        await chat.commit(claimed, *bodies, final=final)

    async def claim() -> Lease:
        chat.expire_lease()
        claimed = await store.claim(sid, new_mark())
        assert claimed is not None
        return claimed.lease

    async def delta() -> None:
        await store.delta(await claim(), int(chat.field("part")), 0, 0, "text")

    async def release() -> None:
        assert await store.release(await claim(), new_mark())

    return [
        ("a message that creates", lambda: chat.send("m1", sealed=b"x")),
        ("a second one", lambda: chat.send("m2", sealed=b"y")),
        ("text", delta),
        ("a release", release),
        ("a part", lambda: commit(say("one"), final=False)),
        ("more text", delta),
        ("a turn's end", lambda: commit(say("two"))),
        ("a cancel", lambda: chat.cancel(2)),
        ("a sealed message to an idle one", lambda: chat.send("m3", sealed=b"z")),
        ("a waiting one", lambda: chat.send("m4")),
        ("a cancel of a waiting one", lambda: chat.cancel(chat.todo()[1])),
        ("a change of the head", lambda: chat.act(STATE)),
        ("the end", lambda: chat.act(STATE, mode="ended", stop=True)),
    ]


@pytest.mark.parametrize("share", [0.0, 0.02], ids=["fresh", "aged"])
async def test_every_write_leaves_all_keys_with_one_deadline(chat: Chat, share: float) -> None:
    for name, write in await every_write(chat):
        age(chat, share)
        await write()
        assert deadline(chat) <= now_ms(chat.server) + DAY_MS, name


@pytest.mark.parametrize("name", ["a second one", "a turn's end", "a part", "a cancel", "a change of the head"])
async def test_what_stores_an_event_moves_the_deadline(chat: Chat, name: str) -> None:
    for step, write in await every_write(chat):
        if step == name:
            age(chat, 0.5)
        await write()
        if step == name:
            break
    assert now_ms(chat.server) + DAY_MS - SLACK_MS < deadline(chat) <= now_ms(chat.server) + DAY_MS


async def test_a_move_of_less_than_one_percent_is_skipped(chat: Chat) -> None:
    await chat.send("m1")
    age(chat, 0.009)
    before = deadline(chat)
    await chat.send("m2")
    assert deadline(chat) == before
    age(chat, 0.002)
    await chat.send("m3")
    assert deadline(chat) > before


async def test_keys_that_come_after_a_skipped_move_share_the_deadline(chat: Chat) -> None:
    await chat.act(STATE, fresh="e1", head=head_with(chat.sid))
    before = deadline(chat)
    lease = (await chat.send("m1", sealed=b"x")).lease
    assert lease is not None
    await chat.store.delta(lease, 0, 0, 0, "text")
    assert deadline(chat) == before
    assert len(deadlines(chat)) == 6


async def test_an_open_ticket_keeps_the_conversation_for_seven_days(chat: Chat) -> None:
    lease = await chat.start()
    await chat.commit(lease, head=head_with(chat.sid, handoff_state="waiting"))
    assert now_ms(chat.server) + WEEK_MS - SLACK_MS < deadline(chat) <= now_ms(chat.server) + WEEK_MS


async def test_an_open_ticket_that_an_act_opens_does_too(chat: Chat) -> None:
    await chat.send("m1")
    await chat.act(STATE, head=head_with(chat.sid, handoff_state="active"))
    assert deadline(chat) > now_ms(chat.server) + WEEK_MS - SLACK_MS


async def test_while_the_ticket_is_open_every_write_keeps_the_seven_days(chat: Chat) -> None:
    lease = await chat.start("m1")
    await chat.act(STATE, head=head_with(chat.sid, handoff_state="waiting"), stop=True)
    age(chat, 2)
    lease = await chat.start("m2")
    assert deadline(chat) > now_ms(chat.server) + WEEK_MS - SLACK_MS
    age(chat, 2)
    await chat.commit(lease, say("x"))
    assert deadline(chat) > now_ms(chat.server) + WEEK_MS - SLACK_MS


async def test_a_ticket_that_is_resolved_ends_the_seven_days(chat: Chat) -> None:
    await chat.send("m1")
    await chat.act(STATE, head=head_with(chat.sid, handoff_state="waiting"))
    await chat.act(STATE, head=head_with(chat.sid, handoff_state="resolved"))
    assert deadline(chat) <= now_ms(chat.server) + DAY_MS


async def test_an_index_outlives_the_longest_of_its_members(chat: Chat, redis_server: RedisServer) -> None:
    shard = chat.keys.shard
    neighbour = next(sid for sid in map(str, range(10_000)) if SessionKeys(sid).shard == shard)
    other = Chat(chat.store, redis_server, neighbour)
    await chat.send("m1")
    await chat.act(STATE, head=head_with(chat.sid, handoff_state="waiting"), stop=True)
    await other.start()  # makes the index of turns, for a day
    await chat.send("m2")
    assert (other.indexed(), chat.indexed()) == (True, True)
    assert deadline(other) < deadline(chat)


async def test_what_is_refused_moves_nothing(chat: Chat) -> None:
    await chat.send("m1")
    await chat.act(mode="ended", stop=True)
    age(chat, 0.5)
    before = deadline(chat)
    await chat.send("m1")
    await chat.store.accept(chat.message("m2"))
    await chat.store.act(chat.change(STATE))
    await chat.store.cancel(chat.sid, new_mark(), 1)
    await chat.store.join(chat.sid, None, 10)
    assert deadline(chat) == before


async def test_the_lifetime_is_the_one_that_is_set(redis_url: str, redis_server: RedisServer) -> None:
    async with open_store(redis_url, ttl_ms=3_600_000) as store:
        chat = Chat(store, redis_server)
        await chat.commit(await chat.start(), say("x"))
        assert now_ms(redis_server) + 3_595_000 < deadline(chat) <= now_ms(redis_server) + 3_600_000


async def test_an_idle_conversation_goes_at_its_time_and_whole(redis_url: str, redis_server: RedisServer) -> None:
    async with open_store(redis_url, ttl_ms=60_000) as store:
        chat = Chat(store, redis_server)
        await chat.send("m1", sealed=b"x")
        for key in deadlines(chat):
            redis_server.command("PEXPIREAT", key, 1)
        assert await store.join(chat.sid, None, 10) is None
        assert await store.claim(chat.sid, new_mark()) is None
        assert not chat.indexed()
