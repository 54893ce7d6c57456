"""A sign-in takes up what the customer had asked, in a turn that its own `state` event begins (I4)."""

from typing import Any, Final

import httpx
import pytest

from tests.edge.helpers import ADMIN, IDENTITY_SECRET, answer, assertion, beat, errors_of
from tests.support.client import Client
from tests.support.cluster import judge, replicas, settled
from tests.support.poll import until
from tests.support.redis_server import RedisServer
from tests.support.replica import ReplicaProcess

ENV: Final = {"BATON_AGENT": "tests.support.agents:make_query", "BATON_LEASE_SECONDS": "1"}
QUERY: Final = "query my balance"
ANSWER: Final = f"Ada Example had asked: {QUERY}"


async def pending(client: Client) -> str:
    """A conversation that waits for its customer to sign in; its id."""
    session: str = (await client.open())["session"]
    assert await client.ask(QUERY) == "Who are you?"
    return session


async def sign_in(client: Client) -> dict[str, Any]:
    """The `state` event of a sign-in."""
    frame = {"type": "identify", "token": assertion()}
    return await answer(client, frame, "state")


async def test_it_is_answered_in_a_turn_that_the_state_event_begins(
    replica: ReplicaProcess, other: ReplicaProcess
) -> None:
    async with Client(replica.ws_url, name="asks") as client, Client(other.ws_url, name="watches") as tab:
        await pending(client)
        tab.token = client.token
        await tab.open()
        event = await sign_in(tab)
        assert (event["seq"], event["turn"]) == (5, 5)
        assert (event["state"]["auth"], event["state"]["pending_query"]) == ("authenticated", QUERY)
        assert event["state"]["action"] == "none"
        assert (await tab.wait_turn_end(5))["status"] == "completed"
        await settled(client, tab)
        for each in (client, tab):
            assert each.answers(5) == [ANSWER]
            assert [(frame["type"], frame["turn"]) for frame in each.transcript[4:]] == [
                ("state", 5), ("message", 5), ("state", 5), ("turn_end", 5)
            ]  # fmt: skip
            assert each.transcript[6]["state"]["pending_query"] is None
            assert each.frames("delta")[-1]["turn"] == 5
        assert await client.ask("hi") == "heard hi"
    judge(client, tab)


async def test_it_is_answered_once(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client:
        await pending(client)
        event = await sign_in(client)
        await client.wait_turn_end(event["seq"])
        again = await sign_in(client)
        assert again["turn"] is None
        assert await client.ask("hi") == "heard hi"
        assert client.answers().count(ANSWER) == 1
    judge(client)


async def test_without_one_a_sign_in_begins_no_turn(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client:
        await client.open()
        assert (await sign_in(client))["turn"] is None
        await client.ask("hi")
        assert (await sign_in(client))["turn"] is None
        await beat(client)
        assert [frame["turn"] for frame in client.frames("turn_start")] in ([], [2])
        assert client.answers() == ["heard hi"]
    judge(client)


async def test_a_wrong_assertion_begins_nothing(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client:
        await pending(client)
        assert await errors_of(client, {"type": "identify", "token": assertion("x" * 40)}) == ["unauthorized"]
        assert len(client.transcript) == 4
        assert await client.ask("hi") == "heard hi"
    judge(client)


async def test_it_waits_behind_what_was_asked_before(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client:
        await pending(client)
        keys = [await client.send(text) for text in ("one", "two")]
        event = await sign_in(client)
        await client.wait_turn_end(event["seq"])
        seqs = [(await client.wait_ack(key))["seq"] for key in keys]
        ends = [frame["turn"] for frame in client.transcript if frame["type"] == "turn_end"]
        assert ends == [1, *seqs, event["seq"]]
        assert client.answers()[1:] == ["heard one", "heard two", ANSWER]
    judge(client)


async def test_it_can_be_cancelled(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client:
        await pending(client)
        event = await sign_in(client)
        await client.send_frame({"type": "cancel", "turn": event["seq"]})
        assert (await client.wait_turn_end(event["seq"]))["status"] == "cancelled"
        assert await client.ask("hi") == "heard hi"
    judge(client)


async def test_sign_out_forgets_it(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client:
        await pending(client)
        assert (await answer(client, {"type": "sign_out"}, "state"))["state"]["pending_query"] is None
        assert (await sign_in(client))["turn"] is None
        assert await client.ask("hi") == "heard hi"
    judge(client)


async def test_it_needs_no_replica_but_the_one_that_signs_in(redis_url: str) -> None:
    env = {**ENV, "BATON_IDENTITY_SECRET": IDENTITY_SECRET}
    async with (
        replicas(redis_url, env=env) as (one, two),
        Client([one.ws_url, two.ws_url], name="asks") as client,
        Client(two.ws_url, name="watches") as tab,
    ):
        await client.stay()
        assert await client.ask(QUERY) == "Who are you?"
        tab.token = client.token
        await tab.open()
        one.stop()
        try:
            event = await sign_in(tab)
            assert (await tab.wait_turn_end(event["seq"]))["status"] == "completed"
        finally:
            one.cont()
        await settled(client, tab)
        assert tab.answers(event["seq"]) == [ANSWER]
    judge(client, tab)


async def test_its_turn_goes_on_elsewhere_when_its_replica_dies(redis_url: str, redis_server: RedisServer) -> None:
    env = {**ENV, "BATON_IDENTITY_SECRET": IDENTITY_SECRET}
    async with (
        replicas(redis_url, env=env) as (one, two),
        Client([one.ws_url, two.ws_url], name="asks") as client,
        Client(two.ws_url, name="watches") as tab,
    ):
        await client.stay()
        await client.ask(QUERY)
        tab.token = client.token
        await tab.open()
        await client.send_frame({"type": "identify", "token": assertion()})
        await until(lambda: redis_server.command("KEYS", "*:partial"), what="a part of the answer", every=0.005)
        one.kill9()
        assert (await tab.wait_turn_end(5))["status"] == "completed"
        await settled(client, tab)
        assert tab.answers(5) == [ANSWER]
    judge(client, tab)


@pytest.mark.parametrize("answered", [True, False])
async def test_export_erase_import_keeps_such_a_turn(
    replica: ReplicaProcess, other: ReplicaProcess, answered: bool
) -> None:
    """One that was still open is ended as failed, and its query is taken up by the next sign-in."""
    async with (
        Client(replica.ws_url) as client,
        httpx.AsyncClient(trust_env=False, base_url=other.http_url, headers=ADMIN, timeout=20) as http,
    ):
        path = f"/api/sessions/{await pending(client)}"
        before = (await http.get(path)).json()
        event = await sign_in(client)
        await client.wait_turn_end(event["seq"])
        document = (await http.get(path)).json()
        if not answered:
            document["events"] = document["events"][:5]
            document["pending_query"] = before["pending_query"]
        assert (await http.delete(path)).status_code == 204
        await client.wait_closed()
        assert (await http.put(path, json=document)).status_code == 201
        client.cursor = None
        await client.open(other.ws_url)
        assert (await client.wait_turn_end(5))["status"] == ("completed" if answered else "failed")
        assert client.answers(5) == ([ANSWER] if answered else [])
        again = await sign_in(client)
        assert (again["turn"] is None) == answered
        if not answered:
            await client.wait_turn_end(again["seq"])
            assert client.answers(again["seq"]) == [ANSWER]
