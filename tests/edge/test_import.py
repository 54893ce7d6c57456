"""Importing session documents: what is taken, and what is refused whole, in words that name the fault."""

import copy
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from tests.edge.helpers import ADMIN
from tests.support.client import Client
from tests.support.replica import ReplicaProcess

AT = "2026-01-01T10:00:00.000Z"
SID = "imported-session"
DOCUMENT: dict[str, Any] = {
    "schema": 1,
    "session_id": SID,
    "user_context": {"session_id": SID, "auth_state": "anonymous"},
    "conversation_history": [
        {"id": "u1", "seq": 1, "role": "user", "text": "hello", "at": AT, "turn": 1, "name": None},
        {"id": "a1", "seq": 2, "role": "assistant", "text": "hello you", "at": AT, "turn": 1, "name": "Echo"},
    ],
    "pending_query": None,
    "handoff_state": "none",
    "agent_states": {"faq": {"seen": 1}},
    "created_at": AT,
    "last_interaction": AT,
}
DEEP: Any = 1
for _ in range(400):
    DEEP = [DEEP]
Change = Callable[[dict[str, Any]], Any]


@pytest.fixture
async def admin(replica: ReplicaProcess) -> AsyncIterator[httpx.AsyncClient]:
    """HTTP with the admin key, and nobody of the document's name."""
    async with httpx.AsyncClient(trust_env=False, base_url=replica.http_url, headers=ADMIN, timeout=20) as http:
        await http.delete(f"/api/sessions/{SID}")
        yield http


def event(**fields: Any) -> dict[str, Any]:
    """A good first event, but for `fields`."""
    good = {"type": "message", "seq": 1, "mark": "1", "at": AT, "turn": 1, "id": "u", "role": "user", "text": "hi"}
    return good | fields


def events(*entries: Any) -> Change:
    """Make the document's events these."""
    return lambda document: document.update(events=list(entries))


def put(**fields: Any) -> Change:
    """Replace fields of the document."""
    return lambda document: document.update(fields)


WRONG: dict[str, Change] = {
    "no schema": lambda document: document.pop("schema"),
    "schema is words": put(schema="one"),
    "another session": put(session_id="another"),
    "another session's user": put(user_context={"session_id": "another"}),
    "no user": lambda document: document.pop("user_context"),
    "unknown auth_state": put(user_context={"session_id": SID, "auth_state": "king"}),
    "unknown handoff_state": put(handoff_state="lost"),
    "expiry is no time": put(user_context={"session_id": SID, "session_expiry": "soon"}),
    "no created_at": lambda document: document.pop("created_at"),
    "created_at is no time": put(created_at="yesterday"),
    "created_at without offset": put(created_at="2026-01-01T10:00:00"),
    "created_at before time": put(created_at="0001-01-01T00:00:00+10:00"),
    "last_interaction after time": put(last_interaction="9999-12-31T23:59:59-10:00"),
    "history is no list": put(conversation_history={}),
    "history of numbers": put(conversation_history=[1]),
    "message without text": put(conversation_history=[{"id": "u1", "role": "user", "at": AT}]),
    "message of nobody": put(conversation_history=[{"id": "u", "role": "ghost", "text": "hi", "at": AT}]),
    "unknown mode": put(mode="asleep"),
    "ids of nothing": put(ids={"u1": 99}, events=[event()]),
    "an empty id": put(ids={"": 1}, events=[event()]),
    "ids are words": put(ids={"u1": "one"}, events=[event()]),
    "events out of order": events(event(seq=2)),
    "event without type": events({"seq": 1}),
    "event of an unknown type": events(event(type="poem")),
    "event is a number": events(7),
    "event of a later turn": events(event(turn=9)),
    "event whose turn is words": events(event(turn="one")),
    "event at no time": events(event(at="then")),
    "event before time": events(event(at="0001-01-01T00:00:00+10:00")),
    "event without text": events({key: value for key, value in event().items() if key != "text"}),
    "nested too deep": put(future=DEEP),
    "event nested too deep": events(event(extra=DEEP)),
    "head too large": put(agent_states={"faq": {"x": "y" * 70_000}}),
}


@pytest.mark.parametrize("kind", list(WRONG))
async def test_a_wrong_document_is_refused_whole(admin: httpx.AsyncClient, kind: str) -> None:
    document = copy.deepcopy(DOCUMENT)
    WRONG[kind](document)
    response = await admin.put(f"/api/sessions/{SID}", json=document)
    assert (response.status_code, response.json()["error"]) == (400, "bad_request")
    assert "Traceback" not in response.text
    assert (await admin.get(f"/api/sessions/{SID}")).status_code == 404


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b"7", b'"x"', b"\xff", b"[" * 100_000, b'{"schema":NaN}'])
async def test_a_body_that_is_no_document_is_refused(admin: httpx.AsyncClient, body: bytes) -> None:
    response = await admin.put(f"/api/sessions/{SID}", content=body)
    assert (response.status_code, response.json()["error"]) == (400, "bad_request")


async def test_a_newer_schema_is_refused(admin: httpx.AsyncClient) -> None:
    response = await admin.put(f"/api/sessions/{SID}", json=DOCUMENT | {"schema": 999})
    assert (response.status_code, response.json()["error"]) == (409, "newer_schema")
    assert (await admin.get(f"/api/sessions/{SID}")).status_code == 404


async def test_a_body_over_16_mib_is_refused(admin: httpx.AsyncClient) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b" " * 1024 * 1024

    response = await admin.put(f"/api/sessions/{SID}", content=body())
    assert (response.status_code, response.json()["error"]) == (413, "too_large")


async def test_an_import_without_events_is_renumbered_from_its_history(
    replica: ReplicaProcess, admin: httpx.AsyncClient
) -> None:
    assert (await admin.put(f"/api/sessions/{SID}", json=DOCUMENT)).status_code == 201
    exported = (await admin.get(f"/api/sessions/{SID}")).json()
    assert [(event["type"], event["seq"], event["turn"]) for event in exported["events"]] == [
        ("message", 1, 1), ("message", 2, 1), ("turn_end", 3, 1)
    ]  # fmt: skip
    assert exported["ids"] == {"u1": 1}
    assert exported["agent_states"]["faq"] == {"seen": 1}
    assert exported["conversation_history"] == DOCUMENT["conversation_history"]


async def test_a_turn_that_an_import_leaves_open_is_ended(replica: ReplicaProcess, admin: httpx.AsyncClient) -> None:
    document = DOCUMENT | {"events": [event(), event(seq=2, turn=2, id="u2")]}
    assert (await admin.put(f"/api/sessions/{SID}", json=document)).status_code == 201
    exported = (await admin.get(f"/api/sessions/{SID}")).json()
    assert [(entry["type"], entry["turn"]) for entry in exported["events"][2:]] == [("turn_end", 1), ("turn_end", 2)]


async def test_a_running_turn_is_exported_and_its_import_ends_it(
    replica: ReplicaProcess, admin: httpx.AsyncClient
) -> None:
    async with Client(replica.ws_url) as client:
        session = (await client.open())["session"]
        await client.ask("hi")
        document = (await admin.get(f"/api/sessions/{session}")).json()
        document["events"] = document["events"][:2]
        await admin.delete(f"/api/sessions/{session}")
        await client.wait_closed()
        assert (await admin.put(f"/api/sessions/{session}", json=document)).status_code == 201
        client.cursor = None
        await client.open()
        assert (await client.wait_turn_end(1))["status"] == "failed"
        assert await client.ask("and on") == "and on"
