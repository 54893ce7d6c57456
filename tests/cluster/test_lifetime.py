"""How long a conversation lives (I11), that erasing leaves nothing, and that what is newer is left alone (I9)."""

from typing import Any

import pytest

from tests.support.client import Client, Turned
from tests.support.cluster import SLOW, WORDS, admin, exported, judge, keys_of, metric, replicas, settled
from tests.support.poll import until
from tests.support.redis_server import RedisServer


def deadlines(redis: RedisServer, sid: str) -> set[int]:
    """The moments, in Unix milliseconds, at which the keys of a conversation go."""
    return {redis.command("PEXPIRETIME", key) for key in keys_of(redis, sid)}


def now(redis: RedisServer) -> int:
    seconds, micros = redis.command("TIME")
    return int(seconds) * 1000 + int(micros) // 1000


async def test_an_idle_conversation_goes_at_its_time_and_an_active_one_stays(
    redis_url: str, redis_server: RedisServer
) -> None:
    async with (
        replicas(redis_url, env={"BATON_SESSION_TTL_SECONDS": "2"}) as (one, two),
        Client(one.ws_url, name="idle") as idle,
        Client(two.ws_url, name="active") as active,
    ):
        busy = (await active.open())["session"]
        await active.ask("first")
        (first_deadline,) = deadlines(redis_server, busy)
        sid = (await idle.open())["session"]
        await idle.ask("the last word")
        (deadline,) = deadlines(redis_server, sid)
        assert 1900 < deadline - now(redis_server) <= 2000

        went: list[int] = []

        async def gone_and_told() -> bool:
            await active.ask("still here")
            assert len(deadlines(redis_server, busy)) == 1
            if not went and not keys_of(redis_server, sid):
                went.append(now(redis_server))
            return bool(went) and idle.close_code is not None

        await until(gone_and_told, timeout=12, what="the end of the idle conversation", every=0.1)
        assert 0 <= went[0] - deadline < 1000
        assert idle.close_code == 4404
        for after in (idle.cursor, None):
            with pytest.raises(Turned) as turned:
                await idle.open(two.ws_url, after=after)
            assert (turned.value.code, idle.frames("error")[-1]["code"]) == (4404, "session_gone")
        assert await active.ask("and still") == "and still"
        assert now(redis_server) > first_deadline
        assert (await exported(one, busy))["events"][0]["seq"] == 1
    judge(active)


async def test_all_keys_share_one_deadline_in_mid_answer_too(redis_url: str, redis_server: RedisServer) -> None:
    async with replicas(redis_url, env=SLOW) as (one, _), Client(one.ws_url) as client:
        sid = (await client.open())["session"]
        await client.ask("short")
        ack = await client.wait_ack(await client.send(WORDS))
        await client.wait_frame("delta", where=lambda frame: frame["turn"] == ack["seq"])
        assert len(keys_of(redis_server, sid)) == 5  # session, log, ids, todo and the text being written
        assert len(deadlines(redis_server, sid)) == 1
        await client.wait_turn_end(ack["seq"])
        assert len(deadlines(redis_server, sid)) == 1


def traces(redis: RedisServer, sid: str) -> list[bytes]:
    """Every key that holds anything of a conversation: its own, and indexes that name it."""
    indexes = [key for name in ("active", "turns", "tickets") for key in redis.command("KEYS", f"*{name}")]
    return keys_of(redis, sid) + [key for key in indexes if redis.command("ZSCORE", key, sid) is not None]


async def test_erase_leaves_nothing_even_in_mid_answer(redis_url: str, redis_server: RedisServer) -> None:
    async with (
        replicas(redis_url, env=SLOW) as (one, two),
        Client(one.ws_url, name="at one") as here,
        Client(two.ws_url, name="at two") as there,
        Client(one.ws_url, name="later") as canary,
    ):
        sid = (await here.open())["session"]
        there.token = here.token
        await there.open()
        await here.send(WORDS)
        await there.wait_frame("delta")
        assert traces(redis_server, sid)
        assert (await admin(two, "DELETE", sid)).status_code == 204
        assert traces(redis_server, sid) == []
        assert (await here.wait_closed(), await there.wait_closed()) == (4404, 4404)
        await canary.open()
        await canary.ask(WORDS)  # as long as the erased answer would have taken, and begun later
        assert traces(redis_server, sid) == []
        assert (await admin(one, "GET", sid)).status_code == 404
        with pytest.raises(Turned) as turned:
            await here.open()
        assert turned.value.code == 4404


def stored(document: dict[str, Any]) -> list[Any]:
    """What must survive an import: everything but the marks, which are new with the new epoch."""
    events = [{key: value for key, value in event.items() if key != "mark"} for event in document["events"]]
    return [events, document["conversation_history"], document["ids"], document["user_context"], document["created_at"]]


async def test_export_erase_import(redis_url: str) -> None:
    async with replicas(redis_url) as (one, two), Client(one.ws_url) as client:
        sid = (await client.open())["session"]
        key = await client.send("first")
        await client.wait_turn_end((await client.wait_ack(key))["seq"])
        await client.ask("second")
        document = await exported(two, sid)
        assert [message["text"] for message in document["conversation_history"]] == ["first"] * 2 + ["second"] * 2
        assert (await admin(one, "PUT", sid, document)).status_code == 409
        assert (await admin(two, "DELETE", sid)).status_code == 204
        assert await client.wait_closed() == 4404
        newer = {**document, "of_tomorrow": {"kept": True}}
        newer["user_context"] = {**document["user_context"], "favourite": "kept too"}
        assert (await admin(one, "PUT", sid, newer)).status_code == 201
        old_cursor = client.cursor
        welcome = await client.open(two.ws_url)
        assert (welcome["recovered"], welcome["epoch"] != (old_cursor or {})["epoch"]) == (False, True)
        since = len(client.log.records)
        await client.send("first", key)
        again = await client.wait_frame("ack", since=since)
        assert (again["seq"], again["duplicate"]) == (1, True)
        again_document = await exported(one, sid)
        again_document["user_context"].pop("favourite")
        assert stored(again_document) == stored(document)
        assert await client.ask("third") == "third"
        await client.send_frame({"type": "end"})  # writes the head
        await client.wait_frame("state")
        after = await exported(one, sid)
        assert (after["of_tomorrow"], after["user_context"]["favourite"]) == ({"kept": True}, "kept too")
        assert [event["seq"] for event in after["events"]] == list(range(1, 11))


def everything(redis: RedisServer, sid: str) -> dict[bytes, Any]:
    """Every key of a conversation and its indexes, whole, with its deadline."""
    return {key: redis.content(key) for key in traces(redis, sid)}


async def test_a_newer_schema_is_refused_and_left_as_it_is(redis_url: str, redis_server: RedisServer) -> None:
    async with replicas(redis_url) as (one, two), Client(one.ws_url) as client, Client(two.ws_url) as newcomer:
        sid = (await client.open())["session"]
        newcomer.token = client.token
        await client.ask("before")
        document = await exported(one, sid)
        (session,) = [key for key in keys_of(redis_server, sid) if key.endswith(sid.encode())]
        redis_server.command("HSET", session, "schema", 999)
        before = everything(redis_server, sid)
        assert len(before) >= 4
        for frame in (
            {"type": "send", "id": "new", "text": "hello?"}, {"type": "cancel", "turn": 1}, {"type": "end"},
        ):  # fmt: skip
            since = len(client.log.records)
            await client.send_frame(frame)
            assert (await client.wait_frame("error", since=since))["code"] == "unavailable"
        with pytest.raises(Turned) as turned:
            await newcomer.open()
        assert (turned.value.code, newcomer.frames("error")[-1]["code"]) == (1013, "unavailable")
        answers = [await admin(two, method, sid, document) for method in ("GET", "PUT")]
        assert [answer.status_code for answer in answers] == [409, 409]
        assert everything(redis_server, sid) == before
        assert await metric(one, "baton_store_unavailable_total") == 3
        redis_server.command("HSET", session, "schema", 1)
        assert await client.ask("after") == "after"
        await newcomer.open()
        await settled(client, newcomer, seq=6)
    judge(client, newcomer)


async def test_a_newer_schema_is_not_erased(redis_url: str, redis_server: RedisServer) -> None:
    async with replicas(redis_url) as (one, _), Client(one.ws_url) as client:
        sid = (await client.open())["session"]
        await client.ask("before")
        (session,) = [key for key in keys_of(redis_server, sid) if key.endswith(sid.encode())]
        redis_server.command("HSET", session, "schema", 999)
        before = everything(redis_server, sid)
        assert (await admin(one, "DELETE", sid)).status_code == 409
        assert everything(redis_server, sid) == before
