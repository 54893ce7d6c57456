"""A secret goes sealed from the message to its turn, and nowhere else (I10)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import pytest

from app.agents.port import Piece, Secret, Turn
from app.core.messages import REDACTED
from app.store.redis_store import RedisStore
from tests.engine.helpers import Scripted, ask, changed, desk_of, ended, say
from tests.support.monitor import kept, monitoring
from tests.support.poll import until
from tests.support.redis_server import RedisServer
from tests.support.stores import Chat, new_mark

PIN: Final = "qz-4711-marzipan"
CLIENT: Final = "203.0.113.77"


async def porter(turn: Turn) -> AsyncIterator[Piece]:
    """Asks for a secret when it is told to; whatever comes next is the answer."""
    asking = turn.text.startswith("ask")
    if asking != turn.head.fields.asking:
        yield changed(turn.head, asking=asking)
    yield "your PIN?" if asking else "thank you"


async def test_an_answer_reaches_the_agent_opened_and_nobody_else(chat: Chat, redis_server: RedisServer) -> None:
    agent = Scripted(porter)
    desk = desk_of(chat.store, agent)
    await ask(desk, chat, "ask me")
    with monitoring(redis_server) as monitor:
        turn = await ask(desk, chat, PIN, CLIENT)
        told, stored = b"\n".join(monitor.heard()).decode(), kept(redis_server)
    asked, answered = agent.given
    assert (asked.secret, asked.text) == (None, "ask me")
    assert (answered.secret, answered.text) == (Secret(PIN, CLIENT), REDACTED)
    assert (ended(chat, turn), chat.secrets(), chat.field("asking")) == ("completed", {}, "0")
    assert REDACTED in told, "it was looked at"
    for word in (PIN, CLIENT):
        assert word not in told + stored + str(await chat.store.export(chat.sid))


async def test_it_is_sealed_while_its_turn_waits(chat: Chat, redis_server: RedisServer) -> None:
    go_on = asyncio.Event()

    async def waits(turn: Turn) -> AsyncIterator[Piece]:
        if turn.secret is not None:
            await go_on.wait()
        async for piece in porter(turn):
            yield piece

    agent = Scripted(waits)
    desk = desk_of(chat.store, agent)
    await ask(desk, chat, "ask me")
    with monitoring(redis_server) as monitor:
        turns = [await say(desk, chat, f"{PIN}-{number}", CLIENT) for number in range(3)]
        assert sorted(chat.secrets()) == [str(turn).encode() for turn in turns]
        exported = str(await chat.store.export(chat.sid))
        seen = b"\n".join(monitor.heard()).decode() + kept(redis_server) + exported
        go_on.set()
        await until(lambda: ended(chat, turns[-1]), what="the last turn's end")
        seen += b"\n".join(monitor.heard()).decode() + kept(redis_server)
    await desk.idle()
    assert [turn.secret for turn in agent.given[1:]] == [Secret(f"{PIN}-{number}", CLIENT) for number in range(3)]
    assert chat.secrets() == {}
    assert PIN not in seen
    assert CLIENT not in seen


async def test_it_reaches_whoever_takes_the_turn_over(chat: Chat, other_store: RedisStore) -> None:
    async def never(turn: Turn) -> AsyncIterator[Piece]:
        if turn.secret is not None:
            await asyncio.Event().wait()
        async for piece in porter(turn):
            yield piece

    agent, heir = Scripted(never), Scripted(porter)
    here, there = desk_of(chat.store, agent), desk_of(other_store, heir)
    await ask(here, chat, "ask me")
    turn = await say(here, chat, PIN, CLIENT)
    await until(lambda: len(agent.given) == 2, what="the agent at work")
    chat.expire_lease()
    claimed = await other_store.claim(chat.sid, new_mark())
    assert claimed is not None
    there.turns.start(claimed.lease, claimed.now)
    await until(lambda: ended(chat, turn), what="the end of the turn")
    assert [(one.secret, one.text, one.attempt) for one in heir.given] == [(Secret(PIN, CLIENT), REDACTED, 2)]
    for run in list(here.turns.running.values()):
        here.turns.drop(run)


async def test_what_was_typed_ahead_is_plain_text_and_no_secret(chat: Chat) -> None:
    go_on = asyncio.Event()

    async def waits(turn: Turn) -> AsyncIterator[Piece]:
        if turn.text.startswith("ask"):
            await go_on.wait()
        async for piece in porter(turn):
            yield piece

    agent = Scripted(waits)
    desk = desk_of(chat.store, agent)
    await say(desk, chat, "ask me")
    turn = await say(desk, chat, "too early")
    go_on.set()
    await until(lambda: ended(chat, turn), what="the end of the turn")
    await desk.idle()
    assert [(one.secret, one.text) for one in agent.given] == [(None, "ask me"), (None, "too early")]
    assert chat.said()[1] == ("user", 2, "too early")


async def test_what_looks_like_an_answer_too_early_is_stored_as_the_agent_says(
    chat: Chat, redis_server: RedisServer
) -> None:
    agent = Scripted(porter)
    desk = desk_of(chat.store, agent, redact=lambda text, _head: text.replace(PIN, "(hidden)"))
    with monitoring(redis_server) as monitor:
        await ask(desk, chat, f"it is {PIN}", CLIENT)
        seen = b"\n".join(monitor.heard()).decode() + kept(redis_server)
    assert (agent.given[0].secret, agent.given[0].text) == (None, "it is (hidden)")
    assert PIN not in seen


@pytest.mark.parametrize("listens", [False, True])
async def test_a_replica_that_learns_of_the_question_late_seals_too(
    chat: Chat, other_store: RedisStore, redis_server: RedisServer, listens: bool
) -> None:
    """What it has in its cache is dropped by the publication that shows the question; else it asks first."""
    here, there = desk_of(chat.store, Scripted(porter)), desk_of(other_store, Scripted(porter))
    if listens:
        there.turns.heads.listen(chat.sid)
        await ask(there, chat, "hello")
        assert there.turns.heads.get(chat.sid) is not None
    await ask(here, chat, "ask me")
    there.turns.heads.changed(chat.sid, chat.field("rev"))
    with monitoring(redis_server) as monitor:
        await ask(there, chat, PIN, CLIENT)
        seen = b"\n".join(monitor.heard()).decode() + kept(redis_server)
    assert PIN not in seen
    assert [text for kind, _, text in chat.said() if kind == "user"][-1] == REDACTED


async def test_one_that_no_key_opens_any_more_is_an_empty_secret(chat: Chat, other_store: RedisStore) -> None:
    """The agent must know that something was asked for, and that it didn't get it."""
    agent, heir = Scripted(porter), Scripted(porter)
    here = desk_of(chat.store, agent)
    await ask(here, chat, "ask me")
    result = await chat.store.accept(chat.message("m9", REDACTED, asking=True, sealed=b"sealed by somebody else"))
    assert getattr(result, "lease", None) is not None
    chat.expire_lease()
    claimed = await other_store.claim(chat.sid, new_mark())
    assert claimed is not None
    there = desk_of(other_store, heir, secrets=("another secret of a deployment, for tests",))
    there.turns.start(claimed.lease, claimed.now)
    await there.idle()
    assert [one.secret for one in heir.given] == [Secret("")]


async def test_keys_are_rotated_under_a_waiting_answer(chat: Chat, other_store: RedisStore) -> None:
    old, new = "the old secret of a deployment, for tests", "the new secret of a deployment, for tests"

    async def never(turn: Turn) -> AsyncIterator[Piece]:
        if turn.secret is not None:
            await asyncio.Event().wait()
        async for piece in porter(turn):
            yield piece

    here, heir = desk_of(chat.store, Scripted(never), secrets=(old,)), Scripted(porter)
    await ask(here, chat, "ask me")
    await say(here, chat, PIN)
    for run in list(here.turns.running.values()):
        here.turns.drop(run)
    chat.expire_lease()
    claimed = await other_store.claim(chat.sid, new_mark())
    assert claimed is not None
    there = desk_of(other_store, heir, secrets=(new, old))
    there.turns.start(claimed.lease, claimed.now)
    await there.idle()
    assert [one.secret for one in heir.given] == [Secret(PIN, None)]


def test_a_secret_shows_nothing_of_itself() -> None:
    secret = Secret(PIN, CLIENT)
    assert not [word for word in (PIN, CLIENT) if word in f"{secret!r} {secret}"]
