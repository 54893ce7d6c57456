"""General questions, and further ones that only make sense after what was just talked of."""

from typing import Any

import pytest

from app.agents.faq import MOST_RECENT
from app.core.session import decode_head, encode_head
from tests.support.bot_chat import Chat, World, handbook

TOPICS = handbook().brain.topics


async def after(*texts: str) -> tuple[Chat, str]:
    """A conversation, and the last answer."""
    chat, text = World().chat(), ""
    for one in texts:
        said = await chat.say(one)
        assert said.messages[-1][1] in {"billing_faq", None}, one
        text = said.text
    return chat, text


@pytest.mark.parametrize(
    "first", ["Do you have any assistance programs?", "What if I can't pay my bill?", "what is LIHEAP"]
)
@pytest.mark.parametrize("further", ["How do I apply for help?", "how do i apply for that", "how can I apply?"])
async def test_how_to_apply_for_help_names_the_programs(first: str, further: str) -> None:
    _, text = await after(first, further)
    assert "LIHEAP" in text
    assert text == TOPICS["assistance-programs"].sections["How to apply"]


@pytest.mark.parametrize(
    ("first", "further", "topic", "section"),
    [
        ("Tell me about AutoPay", "How do I sign up for that?", "autopay", "How to enroll"),
        ("Tell me about AutoPay", "how do i start", "autopay", "How to enroll"),
        ("Tell me about AutoPay", "and how do I cancel it?", "autopay", "How to cancel"),
        ("Tell me about AutoPay", "are there any fees?", "autopay", "Fees"),
        ("Tell me about AutoPay", "how much does it cost?", "autopay", "Fees"),
        ("what is budget billing", "who qualifies for that?", "budget-billing", "Who qualifies"),
        ("what is budget billing", "how long does it take?", "budget-billing", "How long it takes"),
        ("what is time of use", "how do I enroll?", "time-of-use", "How to enroll"),
        ("how does paperless billing work", "how do I sign up?", "paperless", "How to enroll"),
        ("how does paperless billing work", "how do I stop it?", "paperless", "How to cancel"),
        ("Do you have any assistance programs?", "who is eligible?", "assistance-programs", "Who qualifies"),
    ],
)  # fmt: skip
async def test_a_further_question_is_about_what_was_talked_of(
    first: str, further: str, topic: str, section: str
) -> None:
    _, text = await after(first, further)
    assert text == TOPICS[topic].sections[section]


async def test_a_further_question_still_makes_sense_after_a_thank_you() -> None:
    _, text = await after("Tell me about AutoPay", "thanks", "How do I sign up for that?")
    assert text == TOPICS["autopay"].sections["How to enroll"]


async def test_the_newest_topic_is_meant_unless_another_is_named() -> None:
    _, text = await after("Tell me about AutoPay", "what is budget billing", "how do I sign up for that?")
    assert text == TOPICS["budget-billing"].sections["How to enroll"]
    _, text = await after("Tell me about AutoPay", "what is budget billing", "how do I enroll in autopay?")
    assert text == TOPICS["autopay"].sections["How to enroll"]
    _, text = await after("Do you have any assistance programs?", "Tell me about AutoPay", "How do I apply for help?")
    assert "LIHEAP" in text


async def test_a_person_is_still_a_person_after_a_topic() -> None:
    chat, _ = await after("Tell me about AutoPay")
    assert (await chat.say("I want to talk to somebody about that")).messages[0][1] == "human_requested"


async def test_the_state_is_a_few_names_and_nothing_else() -> None:
    asked = ("what is autopay", "what is budget billing", "what is time of use", "how does paperless billing work",
             "what is the late fee", "what is a demand charge", "what is autopay")  # fmt: skip
    chat, _ = await after(*asked)
    state = chat.head.fields.agent_states["faq"]
    assert state == {"recent": ["autopay", "demand-charges", "late-payment", "paperless"]}
    assert len(state["recent"]) == MOST_RECENT


@pytest.mark.parametrize(
    "state",
    [
        {"recent": ["gone-topic"]}, {"recent": "autopay"}, {"recent": None}, {"recent": {"a": 1}}, {"recent": 7}, {},
        {"recent": [None, 7, True, 1.5]}, {"recent": ["x" * 100] * 100}, {"other": [1]},
        {"recent": ["gone-topic", "autopay"]},
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "talk", [{"recent": ["billing_faq"]}, {"recent": "billing_faq"}, {"recent": [1, None]}, {"offer": []}]
)
async def test_a_state_that_isnt_ours_does_no_harm(state: dict[str, Any], talk: dict[str, Any]) -> None:
    chat = World().chat()
    head = chat.head
    head.fields.agent_states = {"faq": state, "classifier": talk, "summary": {"steps": "x", "mood": 7}}
    chat.raw = encode_head(head)
    said = await chat.say("How do I sign up for autopay?")
    assert said.text == TOPICS["autopay"].sections["How to enroll"]
    assert chat.head.fields.agent_states["faq"]["recent"][0] == "autopay"
    assert "went wrong" not in (await chat.say("and the fees?")).text


async def test_a_topic_that_is_gone_is_passed_over() -> None:
    chat = World().chat()
    head = chat.head
    head.fields.agent_states = {"faq": {"recent": ["gone-topic", "autopay"]}, "classifier": {"recent": ["billing_faq"]}}
    chat.raw = encode_head(decode_head(encode_head(head)))
    assert (await chat.say("How do I sign up for that?")).text == TOPICS["autopay"].sections["How to enroll"]


async def test_a_general_question_needs_no_sign_in_and_asks_nothing_of_accounts() -> None:
    world = World()
    await world.chat().say("what payment methods do you accept?")
    assert world.calls == []
