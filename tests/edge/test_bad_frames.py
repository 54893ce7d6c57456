"""Frames that aren't frames: `bad_frame`, the tenth closes with 4400, the conversation is never harmed."""

import json

import pytest

from tests.edge.helpers import answer, bad_frames_of, beat
from tests.support.client import Client
from tests.support.records import Frame
from tests.support.replica import ReplicaProcess

NOT_JSON = ["", " ", "hello", "{", '{"type":"ping"', "{'type':'ping'}", '{"type":"ping",}', '{"type":"ping","t":NaN}']
NO_FRAME = ["null", "true", "7", '"ping"', "[]", '[{"type":"ping"}]', "{}", '{"t":1}', '{"type":null}', '{"type":7}']
UNKNOWN = [
    '{"type":""}',
    '{"type":"pong"}',
    '{"type":"Ping"}',
    '{"type":"ping "}',
    '{"type":["ping"]}',
    '{"TYPE":"ping"}',
]
ODD = [
    "\ufeff" + '{"type":"ping"}', '{"type":"ping","t":1}{"type":"ping"}', '{"type":"ping","t":"\\ud800"}',
    "[" * 60_000, '{"type":"ping","t":' + "[" * 30_000 + "]" * 30_000 + "}", '{"type":"ping","t":1e999}',
    '{"type":"ping","t":"\t"}', '{"type":"send","id":"\\udfff","text":"hi"}', "\0",
    '{"type":"send","id":"a","text":"\\ud800","x":' + "[" * 20_000 + "]" * 20_000 + "}",
]  # fmt: skip
WRONG_FIELDS: list[Frame] = [
    {"type": "send"},
    {"type": "send", "id": "a"},
    {"type": "send", "text": "hi"},
    {"type": "send", "id": None, "text": "hi"},
    {"type": "send", "id": 7, "text": "hi"},
    {"type": "send", "id": "", "text": "hi"},
    {"type": "send", "id": "x" * 65, "text": "hi"},
    {"type": "send", "id": "a", "text": None},
    {"type": "send", "id": "a", "text": 7},
    {"type": "send", "id": "a", "text": ["hi"]},
    {"type": "cancel"},
    {"type": "cancel", "turn": None},
    {"type": "cancel", "turn": "1"},
    {"type": "cancel", "turn": 0},
    {"type": "cancel", "turn": -1},
    {"type": "cancel", "turn": 1.5},
    {"type": "cancel", "turn": True},
    {"type": "cancel", "turn": 2**64},
    {"type": "cancel", "turn": 10**400},
    {"type": "history"},
    {"type": "history", "before": "9"},
    {"type": "history", "before": 0},
    {"type": "history", "before": 9, "limit": 0},
    {"type": "history", "before": 9, "limit": 201},
    {"type": "history", "before": 9, "limit": "5"},
    {"type": "history", "before": 9, "limit": None},
    {"type": "identify"},
    {"type": "identify", "token": None},
    {"type": "identify", "token": 7},
    {"type": "identify", "token": "x" * 5000},
    {"type": "typing"},
    {"type": "typing", "active": 1},
    {"type": "typing", "active": "true"},
    {"type": "typing", "active": None},
    {"type": "hello", "token": None, "after": None, "client": "again"},
]
WRONG_HELLOS: list[Frame] = [
    {"type": "hello", "token": 7},
    {"type": "hello", "token": ["x"]},
    {"type": "hello", "token": "x" * 4097},
    {"type": "hello", "token": None, "after": []},
    {"type": "hello", "token": None, "after": {"seq": 1}},
    {"type": "hello", "token": None, "after": {"epoch": "e", "seq": -1, "mark": "1"}},
    {"type": "hello", "token": None, "after": {"epoch": "e", "seq": "1", "mark": "1"}},
    {"type": "hello", "token": None, "after": {"epoch": "e", "seq": 1, "mark": 1}},
    {"type": "hello", "token": None, "after": {"epoch": 1, "seq": 1, "mark": "1"}},
    {"type": "hello", "token": None, "client": 7},
]


def batches(frames: list[Frame] | list[str]) -> list[list[Frame] | list[str]]:
    """Nine at a time: the tenth would close the connection."""
    return [frames[start : start + 9] for start in range(0, len(frames), 9)]


@pytest.mark.parametrize("frames", [*batches(NOT_JSON + NO_FRAME + UNKNOWN + ODD), *batches(WRONG_FIELDS)])
async def test_a_bad_frame_is_answered_and_harms_nothing(replica: ReplicaProcess, frames: list[Frame | str]) -> None:
    async with Client(replica.ws_url) as client, Client(replica.ws_url) as tab:
        tab.token = (await client.open())["token"]
        await client.ask("before")
        await tab.open()
        await bad_frames_of(client, *frames)
        assert await client.ask("after") == "after"
        await tab.wait_turn_end(4)
        assert tab.transcript == client.transcript
        assert len(client.transcript) == 6
        assert tab.frames("error") == []


async def test_binary_frames_are_bad_frames(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client:
        await client.open()
        await bad_frames_of(client, b"", b"\x00\xff", json.dumps({"type": "ping", "t": 1}).encode())
        assert await client.ask("still here") == "still here"


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "send", "id": "early", "text": "hi"}, {"type": "cancel", "turn": 1}, {"type": "history", "before": 5},
        {"type": "identify", "token": "x"}, {"type": "sign_out"}, {"type": "typing", "active": True}, {"type": "end"},
        {"type": "ping", "t": 1}, b"binary", "words",
    ],
)  # fmt: skip
async def test_anything_before_hello_is_a_bad_frame(replica: ReplicaProcess, frame: Frame | str | bytes) -> None:
    async with Client(replica.ws_url) as client:
        await client.connect()
        await bad_frames_of(client, frame)
        welcome = await client.hello()
        assert welcome["seq"] == 0
        await beat(client)
        assert client.transcript == []


async def test_a_wrong_hello_is_a_bad_frame_and_may_be_said_again(replica: ReplicaProcess) -> None:
    for part in batches(WRONG_HELLOS):
        async with Client(replica.ws_url) as client:
            await client.connect()
            await bad_frames_of(client, *part)
            assert (await client.hello())["seq"] == 0


@pytest.mark.parametrize("greeted", [False, True])
async def test_the_tenth_bad_frame_closes_the_connection(replica: ReplicaProcess, greeted: bool) -> None:
    async with Client(replica.ws_url) as client, Client(replica.ws_url) as tab:
        tab.token = (await client.open())["token"]
        await client.ask("before")
        if not greeted:
            await client.connect()
        await tab.open()
        mixed: list[Frame | str | bytes] = ["nonsense", b"binary", {"type": "send"}] * 3
        for frame in mixed:
            assert (await answer(client, frame))["code"] == "bad_frame"
        assert client.connected
        await client.send_raw("the tenth")
        assert await client.wait_closed() == 4400
        assert len([frame for frame in client.frames("error") if frame["code"] == "bad_frame"]) == 10
        await beat(tab)
        assert await tab.ask("untouched") == "untouched"
        assert (await client.open())["recovered"] is True
        await client.wait_turn_end(4)
        assert client.transcript == tab.transcript


async def test_unknown_fields_are_ignored(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client:
        await client.connect()
        await client.hello(future={"a": 1}, version=9)
        await client.send_frame({"type": "send", "id": "m1", "text": "hi", "mood": "good"})
        assert (await client.wait_ack("m1"))["seq"] == 1
        assert (await answer(client, '{"type":"ping","type":"ping","t":1,"t":2}', "pong"))["t"] == 2
