"""`hello` and `welcome`: a new conversation, one resumed, and a cursor that can or can't be honoured (I3)."""

import asyncio
import time
from typing import Any

import pytest

from app.edge.auth import Tokens
from tests.edge.helpers import answer, beat, fill
from tests.support.client import Client, Turned
from tests.support.history import check
from tests.support.records import Frame
from tests.support.redis_server import RedisServer
from tests.support.replica import SECRET, ReplicaProcess

# So slow that an answer of 40 words can be joined, so quick that 450 events are no wait.
ENV = {"BATON_ECHO_DELAY_MS": "15"}

FIELDS = {"type", "session", "token", "epoch", "seq", "recovered", "oldest", "state", "replica", "heartbeat", "limits"}
NEW_STATE: Frame = {
    "auth": "anonymous", "customer_name": None, "handoff": "none", "ticket": None, "position": None,
    "pending_query": None, "action": "none", "ended": False,
}  # fmt: skip


async def test_a_new_conversation_is_welcomed_with_everything_a_client_needs(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client, Client(replica.ws_url) as second:
        welcome = await client.open()
        assert set(welcome) >= FIELDS
        assert (welcome["seq"], welcome["recovered"], welcome["oldest"]) == (0, False, 1)
        assert welcome["state"] == NEW_STATE
        assert welcome["limits"] == {"text": 8000, "frame": 65536}
        assert welcome["heartbeat"] > 0
        assert all(isinstance(welcome[name], str) and welcome[name] for name in ("session", "token", "epoch"))
        assert welcome["replica"] in replica.logs(), "the replica names itself as its log does"
        another = await second.open()
        assert another["session"] != welcome["session"]
        assert another["token"] != welcome["token"]


@pytest.mark.parametrize("offered", ["baton.v1", None, "baton.v9"])
async def test_the_subprotocol_is_chosen_if_it_is_offered(replica: ReplicaProcess, offered: str | None) -> None:
    async with Client(replica.ws_url) as client:
        await client.connect(subprotocol=offered)
        assert client._socket is not None
        assert client._socket.subprotocol == ("baton.v1" if offered == "baton.v1" else None)
        assert (await client.hello())["seq"] == 0


async def test_who_says_no_hello_in_time_is_closed(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as silent, Client(replica.ws_url) as babbling, Client(replica.ws_url) as polite:
        started = time.monotonic()
        await asyncio.gather(silent.connect(), babbling.connect(), polite.open())
        error = await answer(babbling, {"type": "ping", "t": 1})
        assert error["code"] == "bad_frame"
        assert await silent.wait_closed(15) == 4408
        assert await babbling.wait_closed(5) == 4408
        assert 9 < time.monotonic() - started < 14
        await beat(polite)


async def test_a_resume_brings_what_was_missed_and_nothing_twice(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client, Client(replica.ws_url) as away:
        away.token = (await client.open())["token"]
        await client.ask("one")
        await away.open()
        await away.wait_turn_end(1)
        await away.close()
        await client.ask("two")
        welcome = await away.open()
        assert (welcome["recovered"], welcome["seq"]) == (True, client.transcript[-1]["seq"])
        await away.wait_turn_end(client.transcript[-1]["turn"])
        assert away.transcript == client.transcript
        assert (await away.open())["recovered"] is True, "a cursor at the top is a good one"
        await beat(away)
        assert away.transcript == client.transcript
    assert check([client.log, away.log]) == []


async def test_a_token_alone_brings_the_whole_of_a_short_conversation(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client, Client(replica.ws_url) as tab:
        tab.token = (await client.open())["token"]
        await client.ask("one")
        welcome = await tab.open()
        assert welcome["recovered"] is False
        assert (welcome["session"], welcome["epoch"]) == (client.frames("welcome")[0]["session"], tab._epoch)
        await tab.wait_turn_end(1)
        assert tab.transcript == client.transcript


async def test_a_resume_before_the_first_event_is_the_same_conversation(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client, Client(replica.ws_url) as again:
        first = await client.open()
        await client.close()
        again.token = first["token"]
        second = await again.open()
        assert (second["session"], second["epoch"], second["seq"]) == (first["session"], first["epoch"], 0)
        assert await again.ask("hello") == "hello"


async def test_a_cursor_that_cannot_be_honoured_brings_the_newest_200_events(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client:
        await client.open()
        await fill(client, 80)
        top, good = client.transcript[-1]["seq"], dict(client.cursor or {})
        assert top == 240
        for wrong in ({"mark": "1"}, {"mark": "x"}, {"mark": None}, {"epoch": "other"}, {"seq": top + 1}, {"seq": 3}):
            async with Client(replica.ws_url, token=client.token) as late:
                late.cursor = good | wrong
                welcome = await late.open()
                assert (welcome["recovered"], welcome["seq"]) == (False, top), wrong
                await late.wait_frame("turn_end", where=lambda event: bool(event["seq"] == top))
                await beat(late)
                assert late.transcript == client.transcript[-200:], wrong


async def test_every_event_after_a_good_cursor_comes_however_many(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client:
        await client.open()
        await fill(client, 150)
        first = client.transcript[0]
        async with Client(replica.ws_url, token=client.token) as late:
            late.cursor = {"epoch": client._epoch, "seq": first["seq"], "mark": first["mark"]}
            assert (await late.open())["recovered"] is True
            await late.wait(lambda: len(late.transcript) >= 449, what="449 events")
            assert late.transcript == client.transcript[1:]


@pytest.mark.parametrize(
    ("age", "after", "gone"),
    [
        (0.0, None, False),
        (0.0, {"epoch": "e", "seq": 0, "mark": None}, False),
        (0.0, {"epoch": "e", "seq": 1, "mark": "1"}, True),
        (86399.0 - 60, None, False),
        (86401.0, None, True),
        (86401.0, {"epoch": "e", "seq": 7, "mark": "1"}, True),
    ],
)
async def test_a_session_that_does_not_exist_is_new_or_gone(
    replica: ReplicaProcess, age: float, after: Any, gone: bool
) -> None:
    token = Tokens([SECRET]).issue(f"never-stored-{age:.0f}", "e", time.time() - age)
    async with Client(replica.ws_url, token=token) as client:
        await client.connect()
        if not gone:
            welcome = await client.hello(after=after)
            assert (welcome["seq"], welcome["recovered"], welcome["epoch"]) == (0, False, "e")
            return
        with pytest.raises(Turned):
            await client.hello(after=after)
        assert client.close_code == 4404
        assert [frame["code"] for frame in client.frames()] == ["session_gone"]


async def test_a_conversation_that_expired_is_gone_for_who_saw_it(
    replica: ReplicaProcess, redis_server: RedisServer
) -> None:
    async with Client(replica.ws_url) as client:
        await client.open()
        await client.ask("soon forgotten")
        await client.close()
        session = client.frames("welcome")[0]["session"].encode()
        keys = [key for key in redis_server.command("KEYS", "*") if session in key]
        assert keys
        redis_server.command("DEL", *keys)
        with pytest.raises(Turned):
            await client.open()
        assert client.close_code == 4404


async def test_who_joins_in_mid_answer_is_told_everything_so_far(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client, Client(replica.ws_url) as tab:
        tab.token = (await client.open())["token"]
        words = " ".join(f"word{number}" for number in range(40))
        await client.send("slow " + words)
        await client.wait_frame("delta", where=lambda frame: frame["last"] >= 3)
        await tab.open()
        start = await tab.wait_frame("turn_start")
        whole = await tab.wait_frame("delta")
        assert (start["turn"], start["attempt"]) == (1, 1)
        assert (whole["turn"], whole["part"], whole["first"]) == (1, 0, 0)
        assert whole["text"].startswith("slow word0")
        await asyncio.gather(client.wait_turn_end(1, 20), tab.wait_turn_end(1, 20))
        assert tab.transcript == client.transcript
    assert check([client.log, tab.log]) == []
