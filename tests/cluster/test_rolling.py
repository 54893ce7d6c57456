"""Replicas replaced one after the other under load: no turn fails, nothing acked is left unanswered (I1–I4, I7)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Final

import pytest

from tests.support.client import Client
from tests.support.cluster import judge, only_grew, replicas, settled, shown
from tests.support.crowd import Talk, crowd, goodbyes
from tests.support.load import Load
from tests.support.replica import ReplicaProcess

ENV: Final = {"BATON_ECHO_DELAY_MS": "100", "BATON_LEASE_SECONDS": "1"}
CONVERSATIONS: Final = 22
"""Of which eight have two clients: 30 in all."""
LONG: Final = " ".join(f"word{number}" for number in range(40))


def every_way(load: Load, urls: Sequence[str]) -> None:
    """Each client goes from replica to replica, and they begin at all of them."""
    for number, client in enumerate(load.clients):
        first = number % len(urls)
        client.urls[:] = [*urls[first:], *urls[:first]]


def answered(client: Client) -> None:
    """Every message that a client was acked has one answer, the echo of it, in a turn that was completed."""
    ends = {event["turn"]: event["status"] for event in client.transcript if event["type"] == "turn_end"}
    assert set(ends.values()) == {"completed"}, client.log.name
    told: dict[int, list[str]] = {}
    for event in client.transcript:
        if event.get("role") == "assistant":
            told.setdefault(event["turn"], []).append(event["text"])
    texts = {event["seq"]: event["text"] for event in client.transcript if event.get("role") == "user"}
    for ack in client.frames("ack"):
        assert told[ack["seq"]] == [texts[ack["seq"]]], f"{client.log.name}: {ack}"


async def leave(replica: ReplicaProcess) -> None:
    assert await replica.terminate() == 0


async def die(replica: ReplicaProcess) -> None:
    replica.kill9()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("end", [leave, die], ids=["in good order", "killed"])
async def test_a_rolling_restart_under_load(redis_url: str, end: Callable[[ReplicaProcess], Awaitable[None]]) -> None:
    async with replicas(redis_url, redis_url, redis_url, env=ENV) as started:
        load = Load(started[0].ws_url, conversations=CONVERSATIONS)
        every_way(load, [replica.ws_url for replica in started])
        async with load:
            assert len(load.clients) == 30
            for replica in started:
                await load.fault(end(replica), replica.launch(), orderly=end is leave)
            print("served again after, s:", [round(seconds, 1) for seconds in load.recoveries])
            await load.finish()
            assert await load.verdict(started[0].http_url) == []
            for client in load.clients:
                answered(client)
            assert sum(len(goodbyes(client.log)) for client in load.clients) >= 30, "nearly everybody had to move"
            if end is leave:
                assert {bye.code for client in load.clients for bye in goodbyes(client.log)} == {1012}
            else:
                assert load.takeovers > 0


async def test_a_hundred_clients_of_a_killed_replica_come_back_with_everything(redis_url: str) -> None:
    """Twenty conversations with five clients there and one elsewhere; one of the five is waiting for an answer.

    While they are away it goes on, and more is said; and then all come back at once, some here and some there.
    """
    async with (
        replicas(redis_url, redis_url, redis_url, env=ENV) as (one, two, three),
        crowd([two.ws_url], *[1] * 20) as talks,
        AsyncExitStack() as stack,
    ):
        groups = [await tabs_of(talk, one.ws_url, 5, stack) for talk in talks]
        lost = [client for group in groups for client in group]
        assert len(lost) == 100
        turns = [(await group[0].wait_ack(await group[0].send(LONG)))["seq"] for group in groups]
        for client in lost:
            await client.wait_frame("delta")
        one.kill9()
        assert {await client.wait_closed() for client in lost} == {1006}
        had = [len(client.transcript) for client in lost]
        for talk in talks:
            await talk.say("meanwhile")
            await talk.say("and more")
        await asyncio.gather(*(talk.ended() for talk in talks))
        homes = [replica.ws_url for replica in (two, three)]
        welcomes = await asyncio.gather(*(client.open(homes[n % 2]) for n, client in enumerate(lost)))
        assert {welcome["recovered"] for welcome in welcomes} == {True}
        await asyncio.gather(*(settled(talk.speaker, *group) for talk, group in zip(talks, groups, strict=True)))
        assert {len(client.transcript) - count for client, count in zip(lost, had, strict=True)} == {8}
        for talk, group, turn in zip(talks, groups, turns, strict=True):
            judge(talk.speaker, *group)
            for client in (talk.speaker, *group):
                assert client.answers() == [LONG, "meanwhile", "and more"]
                assert only_grew(shown(client, turn))


async def test_who_comes_back_just_when_somebody_speaks_is_not_left_behind(redis_url: str) -> None:
    """They resume at the very top of conversations that others follow there, and at that moment something is said."""
    async with (
        replicas(redis_url) as (one, two),
        crowd([two.ws_url], *[1] * 12) as talks,
        AsyncExitStack() as stack,
    ):
        await asyncio.gather(*(talk.say("first") for talk in talks))
        groups = [await tabs_of(talk, one.ws_url, 4, stack) for talk in talks]
        coming = [tab for _, *others in groups for tab in others]
        for number in range(8):
            for talk, group in zip(talks, groups, strict=True):
                await settled(talk.speaker, *group, seq=3 * (number + 1))
            await asyncio.gather(*(tab.drop() for tab in coming))
            await asyncio.gather(*(tab.connect() for tab in coming))
            await asyncio.gather(*(tab.hello() for tab in coming), *(talk.say(f"again {number}") for talk in talks))
        for talk, group in zip(talks, groups, strict=True):
            await settled(talk.speaker, *group, seq=27)
            judge(talk.speaker, *group)


async def tabs_of(talk: Talk, url: str, count: int, stack: AsyncExitStack) -> list[Client]:
    """More tabs of a conversation, at `url`, with everything that was said."""
    name = talk.speaker.log.name
    tabs = [Client(url, name=f"{name}{n}", token=talk.speaker.token) for n in range(count)]
    for tab in tabs:
        await stack.enter_async_context(tab)
        await tab.open()
    return tabs
