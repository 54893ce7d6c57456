"""A client that is cut off after any frame, sent or received, ends with the transcript of one that wasn't (I2, I3)."""

import asyncio
import time
from collections.abc import Collection
from functools import partial
from typing import Final

import jwt

from tests.support.client import Client
from tests.support.cluster import judge, only_grew, replicas, settled, shown
from tests.support.dropping import HALT, Dropper
from tests.support.records import Frame, Way
from tests.support.replica import ReplicaProcess

IDENTITY_SECRET: Final = "an-identity-secret-for-tests-only-0123456789"
ENV: Final = {"BATON_AGENT": "tests.support.dropping:make_halting", "BATON_IDENTITY_SECRET": IDENTITY_SECRET}
QUESTION: Final = "Where do I read the meter?"
HALTS: Final = f"Let me look that up {HALT}"
FIRST, SECOND = 1, 5
"""The turns: a question and its answer, a sign-in, and a question whose answer is cancelled."""
POINTS: Final = [
    "sent hello", "welcome",
    "sent send m1", "ack m1", "message 1", "turn_start 1", *(f"delta 1.{n}" for n in range(6)),
    "message 2", "turn_end 1", "sent identify", "state 4",
    "sent send m2", "ack m2", "message 5", "turn_start 5", *(f"delta 5.{n}" for n in range(6)),
    "sent cancel", "message 6", "turn_end 5",
]  # fmt: skip


async def converse(urls: list[str], drops: Collection[str] = (), name: str = "undisturbed") -> Dropper:
    """The whole conversation, told so that every repetition of it has the same events; its client."""
    claims = {"sub": "4242", "name": "Ada Example", "exp": int(time.time()) + 600}
    assertion = jwt.encode(claims, IDENTITY_SECRET, "HS256")
    async with Dropper(urls, name=name, drops=drops) as client:
        await client.stay(longest_pause=0.1)
        await client.send(QUESTION, "m1")
        await client.wait_turn_end(FIRST, timeout=20)
        await client.insist({"type": "identify", "token": assertion}, partial(has, client, "state"))
        await client.send(HALTS, "m2")
        await client.wait(lambda: client.told_here(SECOND) == HALTS, timeout=20, what="all that will be said")
        await client.insist({"type": "cancel", "turn": SECOND}, partial(has, client, "turn_end", SECOND))
        await client.wait(lambda: "ack m2" in client.reached and client.welcomed, what="the ack, and the last welcome")
        async with Client(urls, name=f"{name}, read again", token=client.token) as reader:
            await reader.open(after=None)
            await settled(client, reader, seq=7)
        judge(client, reader)
    return client


def has(client: Client, kind: str, turn: int | None = None) -> bool:
    return any(event["type"] == kind and event["turn"] == turn for event in client.transcript)


def told(client: Client) -> list[Frame]:
    """The transcript without what differs from run to run: marks, times, and the ids that the server chose."""
    mine = {"m1", "m2"}
    return [
        {name: value for name, value in event.items() if name not in {"mark", "at"} and (name != "id" or value in mine)}
        for event in client.transcript
    ]


def opened(client: Client) -> int:
    return sum(record.way is Way.OPENED for record in client.log.records)


def same(client: Dropper, undisturbed: Dropper) -> None:
    """Raise AssertionError unless it was cut wherever it should be and still tells the same."""
    assert not client.left, "it wasn't cut everywhere"
    assert told(client) == told(undisturbed)
    for turn, text in ((FIRST, QUESTION), (SECOND, HALTS)):
        assert only_grew(shown(client, turn))
        assert client.answers(turn) == [text]
    assert {frame["attempt"] for frame in client.frames("delta")} == {1}, "nobody's answer was begun again"


async def check_cut(urls: list[str], drops: Collection[str], undisturbed: Dropper) -> Dropper:
    name = ", ".join(drops) if len(drops) < 3 else f"{len(drops)} times"
    client = await converse(urls, drops, f"cut at {name}")
    try:
        same(client, undisturbed)
    except AssertionError as error:
        raise AssertionError(f"{client.log.name}: {error}") from None
    return client


def both_ways(one: ReplicaProcess, two: ReplicaProcess, number: int) -> list[str]:
    """A client that is cut off goes to the other replica: every second one from the first, the others to it."""
    urls = [one.ws_url, two.ws_url]
    return urls if number % 2 else urls[::-1]


async def test_a_client_may_be_cut_off_after_any_frame(redis_url: str) -> None:
    async with replicas(redis_url, env=ENV) as (one, two):
        undisturbed = await converse([one.ws_url])
        assert opened(undisturbed) == 1
        assert sorted(undisturbed.reached) == sorted(POINTS)
        same(undisturbed, undisturbed)
        cuts = (check_cut(both_ways(one, two, number), [point], undisturbed) for number, point in enumerate(POINTS))
        clients = await asyncio.gather(*cuts)
        assert [opened(client) for client in clients] == [2] * len(POINTS)


async def test_a_client_may_be_cut_off_twice(redis_url: str) -> None:
    """And the second time where the first has just been mended: after the next frame, or the one after that."""
    async with replicas(redis_url, env=ENV) as (one, two):
        undisturbed = await converse([one.ws_url])
        for distance in (1, 2):
            pairs = zip(POINTS, POINTS[distance:], strict=False)
            await asyncio.gather(
                *(check_cut(both_ways(one, two, n), pair, undisturbed) for n, pair in enumerate(pairs))
            )


async def test_a_client_may_be_cut_off_after_every_frame(redis_url: str) -> None:
    async with replicas(redis_url, env=ENV) as (one, two):
        undisturbed = await converse([one.ws_url])
        clients = await asyncio.gather(
            *(check_cut(both_ways(one, two, number), POINTS, undisturbed) for number in range(4))
        )
        assert min(map(opened, clients)) > len(POINTS) / 2
