"""Many clients at once, for tests of what a replica does to all of them when it leaves or dies.

It must never judge a conversation: `cluster.judge` does, of all of its clients together.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from tests.support.client import Client
from tests.support.cluster import judge, settled
from tests.support.records import Frame, Log, Way

AT_ONCE = 25
"""Clients that connect at the same time: this test's process has to serve them all."""


@dataclass(frozen=True, slots=True)
class Goodbye:
    """How one connection ended that had been welcomed: what it was told before, when, its code, and when."""

    drains: tuple[Frame, ...]
    told_at: float
    code: int
    at: float


def goodbyes(log: Log) -> list[Goodbye]:
    """The ends of a client's connections that had a welcome, oldest first; `at` and `told_at` are monotonic seconds."""
    found: list[Goodbye] = []
    welcomed, drains, told_at = False, list[Frame](), 0.0
    for record in log.records:
        kind = record.frame.get("type")
        if record.way is Way.OPENED:
            welcomed, drains = False, []
        elif record.way is Way.RECEIVED and kind == "welcome":
            welcomed = True
        elif record.way is Way.RECEIVED and kind == "drain":
            drains.append(record.frame)
            told_at = record.at
        elif record.way is Way.CLOSED and welcomed:
            found.append(Goodbye(tuple(drains), told_at, record.frame["code"], record.at))
    return found


class Talk:
    """The clients of one conversation; the first of them is the one that says something."""

    def __init__(self, urls: Sequence[str], tabs: int, name: str) -> None:
        self.clients = [Client(urls, name=f"{name}{letter}") for letter in "abcdefgh"[:tabs]]
        self.turns: list[int] = []

    @property
    def speaker(self) -> Client:
        return self.clients[0]

    async def begin(self) -> None:
        """Every client is welcomed, and comes back by itself from here on."""
        await self.speaker.stay()
        for other in self.clients[1:]:
            other.token = self.speaker.token
            await other.stay()

    async def say(self, text: str) -> int:
        """Send a message and wait for its ack; its turn."""
        turn: int = (await self.speaker.wait_ack(await self.speaker.send(text), timeout=20))["seq"]
        self.turns.append(turn)
        return turn

    async def ended(self, timeout: float = 30.0) -> None:
        """Wait until every turn has ended at every client, and judge what they saw (I1–I5)."""
        for turn in self.turns:
            await self.speaker.wait_turn_end(turn, timeout=timeout)
        await settled(*self.clients, timeout=timeout)
        judge(*self.clients)


@asynccontextmanager
async def crowd(urls: Sequence[str], *sizes: int, spread: bool = False) -> AsyncIterator[list[Talk]]:
    """One conversation for each of `sizes`, with so many clients.

    All are at the first of `urls` until they lose it; `spread`: each conversation begins one further than the last.
    """
    talks = []
    for number, size in enumerate(sizes):
        first = number % len(urls) if spread else 0
        talks.append(Talk([*urls[first:], *urls[:first]], size, str(number)))
    room = asyncio.Semaphore(AT_ONCE)

    async def begin(talk: Talk) -> None:
        async with room:
            await talk.begin()

    async with AsyncExitStack() as stack:
        for talk in talks:
            for client in talk.clients:
                await stack.enter_async_context(client)
        await asyncio.gather(*map(begin, talks))
        yield talks
