"""Attempts are counted before they are judged, wherever they come from; and nothing tells who has an account."""

import msgspec

from app.agents.identity import ATTEMPTS
from app.agents.port import Change
from tests.support.bot_accounts import JANE, MARIA
from tests.support.bot_chat import Chat, Said, World, signed_in

WRONG = ("1111", "2222", "3333", "4444")


async def ask_proof(
    world: World, session: str = "s1", identifier: str = MARIA, client: str | None = "client-1"
) -> Chat:
    """A conversation that has been asked for proof."""
    chat = world.chat(session, client)
    for text in ("what is my balance?", identifier):
        await chat.say(text)
    return chat


async def test_three_wrong_answers_lock_the_account_and_call_a_person() -> None:
    world = World()
    chat = await ask_proof(world)
    said = [await chat.say(wrong) for wrong in WRONG[:ATTEMPTS]]
    assert "I can't check any more answers" in said[2].text
    assert [one.action for one in said[2].audits] == ["lock"]
    head = chat.head
    assert (head.user.auth_state, head.fields.asking, head.user.failed_attempts) == ("locked_out", False, ATTEMPTS)
    ticket = head.fields.handoff_ticket
    assert ticket is not None
    assert (ticket.department, ticket.summary.account) == ("Account security", None)
    assert ticket.id in said[2].text
    assert head.fields.action == "handoff_initiated"


async def test_a_locked_account_judges_nothing_not_even_a_right_answer() -> None:
    world = World()
    chat = await ask_proof(world)
    for wrong in WRONG[:ATTEMPTS]:
        await chat.say(wrong)
    world.calls.clear()
    for text in ("what is my balance?", "4821", MARIA, f"balance of {MARIA}", "4821"):
        await chat.say(text, asked=text == "4821")
    assert not {"verify", "profile", "bills"} & set(world.names())
    assert chat.auth == "locked_out"
    other = await ask_proof(world, "s2", client="client-2")
    assert other.auth == "verifying", "who only names an account isn't told that it is locked"
    await other.say("4821")
    assert other.auth == "locked_out"
    assert not {"verify", "profile"} & set(world.names())


async def test_the_last_admitted_attempt_may_be_right() -> None:
    world = World()
    chat = await ask_proof(world)
    for text in (*WRONG[: ATTEMPTS - 1], "4821"):
        await chat.say(text)
    assert chat.auth == "authenticated"


async def test_an_attempt_is_counted_by_account_and_client_before_it_is_judged() -> None:
    world = World()
    chat = await ask_proof(world)
    world.calls.clear()
    await chat.say(WRONG[0])
    counted = [call for call in world.calls if call[0] in {"admit", "verify", "forget"}]
    assert set(counted[:2]) == {("admit", "account", MARIA), ("admit", "client", "client-1")}
    assert counted[2:] == [("verify", MARIA)]


async def test_a_right_answer_doesnt_count() -> None:
    world = World()
    chat = await ask_proof(world)
    world.calls.clear()
    await chat.say("4821")
    names = [name for name in world.names() if name in {"admit", "verify", "forget", "profile"}]
    assert names == ["admit", "admit", "verify", "forget", "forget", "profile", "profile"]
    assert not any(world.locks.counted.values())
    for session in "abcd":
        assert (await ask_proof(world, session)).auth == "verifying"
        assert (await signed_in(world, session=f"{session}2")).auth == "authenticated"


async def test_attempts_are_counted_across_conversations_and_identifiers_of_one_account() -> None:
    world = World()
    for number, identifier in enumerate(("555-123-0042", MARIA, "maria.garcia@example.com")):
        chat = await ask_proof(world, f"s{number}", identifier, f"client-{number}")
        said = await chat.say(WRONG[number])
    assert chat.auth == "locked_out"
    assert "I can't check any more answers" in said.text
    assert world.locks.counted["account", MARIA] == ["s0:9-", "s1:9-", "s2:9-"]
    again = await ask_proof(world, "s9", "(555) 123-0042", "client-9")
    await again.say("4821")
    assert again.auth == "locked_out"


async def test_attempts_of_one_client_are_counted_across_accounts() -> None:
    world = World()
    for session, identifier, wrong in (("a", MARIA, "1111"), ("b", JANE, "2222"), ("c", MARIA, "3333")):
        chat = await ask_proof(world, session, identifier)
        await chat.say(wrong)
    assert chat.auth == "locked_out"
    world.calls.clear()
    chat = await ask_proof(world, "d", JANE)
    await chat.say("7305")
    assert chat.auth == "locked_out"
    assert "verify" not in world.names()


async def test_another_client_isnt_locked_with_it() -> None:
    world = World()
    for session, identifier in (("a", MARIA), ("b", MARIA), ("c", JANE)):
        await (await ask_proof(world, session, identifier)).say("1111")
    chat = await ask_proof(world, "d", JANE, "client-2")
    assert "$310.07" in (await chat.say("7305")).text


async def test_without_a_client_the_account_alone_is_counted() -> None:
    world = World()
    chat = await ask_proof(world, client=None)
    await chat.say("1111")
    assert list(world.locks.counted) == [("account", MARIA)]


async def test_the_same_turn_again_counts_once_and_says_the_same() -> None:
    world = World()
    chat = await ask_proof(world)
    turn = chat.turn("1111")
    said = [await chat.run(turn) for _ in range(5)]
    assert len({one.text for one in said}) == 1
    assert world.locks.counted["account", MARIA] == [f"s1:{turn.seq}-"]
    assert chat.head.user.failed_attempts == 1
    await chat.say("2222")
    last = chat.turn("3333")
    locked = [await chat.run(last) for _ in range(3)]
    assert len({one.text for one in locked}) == 1
    assert "I can't check any more answers" in locked[0].text
    assert len(world.locks.counted["account", MARIA]) == ATTEMPTS


async def test_a_right_answer_taken_over_is_right_again() -> None:
    world = World()
    chat = await ask_proof(world)
    turn = chat.turn("4821")
    said = [(await chat.run(turn)).text for _ in range(4)]
    assert len(set(said)) == 1
    assert "$87.45" in said[0]


async def test_what_follows_a_stored_sign_in_is_said_once() -> None:
    world = World()
    chat = await ask_proof(world)
    turn = chat.turn("4821")
    first = [piece async for piece in world.bot.answer(turn)]
    assert first
    await chat.run(turn)
    head = next(piece.head for piece in first if isinstance(piece, Change))
    after = msgspec.structs.replace(turn, attempt=2, head=head, part=1)
    said = await chat.run(after)
    assert len(said.messages) == 1
    assert "$87.45" in said.text
    assert "verified" not in said.text


async def outcome(identifier: str, answers: tuple[str, ...]) -> tuple[list[Said], list[str], list[str]]:
    """What a customer, a reader of the state and the ports see of a sign-in."""
    world = World()
    chat = world.chat()
    texts = ["what is my balance?", identifier, *answers]
    said, states = [], []
    for text in texts:
        said.append(await chat.say(text))
        states.append(str(chat.head.public_state(ended=False, now_ms=chat.now_ms)))
    return said, states, world.names()


async def test_an_unknown_identifier_looks_exactly_like_a_known_one() -> None:
    for known, unknown in ((MARIA, "ACC-1999-9999"), ("maria.garcia@example.com", "n@example.com")):
        answers = ("1111", "hmm", "03/15/1986", "I don't know", "3333", "what is my balance?", "hello")
        seen = [await outcome(identifier, answers) for identifier in (known, unknown)]
        texts = [[one.messages for one in said] for said, _, _ in seen]
        spoken = [str(one).replace(known, "X").replace(unknown, "X") for one in texts]
        assert spoken[0] == spoken[1]
        assert seen[0][1] == seen[1][1], "the same states"
        assert seen[0][2] == seen[1][2], "the same calls"
        assert "verify" in seen[0][2]


async def test_an_unknown_phone_number_looks_exactly_like_a_known_one() -> None:
    answers = ("1111", "hmm", "03/15/1986", "3333", "what is my balance?")
    seen = [await outcome(identifier, answers) for identifier in ("(555) 123-0042", "(555) 999-9999")]
    spoken = [
        str([one.messages for one in said]).replace("123-0042", "X").replace("999-9999", "X") for said, _, _ in seen
    ]
    assert spoken[0] == spoken[1]
    assert seen[0][1] == seen[1][1], "the same states"


async def test_an_unknown_identifier_is_counted_as_it_was_typed_and_never_shown() -> None:
    world = World()
    chat = await ask_proof(world, identifier="ACC-1999-9999")
    said = [await chat.say(wrong) for wrong in WRONG[:ATTEMPTS]]
    assert world.locks.counted["account", "unknown ACC-1999-9999"]
    assert {one.details["account"] for answer in said for one in answer.audits} == {"unknown"}
    assert chat.auth == "locked_out"
    assert ("verify", None) in world.calls


async def test_an_audit_shows_only_the_end_of_an_account() -> None:
    world = World()
    chat = await ask_proof(world)
    said = [await chat.say(text) for text in ("1111", "4821")]
    for audit in (audit for one in said for audit in one.audits):
        assert MARIA not in repr(audit)
        assert audit.details.get("account", "…0042") == "…0042"
