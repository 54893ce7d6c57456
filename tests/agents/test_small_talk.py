"""Greetings and the like, what is nothing for the bot, and the offer of a person."""

import pytest

from app.agents.reply import Task
from app.agents.small_talk import answer
from tests.support.bot_chat import World, signed_in


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hello", "I'm the automated assistant"), ("thank you so much", "You're welcome"), ("bye", "Goodbye"),
        ("ok", "anything else"), ("are you a bot", "not a person"), ("what can you do", "I can explain bills"),
        ("never mind", "No problem"), ("yes", "what you'd like to know"), ("no", "just write"),
    ],
)  # fmt: skip
async def test_small_talk_has_one_plain_answer_without_a_category(text: str, said: str) -> None:
    chat = World().chat()
    answered = await chat.say(text)
    assert said in answered.text
    assert [category for _, category in answered.messages] == [None]
    assert chat.head.fields.action == "none"
    assert chat.auth == "anonymous"


async def test_a_known_customer_is_greeted_by_name() -> None:
    chat = await signed_in(World())
    assert (await chat.say("hello")).text.startswith("Hello Maria!")


async def test_an_intent_without_words_of_its_own_is_answered_with_what_the_bot_can_do() -> None:
    chat = World().chat()
    turn = chat.turn("hello")
    assert answer(Task(turn, turn.head, "hello"), "a new one").text.startswith("I can explain bills")


async def test_what_is_nothing_for_the_bot_asks_to_rephrase_and_offers_a_person() -> None:
    chat = World().chat()
    said = await chat.say("who is the president?")
    assert said.messages[0][1] == "out_of_scope"
    assert "shall I connect you with a person?" in said.text
    assert chat.head.fields.action == "clarification_needed"
    assert chat.head.fields.handoff_state == "none"
    accepted = await chat.say("yes please")
    assert accepted.messages[0][1] == "human_requested"
    assert (chat.head.fields.handoff_state, chat.head.fields.action) == ("waiting", "handoff_initiated")


async def test_an_offer_of_a_person_stands_for_one_message() -> None:
    chat = World().chat()
    for text in ("who is the president?", "hello"):
        await chat.say(text)
    assert (await chat.say("yes")).messages[0][1] is None
    assert chat.head.fields.handoff_state == "none"


async def test_an_offer_may_be_declined() -> None:
    chat = World().chat()
    await chat.say("who is the president?")
    await chat.say("no")
    assert (chat.head.fields.handoff_state, chat.head.fields.action) == ("none", "none")


async def test_what_isnt_understood_at_all_goes_to_a_person() -> None:
    chat = World().chat()
    said = await chat.say("xkcd flurb zonk")
    assert "I don't understand that" in said.text
    assert (chat.head.fields.handoff_state, chat.head.fields.action) == ("waiting", "handoff_initiated")


async def test_a_message_without_words_isnt_worth_a_person() -> None:
    chat = World().chat()
    await chat.say("???")
    assert (chat.head.fields.handoff_state, chat.head.fields.action) == ("none", "clarification_needed")


async def test_a_turn_without_a_text_and_without_a_pending_query_says_nothing() -> None:
    chat = await signed_in(World())
    turn = chat.turn("")
    assert [piece async for piece in World().bot.answer(turn)] == []
