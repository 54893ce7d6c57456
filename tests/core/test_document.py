"""The session document: a round trip is the same conversation, and no import leaves a turn open (I4)."""

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import document
from app.core.errors import DocumentError, NewerSchemaError
from app.core.messages import Event, assistant_body, from_rfc3339, rfc3339, state_body, turn_end_body, user_body
from app.core.session import SCHEMA, decode_head, new_head


def event(seq: int, turn: int | None, body: bytes) -> Event:
    return Event(seq, "7", 1_000 * seq, turn, body.decode())


def conversation(turns: int, *, open_turn: bool = False) -> list[Event]:
    """Turns of a question, an answer and their end, a state between them."""
    events: list[Event] = []
    for number in range(turns):
        turn = len(events) + 1
        bodies = [user_body(f"u{number}", "question"), assistant_body(f"a{number}", "answer", "Bot", None)]
        if not (open_turn and number == turns - 1):
            bodies.append(turn_end_body("completed", None))
        events += [event(turn + at, turn, body) for at, body in enumerate(bodies)]
        events.append(event(len(events) + 1, None, state_body({"auth": "anonymous"})))
    return events


def exported(events: list[Event]) -> dict[str, Any]:
    """The document of these events."""
    ids = {str(found["id"]): e.seq for e in events if (found := e.document()).get("role") == "user"}
    return document.export("s", SCHEMA, new_head("s"), events, ids, 500, "bot")


@given(turns=st.integers(0, 5), extra=st.dictionaries(st.sampled_from(["x_a", "x_b"]), st.integers() | st.text("ab")))
def test_a_round_trip_is_the_same_conversation(turns: int, extra: dict[str, Any]) -> None:
    before = exported(conversation(turns)) | extra
    found = document.read(copy.deepcopy(before), "s", "9")
    after = document.export("s", SCHEMA, found.head, found.events, found.ids, found.created_ms, found.mode)
    for events in (before["events"], after["events"]):
        for entry in events:
            entry.pop("mark")
    assert after == before
    assert {entry.mark for entry in found.events} <= {"9"}, "an import is a new history"


@given(turns=st.integers(1, 5))
def test_a_turn_left_open_is_ended_as_failed(turns: int) -> None:
    found = document.read(exported(conversation(turns, open_turn=True)), "s", "9")
    ends = [entry.turn for entry in found.events if '"turn_end"' in entry.body]
    starts = [entry.turn for entry in found.events if entry.turn == entry.seq]
    assert sorted(ends, key=str) == sorted(starts, key=str)
    assert '"failed"' in found.events[-1].body
    assert [entry.seq for entry in found.events] == list(range(1, len(found.events) + 1))


@given(turns=st.integers(1, 5))
def test_without_events_the_history_is_renumbered(turns: int) -> None:
    before = exported(conversation(turns))
    del before["events"]
    found = document.read(before, "s", "9")
    texts = [entry.document()["text"] for entry in found.events if '"message"' in entry.body]
    assert texts == ["question", "answer"] * turns
    assert found.ids == {f"u{number}": 2 * number + 1 for number in range(turns)}
    assert len([entry for entry in found.events if '"turn_end"' in entry.body]) == turns


def test_a_context_is_in_the_document_and_back() -> None:
    before = exported([event(1, 1, user_body("u", "hi", {"page": "/bills"})), event(2, None, user_body("v", "hi", {}))])
    assert [entry.get("context") for entry in before["conversation_history"]] == [{"page": "/bills"}, None]
    for written in (before, {key: value for key, value in before.items() if key != "events"}):
        found = document.read(copy.deepcopy(written), "s", "9")
        assert [entry.said()[1] for entry in found.events[:2]] == [{"page": "/bills"}, {}]


@pytest.mark.parametrize("context", [None, [], {"page": 1}, {"page": "x" * 201}, {"a b": "x"}])
def test_a_context_that_no_client_could_have_sent_is_refused(context: Any) -> None:
    good = exported([event(1, 1, user_body("u", "hi"))])
    good["events"][0]["context"] = context
    with pytest.raises(DocumentError, match="context"):
        document.read(good, "s", "9")


def test_a_newer_schema_and_a_foreign_session_are_refused() -> None:
    good = exported(conversation(1))
    with pytest.raises(NewerSchemaError):
        document.read(good | {"schema": SCHEMA + 1}, "s", "9")
    with pytest.raises(DocumentError, match="session_id"):
        document.read(good, "another", "9")


def test_an_export_holds_no_key_that_the_head_reserves() -> None:
    found = exported(conversation(1))
    assert decode_head(orjson.dumps(found)).user.session_id == "s"


@given(ms=st.integers(0, 253_402_300_799_999))
def test_times_go_there_and_back(ms: int) -> None:
    assert from_rfc3339(rfc3339(ms)) == ms


@pytest.mark.parametrize(
    "text", ["", "now", "2026-01-01", "2026-01-01T00:00:00", "0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00"]
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_rfc3339(text)
