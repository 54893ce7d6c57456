"""Text to a frame: what is one, what isn't, and that nothing but BadFrameError ever comes out."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import codec
from app.core.errors import BadFrameError
from app.core.messages import Cancel, ClientFrame, Cursor, End, Hello, History, Identify, Ping, Send, SignOut, Typing

FRAMES: list[tuple[dict[str, Any], Any]] = [
    ({"type": "hello"}, Hello()),
    ({"type": "hello", "token": None, "after": None, "client": "x"}, Hello(None, None, "x")),
    (
        {"type": "hello", "token": "t", "after": {"epoch": "e", "seq": 7, "mark": "9"}},
        Hello("t", Cursor("e", 7, "9")),
    ),
    ({"type": "hello", "after": {"epoch": "e", "seq": 0}}, Hello(None, Cursor("e", 0, None))),
    ({"type": "send", "id": "a", "text": ""}, Send("a", "")),
    ({"type": "send", "id": "a", "text": "", "context": {}}, Send("a", "", {})),
    (
        {"type": "send", "id": "a", "text": "", "context": {"page": "/bills", "a.B_c-1": "x" * 200}},
        Send("a", "", {"page": "/bills", "a.B_c-1": "x" * 200}),
    ),
    ({"type": "cancel", "turn": 1}, Cancel(1)),
    ({"type": "history", "before": 5}, History(5, 200)),
    ({"type": "history", "before": 5, "limit": 1}, History(5, 1)),
    ({"type": "identify", "token": ""}, Identify("")),
    ({"type": "sign_out"}, SignOut()),
    ({"type": "typing", "active": False}, Typing(False)),
    ({"type": "end"}, End()),
    ({"type": "ping"}, Ping(None)),
    ({"type": "ping", "t": {"a": [1, "b"]}}, Ping({"a": [1, "b"]})),
]


@pytest.mark.parametrize(("document", "frame"), FRAMES)
def test_each_frame_has_its_type(document: dict[str, Any], frame: Any) -> None:
    assert codec.decode(json.dumps(document)) == frame
    assert codec.decode(json.dumps(document | {"added": [1]})) == frame


@pytest.mark.parametrize("document", [document for document, _ in FRAMES])
def test_a_required_field_that_is_null_or_missing_is_a_bad_frame(document: dict[str, Any]) -> None:
    optional = {"token": "hello", "after": "hello", "mark": "hello", "limit": "history", "client": "hello", "t": "ping"}
    for name in document:
        if optional.get(name) == document["type"] or name == "context":  # may be left out, but not be null: see below
            continue
        for wrong in ({**document, name: None}, {key: value for key, value in document.items() if key != name}):
            with pytest.raises(BadFrameError):
                codec.decode(json.dumps(wrong))


@pytest.mark.parametrize(
    "context",
    [
        None, [], "page", {"page": 1}, {"page": None}, {"page": ["x"]}, {"page": {}}, {"page": "x" * 201}, {"": "x"},
        {"x" * 41: "x"}, {"a b": "x"}, {"page\n": "x"}, {"päge": "x"}, {"page": "\ud800"},
        {f"k{number}": "" for number in range(13)},
    ],
)  # fmt: skip
def test_a_context_of_another_shape_is_a_bad_frame(context: Any) -> None:
    with pytest.raises(BadFrameError):
        codec.decode(json.dumps({"type": "send", "id": "a", "text": "hi", "context": context}))


def test_half_a_character_in_a_text_is_a_send_all_the_same() -> None:
    frame = codec.decode('{"type":"send","id":"a","text":"\\ud800 \\ud83d\\ude00"}')
    assert isinstance(frame, Send)
    assert frame.text == "\ud800 \N{GRINNING FACE}"


@pytest.mark.parametrize(
    "raw",
    [
        '{"type":"send","id":"\\ud800","text":"a"}',
        '{"type":"ping","t":"\\ud800"}',
        '{"type":"identify","token":"\\ud800"}',
    ],
)
def test_half_a_character_anywhere_else_is_a_bad_frame(raw: str) -> None:
    with pytest.raises(BadFrameError):
        codec.decode(raw)


def test_what_nests_too_deep_to_be_answered_is_a_bad_frame() -> None:
    assert isinstance(codec.decode('{"type":"ping","t":' + "[" * 200 + "]" * 200 + "}"), Ping)
    for depth in (300, 1000, 1100, 30_000):
        with pytest.raises(BadFrameError):
            codec.decode('{"type":"ping","t":' + "[" * depth + "]" * depth + "}")
    with pytest.raises(BadFrameError):  # half a character takes the way through another parser
        codec.decode('{"type":"send","id":"a","text":"\\ud800","x":' + "[" * 30_000 + "]" * 30_000 + "}")


@given(raw=st.text() | st.builds(json.dumps, st.dictionaries(st.sampled_from(["type", "t", "id"]), st.text())))
def test_nothing_but_bad_frame_error_comes_out(raw: str) -> None:
    with contextlib.suppress(BadFrameError):
        assert isinstance(codec.decode(raw), ClientFrame)


@given(t=st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), st.lists, max_leaves=9))
def test_a_pong_holds_what_the_ping_held(t: Any) -> None:
    try:
        frame = codec.decode(json.dumps({"type": "ping", "t": t}))
    except BadFrameError:
        assert "\\ud" in json.dumps(t)
        return
    assert isinstance(frame, Ping)
    assert json.loads(codec.pong(frame)) == {"type": "pong", "t": t}
