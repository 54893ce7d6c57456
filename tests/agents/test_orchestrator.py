"""Where messages go, in which order pieces come, and what a turn that somebody else began still has to say."""

import msgspec
import pytest

from app.agents.identity import SIGNED_IN_MS
from app.agents.orchestrator import ROUTES
from app.agents.port import Category, Change
from app.agents.support import SupportAgent
from app.core.session import CATEGORIES, Head, encode_head
from tests.support.bot_accounts import MARIA
from tests.support.bot_chat import NOW, Chat, World, signed_in


def test_every_category_has_a_route() -> None:
    assert set(ROUTES) == {*CATEGORIES, ""}


def store(chat: Chat, head: Head) -> None:
    """What the engine does when a head changes outside a turn."""
    chat.raw = encode_head(head)


@pytest.mark.parametrize(
    "texts",
    [["what is my balance?", MARIA, "1111", "hmm", "4821"], ["hello", "what is budget billing", "a person please"],
     ["I smell gas", "who is the president?", "yes", "4821"]],
)  # fmt: skip
async def test_what_changes_comes_before_the_text_and_a_text_is_said_once_a_message(texts: list[str]) -> None:
    chat = World().chat()
    for text in texts:
        said = await chat.say(text)
        kinds = [type(piece) for piece in said.pieces]
        assert kinds.count(str) == len(said.messages)
        assert kinds.index(Change) < kinds.index(str)
        assert Category not in kinds or kinds[0] is Category
        assert all(text.strip() for text, _ in said.messages)


async def test_a_question_for_proof_is_stored_before_it_is_seen() -> None:
    chat = World().chat()
    await chat.say("what is my balance?")
    said = await chat.say(MARIA)
    first = next(piece for piece in said.pieces if isinstance(piece, Change | str))
    assert isinstance(first, Change)
    assert first.head.fields.asking


async def test_a_turn_never_changes_the_head_it_was_given() -> None:
    world = World()
    chat = world.chat()
    for text in ("what is my balance?", MARIA, "1111", "4821", "I want to dispute a charge"):
        turn = chat.turn(text)
        before = encode_head(turn.head)
        await chat.run(turn)
        assert encode_head(turn.head) == before


async def test_a_pending_question_is_answered_after_a_sign_in_from_outside() -> None:
    world = World()
    chat = world.chat()
    await chat.say("what is my balance?")
    head = chat.head
    head.sign_in(MARIA, "Maria Garcia", NOW, NOW + SIGNED_IN_MS)
    store(chat, head)
    said = await chat.say("")
    assert "$87.45" in said.text
    assert len(said.messages) == 1
    assert chat.head.fields.pending_query is None


async def test_a_pending_question_isnt_answered_without_a_valid_sign_in() -> None:
    world = World()
    chat = world.chat()
    await chat.say("what is my balance?")
    assert (await chat.say("")).pieces == []
    head = chat.head
    head.sign_in(MARIA, "Maria Garcia", NOW - SIGNED_IN_MS, NOW)
    store(chat, head)
    assert (await chat.say("")).pieces == []
    assert "profile" not in world.names()


async def test_a_message_that_is_stored_already_isnt_said_again() -> None:
    chat = await signed_in(World())
    turn = msgspec.structs.replace(chat.turn("what is my balance?"), part=1)
    assert (await chat.run(turn)).pieces == []


async def test_an_account_is_asked_about_only_once_the_customer_is_verified() -> None:
    world = World()
    chat = world.chat()
    for text in ("what is my balance?", "why is my bill so high", "show my payments", "what address is on my account"):
        await chat.say(text)
    assert world.calls == []


async def test_what_the_customer_wrote_is_never_repeated_as_an_answer() -> None:
    chat = World().chat()
    for text in (
        "hello <script>alert(1)</script>",
        "what is budget billing **bold** zzqq",
        "who is the president of zzqq?",
    ):
        assert "zzqq" not in (await chat.say(text)).text.split("What I pass on")[0]


async def test_the_agent_is_the_orchestrator_and_hides_what_nobody_asked_for() -> None:
    world = World()
    agent = SupportAgent(world.bot)
    assert (agent.name, agent.continues) == ("Support", False)
    assert agent.redact("what do I owe, ssn 123-45-4821", None) == "[redacted]"
    assert agent.redact("what is my balance?", None) == "what is my balance?"
    pieces = [piece async for piece in agent.answer(world.chat().turn("hello"))]
    assert any(isinstance(piece, str) and piece.startswith("Hello") for piece in pieces)
