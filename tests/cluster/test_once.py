"""One id is one message and one turn, wherever and however often it is sent (I2); turns run in order (I3)."""

import asyncio

from tests.support.client import Client
from tests.support.cluster import judge, replicas, settled, two_tabs


async def test_the_same_id_from_two_tabs_at_once_sixty_times(redis_url: str) -> None:
    async with replicas(redis_url) as (one, two), two_tabs(one, two) as (left, right):
        for number in range(60):
            key = f"message-{number}"
            await asyncio.gather(left.send(f"text {number}", key), right.send(f"text {number}", key))
            acks = await asyncio.gather(left.wait_ack(key), right.wait_ack(key))
            assert {ack["duplicate"] for ack in acks} == {True, False}
        await settled(left, right, seq=180)
        users = [event["id"] for event in left.transcript if event.get("role") == "user"]
        ends = [event["turn"] for event in left.transcript if event["type"] == "turn_end"]
        assert users == [f"message-{number}" for number in range(60)]
        assert (len(ends), len(set(ends)), len(left.answers())) == (60, 60, 60)
    judge(left, right)


async def test_an_id_is_remembered_after_the_end(redis_url: str) -> None:
    async with replicas(redis_url) as (one, two), Client(one.ws_url) as client:
        await client.open()
        key = await client.send("hello")
        first = await client.wait_ack(key)
        await client.wait_turn_end(first["seq"])
        await client.send_frame({"type": "end"})
        await client.wait_frame("state", where=lambda frame: frame["state"]["ended"])
        await client.open(two.ws_url)
        since = len(client.log.records)
        await client.send("hello", key)
        again = await client.wait_frame("ack", since=since)
        assert (again["seq"], again["duplicate"]) == (first["seq"], True)
        refused = await client.send("something new")
        error = await client.wait_frame("error")
        assert (error["code"], error["id"]) == ("conversation_ended", refused)
    judge(client)


async def test_a_burst_of_forty_is_forty_turns_in_order(redis_url: str) -> None:
    texts = [f"burst {number}" for number in range(40)]
    async with replicas(redis_url) as (one, two), two_tabs(one, two, ("sender", "watcher")) as (sender, watcher):
        for text in texts:
            await sender.send(text)
        await settled(sender, watcher, seq=120)
        users = [event for event in watcher.transcript if event.get("role") == "user"]
        ends = [event for event in watcher.transcript if event["type"] == "turn_end"]
        assert [event["text"] for event in users] == texts
        assert watcher.answers() == texts
        assert [end["turn"] for end in ends] == [event["seq"] for event in users]
        assert {end["status"] for end in ends} == {"completed"}
    judge(sender, watcher)
