"""Answers that nobody asked for are never stored; messages with other numbers are stored as they are."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.agents.identifiers import MOST_READ, identifiers
from app.agents.proofs import factors, hide
from app.core.messages import REDACTED


@pytest.mark.parametrize(
    "text",
    [
        "4821", " 4821. ", "It is 4821", "my last four are 4821", "The last four digits of my SSN are 4821", "ok 4821",
        "4821 is my ssn", "hello, 4821 please", "123-45-4821", "123 45 4821", "123454821", "03/15/1985", "3/15/85",
        "03-15-1985", "1985-03-15", "March 15, 1985", "15 March 1985", "03151985", "031585", "4821 03/15/1985",
        "4821, 3/15/1985", "born on 03/15/1985", "dob 03151985", "my date of birth: 03 15 1985", "15/03/1985",
        "****4821",
        "Last four of my SSN: 4821", "PIN: 4821", "My birthday is 3/15/85", "here you go: 4821 and 03-15-1985",
    ],
)  # fmt: skip
def test_an_answer_typed_unasked_doesnt_survive(text: str) -> None:
    assert hide(text) == REDACTED


@pytest.mark.parametrize(
    "text",
    [
        "my ssn is 123-45-4821 and birthday 3/15/1985", "my social is 4821 can you check my balance",
        "I was born 3/15/1985 and want my balance", "dob 3/15/85 ssn 4821", "ssn 4821, account ACC-2024-0042",
        "account ACC-2024-0042, last 4 4821", "I'm Maria Garcia, March 15th 1985, what do I owe?",
        "ACC-2024-0042, 03/15/1985", "my ssn ends in 4821\nwhy is my bill high", "it's 4821, born 3/15/1985",
        "social security number 123 45 4821, ok?", "the last four are 4821 and my birthday is march 15 1985",
        "03/15/1985 or 4821",
    ],
)  # fmt: skip
def test_a_message_with_an_answer_in_it_is_hidden_whole(text: str) -> None:
    assert hide(text) == REDACTED


@pytest.mark.parametrize(
    "text",
    [
        "What is my balance?", "my bill of $4821 is too high", "it went from $120.50 to $240.75", "I owe $1,234.56?",
        "bill from 06/05/2025", "bill from 6/5/25", "due on 06/26/2025", "I paid $87.45 on May 20, 2025",
        "is it due 6/26?",
        "why was 2024 so expensive", "usage in 2024", "my January 2024 bill", "since 1985",
        "I moved here in March 2023",
        "zip 62701", "62701", "call me at 555-123-0042", "(555) 123-0042", "5551230042", "+1 555 123 0042",
        "account ACC-2024-0042", "2024-0042", "account 20240042", "acc 2024 0042", "my ticket is T-ABCD2345",
        "I live at 4821 Maple Street", "1985 Oak Ave, Springfield, IL 62704", "I paid on 01/02/2024 by check no 1234",
        "payment of 1234 dollars", "meter read 48211", "I used 1200 kWh", "meter E-301842", "jw1985@example.com",
        "between 06/05/2024 and 07/05/2024", "24/7", "my birthday is soon", "what happened to my social life?", "",
        "what are the last four digits for?", "the 4 to 9 pm hours", "LIHEAP income limit for a family of 4",
    ],
)  # fmt: skip
def test_an_ordinary_message_with_numbers_stays_as_it_is(text: str) -> None:
    assert hide(text) == text


def test_hiding_again_changes_nothing() -> None:
    assert hide(REDACTED) == REDACTED


def test_an_answer_far_into_a_long_message_is_hidden_too() -> None:
    text = "please help me with my bill. " * 50
    for answer in ("my ssn is 123-45-4821", "my last 4 are 4821", "dob 3/15/1985", "I was born March 15 1985"):
        assert hide(text + answer) == REDACTED
    assert hide(text) == text


def _read(text: str) -> Any:
    return factors(text, date(2025, 6, 15))


HOSTILE = {
    "digits": "1" * 64_000, "dates": "1/1/" * 16_000, "spaces": "1 " * 32_000, "dashes": "-" * 64_000,
    "at signs": "a@" * 32_000, "dots": "a@" + "b." * 32_000, "words": "acc " * 16_000, "labels": "ssn " * 16_000,
    "letters": "a" * 64_000, "letters with an end": "a-" * 32_000 + "@", "months": "march " * 11_000,
    "marks": REDACTED * 6_400, "years": "1985 " * 12_800, "wide digits": "\uff14\uff18\uff12\uff11 " * 12_800,
    "born": "born" * 16_000,
    "Arabic digits": "٤٨٢١/٠٣/١٩٨٥ " * 5_000, "superscripts": "²³¹" * 20_000, "emoji": "👨‍👩‍👧" * 10_000,
    "dollars": "$4" * 32_000,
}  # fmt: skip


@pytest.mark.timeout(5)
@pytest.mark.parametrize("read", [_read, identifiers, hide], ids=["factors", "identifiers", "hide"])
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_message_is_read_at_once(read: Callable[[str], Any], text: str) -> None:
    read(text)


@given(st.text(st.characters(codec="utf-8"), max_size=MOST_READ + 20))
def test_no_text_makes_reading_raise(text: str) -> None:
    _read(text)
    identifiers(text)
    hide(text)


@given(st.text(st.sampled_from("0123456789/-. ,'’marchjun²²٤४stof@$"), max_size=40))
def test_no_mix_of_digits_and_months_makes_reading_raise(text: str) -> None:
    _read(text)
    identifiers(text)
    assert hide(hide(text)) == hide(text)
