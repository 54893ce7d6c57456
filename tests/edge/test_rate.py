"""`rate_limited`: how long to wait, whom it concerns, and when a connection that won't wait is closed (4429)."""

import asyncio
import time

from tests.edge.helpers import answer, beat
from tests.support.client import Client
from tests.support.history import check
from tests.support.replica import ReplicaProcess

# One message a second and conversation, ten frames a second and connection, bursts of four seconds' worth.
ENV = {"BATON_RATE_LIMIT": "1"}


async def test_a_burst_is_let_in_and_then_one_message_a_second(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client:
        await client.open()
        started = time.monotonic()
        for number in range(6):
            await client.send_frame({"type": "send", "id": f"m{number}", "text": f"text {number}"})
        error = await client.wait_frame("error")
        assert (error["code"], error["id"]) == ("rate_limited", "m4")
        assert 0 < error["retry_after"] <= 1
        assert [frame["id"] for frame in client.frames("ack")] == [f"m{number}" for number in range(4)]
        ack = await answer(client, {"type": "send", "id": "m0", "text": "text 0"}, "ack")
        assert ack["duplicate"] is True, "a duplicate costs nothing"
        await asyncio.sleep(error["retry_after"])
        await client.send_frame({"type": "send", "id": "m4", "text": "text 4"})
        last = await client.wait_ack("m4", 5)
        assert time.monotonic() - started > 0.9
        await client.wait_turn_end(last["seq"])
    assert check([client.log]) == []


async def test_the_rate_is_the_conversations_on_all_replicas_together(
    replica: ReplicaProcess, other: ReplicaProcess
) -> None:
    async with Client(replica.ws_url) as client, Client(other.ws_url) as tab, Client(replica.ws_url) as stranger:
        tab.token = (await client.open())["token"]
        await tab.open()
        await stranger.open()
        for number in range(4):
            await client.wait_ack(await client.send(f"text {number}"))
        assert (await answer(tab, {"type": "send", "id": "x", "text": "one more"}))["code"] == "rate_limited"
        assert await stranger.ask("unaware") == "unaware"


async def test_twenty_refusals_in_ten_seconds_close_the_connection(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client, Client(replica.ws_url) as tab:
        tab.token = (await client.open())["token"]
        await tab.open()
        for number in range(23):
            await client.send_frame({"type": "send", "id": f"m{number}", "text": "again"})
        await client.wait_frame("error", where=lambda frame: bool(frame["id"] == "m22"))
        await beat(client)
        assert len(client.frames("error")) == 19
        await client.send_frame({"type": "send", "id": "m23", "text": "again"})
        assert await client.wait_closed() == 4429
        assert {frame["code"] for frame in client.frames("error")} == {"rate_limited"}
        assert len(client.frames("error")) == 20
        await beat(tab)
        assert (await client.open())["seq"] >= 4


async def test_frames_that_are_no_messages_have_a_rate_too(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client, Client(replica.ws_url) as bystander:
        await client.open()
        await bystander.open()
        for number in range(39):
            await client.send_frame({"type": "ping", "t": number})
        await client.wait_frame("pong", where=lambda frame: bool(frame["t"] == 38))
        for _ in range(60):
            await client.send_frame({"type": "typing", "active": True})
        assert await client.wait_closed() == 4429
        assert {(frame["code"], frame["id"]) for frame in client.frames("error")} == {("rate_limited", None)}
        assert all(0 < frame["retry_after"] <= 1 for frame in client.frames("error"))
        await beat(bystander)
