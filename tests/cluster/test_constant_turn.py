"""A turn costs the same at the end of a long conversation as at its beginning (I8), by Redis's own counters."""

from dataclasses import dataclass
from typing import Any

from tests.support.client import Client
from tests.support.cluster import admin, exported, replicas
from tests.support.redis_server import RedisServer

TURNS = 150


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one turn, or one resume: script calls, and bytes from and to Redis's clients."""

    scripts: float
    bytes: float


@dataclass(frozen=True, slots=True)
class Counters:
    """What Redis has counted so far; its own answers to these questions are some kB of the bytes."""

    scripts: int
    bytes: int

    @classmethod
    def read(cls, redis: RedisServer) -> "Counters":
        calls = redis.command("INFO", "commandstats")
        stats = redis.command("INFO", "stats")
        scripts = sum(calls[name]["calls"] for name in ("cmdstat_evalsha", "cmdstat_eval") if name in calls)
        return cls(scripts, stats["total_net_input_bytes"] + stats["total_net_output_bytes"])

    def since(self, before: "Counters", count: int) -> Cost:
        return Cost((self.scripts - before.scripts) / count, (self.bytes - before.bytes) / count)


async def turns(client: Client, redis: RedisServer) -> Cost:
    """The cost of TURNS turns after what the client has seen.

    By a client that remembers nothing yet: one that goes through thousands of frames for each turn is slow, and what
    replicas ask Redis now and then would count for more.
    """
    async with Client(client.urls, token=client.token) as fresh:
        fresh.cursor = client.cursor
        await fresh.open()
        before = Counters.read(redis)
        for number in range(TURNS):
            await fresh.ask(f"message {number:04}")
        after = Counters.read(redis)
        client.cursor = fresh.cursor
    return after.since(before, TURNS)


def long_history(document: dict[str, Any], messages: int) -> dict[str, Any]:
    """A document of the same session with so many messages, half of them answers."""
    events: list[dict[str, Any]] = []
    at = document["created_at"]
    for number in range(messages // 2):
        turn = len(events) + 1
        common = {"at": at, "turn": turn}
        events += [
            {**common, "seq": turn, "type": "message", "id": f"q{number}", "role": "user", "text": "a question"},
            {**common, "seq": turn + 1, "type": "message", "id": f"a{number}", "role": "assistant", "text": "answer"},
            {**common, "seq": turn + 2, "type": "turn_end", "status": "completed", "reason": None},
        ]
    history = [event for event in events if event["type"] == "message"]
    ids = {event["id"]: event["seq"] for event in history if event["role"] == "user"}
    return {**document, "events": events, "conversation_history": history, "ids": ids}


async def test_a_turn_costs_the_same_at_10_and_at_5000_messages(
    redis_url: str, redis_server: RedisServer, record_property: Any
) -> None:
    async with replicas(redis_url) as (one, two), Client(one.ws_url) as client, Client(two.ws_url) as other:
        sid = (await client.open())["session"]
        await client.ask("begin")
        document = await exported(one, sid)
        costs = []
        for messages in (10, 5000):
            assert (await admin(one, "DELETE", sid)).status_code == 204
            imported = await admin(one, "PUT", sid, long_history(document, messages))
            assert imported.status_code == 201, imported.text
            welcome = await client.open()
            assert welcome["seq"] == messages // 2 * 3
            await client.wait(lambda top=welcome["seq"]: client.cursor and client.cursor["seq"] == top)  # type: ignore[misc]
            await client.drop()
            costs.append(min([await turns(client, redis_server) for _ in range(3)], key=lambda cost: cost.bytes))
        other.token, other.cursor = client.token, client.cursor
        before = Counters.read(redis_server)
        assert (await other.open())["recovered"] is True
        resume = Counters.read(redis_server).since(before, 1)
    short, long = costs
    record_property("cost of a turn at 10 and 5,000 messages", f"{short}, {long}; a resume: {resume}")
    print(f"\nat 10 messages {short}\nat 5,000 messages {long}\na resume {resume}")
    # Two besides the deltas: a turn that a busy machine interrupts for 40 ms writes one.
    assert 2 <= min(short.scripts, long.scripts) <= max(short.scripts, long.scripts) < 2.1
    assert resume.scripts == 1
    assert long.bytes < 1.1 * short.bytes
