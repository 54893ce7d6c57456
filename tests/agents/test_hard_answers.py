"""Answers and identifiers that are easily mistaken for something else, or for each other."""

from datetime import date

import pytest

from app.agents.proofs import Factors, factors, hide
from app.core.messages import REDACTED
from tests.support.bot_accounts import JANE, MARIA
from tests.support.bot_chat import World

TODAY = date(2025, 6, 15)

ORDINARY = (
    "maria1985@example.com",
    "my email is jane.mark8899@example.com",
    "I used 1200 kWh in March 1200 kWh before",
    "why did I use in may 1150 kWh",
    "my june 1150 bill",
    "the decor1985 shop",
    "$4821",
    "May 1482 dollars",
)
ANSWERS = (
    "it's 4821 | It’s 4821 | 4821 03151985 | 03151985 4821 | 03151985 and 4821 | xxx-xx-4821 | XXX-XX-4821"
    " | last4=4821 | x4821"
    " | 19850315 | mar-15-1985 | march 15 of 1985 | march 15th of 1985 | march fifteenth 1985"
    " | I was born on march the 15th 1985 | ACC-2024-0042 4821 | ACC-2024-0042, 4821 | 555-123-0042 4821"
    " | maria.garcia@example.com 4821 | answer: 4821 | it ends in 4821 | 4 8 2 1"
).split(" | ")


@pytest.mark.parametrize("text", ORDINARY)
def test_an_ordinary_message_is_not_hidden(text: str) -> None:
    assert hide(text) == text


@pytest.mark.parametrize("text", ANSWERS)
def test_an_answer_that_nobody_asked_for_is_hidden(text: str) -> None:
    assert hide(text) == REDACTED


@pytest.mark.parametrize(
    ("text", "born"),
    [
        ("MARCH 15,1985", date(1985, 3, 15)),
        ("Nov 8,1972", date(1972, 11, 8)),
        ("mar-15-1985", date(1985, 3, 15)),
        ("march the 15th 1985", date(1985, 3, 15)),
        ("march 15 of 1985", date(1985, 3, 15)),
        ("the fifteenth of march 1985", date(1985, 3, 15)),
        ("19850315", date(1985, 3, 15)),
        ("March 1985", None),
        ("03/1985", None),
        ("0/1/1985", None),
        ("born in 1985", None),
        ("June 2014", None),
    ],
)
def test_a_date_is_whole_or_none_and_never_four_digits(text: str, born: date | None) -> None:
    assert factors(text, TODAY) == Factors(None, born)


@pytest.mark.parametrize(
    "text",
    [
        "555 123 0042",
        "+1 555 123 0042",
        "ACC 2024 0042",
        "account 2024 0042",
        "1111 2222 3333",
        "\uff14\uff18\uff12\uff11",
    ],
)
def test_what_is_no_answer_costs_no_try(text: str) -> None:
    assert not factors(text, TODAY)


def test_a_masked_number_is_an_answer() -> None:
    assert factors("xxx-xx-4821", TODAY) == Factors("4821")


async def test_an_identifier_in_the_place_of_an_answer_replaces_the_one_before() -> None:
    world = World()
    chat = world.chat()
    for text in ("what is my balance?", MARIA, "sorry, 555 123 0099"):
        await chat.say(text)
    assert "verify" not in world.names()
    assert chat.head.user.identifying_info == "5551230099"


async def test_an_e_mail_that_looks_like_a_date_signs_in() -> None:
    chat = World().chat()
    await chat.say("what is my balance?")
    await chat.say("maria1985@example.com")
    assert chat.auth == "verifying"


async def test_an_unknown_phone_number_is_looked_up_like_a_known_one() -> None:
    async def calls(identifier: str) -> list[str]:
        world = World()
        chat = world.chat()
        for text in ("what is my balance?", identifier, "1111"):
            await chat.say(text)
        return world.names()

    assert await calls("555-123-0042") == await calls("555-999-9999")


async def test_a_locked_client_cant_use_up_an_accounts_tries() -> None:
    world = World()
    for session in "abc":
        chat = world.chat(session)
        for text in ("my balance", JANE, "1111"):
            await chat.say(text)
    chat = world.chat("d")
    for text in ("my balance", MARIA, "4821"):
        await chat.say(text)
    assert chat.auth == "locked_out"
    assert not world.locks.counted.get(("account", MARIA)), "what isn't judged isn't counted"


@pytest.mark.parametrize("text", ["cancel", "cancel that", "stop", "I don't want to", "skip", "never mind"])
async def test_a_customer_gets_out_of_the_verification(text: str) -> None:
    chat = World().chat()
    for said in ("my balance", MARIA):
        await chat.say(said)
    assert "leave that" in (await chat.say(text)).text
    assert chat.auth == "anonymous"
    assert not chat.head.fields.asking


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("that's wrong, it IS 8193, check it again", True),
        ("2024", True),
        ("born on 05/01/2009", True),
        ("what was my bill in 2024", False),
        ("I paid $1204 on Monday", False),
        ("call me at 555-123-0042", False),
    ],
)
def test_around_a_verification_any_four_digits_are_hidden(text: str, hidden: bool) -> None:
    assert (hide(text, strict=True) == REDACTED) is hidden


async def test_after_the_verification_numbers_are_numbers_again() -> None:
    chat = World().chat()
    for said in ("my balance", MARIA, "4821"):
        await chat.say(said)
    assert chat.auth == "authenticated"
    assert not chat.head.fields.careful
