"""The head: what this release doesn't know survives, what is wrong is named, what a person sees is right."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import DocumentError
from app.core.messages import rfc3339
from app.core.session import Head, decode_head, encode_head, new_head

json_value = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
future = st.dictionaries(st.sampled_from(["x_one", "x_two", "x_three"]), json_value)


def document(head: Head) -> dict[str, Any]:
    """A head as it would be read back."""
    found: dict[str, Any] = orjson.loads(encode_head(head))
    return found


@given(top=future, user=future)
def test_unknown_fields_survive_a_change_at_both_levels(top: dict[str, Any], user: dict[str, Any]) -> None:
    raw = document(new_head("s")) | top
    raw["user_context"] = raw["user_context"] | user
    head = decode_head(orjson.dumps(raw))
    assert document(head) == raw
    changed = head.copy()
    changed.sign_in("4711", "Ada", 1000, 2000)
    changed.fields.agent_states["faq"] = {"n": 1}
    after = document(changed)
    assert {name: after[name] for name in top} == top
    assert {name: after["user_context"][name] for name in user} == user
    assert after["user_context"]["account_number"] == "4711"
    assert document(head) == raw, "a copy is its own"
    changed.sign_out()
    signed_out = document(changed)["user_context"]
    assert {name: signed_out[name] for name in user} == user
    assert (signed_out["account_number"], signed_out["customer_name"]) == (None, None)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"user_context": None}, "user_context"), ({"user_context": {}}, "session_id"),
        ({"handoff_state": "gone"}, "handoff"),
        ({"agent_states": []}, "agent_states"), ({"queue_position": "first"}, "queue_position"),
        ({"user_context": {"session_id": "s", "auth_state": "root"}}, "auth_state"),
        ({"user_context": {"session_id": "s", "session_expiry": "soon"}}, "session_expiry"),
        ({"user_context": {"session_id": "s", "failed_attempts": "3"}}, "failed_attempts"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(change: dict[str, Any], named: str) -> None:
    with pytest.raises(DocumentError, match=named):
        decode_head(orjson.dumps(document(new_head("s")) | change))


@pytest.mark.parametrize("raw", [b"", b"{", b"null", b"[]", b"\xff"])
def test_what_is_no_head_is_refused(raw: bytes) -> None:
    with pytest.raises(DocumentError):
        decode_head(raw)


def test_a_head_is_bounded_and_can_be_written() -> None:
    head = new_head("s")
    head.fields.agent_states["faq"] = {"x": "y" * 70_000}
    with pytest.raises(DocumentError, match="65536"):
        encode_head(head)
    deep: Any = 1
    for _ in range(400):
        deep = [deep]
    head.fields.agent_states["faq"] = {"x": deep}
    with pytest.raises(DocumentError):
        encode_head(head)


def test_a_sign_in_expires_in_what_people_see() -> None:
    head = new_head("s")
    head.sign_in("4711", "Ada", 1_000, 61_000)
    assert head.public_state(ended=False, now_ms=60_999)["auth"] == "authenticated"
    assert head.public_state(ended=False, now_ms=61_000)["auth"] == "expired"
    assert head.user.session_expiry == rfc3339(61_000)
    assert "4711" not in json.dumps(head.public_state(ended=True, now_ms=0))


def test_sign_out_says_whether_anybody_was_known() -> None:
    head = new_head("s")
    assert head.sign_out() is False
    head.sign_in("4711", None, 0, 1)
    assert head.sign_out() is True
    assert head.sign_out() is False
    assert document(head) == document(new_head("s"))


@pytest.mark.parametrize(("state", "held"), [("none", 0), ("waiting", 2), ("active", 1), ("resolved", 0)])
def test_an_open_ticket_holds_the_session(state: str, held: int) -> None:
    head = new_head("s")
    head.fields.handoff_state = state
    assert head.hold == held


def test_who_ends_a_verification_from_outside_leaves_care_behind() -> None:
    head = new_head("s")
    head.fields.asking = True
    head.sign_in("ACC-1", "Ada", 1_000, 2_000)
    assert (head.fields.asking, head.fields.careful) == (False, True)
    again = new_head("s")
    again.fields.asking = True
    assert again.sign_out()
    assert (again.fields.asking, again.fields.careful) == (False, True)
    fresh = new_head("s")
    fresh.sign_in("ACC-1", "Ada", 1_000, 2_000)
    assert not fresh.fields.careful


def test_another_customer_gets_nothing_of_the_one_before() -> None:
    head = new_head("s")
    head.sign_in("ACC-1", "Ada", 1_000, 2_000)
    states = {name: {"kept": 1} for name in ("account", "summary", "faq", "identity")}
    head.fields.agent_states = dict(states)
    head.sign_in("ACC-1", "Ada", 1_000, 3_000)
    assert set(head.fields.agent_states) == {"account", "summary", "faq"}
    head.sign_in("ACC-2", "Bob", 1_000, 3_000)
    assert set(head.fields.agent_states) == {"faq"}
    head.fields.agent_states = dict(states)
    head.sign_out()
    assert set(head.fields.agent_states) == {"faq"}
