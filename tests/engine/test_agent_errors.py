"""Whatever an agent raises, yields or leaves behind ends its own turn, once, and no log quotes the customer (I10)."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

import pytest

from app.agents.port import Audit, Change, NextMessage, Piece, Turn
from app.agents.registry import UnknownAgentError, make_agent
from app.core.errors import FencedError, SessionGoneError, StaleError, StoreRefusedError, StoreUnavailableError
from tests.engine.helpers import Scripted, ask, audits, changed, desk_of, logged, say
from tests.engine.test_time_limit import ending, texts
from tests.support.poll import until
from tests.support.stores import Chat

PIN = "my pin qz4711"


class Odd(BaseException):
    """What task groups and other libraries raise."""


ERRORS = [StoreRefusedError, FencedError, SessionGoneError, StaleError, Odd]


@pytest.mark.parametrize("error", ERRORS)
async def test_an_error_of_its_own_is_none_of_the_engines(
    chat: Chat, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    async def raising(turn: Turn) -> AsyncIterator[Piece]:
        yield "begun"
        if turn.text == PIN:
            raise error(turn.text)

    agent = Scripted(raising)
    desk = desk_of(chat.store, agent)
    with caplog.at_level(logging.DEBUG), logged() as lines:
        turn = await ask(desk, chat, PIN)
    assert ending(chat, turn) == ("failed", "error")
    assert len(agent.given) == 1
    assert PIN not in caplog.text + str([line for line in lines if line["event"] != "redis_connected"])
    assert texts(chat, await ask(desk, chat, "hello")) == ["begun"]


async def test_one_that_cannot_reach_the_store_is_tried_again_later_and_it_counts(chat: Chat) -> None:
    async def needs_it(_turn: Turn) -> AsyncIterator[Piece]:
        yield "begun"
        raise StoreUnavailableError("away")

    desk = desk_of(chat.store, Scripted(needs_it))
    await say(desk, chat, "hello")
    await desk.idle()
    assert (len(desk.turns.owed), bool(chat.field("owner"))) == (0, True), "it runs out, and is a crash of the turn's"


def as_it_was(turn: Turn) -> Change:
    """A head that another release would not be able to read."""
    return changed(turn.head, handoff_state="weird")


def wrong_type(turn: Turn) -> Change:
    """One whose field isn't what it is said to be."""
    head = turn.head.copy()
    head.user.failed_attempts = "three"  # type: ignore[assignment]
    return Change(head)


def no_time(turn: Turn) -> Change:
    """One whose expiry isn't a time, and quotes the customer."""
    head = turn.head.copy()
    head.user.auth_state, head.user.session_expiry = "authenticated", turn.text
    return Change(head)


@pytest.mark.parametrize("change", [as_it_was, wrong_type, no_time])
async def test_a_head_that_could_not_be_read_again_is_not_stored(chat: Chat, change: Callable[[Turn], Change]) -> None:
    async def careless(turn: Turn) -> AsyncIterator[Piece]:
        yield "text"
        if turn.text == PIN:
            yield change(turn)

    desk = desk_of(chat.store, Scripted(careless))
    turn = await ask(desk, chat, PIN)
    assert ending(chat, turn) == ("failed", "error")
    assert texts(chat, await ask(desk, chat, "hello")) == ["text"]
    assert await chat.store.load(chat.sid) is not None


async def test_a_head_is_stored_as_it_was_when_it_was_yielded(chat: Chat) -> None:
    async def changes_its_mind(turn: Turn) -> AsyncIterator[Piece]:
        change = changed(turn.head, agent_states={"faq": {"n": 1}})
        yield change
        change.head.fields.agent_states["faq"]["n"] = object()
        yield "text"

    desk = desk_of(chat.store, Scripted(changes_its_mind))
    assert ending(chat, await ask(desk, chat, "hello")) == ("completed", None)
    loaded = await chat.store.load(chat.sid)
    assert loaded is not None
    assert loaded.head.fields.agent_states == {"faq": {"n": 1}}


@pytest.mark.parametrize("name", ["event", "action", "session", "no name", ""])
async def test_a_line_for_the_log_that_cannot_be_written_costs_no_message(chat: Chat, name: str) -> None:
    async def talks(_turn: Turn) -> AsyncIterator[Piece]:
        yield "one"
        yield Audit("pin", "ok", {"letters": 4})
        yield NextMessage()
        yield "two"
        yield Audit("pin", "ok", {name: "x"})
        yield NextMessage()

    desk = desk_of(chat.store, Scripted(talks))
    with logged() as lines:
        turn = await ask(desk, chat, "hello")
    assert ending(chat, turn) == ("failed", "error")
    assert texts(chat, turn)[:2] == ["one", "two"]
    assert len(texts(chat, turn)) == 3
    assert audits(lines) == [("pin", "ok")]


async def test_one_that_cancels_itself_fails_at_once(chat: Chat) -> None:
    async def gives_up(turn: Turn) -> AsyncIterator[Piece]:
        yield "begun"
        if turn.text == "now":
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            if turn.seq > 1:
                await asyncio.sleep(0)

    agent = Scripted(gives_up)
    desk = desk_of(chat.store, agent)
    first = await ask(desk, chat, "now")
    second = await ask(desk, chat, "now")
    assert ending(chat, second) == ("failed", "error")
    assert len(texts(chat, first)) >= 1, "whether it was delivered or not, the turn has ended"
    assert texts(chat, await ask(desk, chat, "hello")) == ["begun"]
    assert len(agent.given) == 3


async def test_what_it_raises_while_it_is_closed_is_in_no_log(chat: Chat, caplog: pytest.LogCaptureFixture) -> None:
    closed = []

    async def untidy(turn: Turn) -> AsyncIterator[Piece]:
        try:
            while turn.text == PIN:
                yield "x" * 10_000
            yield "fine"
        finally:
            closed.append(turn.seq)
            if turn.text == PIN:
                raise ValueError(f"while closing: {turn.text}")

    desk = desk_of(chat.store, Scripted(untidy))
    with caplog.at_level(logging.DEBUG), logged() as lines:
        turn = await ask(desk, chat, PIN)
        assert closed == [turn], "before the next turn begins"
        assert texts(chat, await ask(desk, chat, "hello")) == ["fine"]
    assert ending(chat, turn)[0] == "failed"
    assert PIN not in caplog.text + str(lines)


@pytest.mark.parametrize("name", ["caf\udce9", "", "a\nb", 7, "x" * 201])
def test_an_agent_whose_name_cannot_be_stored_does_not_start(name: object, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.support import agents

    monkeypatch.setattr(agents, "make_odd", lambda: agents.Agent(agents._slow, name=name), raising=False)  # type: ignore[arg-type]
    with pytest.raises(UnknownAgentError, match="name"):
        make_agent("tests.support.agents:make_odd", 0)


async def test_a_delta_that_is_refused_for_good_is_not_tried_for_ever(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.engine import writer

    monkeypatch.setattr(writer, "RETRY_AFTER", 0.001)

    async def slow(_turn: Turn) -> AsyncIterator[Piece]:
        yield "one "
        await asyncio.sleep(0.1)
        yield "two"
        await asyncio.Event().wait()

    desk = desk_of(chat.store, Scripted(slow))
    await say(desk, chat, "hello")
    await until(lambda: chat.partial() == b"one ", what="the first piece")
    chat.server.command("DEL", chat.keys.all[4])
    chat.server.command("RPUSH", chat.keys.all[4], "a list")
    with contextlib.suppress(asyncio.CancelledError):
        await desk.idle()
    assert chat.field("owner"), "its lease runs out, and that counts"
    chat.server.command("DEL", chat.keys.all[4])
