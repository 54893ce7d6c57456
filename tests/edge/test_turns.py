"""`cancel`, `end`, `typing`, `history` and `ping`, from any connection of the conversation, on any replica."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.edge.helpers import answer, beat, errors_of, fill, put
from tests.support.client import Client
from tests.support.history import check
from tests.support.records import Frame
from tests.support.replica import ReplicaProcess

Make = Callable[..., Client]
# Slow enough to stop an answer in its middle.
ENV = {"BATON_ECHO_DELAY_MS": "20"}
LONG = " ".join(f"word{number}" for number in range(400))


async def pair(make: Make, *replicas: ReplicaProcess) -> tuple[Client, Client]:
    """Two connections of one conversation that has seen no event, on two replicas."""
    first, second = (make(replica.ws_url, name=f"tab {number}") for number, replica in enumerate(replicas))
    second.token = (await first.open())["token"]
    await second.open()
    return first, second


def end_of(client: Client, turn: int) -> Frame:
    """The only `turn_end` of a turn."""
    (end,) = [event for event in client.transcript if event["type"] == "turn_end" and event["turn"] == turn]
    return end


async def finish(*clients: Client) -> None:
    """Close everything and judge what was seen."""
    for client in clients:
        await client.close()
    assert check([client.log for client in clients]) == []


async def test_cancel_stops_an_answer_and_keeps_what_was_written(client_of: Make, replica: ReplicaProcess) -> None:
    client = client_of(replica.ws_url)
    await client.open()
    await client.send(LONG)
    await client.wait_frame("delta", where=lambda frame: frame["last"] >= 5)
    assert await errors_of(client, {"type": "cancel", "turn": 1}) == []
    end = await client.wait_turn_end(1, 5)
    assert (end["status"], end["reason"]) == ("cancelled", "cancelled")
    (kept,) = client.answers(1)
    assert LONG.startswith(kept)
    assert 0 < len(kept) < len(LONG)
    assert await errors_of(client, {"type": "cancel", "turn": 1}) == [], "of an ended turn: nothing happens"
    assert await client.ask("and on") == "and on"
    assert [event["seq"] for event in client.transcript] == list(range(1, 7))
    await finish(client)


async def test_any_connection_on_any_replica_may_cancel(
    client_of: Make, replica: ReplicaProcess, other: ReplicaProcess
) -> None:
    first, second = await pair(client_of, replica, other)
    await first.send(LONG)
    await second.wait_frame("delta", where=lambda frame: frame["last"] >= 3)
    assert await errors_of(second, {"type": "cancel", "turn": 1}) == [], "it has only watched so far"
    await asyncio.gather(first.wait_turn_end(1, 5), second.wait_turn_end(1, 5))
    assert end_of(first, 1)["status"] == "cancelled"
    assert first.transcript == second.transcript
    await finish(first, second)


async def test_cancel_takes_a_waiting_turn_out_of_the_queue(client_of: Make, replica: ReplicaProcess) -> None:
    client = client_of(replica.ws_url)
    await client.open()
    await client.send(LONG)
    waiting = await client.wait_ack(await client.send("waiting"))
    last = await client.wait_ack(await client.send("last"))
    await client.send_frame({"type": "cancel", "turn": waiting["seq"]})
    await client.wait_turn_end(waiting["seq"])
    assert end_of(client, waiting["seq"])["status"] == "cancelled"
    assert client.answers(waiting["seq"]) == []
    await client.send_frame({"type": "cancel", "turn": 1})
    await client.wait_turn_end(last["seq"])
    assert client.answers(last["seq"]) == ["last"]
    await finish(client)


async def test_cancel_of_what_is_no_turn_is_an_error(client_of: Make, replica: ReplicaProcess) -> None:
    client = client_of(replica.ws_url)
    await client.open()
    assert await errors_of(client, {"type": "cancel", "turn": 1}) == ["unknown_turn"]
    await client.ask("hi")
    frames: list[Frame] = [{"type": "cancel", "turn": turn} for turn in (2, 3, 4, 99, 2**53)]
    assert await errors_of(client, *frames) == ["unknown_turn"] * 5
    assert await client.ask("fine") == "fine"
    await finish(client)


async def test_end_stops_everything_for_everyone(
    client_of: Make, replica: ReplicaProcess, other: ReplicaProcess
) -> None:
    first, second = await pair(client_of, replica, other)
    await first.send(LONG)
    waiting = await first.wait_ack(await first.send("waiting"))
    await second.wait_frame("delta", where=lambda frame: frame["last"] >= 3)
    assert await errors_of(second, {"type": "end"}) == [], "it has only watched so far"
    for client in (first, second):
        assert (await client.wait_frame("state"))["state"]["ended"] is True
        await client.wait_turn_end(waiting["seq"])
    assert {end_of(first, turn)["status"] for turn in (1, waiting["seq"])} == {"cancelled"}
    assert first.transcript == second.transcript
    assert await errors_of(first, {"type": "end"}) == []
    for client in (first, second):
        assert (await answer(client, {"type": "send", "id": "late", "text": "late"}))["code"] == "conversation_ended"
    await finish(first, second)


async def test_end_of_what_never_began_leaves_nothing(client_of: Make, replica: ReplicaProcess) -> None:
    client = client_of(replica.ws_url)
    await client.open()
    assert await errors_of(client, {"type": "end"}) == ["session_gone"]
    assert (await client.open())["seq"] == 0
    assert await client.ask("so it begins") == "so it begins"
    await finish(client)


async def test_typing_reaches_the_others_and_is_never_stored(
    client_of: Make, replica: ReplicaProcess, other: ReplicaProcess
) -> None:
    first, second = await pair(client_of, replica, other)
    third = client_of(replica.ws_url, name="third", token=first.token)
    stranger = client_of(replica.ws_url, name="stranger")
    await third.open()
    await stranger.open()
    for active in (True, False):
        await first.send_frame({"type": "typing", "active": active})
        for client in (second, third):
            frame = await client.wait_frame("typing", where=lambda f, a=active: bool(f["active"] is a))  # type: ignore[misc]
            assert (frame["role"], frame["name"]) == ("user", None)
    await first.ask("hi")
    for client in (first, stranger):
        await beat(client)
        assert client.frames("typing") == []
    for client in (second, third):
        await client.wait_turn_end(1)
        assert {event["type"] for event in client.transcript} == {"message", "turn_end"}
    late = client_of(other.ws_url, token=first.token)
    await late.open()
    await late.wait_turn_end(1)
    assert late.frames("typing") == []
    await finish(first, second, third, late)
    await stranger.close()


async def test_history_is_paged_backwards(client_of: Make, replica: ReplicaProcess) -> None:
    client = client_of(replica.ws_url)
    await client.open()
    await fill(client, 10)
    pages: list[list[Frame]] = []
    before = 31
    while True:
        page = await answer(client, {"type": "history", "before": before, "limit": 7}, "history")
        pages.insert(0, page["events"])
        assert len(page["events"]) == (7 if page["more"] else 2)
        before = page["events"][0]["seq"]
        if not page["more"]:
            break
    assert [event for events in pages for event in events] == client.transcript
    for asked, seqs in (((1, 5), []), ((2, 5), [1]), ((2**53, 2), [29, 30]), ((16, 1), [15])):
        page = await answer(client, {"type": "history", "before": asked[0], "limit": asked[1]}, "history")
        assert [event["seq"] for event in page["events"]] == seqs
    assert len((await answer(client, {"type": "history", "before": 99}, "history"))["events"]) == 30
    await finish(client)


async def test_history_of_a_new_conversation_is_empty(client_of: Make, replica: ReplicaProcess) -> None:
    client = client_of(replica.ws_url)
    await client.open()
    page = await answer(client, {"type": "history", "before": 9, "limit": 9}, "history")
    assert (page["events"], page["more"]) == ([], False)
    await finish(client)


@pytest.mark.parametrize(
    "t",
    [None, 0, -1, 1.5, "", "x", True, [], {}, [[[[1, "é\u2028"]]]], {"a": {"b": [None, {"c": 2**53}]}}, "\0", 2**63],
)
async def test_a_ping_is_answered_with_the_same_t(client_of: Make, replica: ReplicaProcess, t: Any) -> None:
    client = client_of(replica.ws_url)
    await client.open()
    pong = await answer(client, {"type": "ping", "t": t}, "pong")
    assert pong == {"type": "pong", "t": t}
    assert type(pong["t"]) is type(t)
    await finish(client)


async def test_a_ping_may_nest_as_deep_as_it_can_be_answered(client_of: Make, replica: ReplicaProcess) -> None:
    client = client_of(replica.ws_url)
    await client.open()
    deep = '{"type":"ping","t":' + "[" * 100 + "]" * 100 + "}"
    assert (await answer(client, deep, "pong"))["t"] == json.loads("[" * 100 + "]" * 100)
    assert (await answer(client, {"type": "ping"}, "pong"))["t"] is None
    await put(client, '{"type":"ping","t":' + "[" * 900 + "]" * 900 + "}")
    await beat(client)
    await finish(client)
