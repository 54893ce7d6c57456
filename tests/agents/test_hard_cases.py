"""Talk that is easily misunderstood, states that are none, and data that isn't there."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from app.agents import account_words as words
from app.agents.account_words import Asked
from app.core.session import encode_head
from tests.support.bot_accounts import make_bill, make_profile
from tests.support.bot_chat import World, handbook, signed_in

TODAY = date(2025, 6, 15)


@pytest.mark.parametrize("text", ["a", "the the the", "hmm what about things", "so what"])
def test_words_that_say_nothing_are_not_answered_as_if_they_did(text: str) -> None:
    assert handbook().brain.classifier.guess(text).category in {"", "out_of_scope"}


async def test_small_talk_does_not_change_the_subject() -> None:
    chat = World().chat()
    for text in ("Tell me about AutoPay", "ok", "thanks"):
        await chat.say(text)
    assert "AutoPay" in (await chat.say("How do I sign up for that?")).text


async def test_that_means_nothing_before_anything_was_said() -> None:
    assert "put it another way" in (await World().chat().say("how do I sign up for that?")).text


@pytest.mark.parametrize(
    "text",
    [
        "I don't want to talk to a person",
        "are you a real person",
        "do I have to talk to a person to pay my bill",
        "I already talked to a person yesterday about autopay",
    ],
)
def test_the_word_person_alone_is_no_call_for_one(text: str) -> None:
    assert handbook().brain.classifier.guess(text).category != "human_requested"


@pytest.mark.parametrize(
    "text", ["I don't want to talk to a bot", "verizon is better, now get me a human agent please"]
)
def test_a_call_for_a_person_is_heard_in_other_words(text: str) -> None:
    assert handbook().brain.classifier.guess(text).category == "human_requested"


async def test_a_request_that_is_repeated_stands_once_in_the_ticket() -> None:
    chat = World().chat()
    again = "and start service at 12 Elm St"
    for text in ("what is budget billing", "I want to dispute a charge", again, again):
        await chat.say(text)
    ticket = chat.head.fields.handoff_ticket
    assert ticket is not None
    assert ticket.summary.tried.count(f"then asked: {again}") == 1


@pytest.mark.parametrize(
    ("states", "text", "auth"),
    [
        ({"faq": {"recent": [["x"]]}, "classifier": {"recent": ["billing_faq"]}}, "How do I enroll?", "anonymous"),
        ({"identity": {"unclear": "x"}}, "blah", "in_progress"),
        ({"identity": {"unclear": [1]}}, "blah", "in_progress"),
        ({"summary": {"steps": [{"asked": [1], "did": 1}]}}, "a person please", "anonymous"),
        ({"summary": {"steps": [{"asked": {"a": 1}}], "mood": "x" * 1000}}, "a person please", "anonymous"),
        ({}, "what is my balance?", "locked_out"),
    ],
)
async def test_a_state_that_is_none_does_no_harm(states: dict[str, dict[str, Any]], text: str, auth: str) -> None:
    chat = World().chat()
    head = chat.head
    head.fields.agent_states, head.user.auth_state = states, auth
    if auth == "locked_out":
        head.user.identifying_info = "Maria"
    chat.raw = encode_head(head)
    assert "went wrong" not in (await chat.say(text)).text


async def test_a_bill_that_is_not_there_is_said_not_to_be() -> None:
    chat = await signed_in(World())
    assert "no bill of December" in (await chat.say("what was my bill in december?")).text


def test_what_is_older_than_the_bills_is_past_due() -> None:
    bills = (make_bill(date(2025, 6, 5)),)
    said = words.balance(Asked(make_profile(balance=Decimal("500.00")), bills, (), (), "", TODAY))
    assert "$412.55" in said
    assert "past due" in said


async def test_a_question_that_meets_a_lock_waits_for_the_sites_sign_in() -> None:
    world = World()
    chat = world.chat()
    for text in ("my balance", "ACC-2024-0042", "1111", "2222", "3333"):
        await chat.say(text)
    assert chat.auth == "locked_out"
    await chat.say("when is my bill due")
    assert chat.head.fields.pending_query == "when is my bill due"
