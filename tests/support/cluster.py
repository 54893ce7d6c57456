"""What tests of several replicas share: starting them together, waiting for clients to agree, reading what they keep.

It must never look into a replica's memory: what it reads comes over HTTP, from the wire, or from Redis itself.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any, Final

import httpx

from tests.support.client import Client
from tests.support.history import check
from tests.support.poll import until
from tests.support.records import Frame
from tests.support.redis_server import RedisServer
from tests.support.replica import ADMIN_KEY, ReplicaProcess

KEY: Final = {"Authorization": f"Bearer {ADMIN_KEY}"}
WORDS: Final = " ".join(f"word{number}" for number in range(40))
"""With SLOW an answer of 40 words takes 2.4 s, and its lease runs out a second after its writer is gone."""
SLOW: Final[Mapping[str, str]] = {"BATON_ECHO_DELAY_MS": "60", "BATON_LEASE_SECONDS": "1"}


@asynccontextmanager
async def replicas(
    redis_url: str, *more_urls: str, env: Mapping[str, str] | None = None
) -> AsyncIterator[list[ReplicaProcess]]:
    """Two ready replicas on one Redis (or as many as there are URLs), started at the same time."""
    urls = [redis_url, *(more_urls or (redis_url,))]
    started = [ReplicaProcess(url, env=env) for url in urls]
    try:
        await asyncio.gather(*(replica.launch() for replica in started))
        yield started
    finally:
        for replica in started:
            replica.discard()


@asynccontextmanager
async def two_tabs(
    one: ReplicaProcess, two: ReplicaProcess, names: tuple[str, str] = ("left", "right")
) -> AsyncIterator[tuple[Client, Client]]:
    """Two clients of one new conversation, the first welcomed at `one`, the second at `two`."""
    async with Client(one.ws_url, name=names[0]) as left, Client(two.ws_url, name=names[1]) as right:
        await left.open()
        right.token = left.token
        await right.open()
        yield left, right


async def settled(*clients: Client, seq: int | None = None, timeout: float = 10.0) -> None:
    """Wait until every client has the event `seq`, by default the newest that any of them has."""

    def together() -> bool:
        seen = [client.cursor["seq"] if client.cursor else 0 for client in clients]
        return min(seen) >= (max(seen) if seq is None else seq)

    await until(together, timeout=timeout, what="the same events at every client")


def judge(*clients: Client, **options: bool) -> None:
    """Raise AssertionError with every violation in what the clients of one conversation saw."""
    violations = check([client.log for client in clients], **options)
    assert not violations, "\n".join(map(str, violations))


async def admin(replica: ReplicaProcess, method: str, sid: str, document: Any = None) -> httpx.Response:
    """One call of the admin API for a session."""
    async with httpx.AsyncClient(trust_env=False, timeout=10.0) as client:
        return await client.request(method, f"{replica.http_url}/api/sessions/{sid}", headers=KEY, json=document)


async def exported(replica: ReplicaProcess, sid: str) -> Frame:
    """The session's document."""
    answer = await admin(replica, "GET", sid)
    assert answer.status_code == 200, answer.text
    document: Frame = answer.json()
    return document


async def metric(replica: ReplicaProcess, name: str) -> float:
    """A metric of a replica, over all of its labels."""
    async with httpx.AsyncClient(trust_env=False, timeout=10.0) as client:
        lines = (await client.get(f"{replica.http_url}/metrics")).text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name)


async def why_unready(replica: ReplicaProcess) -> str | None:
    """The reason that `/readyz` gives with its 503; None while the replica is ready."""
    async with httpx.AsyncClient(trust_env=False, timeout=10.0) as client:
        answer = await client.get(f"{replica.http_url}/readyz")
    return None if answer.status_code == 200 else str(answer.json()["reason"])


def keys_of(redis: RedisServer, sid: str) -> list[bytes]:
    """The names of all keys that a conversation has to itself."""
    return sorted(redis.command("KEYS", f"*{sid}*"))


def shown(client: Client, turn: int) -> list[str]:
    """What a reader sees of a turn's first answer after each delta by the protocol's rules, then its message."""
    texts: list[str] = []
    attempt, last, text = 0, -1, ""
    for frame in client.frames():
        if frame.get("turn") != turn:
            continue
        if frame["type"] == "delta" and frame["attempt"] >= attempt and frame["part"] == 0:
            if frame["first"] == 0:
                text = frame["text"]
            elif frame["first"] == last + 1:
                text += frame["text"]
            else:
                continue
            attempt, last = frame["attempt"], frame["last"]
            texts.append(text)
        elif frame["type"] == "message" and frame["role"] == "assistant":
            texts.append(frame["text"])
    return texts


def only_grew(texts: list[str]) -> bool:
    """Whether each text begins with the one before it: nothing that was shown was taken back or said again."""
    return all(after.startswith(before) for before, after in pairwise(texts))
