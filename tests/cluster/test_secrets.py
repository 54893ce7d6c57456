"""A verification answer over the wire: it reaches the agent, after a crash too, and nothing else (I4 I10)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest

from tests.support.client import Client
from tests.support.cluster import admin, exported, judge, replicas, settled
from tests.support.monitor import kept, monitoring
from tests.support.poll import until
from tests.support.records import REDACTED
from tests.support.redis_server import RedisServer
from tests.support.replica import ReplicaProcess

PIN: Final = "qz-4711-marzipan"
LETTERS: Final = str(len(PIN))
ENV: Final = {
    "BATON_AGENT": "tests.support.agents:make_asker", "BATON_LEASE_SECONDS": "1", "BATON_LOG_LEVEL": "debug"
}  # fmt: skip


@pytest.fixture
async def two(redis_url: str) -> AsyncIterator[list[ReplicaProcess]]:
    """Two replicas whose agent asks for secrets."""
    async with replicas(redis_url, env=ENV) as started:
        yield started


async def shown_by(*started: ReplicaProcess) -> str:
    """Logs and metrics of replicas; of one that is dead its log."""
    found = [replica.logs() for replica in started]
    async with httpx.AsyncClient(trust_env=False, timeout=10.0) as http:
        found += [(await http.get(f"{replica.http_url}/metrics")).text for replica in started if replica.alive]
    return "\n".join(found)


def audits(*started: ReplicaProcess) -> list[str]:
    """The audit lines about the PIN in the logs of replicas."""
    lines = [line for replica in started for line in replica.logs().splitlines()]
    return [line for line in lines if '"action":"pin"' in line.replace(" ", "")]


def never_echoed(*clients: Client) -> None:
    """Nothing that a client was sent holds the answer."""
    received = [frame for client in clients for frame in client.frames()]
    assert PIN not in str(received)
    assert received


async def test_the_question_comes_whole_and_the_answer_is_seen_by_the_agent_alone(
    two: list[ReplicaProcess], redis_server: RedisServer
) -> None:
    one, other = two
    async with Client(one.ws_url, name="asks") as client, Client(other.ws_url, name="watches") as tab:
        sid = (await client.open())["session"]
        tab.token = client.token
        await tab.open()
        assert await client.ask("ask me") == "Now please tell me your PIN."
        await settled(client, tab)
        with monitoring(redis_server) as monitor:
            assert await client.ask(PIN) == f"{LETTERS} letters of somebody, attempt 1"
            await settled(client, tab)
            told, stored = b"\n".join(monitor.heard()).decode(), kept(redis_server)
        assert [frame for each in (client, tab) for frame in each.frames("delta") if frame["turn"] == 1] == []
        document = await exported(one, sid)
        shown = await shown_by(one, other)
        never_echoed(client, tab)
    assert (REDACTED in told, '"letters"' in shown) == (True, True), "it was looked at"
    for place in (told, stored, str(document), shown):
        assert PIN not in place
    assert [event["text"] for event in document["conversation_history"]][2] == REDACTED
    assert len(audits(one)) == 2
    judge(client, tab)


async def test_an_answer_by_another_replica_is_sealed_too(two: list[ReplicaProcess], redis_server: RedisServer) -> None:
    one, other = two
    async with Client(one.ws_url) as client, Client(other.ws_url) as tab:
        await client.open()
        await client.ask("ask me")
        tab.token = client.token
        with monitoring(redis_server) as monitor:
            await tab.open()
            assert await tab.ask(PIN) == f"{LETTERS} letters of somebody, attempt 1"
            seen = b"\n".join(monitor.heard()).decode() + kept(redis_server)
        never_echoed(tab)
    assert PIN not in seen + await shown_by(one, other)
    judge(tab)


async def test_a_takeover_gets_the_answer_and_tells_of_it_once(
    two: list[ReplicaProcess], redis_server: RedisServer
) -> None:
    one, other = two
    async with Client([one.ws_url, other.ws_url], name="asks") as client, Client(other.ws_url, name="watches") as tab:
        await client.stay()
        tab.token = client.token
        sid = (await tab.open())["session"]
        await client.ask("ask me")
        with monitoring(redis_server) as monitor:
            turn = (await client.wait_ack(await client.send(PIN)))["seq"]
            await until(lambda: redis_server.command("KEYS", "*:secret"), what="the sealed answer")
            one.kill9()
            document = await exported(other, sid)
            end = await tab.wait_turn_end(turn)
            await settled(client, tab)
            seen = b"\n".join(monitor.heard()).decode() + kept(redis_server) + str(document)
        assert end["status"] == "completed"
        assert tab.answers(turn) == [f"{LETTERS} letters of somebody, attempt 2"]
        assert redis_server.command("KEYS", "*:secret") == []
        never_echoed(client, tab)
    assert PIN not in seen + await shown_by(one, other)
    assert len(audits(one, other)) == 2
    judge(client, tab)


async def test_what_was_typed_ahead_is_no_answer(two: list[ReplicaProcess]) -> None:
    one, _ = two
    async with Client(one.ws_url) as client:
        await client.open()
        keys = [await client.send(text) for text in ("ask me", "too early")]
        ack = await client.wait_ack(keys[1])
        await client.wait_turn_end(ack["seq"])
        assert client.answers() == ["Now please tell me your PIN.", "heard too early"]
        assert await client.ask(PIN) == f"{LETTERS} letters of somebody, attempt 1"
        never_echoed(client)
    judge(client)


async def test_a_waiting_answer_survives_nothing_that_ends_its_turn(
    two: list[ReplicaProcess], redis_server: RedisServer
) -> None:
    one, other = two
    async with Client(one.ws_url) as client:
        sid = (await client.open())["session"]
        await client.ask("ask me")
        for ending in ("cancel", "erase"):
            turn = (await client.wait_ack(await client.send(PIN)))["seq"]
            assert len(redis_server.command("KEYS", "*:secret")) == 1
            if ending == "cancel":
                await client.send_frame({"type": "cancel", "turn": turn})
                assert (await client.wait_turn_end(turn))["status"] == "cancelled"
            else:
                assert (await admin(other, "DELETE", sid)).status_code == 204
                await client.wait_closed()
            assert redis_server.command("KEYS", "*:secret") == []
        assert PIN not in kept(redis_server) + await shown_by(one, other)
        never_echoed(client)


async def test_an_import_that_asks_takes_an_answer(two: list[ReplicaProcess], redis_server: RedisServer) -> None:
    one, other = two
    async with Client(one.ws_url) as client:
        sid = (await client.open())["session"]
        await client.ask("ask me")
        document: dict[str, Any] = await exported(one, sid)
        assert document["asking"] is True
        await admin(one, "DELETE", sid)
        await client.wait_closed()
        assert (await admin(other, "PUT", sid, document)).status_code == 201
        client.cursor = None
        await client.open(other.ws_url)
        with monitoring(redis_server) as monitor:
            assert await client.ask(PIN) == f"{LETTERS} letters of somebody, attempt 1"
            assert PIN not in await asyncio.to_thread(lambda: b"\n".join(monitor.heard()).decode() + kept(redis_server))
