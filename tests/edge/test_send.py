"""`send`: what a text and an id may be, duplicates, and the size of a frame."""

import asyncio
import base64
import json
import os
import socket
import struct
from collections.abc import AsyncIterator
from functools import partial

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.edge.helpers import EMOJI, answer, beat, errors_of
from tests.support.client import Client
from tests.support.history import check
from tests.support.replica import ReplicaProcess

FRAME = 65536


def send_json(text_json: str, id: str = "m") -> str:
    """A raw `send` whose text is the JSON string `text_json`."""
    return f'{{"type":"send","id":"{id}","text":{text_json}}}'


@pytest.mark.parametrize(
    "text",
    [
        '""', '" "', '"\\n\\t \\r\\n"', '"\\u00a0\\u2003\\u3000"', '"\\ud800"', '"a\\udc00b"', '"\\ude00\\ud83d"',
        '"\\ud83d\\ude00 \\ud83d"', '"\\u0000"', '"a\\u0000b"', '"\\u0007"', '"a\\u001bb"', '"\\u007f"', '"a\\u0085b"',
        '"\\u009f"', '"\\b"', '"\\f"',
    ],
)  # fmt: skip
async def test_a_text_that_says_nothing_or_cannot_be_shown_is_refused(replica: ReplicaProcess, text: str) -> None:
    async with Client(replica.ws_url) as client:
        await client.open()
        error = await answer(client, send_json(text, "refused"))
        assert (error["code"], error["id"], error["retry_after"]) == ("text_invalid", "refused", None)
        assert await client.ask("fine") == "fine"
        assert [event["seq"] for event in client.transcript] == [1, 2, 3], "what was refused left no event"


@pytest.mark.parametrize(
    "text",
    ["x", " padded ", "two\nlines\r\n\tand a tab", "\u202eright to left", "e\u0301\u200d", "\ufeffbom", '"\\/{}'],
)
async def test_any_other_text_is_stored_as_it_came(replica: ReplicaProcess, text: str) -> None:
    async with Client(replica.ws_url) as client:
        await client.open()
        await client.ask(text)
        assert client.transcript[0]["text"] == text


async def test_a_surrogate_pair_in_escapes_is_a_character(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client:
        await client.open()
        await client.send_raw(send_json('"\\ud83d\\ude00"', "pair"))
        await client.wait_ack("pair")
        await client.wait_turn_end(1)
        assert client.transcript[0]["text"] == EMOJI


async def test_lengths_count_code_points(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client:
        await client.open()
        assert await client.ask(EMOJI * 8000) == EMOJI * 8000
        for text in ("x" * 8001, EMOJI * 8001, " " * 8001):
            error = await answer(client, {"type": "send", "id": "long", "text": text})
            assert (error["code"], error["id"]) == ("too_large", "long")
        assert await client.ask("fine") == "fine"
        assert [event["seq"] for event in client.transcript] == list(range(1, 7))
    assert check([client.log]) == []


@pytest.mark.parametrize("id", ["a", "x" * 64, EMOJI * 64, " ", "\n", 'a"b\\c', "null", "{}", "a b:c-d/e"])
async def test_an_id_is_any_1_to_64_characters(replica: ReplicaProcess, id: str) -> None:
    async with Client(replica.ws_url) as client:
        await client.open()
        await client.send("hi", id=id)
        assert (await client.wait_ack(id))["duplicate"] is False
        await client.send("hi", id=id)
        await client.wait_frame("ack", where=lambda frame: bool(frame["duplicate"] and frame["id"] == id))
        await client.wait_turn_end(1)
        assert client.transcript[0]["id"] == id
        assert len(client.transcript) == 3


async def test_a_context_comes_back_with_its_message_and_only_of_the_shape_it_has(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client, Client(replica.ws_url) as other:
        token = (await client.open())["token"]
        page = {"page": "/bills", "product": EMOJI * 200}
        for context in (page, {"page": "/elsewhere"}):  # the second is the same message, as its id is
            await client.send_frame({"type": "send", "id": "a", "text": "hi", "context": context})
            await client.wait_ack("a")
        await client.wait_turn_end(1)
        error = await answer(client, {"type": "send", "id": "b", "text": "hi", "context": {"no key": "x"}})
        assert (error["code"], error["id"]) == ("bad_frame", None)
        await client.ask("plain")
        await other.open(token=token)
        await other.wait_turn_end(4)
        asked = [event for event in other.transcript if event.get("role") == "user"]
        assert [event.get("context") for event in asked] == [page, None]


@pytest.mark.parametrize("pieces", [1, 3])
async def test_a_frame_over_the_limit_closes_the_connection(replica: ReplicaProcess, pieces: int) -> None:
    async with Client(replica.ws_url) as client:
        token = (await client.open())["token"]
        await client.ask("before")
        async with connect(replica.ws_url, subprotocols=[Subprotocol("baton.v1")], proxy=None) as socket:
            await socket.send(json.dumps({"type": "hello", "token": token}))
            await socket.recv()
            frame = '{"type":"ping","t":"' + "x" * (FRAME + 1 - 22) + '"}'
            assert len(frame) == FRAME + 1
            step = len(frame) // pieces + 1
            parts = [frame[start : start + step] for start in range(0, len(frame), step)]
            await socket.send(parts[0] if pieces == 1 else _each(parts))
            await socket.wait_closed()
            assert socket.close_code == 1009
        assert await client.ask("unharmed") == "unharmed"


def _send_all_then_read(port: int, size: int) -> bytes:
    """As a proxy does: the whole frame first, and only then a look at what the server says."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        key = base64.b64encode(os.urandom(16)).decode()
        upgrade = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13"
        raw.sendall(f"GET /ws HTTP/1.1\r\nHost: baton\r\n{upgrade}\r\n\r\n".encode())
        assert b" 101 " in raw.recv(4096)
        raw.sendall(b"\x81\xff" + struct.pack("!Q", size) + bytes(4))  # a masked text frame (RFC 6455 §5.2)
        for _ in range(size // 65536):
            raw.sendall(b"x" * 65536)
        answer = b""
        while more := raw.recv(4096):
            answer += more
        return answer


async def test_who_reads_only_after_sending_is_told_too(replica: ReplicaProcess) -> None:
    answer = await asyncio.to_thread(_send_all_then_read, replica.port, 16 * 1024 * 1024)
    assert answer[0] == 0x88, answer[:20]  # a close frame
    assert struct.unpack("!H", answer[2:4]) == (1009,)


def _has(client: Client, count: int) -> bool:
    return len(client.transcript) == count


async def _each(parts: list[str]) -> AsyncIterator[str]:
    for part in parts:
        yield part


async def test_a_frame_of_exactly_the_limit_is_served(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client:
        await client.open()
        t = "x" * (FRAME - 22)
        assert (await answer(client, f'{{"type":"ping","t":"{t}"}}', "pong"))["t"] == t


async def test_an_id_is_one_message_whatever_it_says_the_second_time(
    replica: ReplicaProcess, other: ReplicaProcess
) -> None:
    async with Client(replica.ws_url) as client, Client(other.ws_url) as tab:
        tab.token = (await client.open())["token"]
        await client.send("first", id="same")
        assert await client.wait_ack("same") == {"type": "ack", "id": "same", "seq": 1, "duplicate": False}
        await client.wait_turn_end(1)
        await tab.open()
        await tab.send("first", id="same")
        assert await tab.wait_ack("same") == {"type": "ack", "id": "same", "seq": 1, "duplicate": True}
        await tab.send("other words", id="same")
        await beat(tab)
        assert [frame["duplicate"] for frame in tab.frames("ack")] == [True, True]
        assert [event["text"] for event in tab.transcript if event["type"] == "message"] == ["first", "first"]
    assert check([client.log, tab.log]) == []


async def test_the_same_id_from_many_sockets_at_once_is_one_message(
    replica: ReplicaProcess, other: ReplicaProcess
) -> None:
    tabs = [Client([replica.ws_url, other.ws_url][number % 2], name=f"tab {number}") for number in range(4)]
    token = (await tabs[0].open())["token"]
    for tab in tabs[1:]:
        tab.token = token
        await tab.open()
    for number in range(15):
        await asyncio.gather(*(tab.send(f"text {number}", id=f"id {number}") for tab in tabs))
        await asyncio.gather(*(tab.wait_ack(f"id {number}") for tab in tabs))
    for tab in tabs:
        await tab.wait(partial(_has, tab, 45), what="45 events")
    assert check([tab.log for tab in tabs]) == []
    first = [frame for tab in tabs for frame in tab.frames("ack") if not frame["duplicate"]]
    assert len(first) == 15
    for tab in tabs:
        await tab.close()


async def test_after_the_end_nothing_is_accepted_but_a_known_id_is_acked(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client:
        await client.open()
        await client.send("known", id="known")
        await client.wait_turn_end((await client.wait_ack("known"))["seq"])
        await client.send_frame({"type": "end"})
        state = await client.wait_frame("state")
        assert state["state"]["ended"] is True
        assert await errors_of(client, {"type": "end"}, {"type": "end"}) == [], "idempotent"
        assert len(client.frames("state")) == 1
        error = await answer(client, {"type": "send", "id": "new", "text": "too late"})
        assert (error["code"], error["id"]) == ("conversation_ended", "new")
        ack = await answer(client, {"type": "send", "id": "known", "text": "known"}, "ack")
        assert (ack["seq"], ack["duplicate"]) == (1, True)
        welcome = await client.open()
        assert (welcome["recovered"], welcome["state"]["ended"]) == (True, True)
