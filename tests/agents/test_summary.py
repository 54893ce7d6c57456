"""What a person who takes over gets to read: what was wanted, what was tried, in what mood; never a secret."""

import json

import msgspec
import pytest
import structlog

from app.agents.accounts.port import AccountsUnavailableError
from app.agents.identity import SIGNED_IN_MS
from app.agents.summary import MOST_STEPS, MOST_TEXT, mood, ticket_id
from app.core.errors import FencedError, SessionGoneError, StaleError, StoreUnavailableError
from app.core.messages import rfc3339
from app.core.session import Ticket, encode_head
from tests.support.bot_accounts import MARIA
from tests.support.bot_chat import NOW, Chat, World, signed_in


def ticket_of(chat: Chat) -> Ticket:
    """The open ticket."""
    ticket = chat.head.fields.handoff_ticket
    assert ticket is not None
    return ticket


async def test_a_ticket_says_what_a_person_needs() -> None:
    world = World()
    world.desk.number = 4
    chat = world.chat()
    await chat.say("What is budget billing?")
    said = await chat.say("This is ridiculous, I want to talk to a person")
    ticket = ticket_of(chat)
    assert (ticket.department, ticket.priority, ticket.created_at) == ("Customer care", "normal", rfc3339(NOW))
    assert ticket.summary.issue == "What is budget billing? / This is ridiculous, I want to talk to a person"
    assert ticket.summary.tried == ["What is budget billing?: explained Budget billing"]
    assert (ticket.summary.mood, ticket.summary.account) == ("angry", None)
    assert ticket.summary.reason == "the customer asked for a person"
    assert ticket.summary.next_steps
    fields = chat.head.fields
    assert (fields.handoff_state, fields.queue_position, fields.current_handoff_ticket_id) == ("waiting", 5, ticket.id)
    assert fields.action == "handoff_initiated"
    for part in (f"**{ticket.id}**", "number **5** in the queue", "What I pass on: “What is budget billing?"):
        assert part in said.text


def test_a_ticket_has_the_same_name_in_every_attempt_and_another_in_every_turn() -> None:
    assert ticket_id("s1", 7) == ticket_id("s1", 7)
    names = {ticket_id(session, turn) for session in ("s1", "s2") for turn in range(200)}
    assert len(names) == 400
    assert all(len(name) == 10 and name.startswith("T-") and not set(name[2:]) & set("01IO") for name in names)


async def test_a_turn_taken_over_makes_the_same_ticket() -> None:
    chat = World().chat()
    turn = chat.turn("a person please")
    first, second = await chat.run(turn), await chat.run(turn)
    assert first.messages == second.messages
    assert ticket_of(chat).id == ticket_id("s1", turn.seq)


async def test_a_second_request_is_added_to_the_open_ticket() -> None:
    chat = World().chat()
    await chat.say("I want to dispute a charge")
    before = ticket_of(chat)
    said = await chat.say("and start service at 12 Elm St")
    after = ticket_of(chat)
    assert (after.id, after.department, after.priority) == (before.id, before.department, "normal")
    assert after.summary.issue == before.summary.issue
    assert after.summary.tried[-1] == "then asked: and start service at 12 Elm St"
    assert after.summary.next_steps == [
        *before.summary.next_steps,
        "Ask for address, date and identification",
        "Set up the service",
    ]
    added = f"added this to your ticket **{before.id}** for **Billing**, who will bring in **Moves**"
    assert f"{added}, and you're number **1**" in said.text


async def test_an_urgent_request_makes_the_open_ticket_urgent() -> None:
    chat = World().chat()
    await chat.say("I want to dispute a charge")
    before = ticket_of(chat).id
    said = await chat.say("I smell gas in the basement")
    ticket = ticket_of(chat)
    assert (ticket.id, ticket.priority, ticket.department) == (before, "urgent", "Emergency line")
    assert "call 911" in said.text
    assert "Dispatch an emergency crew" in ticket.summary.next_steps
    await chat.say("I want to dispute a charge")
    assert (ticket_of(chat).priority, ticket_of(chat).department) == ("urgent", "Emergency line")


async def test_who_asks_for_a_person_again_hears_about_the_ticket() -> None:
    chat = World().chat()
    await chat.say("a person please")
    ticket = ticket_of(chat)
    said = await chat.say("I want to talk to a person!!")
    assert f"ticket **{ticket.id}**" in said.text
    assert "number **1**" in said.text
    assert said.messages[0][1] == "human_requested"
    assert ticket_of(chat) == ticket


async def test_a_new_ticket_is_made_once_the_old_one_is_done() -> None:
    chat = World().chat()
    await chat.say("a person please")
    before, head = ticket_of(chat).id, chat.head
    head.fields.handoff_state = "resolved"
    chat.raw = encode_head(head)
    await chat.say("a person please")
    assert ticket_of(chat).id != before
    assert chat.head.fields.handoff_state == "waiting"


async def test_the_bot_still_answers_while_a_person_is_awaited() -> None:
    chat = World().chat()
    await chat.say("a person please")
    assert "one steady monthly amount" in (await chat.say("what is budget billing")).text
    assert (chat.head.fields.handoff_state, chat.head.fields.action) == ("waiting", "handoff_initiated")


async def test_an_account_is_passed_on_only_if_it_is_verified() -> None:
    chat = await signed_in(World())
    await chat.say("I want to dispute a charge")
    assert ticket_of(chat).summary.account == MARIA
    other = World().chat("s2")
    for text in ("what is my balance?", MARIA, "I want a human agent"):
        await other.say(text)
    assert ticket_of(other).summary.account is None
    late = await signed_in(World(), session="s3")
    late.now_ms += SIGNED_IN_MS
    await late.say("I want to dispute a charge")
    assert ticket_of(late).summary.account is None


async def test_a_summary_holds_no_answer_to_a_verification() -> None:
    chat = World().chat()
    for text in ("what is my balance?", MARIA, "9182", "10/11/1971", "it's 9182 I tell you", "my ssn is 123-45-9182"):
        await chat.say(text)
    ticket = json.dumps(msgspec.to_builtins(ticket_of(chat)))
    assert not [secret for secret in ("9182", "1971", "10/11") if secret in ticket + chat.everything()]


async def test_steps_are_few_and_short() -> None:
    chat = World().chat()
    for number in range(30):
        await chat.say(f"what is budget billing number {number} " + "x" * 500)
    steps = chat.head.fields.agent_states["summary"]["steps"]
    assert len(steps) == MOST_STEPS
    assert all(len(step["asked"]) <= MOST_TEXT and len(step["did"]) <= MOST_TEXT for step in steps)
    for number in range(30):
        await chat.say(f"please start service at {number} Elm St " + "y" * 500)
    summary = ticket_of(chat).summary
    assert len(summary.tried) <= MOST_STEPS
    assert len(summary.next_steps) <= MOST_STEPS
    assert len(summary.issue) <= MOST_TEXT
    assert len(chat.raw) < 8_000


@pytest.mark.parametrize(
    ("text", "sounds"),
    [
        ("this is ridiculous", "angry"), ("I'll call my lawyer", "angry"), ("WHY IS NOBODY HELPING ME", "angry"),
        ("I lost my job and can't pay", "worried"), ("are you going to shut off my power", "worried"),
        ("I'm still waiting", "frustrated"), ("I don't understand", "frustrated"), ("thanks a lot", "friendly"),
        ("what is budget billing", None), ("LIHEAP?", None), ("hello", None), ("", None), ("🙂", None),
        ("what's the issue with my bill", None),
    ],
)  # fmt: skip
def test_a_mood_is_heard(text: str, sounds: str | None) -> None:
    assert mood(text) == sounds


async def test_a_mood_stays_until_another_is_heard() -> None:
    chat = World().chat()
    for text, sounds in (("hello", "neutral"), ("this is ridiculous", "angry"), ("what is budget billing", "angry"),
        ("thanks", "friendly")):  # fmt: skip
        await chat.say(text)
        assert chat.head.fields.agent_states["summary"]["mood"] == sounds


@pytest.mark.parametrize(
    ("error", "apology", "event"),
    [
        (AccountsUnavailableError("OperationalError"), "I can't reach the account data right now",
        "accounts_unavailable"),
        (KeyError("why is my bill at Glenview Terrace so high"), "something went wrong on my side", "agent_failed"),
        (RuntimeError("4821 is the answer"), "something went wrong on my side", "agent_failed"),
        (RecursionError(), "something went wrong on my side", "agent_failed"),
    ],
)  # fmt: skip
async def test_an_agent_that_fails_becomes_an_apology_and_a_ticket(error: Exception, apology: str, event: str) -> None:
    world = World()
    chat = await signed_in(world)
    world.accounts.raises = error
    with structlog.testing.capture_logs() as logs:
        said = await chat.say("what is my balance?")
    assert apology in said.text
    ticket = ticket_of(chat)
    assert ticket.id in said.text
    assert chat.head.fields.action == "handoff_initiated"
    assert [line["event"] for line in logs] == [event]
    for words in ("Glenview", "4821 is", "KeyError", "RuntimeError", "OperationalError", "Traceback"):
        assert words not in repr(said) + json.dumps(msgspec.to_builtins(ticket))
        assert words.endswith("Error") or words not in repr(logs)
    world.accounts.raises = None
    assert "$87.45" in (await chat.say("what is my balance?")).text


async def test_a_failure_in_the_middle_of_a_verification_leaves_it() -> None:
    world = World()
    chat = world.chat()
    for text in ("what is my balance?", MARIA):
        await chat.say(text)
    world.accounts.raises = AccountsUnavailableError("OperationalError")
    said = await chat.say("4821")
    assert "can't reach the account data" in said.text
    assert (chat.auth, chat.head.fields.asking) == ("anonymous", False)
    assert "4821" not in chat.everything()
    assert chat.head.fields.handoff_state == "waiting"


@pytest.mark.parametrize("error", [StaleError, FencedError, SessionGoneError, StoreUnavailableError])
async def test_a_turn_that_isnt_ours_any_more_isnt_apologized_for(error: type[Exception]) -> None:
    world = World()
    chat = await signed_in(world)
    world.accounts.raises = error()
    with pytest.raises(error):
        await chat.say("what is my balance?")
    assert chat.head.fields.handoff_state == "none"


async def test_a_signed_in_customer_without_data_gets_a_person() -> None:
    world = World()
    chat = await signed_in(world)
    del world.accounts.known[MARIA]
    said = await chat.say("what is my balance?")
    assert "can't find the data of your account" in said.text
    assert ticket_of(chat).department == "Billing"
