"""Hostile frames, and a second reading of PROTOCOL.md: what must come of each. It must never ask the product."""

import json
import math
import string
import unicodedata
from typing import Any, Final

from hypothesis import strategies as st

from tests.support.records import Frame

LIMIT: Final = 65536
DEEP: Final = 200  # beyond it a JSON parser may give up
EXACT: Final = 2**53  # beyond it a number may lose digits (RFC 8259 section 6)

odd_text = st.one_of(
    st.text(max_size=80),
    st.text(st.characters(categories=("Cc", "Cf", "Zs", "Cs", "Co")), max_size=20),
    st.sampled_from(
        ["", " ", "\0", "\ud800", "\udfff\ud800", "e\u0301", "\u202e", "\ufeff", "\U0010ffff" * 9, "x" * 8001]
    ),
)
odd_number = st.one_of(
    st.integers(),
    st.sampled_from([2**53, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**400, 0, -1, 1, 200, 201]),
    st.floats(),
)
odd = st.recursive(
    st.one_of(st.none(), st.booleans(), odd_number, odd_text),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(odd_text, inner, max_size=4),
    max_leaves=12,
)
number = st.integers(1, 60)
real = st.one_of(
    st.builds(lambda id, text: {"type": "send", "id": id, "text": text}, st.text(min_size=1, max_size=64), odd_text),
    st.builds(lambda turn: {"type": "cancel", "turn": turn}, number),
    st.builds(lambda before, limit: {"type": "history", "before": before, "limit": limit}, number, number),
    st.builds(lambda token: {"type": "identify", "token": token}, odd_text),
    st.builds(lambda active: {"type": "typing", "active": active}, st.booleans()),
    st.builds(lambda t: {"type": "ping", "t": t}, odd),
    st.just({"type": "sign_out"}),
    st.just({"type": "hello", "token": None, "after": None, "client": "again"}),
)


@st.composite
def spoilt(draw: st.DrawFn) -> Frame:
    """A real frame with one field replaced, taken away or added."""
    frame = dict(draw(real))
    name = draw(st.sampled_from([*frame, draw(st.text(string.ascii_letters, max_size=8))]))
    if draw(st.booleans()):
        frame[name] = draw(odd)
    else:
        frame.pop(name, None)
    return frame


@st.composite
def mangled(draw: st.DrawFn) -> str:
    """The JSON of a frame with characters cut out, doubled or replaced."""
    text = json.dumps(draw(real))
    at = draw(st.integers(0, len(text)))
    cut = draw(st.integers(0, 6))
    return text[:at] + draw(st.sampled_from(["", '"', "{", "}", "\\", "\0", ",", text])) + text[at + cut :]


def nested(depth: int, ping: bool) -> str:
    """Brackets, alone or as the `t` of a ping."""
    brackets = "[" * depth + "]" * depth
    return f'{{"type":"ping","t":{brackets}}}' if ping else brackets


def doubled(frame: Frame, name: str, value: object) -> str:
    """An object that names a key twice."""
    return json.dumps(frame)[:-1] + f", {json.dumps(name)}: {json.dumps(value)}}}"


written = st.one_of(
    st.builds(json.dumps, st.one_of(real, spoilt(), odd), ensure_ascii=st.just(True)),
    mangled(),
    st.builds(nested, st.sampled_from([1, 50, 254, 255, 400, 1023, 1025, 9000, 30_000]), st.booleans()),
    st.builds(doubled, real, st.sampled_from(["type", "id", "t", "x"]), st.sampled_from([1, "ping", None, "send"])),
    st.text(max_size=200).filter(lambda text: not any("\ud800" <= letter <= "\udfff" for letter in text)),
    st.sampled_from(["NaN", '{"type":"ping","t":Infinity}', '{"type":"ping","t":-0.0}', '{"type":"ping","t":1e309}']),
    st.binary(max_size=40),
)  # fmt: skip


def outcomes(raw: str | bytes) -> set[str]:
    """What may come of a frame on a greeted connection of a living conversation nobody has signed in to."""
    if isinstance(raw, bytes):
        return {"bad_frame"}
    if len(raw.encode()) > LIMIT:
        return {"1009"}
    halves: list[str] = []

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        halves.extend(text for text in _leaves([list(pair) for pair in found]) if _is_half(text))
        return dict(found)

    try:
        frame = json.loads(raw, parse_constant=_refuse, object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        return {"bad_frame"}
    if not isinstance(frame, dict) or _infinite(frame):
        return {"bad_frame"}
    allowed = _of_fields(frame)
    if depth(raw) > DEEP or halves or _beyond(frame):
        allowed |= {"bad_frame"}
    return allowed


def _of_fields(frame: Frame) -> set[str]:
    kind = frame.get("type")
    if kind == "send" and _is_text(frame.get("id"), 1, 64) and isinstance(frame.get("text"), str):
        return {_of_text(frame["text"])}
    if kind == "cancel" and _is_number(frame.get("turn"), math.inf):
        return {"nothing", "unknown_turn"}
    if kind == "history" and _is_number(frame.get("before"), math.inf) and _is_number(frame.get("limit", 200), 200):
        return {"history"}
    if kind == "identify" and _is_text(frame.get("token"), 0, 4096):
        return {"unauthorized"}
    if kind == "typing" and isinstance(frame.get("active"), bool):
        return {"nothing"}
    if kind in ("ping", "sign_out"):
        return {"pong" if kind == "ping" else "nothing"}
    return {"bad_frame"}


def _of_text(text: str) -> str:
    if len(text) > 8000:
        return "too_large"
    bad = any(unicodedata.category(letter) in {"Cc", "Cs"} and letter not in "\t\n\r" for letter in text)
    return "text_invalid" if bad or not text.strip() else "ack"


def _is_text(value: Any, low: int, high: int) -> bool:
    return isinstance(value, str) and low <= len(value) <= high


def _is_number(value: Any, high: float) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= high


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def depth(raw: str) -> int:
    """At least how deep a text nests, brackets in strings counted too."""
    return max(raw.count("["), raw.count("{"))


def _leaves(value: Any) -> list[Any]:
    found, todo = [], [value]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            todo += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            todo += one
        else:
            found.append(one)
    return found


def _is_half(value: Any) -> bool:
    return isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value)


def _beyond(value: Any) -> bool:
    return any(isinstance(leaf, int) and abs(leaf) > EXACT for leaf in _leaves(value))


def _infinite(value: Any) -> bool:
    huge = 1.8e308
    return any(isinstance(leaf, int | float) and not -huge < leaf < huge for leaf in _leaves(value))


def rounded(value: Any) -> Any:
    """A JSON value with every number as a double: what may become of it on a way through JSON."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
