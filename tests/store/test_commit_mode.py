"""A commit that hands over to a person or ends the conversation ends everything that waits (I4)."""

import pytest

from app.core.publication import Events
from app.engine.calls import AskingChanged, Lease, Refused
from tests.support.stores import END, Chat, Ear, refused, say


async def waiting(chat: Chat) -> Lease:
    """A running turn with two behind it, each with a sealed answer."""
    await chat.commit(await chat.start("m0"), asking=True)
    lease = (await chat.send("m1", asking=True, sealed=b"a")).lease
    await chat.send("m2", asking=True, sealed=b"b")
    await chat.send("m3", asking=True, sealed=b"c")
    assert lease is not None
    return lease


@pytest.mark.parametrize("mode", ["human", "ended"])
async def test_a_change_of_mode_ends_every_turn_once(chat: Chat, mode: str) -> None:
    lease = await waiting(chat)
    committed = await chat.commit(lease, say("bye"), mode=mode)
    assert committed.next is None
    ends = [event for event in chat.log() if event.body.encode() == END or '"turn_end"' in event.body]
    assert sorted(event.turn or 0 for event in ends) == [1, 3, 4, 5]
    assert {event.document()["status"] for event in ends if event.turn in {4, 5}} == {"cancelled"}
    assert (chat.todo(), chat.indexed(), chat.field("mode"), chat.field("turn")) == ([], False, mode, "")


async def test_a_change_of_mode_that_is_not_final_leaves_the_running_turn(chat: Chat) -> None:
    lease = await waiting(chat)
    await chat.commit(lease, say("a person comes"), final=False, mode="human")
    assert chat.todo() == [lease.turn]
    await chat.commit(lease, say("bye"))
    ended = [turn for kind, turn, _ in chat.said() if kind == "turn_end"]
    assert sorted(turn or 0 for turn in ended) == [1, 3, 4, 5]


async def test_a_change_of_mode_deletes_every_sealed_answer(chat: Chat) -> None:
    await chat.commit(await waiting(chat), mode="human")
    assert chat.secrets() == {}


async def test_the_same_mode_leaves_what_waits(chat: Chat) -> None:
    lease = await waiting(chat)
    committed = await chat.commit(lease, mode="bot")
    assert committed.next is not None
    assert chat.todo() == [4, 5]


async def test_after_the_change_a_message_starts_no_turn(chat: Chat) -> None:
    await chat.commit(await waiting(chat), mode="human")
    accepted = await chat.send("m9")
    assert (accepted.lease, chat.todo(), chat.log()[-1].turn) == (None, [], None)


@pytest.mark.parametrize("final", [True, False])
async def test_nobody_is_asked_for_a_secret_any_more(chat: Chat, final: bool) -> None:
    """What a person is told must be readable: no turn would ever open a sealed answer."""
    lease = await waiting(chat)
    await chat.commit(lease, mode="human", asking=True, final=final)
    if not final:
        await chat.commit(lease, asking=True)
    assert chat.field("asking") == "0"
    assert isinstance(await chat.store.accept(chat.message("m8", asking=True, sealed=b"x")), AskingChanged)
    await chat.send("m8", "1234")
    assert (chat.said()[-1], chat.secrets()) == (("user", None, "1234"), {})


async def test_after_the_end_no_message_is_taken(chat: Chat) -> None:
    await chat.commit(await chat.start(), mode="ended")
    assert refused(await chat.store.accept(chat.message("m9"))) is Refused.ENDED


async def test_what_was_ended_is_published_in_one_piece(chat: Chat, ear: Ear) -> None:
    lease = await waiting(chat)
    ear.heard()
    await chat.commit(lease, say("bye"), mode="human")
    (published,) = ear.parsed()
    assert isinstance(published, Events)
    assert published.events == chat.log()[5:]
    assert published.running is None
