"""Redis out of memory: what would write is unavailable and leaves nothing half-written; reading goes on."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from app.core.errors import StoreUnavailableError
from app.core.messages import state_body
from app.store.redis_store import RedisStore
from tests.support.redis_server import RedisServer
from tests.support.stores import Chat, Ear, head_with, new_mark, open_store, say, whole


@pytest.fixture
async def full(own_redis: RedisServer) -> AsyncIterator[Chat]:
    """A conversation with a running and a waiting turn, in a Redis that we may fill."""
    async with open_store(own_redis.url) as store:
        yield Chat(store, own_redis)
        own_redis.command("CONFIG", "SET", "maxmemory", 0)


def fill(server: RedisServer) -> None:
    """From now on there is no memory for anything new."""
    server.command("CONFIG", "SET", "maxmemory", 1)


Write = Callable[[Chat], Awaitable[object]]


async def running_turn(chat: Chat) -> dict[str, Write]:
    """Every write that needs memory, on a conversation that has a turn to run."""
    lease = await chat.start("m1")
    await chat.store.delta(lease, 0, 0, 0, "text")
    await chat.send("m2", sealed=b"x")
    head = head_with(chat.sid, pending_query="why?")
    commit, part = chat.commitment(lease, say("yes"), head=head), chat.commitment(lease, say("yes"), final=False)
    handover = chat.commitment(lease, say("yes"), mode="human")
    act, end = chat.change(head=head), chat.change(state_body({}), mode="ended", stop=True)
    return {
        "accept": lambda chat: chat.store.accept(chat.message("m3", sealed=b"x")),
        "accept that creates": lambda chat: chat.store.accept(Chat(chat.store, chat.server, "s2").message("m1")),
        "commit": lambda chat: chat.store.commit(commit),
        "part": lambda chat: chat.store.commit(part),
        "hand-over": lambda chat: chat.store.commit(handover),
        "delta": lambda chat: chat.store.delta(lease, 0, 1, 1, " more"),
        "first delta": lambda chat: chat.store.delta(lease, 0, 0, 1, "anew and more"),
        "cancel": lambda chat: chat.store.cancel(chat.sid, new_mark(), 1),
        "cancel of a waiting one": lambda chat: chat.store.cancel(chat.sid, new_mark(), 2),
        "act": lambda chat: chat.store.act(act),
        "end": lambda chat: chat.store.act(end),
        "renew": lambda chat: chat.store.renew(lease),
        "release": lambda chat: chat.store.release(lease, new_mark()),
    }


async def test_no_write_is_half_done_or_heard_of(full: Chat) -> None:
    writes = await running_turn(full)
    ear = Ear(full.server)
    fill(full.server)
    before = whole(full.server)
    for name, write in writes.items():
        with pytest.raises(StoreUnavailableError, match="OOM"):
            await write(full)
        assert whole(full.server) == before, name
    full.server.command("CONFIG", "SET", "maxmemory", 0)
    assert ear.heard() == []
    ear.close()


@pytest.mark.parametrize("name", ["accept", "commit", "hand-over", "delta", "cancel", "act", "end", "release"])
async def test_the_same_write_succeeds_when_there_is_memory_again(full: Chat, name: str) -> None:
    write = (await running_turn(full))[name]
    fill(full.server)
    with pytest.raises(StoreUnavailableError):
        await write(full)
    full.server.command("CONFIG", "SET", "maxmemory", 0)
    before = whole(full.server)
    await write(full)
    assert whole(full.server) != before


async def test_a_takeover_waits_for_memory(full: Chat) -> None:
    await running_turn(full)
    full.expire_lease()
    fill(full.server)
    before = whole(full.server)
    with pytest.raises(StoreUnavailableError):
        await full.store.claim(full.sid, new_mark())
    assert whole(full.server) == before
    full.server.command("CONFIG", "SET", "maxmemory", 0)
    assert await full.store.claim(full.sid, new_mark()) is not None


async def read_everything(store: RedisStore, sid: str) -> list[object]:
    """Every read of a conversation."""
    return [
        await store.join(sid, None, 200), await store.history(sid, 100, 10), await store.top(sid),
        await store.load(sid), await store.export(sid), await store.active_ids(None, 10), await store.expired(),
    ]  # fmt: skip


async def test_reading_goes_on(full: Chat) -> None:
    await running_turn(full)
    before = repr(await read_everything(full.store, full.sid))
    fill(full.server)
    assert repr(await read_everything(full.store, full.sid)) == before


async def test_a_duplicate_is_still_answered(full: Chat) -> None:
    await running_turn(full)
    fill(full.server)
    assert (await full.send("m2")).duplicate


async def test_erasing_makes_room(full: Chat) -> None:
    await running_turn(full)
    fill(full.server)
    assert await full.store.delete(full.sid)
    assert await full.store.load(full.sid) is None
