"""Texts and rates: the limits exactly, and what a bucket promises over any times."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import TextError
from app.core.limits import BURST_SECONDS, Bucket, Refusals, check_text


def verdict(text: str) -> str:
    """The code a text is refused with; empty if it isn't."""
    try:
        check_text(text, "m")
    except TextError as refused:
        return f"{refused.code}" if refused.id == "m" else "another id"
    return ""


def test_every_control_but_three_and_every_surrogate_is_refused() -> None:
    points = [*range(0x300), *range(0xD7F0, 0xE010), 0xFEFF, 0xFFFE, 0x10FFFF]
    for point in points:
        letter = chr(point)
        bad = unicodedata.category(letter) in {"Cc", "Cs"} and letter not in "\t\n\r"
        assert verdict(f"a{letter}b") == ("text_invalid" if bad else ""), hex(point)


@pytest.mark.parametrize(
    ("length", "code"), [(1, ""), (7999, ""), (8000, ""), (8001, "too_large"), (9**6, "too_large")]
)
def test_the_length_counts_code_points(length: int, code: str) -> None:
    assert verdict("\N{GRINNING FACE}" * length) == code


@pytest.mark.parametrize("text", ["", " ", "\t\r\n", "\u2003\u00a0\u3000", "\u2028"])
def test_a_text_of_nothing_but_white_space_says_nothing(text: str) -> None:
    assert verdict(text) == "text_invalid"


@given(rate=st.floats(0.1, 100), pauses=st.lists(st.floats(0, 5), min_size=1, max_size=80))
def test_a_bucket_never_lets_more_through_than_its_rate_and_burst(rate: float, pauses: list[float]) -> None:
    bucket, now, taken = Bucket(rate), 1000.0, list[float]()
    for pause in pauses:
        now += pause
        wait = bucket.take(now)
        assert wait >= 0
        if wait == 0:
            taken.append(now)
        else:
            assert bucket.take(now) == wait, "a refusal costs nothing"
            assert Bucket(rate, bucket.due).take(now + wait + 1e-6) == 0, "after the wait it is let through"
    burst = max(BURST_SECONDS * rate, 1)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            assert last - first + 1 <= burst + rate * (taken[last] - taken[first]) + 1e-3


def test_a_clock_that_jumped_back_blocks_nobody_for_longer_than_a_burst() -> None:
    bucket = Bucket(1.0, due=1e9)
    assert 0 < bucket.take(5.0) <= BURST_SECONDS


def test_rate_zero_is_no_limit() -> None:
    bucket = Bucket(0.0)
    assert [bucket.take(0.0) for _ in range(1000)] == [0.0] * 1000


@given(pauses=st.lists(st.floats(0, 3), max_size=60))
def test_refusals_close_at_twenty_in_ten_seconds_and_remember_no_more(pauses: list[float]) -> None:
    refusals, now, times = Refusals(), 0.0, list[float]()
    for pause in pauses:
        now += pause
        times.append(now)
        assert refusals.add(now) is (len([at for at in times if at >= now - 10]) >= 20)
        assert len(refusals.times) <= len([at for at in times if at >= now - 10])
