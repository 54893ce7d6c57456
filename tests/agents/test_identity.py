"""The verification: a question, an identifier, an answer; every step from a head that was just read from its bytes."""

import msgspec
import pytest

from app.agents.identity import ASK_PROOF, ASK_WHO, SIGNED_IN_MS
from app.agents.port import Secret
from app.core.messages import rfc3339
from tests.support.bot_accounts import JANE, MARIA
from tests.support.bot_chat import MINUTE, NOW, World, signed_in

SECRETS = ("4821", "1985", "3/15", "03-15", "march 15")


async def test_a_question_is_answered_once_the_customer_is_verified() -> None:
    world = World()
    chat = world.chat()
    asked = await chat.say("What is my balance?")
    assert asked.messages == [(ASK_WHO, "account_data")]
    assert (chat.auth, chat.head.fields.pending_query) == ("in_progress", "What is my balance?")
    assert (chat.head.fields.action, chat.head.fields.asking) == ("authentication_required", False)
    proof = await chat.say(MARIA)
    assert proof.messages == [(ASK_PROOF, "account_data")]
    assert (chat.auth, chat.head.fields.asking) == ("verifying", True)
    assert chat.head.fields.action == "authentication_in_progress"
    verified, answered = (await chat.say("4821")).messages
    assert verified == ("Thank you, Maria, you're verified.", "account_data")
    assert "**$87.45**" in answered[0]
    assert answered[1] == "account_data"
    user, fields = chat.head.user, chat.head.fields
    assert (user.auth_state, user.account_number, user.customer_name) == ("authenticated", MARIA, "Maria Garcia")
    assert (user.authenticated_at, user.session_expiry) == (rfc3339(NOW), rfc3339(NOW + SIGNED_IN_MS))
    assert (user.identifying_info, user.failed_attempts, user.verified_factors) == (None, 0, ["ssn_last4"])
    assert (fields.pending_query, fields.asking, fields.action) == (None, False, "none")


@pytest.mark.parametrize("identifier",
    [MARIA, "acc 2024 0042", "(555) 123-0042", "555.123.0042", "my email is Maria.Garcia@example.com"])  # fmt: skip
@pytest.mark.parametrize(
    ("proof", "names"),
    [("4821", ["ssn_last4"]), ("123-45-4821", ["ssn_last4"]), ("March 15, 1985", ["date_of_birth"]),
     ("it's 4821 and 03/15/1985", ["ssn_last4", "date_of_birth"])],
)  # fmt: skip
async def test_any_identifier_and_any_proof_will_do(identifier: str, proof: str, names: list[str]) -> None:
    chat = World().chat()
    await chat.say("what do I owe?")
    await chat.say(identifier)
    said = await chat.say(proof)
    assert (chat.auth, chat.head.user.account_number) == ("authenticated", MARIA)
    assert chat.head.user.verified_factors == names
    assert "$87.45" in said.text
    assert [(one.action, one.result) for one in said.audits] == [("verification", "accepted"), ("sign_in", "accepted")]


async def test_an_identifier_in_the_question_saves_asking_for_it() -> None:
    chat = World().chat()
    said = await chat.say(f"what is the balance of account {MARIA}?")
    assert said.messages == [(ASK_PROOF, "account_data")]
    assert "$87.45" in (await chat.say("3/15/85")).text


async def test_who_only_signs_in_is_asked_what_else() -> None:
    chat = World().chat()
    for text in ("I want to sign in", MARIA):
        await chat.say(text)
    said = await chat.say("4821")
    assert len(said.messages) == 1
    assert said.text == "Thank you, Maria, you're verified. What would you like to know?"


async def test_one_right_and_one_wrong_factor_are_wrong() -> None:
    world = World()
    chat = world.chat()
    for text in ("my balance", MARIA, "4821 and 03/16/1985"):
        await chat.say(text)
    assert chat.auth == "verifying"
    assert "profile" not in world.names()


async def test_a_wrong_answer_may_be_followed_by_a_right_one() -> None:
    world = World()
    chat = world.chat()
    for text in ("my balance", MARIA):
        await chat.say(text)
    first, second = await chat.say("1111"), await chat.say("03/15/1986")
    assert "2 more tries" in first.text
    assert "last try" in second.text
    assert [one.details["attempts_left"] for one in (*first.audits, *second.audits)] == [2, 1]
    assert chat.head.user.failed_attempts == 2
    assert "$87.45" in (await chat.say("4821")).text


async def test_a_sign_in_lasts_for_its_time_and_is_asked_for_again() -> None:
    world = World()
    chat = await signed_in(world)
    chat.now_ms += SIGNED_IN_MS - 1
    assert "$87.45" in (await chat.say("what is my balance?")).text
    chat.now_ms += 1
    world.calls.clear()
    said = await chat.say("what is my balance?")
    assert said.messages == [(ASK_WHO, "account_data")]
    assert (chat.auth, chat.head.user.account_number, chat.head.user.customer_name) == ("in_progress", None, None)
    assert world.calls == []
    for text in (MARIA, "4821"):
        said = await chat.say(text)
    assert "$87.45" in said.text


async def test_small_talk_after_an_expired_sign_in_needs_none() -> None:
    chat = await signed_in(World())
    chat.now_ms += SIGNED_IN_MS + MINUTE
    assert "Maria" not in (await chat.say("hello")).text
    assert chat.auth == "authenticated", "it is for the reader of the head to call it expired"


async def test_signing_out_forgets_the_account() -> None:
    world = World()
    chat = await signed_in(world)
    head = chat.head
    assert head.fields.agent_states["account"]
    head.sign_out()
    assert "account" not in head.fields.agent_states
    assert "identity" not in head.fields.agent_states
    assert head.user.account_number is None


async def test_a_sign_in_as_somebody_else_drops_what_was_known_of_the_first() -> None:
    chat = await signed_in(World())
    head = chat.head
    head.sign_in(JANE, "Jane Wilson", NOW, NOW + SIGNED_IN_MS)
    assert "account" not in head.fields.agent_states
    head = chat.head
    head.sign_in(MARIA, "Maria Garcia", NOW, NOW + SIGNED_IN_MS)
    assert "account" in head.fields.agent_states


@pytest.mark.parametrize("proof",
    ["4821", "03/15/1985", "it's 4821, march 15 1985", "123-45-4821", "my ssn ends in 4821",
    "9999 4821 1985"])  # fmt: skip
async def test_an_answer_is_in_no_piece_no_head_and_no_audit(proof: str) -> None:
    chat = World().chat()
    for text in ("what is my balance?", MARIA, proof, "what is my balance?", "get me a person",
        "what happened to my bill?"):  # fmt: skip
        await chat.say(text)
    shown = chat.everything().lower().replace("(like 03/15/1985)", "")  # the example in the bot's own words
    assert not [secret for secret in (*SECRETS, "9999") if secret in shown]


async def test_wrong_answers_are_in_no_piece_no_head_and_no_audit() -> None:
    chat = World().chat()
    for text in ("what is my balance?", MARIA, "9182", "hmm", "10/11/1971", "I said 9182!", "a person please"):
        await chat.say(text)
    for secret in ("9182", "1971", "10/11"):
        assert secret not in chat.everything()


@pytest.mark.parametrize("text", ["4821", "03/15/1985", "my ssn is 123-45-4821", "born 3/15/85", "4821 03/15/1985"])
async def test_an_answer_that_nobody_asked_for_is_hidden_and_never_judged(text: str) -> None:
    world = World()
    chat = world.chat()
    said = await chat.say(text)
    assert not [secret for secret in SECRETS if secret in chat.everything()]
    assert not {"admit", "verify"} & set(world.names())
    assert "haven't asked" in said.text


async def test_an_answer_sent_before_the_question_is_never_judged() -> None:
    world = World()
    chat = world.chat()
    for text in ("what is my balance?", MARIA):
        await chat.say(text)
    said = await chat.say("4821", asked=False)
    assert "please type it once more" in said.text.lower()
    assert (chat.auth, chat.head.fields.asking) == ("verifying", True)
    assert not {"admit", "verify"} & set(world.names())
    assert "4821" not in chat.everything()
    assert "$87.45" in (await chat.say("4821")).text


async def test_an_answer_after_the_dialogue_was_left_is_hidden_and_never_judged() -> None:
    world = World()
    chat = world.chat()
    for text in ("what is my balance?", MARIA, "never mind"):
        await chat.say(text)
    assert (chat.auth, chat.head.fields.asking, chat.head.fields.pending_query) == ("anonymous", False, None)
    said = await chat.say("4821", asked=True)
    assert said.text.startswith("I've hidden your last message")
    assert not {"admit", "verify"} & set(world.names())
    assert "4821" not in chat.everything()


async def test_an_answer_that_cant_be_opened_is_asked_for_again() -> None:
    world = World()
    chat = world.chat()
    for text in ("what is my balance?", MARIA):
        await chat.say(text)
    said = await chat.run(msgspec.structs.replace(chat.turn("4821"), secret=Secret("")))
    assert "I couldn't read an answer" in said.text
    assert not {"admit", "verify"} & set(world.names())
    assert "$87.45" in (await chat.say("4821")).text
