"""A replica whose way to Redis fails while it writes answers and takes messages in; another's doesn't (I1–I6).

Whatever the way does – resets, holds everything for longer than a lease, loses what comes back or what goes there –
each message has one turn, each answer goes on where it was, and the replica serves again afterwards.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import pytest

from tests.support.client import Client
from tests.support.cluster import SLOW, WORDS, judge, only_grew, replicas, settled, shown
from tests.support.crowd import Talk, crowd
from tests.support.faulty import FaultyProxy, To
from tests.support.poll import until
from tests.support.redis_server import RedisServer

Fault = Callable[[FaultyProxy, Sequence[Client]], Awaitable[None]]
WRITERS: Final = 3
SENDERS: Final = 3
PATIENCE: Final = 30.0


async def one_more(watchers: Sequence[Client]) -> None:
    """Everybody elsewhere sees another piece of the answer."""
    marks = [len(watcher.log.records) for watcher in watchers]
    for watcher, mark in zip(watchers, marks, strict=True):
        await watcher.wait_frame("delta", since=mark)


async def taken_over(watchers: Sequence[Client]) -> None:
    for watcher in watchers:
        await watcher.wait_frame("delta", where=lambda frame: frame["attempt"] > 1)


async def cut(proxy: FaultyProxy, watchers: Sequence[Client]) -> None:
    for _ in range(3):
        proxy.cut()
        await one_more(watchers)


async def held(proxy: FaultyProxy, watchers: Sequence[Client]) -> None:
    """What was held arrives when others hold the leases: late writes of an old fence."""
    proxy.hold()
    await taken_over(watchers)
    proxy.release()


async def replies_lost(proxy: FaultyProxy, watchers: Sequence[Client]) -> None:
    """Writes are done, and their writer is never told; it asks again on the next connection."""
    proxy.lose(To.REPLICA)
    await one_more(watchers)
    await proxy.heal()


async def replies_lost_for_long(proxy: FaultyProxy, watchers: Sequence[Client]) -> None:
    """Renewals arrive and seem to fail: the lease goes on in Redis for a while after its holder has stopped."""
    proxy.lose(To.REPLICA)
    await taken_over(watchers)
    await proxy.heal()


async def requests_lost(proxy: FaultyProxy, watchers: Sequence[Client]) -> None:
    proxy.lose(To.REDIS)
    await taken_over(watchers)
    await proxy.heal()


@asynccontextmanager
async def watched(talks: Sequence[Talk], url: str) -> AsyncIterator[list[Client]]:
    """A second tab of each conversation, at `url`."""
    async with AsyncExitStack() as stack:
        watchers = []
        for talk in talks:
            watcher = await stack.enter_async_context(Client(url, name=f"watches {talk.speaker.log.name}"))
            watcher.token = talk.speaker.token
            await watcher.open()
            watchers.append(watcher)
        yield watchers


async def chatter(talk: Talk, stop: asyncio.Event) -> list[str]:
    """Message after message, each when the last one was answered; the texts."""
    texts: list[str] = []
    while not stop.is_set():
        texts.append(f"message {len(texts)}")
        assert await talk.speaker.ask(texts[-1], timeout=PATIENCE) == texts[-1]
    return texts


def finished(client: Client, texts: Sequence[str]) -> None:
    """One answer for each message, none of them failed, and what was shown of it only grew."""
    assert [event["text"] for event in client.transcript if event.get("role") == "user"] == texts
    assert client.answers() == texts
    ends = [event for event in client.transcript if event["type"] == "turn_end"]
    assert {end["status"] for end in ends} == {"completed"}
    assert len(ends) == len(texts)
    for end in ends:
        assert only_grew(shown(client, end["turn"]))


@pytest.mark.parametrize("fault", [cut, held, replies_lost, replies_lost_for_long, requests_lost])
async def test_the_way_to_redis_fails(redis_url: str, redis_server: RedisServer, fault: Fault) -> None:
    text = f"{WORDS} {WORDS}" if fault in (cut, replies_lost) else WORDS  # those hold no answer up
    async with (
        FaultyProxy(redis_server.port) as proxy,
        replicas(proxy.url, redis_url, env=SLOW) as (one, two),
        crowd([one.ws_url, two.ws_url], *[1] * (WRITERS + SENDERS)) as talks,
        watched(talks[:WRITERS], two.ws_url) as watchers,
    ):
        writers, senders = talks[:WRITERS], talks[WRITERS:]
        stop = asyncio.Event()
        chats = [asyncio.create_task(chatter(talk, stop)) for talk in senders]
        await asyncio.gather(*(talk.say(text) for talk in writers))
        await one_more(watchers)
        await fault(proxy, watchers)
        if fault is replies_lost:
            # What was written twice, if it was, is only seen by who reads it from the store to go on.
            await one_more(watchers)
            one.kill9()
            await one.launch()
        await until(one.ready, timeout=15, what="a replica that is ready again")
        for talk, watcher in zip(writers, watchers, strict=True):
            await talk.ended()
            await settled(talk.speaker, watcher, timeout=PATIENCE)
            for client in (talk.speaker, watcher):
                finished(client, [text])
            judge(talk.speaker, watcher)
        stop.set()
        for talk, chat in zip(senders, chats, strict=True):
            texts = await chat
            finished(talk.speaker, texts)
            judge(talk.speaker)
        async with Client(one.ws_url) as newcomer:
            await newcomer.open()
            assert await newcomer.ask("after all that", timeout=PATIENCE) == "after all that"
        assert await one.ready()
