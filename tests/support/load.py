"""A load of conversations through one address that never stops by itself, and the verdict on all of them at its end.

It must never judge on its own what `history.check` judges, nor give up on a message that was acked.
"""

import asyncio
import time
from bisect import bisect_right
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from types import TracebackType
from typing import Final, Self

import httpx

from tests.support.client import Client
from tests.support.cluster import KEY, settled
from tests.support.history import check
from tests.support.poll import TooLate, until
from tests.support.records import Frame, Log, Way, is_frame

PATIENCE: Final = 45.0
"""Seconds that a message may take; what takes longer is a failure, not a slow machine."""

GONE: Final = 4404
SLOW: Final = ("an answer that takes a moment, word by word – ✓",)
QUICK: Final = ("a", "b", "c", "d", "e e")
"""The echo agent answers one word at once; the pause before the last bounds how long a conversation gets."""


def is_for(key: str, frame: Frame) -> bool:
    return bool(frame["id"] == key)


def ends(turn: int, frame: Frame) -> bool:
    return bool(frame["turn"] == turn)


def acked(log: Log) -> dict[str, int]:
    """The ids that were acked, and under which seq."""
    return {r.frame["id"]: r.frame["seq"] for r in log.records if is_frame(r, Way.RECEIVED, "ack")}


def served_again(log: Log, began: float, gone: float, *, orderly: bool) -> float | None:
    """When a client was served again after a fault from `began` to `gone` (monotonic seconds); None: not yet.

    Who was cut off in that time has to get an ack on a later connection; everyone else one of what was sent after
    `gone`, or already after `began` if the fault was `orderly`.
    """
    records = log.records[bisect_right(log.records, began, key=attrgetter("at")) :]
    cut = max((r.at for r in records if r.way is Way.CLOSED and r.at <= gone), default=None)
    since = cut if cut is not None else began if orderly else gone
    sent: set[str] = set()
    for record in records:
        if is_frame(record, Way.SENT, "send") and record.at > since:
            sent.add(record.frame["id"])
        elif is_frame(record, Way.RECEIVED, "ack") and record.frame["id"] in sent:
            return record.at
    return None


def trouble(client: Client) -> str:
    """One line on how a client fares: what it waits for, and what it was told last."""
    errors = [frame["code"] for frame in client.frames("error")][-3:]
    resets = [frame["epoch"] for frame in client.frames("welcome")[1:] if not frame["recovered"]]
    return f"{client.log.name}: unacked {len(client.unacked)}, closed {client.close_code}, {errors=}, {resets=}"


@dataclass(slots=True)
class Conversation:
    """The clients of one conversation."""

    clients: list[Client] = field(default_factory=list)

    @property
    def sid(self) -> str:
        return str(self.clients[0].frames("welcome")[0]["session"])

    @property
    def acked(self) -> dict[str, int]:
        return {key: seq for client in self.clients for key, seq in acked(client.log).items()}

    def violations(self, document: Frame) -> list[str]:
        """What is wrong in the clients' records (I1–I5), and with what the store keeps of this conversation (I1)."""
        found = [str(violation) for violation in check([client.log for client in self.clients])]
        stored = {m["id"]: m["seq"] for m in document["conversation_history"] if m["role"] == "user"}
        for key, seq in self.acked.items():
            kept = (stored.get(key), document["ids"].get(key))
            if kept != (seq, seq):
                found.append(f"I1 [export of {self.sid}]: id {key} was acked as {seq}, is {kept} in history and ids")
        return found


class Load:
    """Conversations through `url`, whose clients send again as soon as their turns have ended.

    A third of them have two clients, so that one sees the other's turns. Another third sends five short messages at
    once, so that a fault meets messages that are stored and not yet acked; the others meet it in mid-answer.
    In an `async with` it runs until `finish`. `recoveries` has the seconds that each fault took.
    """

    def __init__(self, url: str, *, conversations: int = 9) -> None:
        self.conversations = [Conversation() for _ in range(conversations)]
        for number, conversation in enumerate(self.conversations):
            for tab in "ab" if number % 3 == 0 else "a":
                conversation.clients.append(Client(url, name=f"{number}{tab}"))
        self.recoveries: list[float] = []
        self._stopping = asyncio.Event()
        self._talks: list[asyncio.Task[None]] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for client in self.clients:
            await self._stack.enter_async_context(client)
        try:
            await asyncio.gather(*(self._join(conversation) for conversation in self.conversations))
            await self.served(now := time.monotonic(), now)
        except BaseException as error:
            await self.__aexit__(type(error), error, error.__traceback__)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        await self._stack.aclose()

    @property
    def clients(self) -> list[Client]:
        return [client for conversation in self.conversations for client in conversation.clients]

    @property
    def acked(self) -> int:
        """How many messages were acked."""
        return sum(len(conversation.acked) for conversation in self.conversations)

    @property
    def takeovers(self) -> int:
        """How many answers another replica carried on with; each client that saw it counts."""
        attempts = [(c.log.name, f["turn"]) for c in self.clients for f in c.frames("turn_start") if f["attempt"] > 1]
        return len(set(attempts))

    def moved(self, url: str) -> None:
        """The balancer has another address now; a client goes there when it loses its connection."""
        for client in self.clients:
            client.urls[:] = [url]

    async def fault(
        self, strike: Awaitable[object], mend: Awaitable[object] | None = None, *, orderly: bool = False
    ) -> None:
        """Do `strike`, then `mend`, and wait until every client is served again; the time counts from the beginning.

        `orderly`: who leaves serves its clients until it sends them away, so an ack during `strike` counts too.
        """
        began = time.monotonic()
        await strike
        gone = time.monotonic()
        if mend is not None:
            await mend
        self.recoveries.append(await self.served(began, gone, orderly=orderly) - began)

    async def served(self, began: float, gone: float, *, orderly: bool = False) -> float:
        """Wait until every client is served again after a fault; when the last one was. See `served_again`."""

        def moments() -> list[float | None]:
            for talk in self._talks:
                if talk.done():
                    talk.result()
            lost = [client for client in self.clients if client.close_code == GONE]
            assert not lost, "I1 conversations are gone:\n" + "\n".join(map(trouble, lost))
            return [served_again(client.log, began, gone, orderly=orderly) for client in self.clients]

        try:
            await until(lambda: None not in moments(), timeout=PATIENCE, what="an ack for every client", every=0.1)
        except TooLate as late:
            raise TooLate(f"{late}\n" + "\n".join(map(trouble, self.clients))) from None
        return max(moment for moment in moments() if moment is not None)

    async def finish(self) -> None:
        """Let every client end its last turn, and wait until all of a conversation have the same events."""
        self._stopping.set()
        await asyncio.gather(*self._talks)
        await asyncio.gather(*(settled(*conversation.clients) for conversation in self.conversations))

    async def verdict(self, url: str) -> list[str]:
        """Everything that is wrong, after `finish`; `url` is the HTTP address of a replica to export from."""
        found = []
        async with httpx.AsyncClient(base_url=url, headers=KEY, trust_env=False, timeout=10.0) as http:
            for conversation in self.conversations:
                answer = await http.get(f"/api/sessions/{conversation.sid}")
                if answer.status_code != 200:
                    found.append(f"I1 [export of {conversation.sid}]: {answer.status_code}")
                    continue
                found += conversation.violations(answer.json())
        return found

    async def _join(self, conversation: Conversation) -> None:
        first, *others = conversation.clients
        await first.stay()
        for other in others:
            other.token = first.token
            await other.stay()
        texts = QUICK if self.conversations.index(conversation) % 3 == 1 else SLOW
        self._talks += [asyncio.create_task(self._talk(client, texts)) for client in conversation.clients]

    async def _talk(self, client: Client, texts: Sequence[str]) -> None:
        number = 0
        while not self._stopping.is_set():
            number += 1
            since = len(client.log.records)
            keys = [await client.send(f"{client.log.name}/{number}/{text}") for text in texts]
            for key in keys:
                ack = await client.wait_frame("ack", since=since, timeout=PATIENCE, where=partial(is_for, key))
                await client.wait_frame("turn_end", since=since, timeout=PATIENCE, where=partial(ends, ack["seq"]))
