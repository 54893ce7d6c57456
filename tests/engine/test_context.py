"""What a site says of where its customer was when writing a message: stored with it, and given to the agent."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from app.agents.port import Piece, Turn
from app.core.messages import REDACTED
from app.store.redis_store import RedisStore
from tests.engine.helpers import Desk, Scripted, changed, desk_of, ended
from tests.support.poll import until
from tests.support.stores import Chat, new_mark

PAGE = {"page": "/bills", "product": "solar"}


async def polite(turn: Turn) -> AsyncIterator[Piece]:
    yield "hello"


async def told(desk: Desk, chat: Chat, message_id: str, text: str, context: dict[str, str]) -> int:
    """A message with a context, and the end of its turn; its seq."""
    sent = await desk.conversations.send(chat.sid, message_id, text, "epoch", None, context)
    await until(lambda: ended(chat, sent.seq), what=f"the end of turn {sent.seq}")
    await desk.idle()
    return sent.seq


async def events(chat: Chat) -> list[dict[str, Any]]:
    """The messages of the customer as they are exported."""
    document: Any = await chat.store.export(chat.sid)
    return [entry for entry in document["events"] if entry.get("role") == "user"]


async def test_it_is_stored_with_its_message_and_handed_to_the_agent(chat: Chat) -> None:
    agent = Scripted(polite)
    desk = desk_of(chat.store, agent)
    await told(desk, chat, "a", "hi", PAGE)
    await told(desk, chat, "b", "hi", {})
    assert [dict(turn.context) for turn in agent.given] == [PAGE, {}]
    first, second = await events(chat)
    assert first["context"] == PAGE
    assert "context" not in second


async def test_the_same_id_is_the_same_message_whatever_its_context(chat: Chat) -> None:
    agent = Scripted(polite)
    desk = desk_of(chat.store, agent)
    seq = await told(desk, chat, "a", "hi", PAGE)
    again = await desk.conversations.send(chat.sid, "a", "hi", None, None, {"page": "/other"})
    assert (again.seq, again.duplicate, len(agent.given)) == (seq, True, 1)
    assert [entry["context"] for entry in await events(chat)] == [PAGE]


async def test_it_stays_where_the_text_is_hidden(chat: Chat) -> None:
    async def porter(turn: Turn) -> AsyncIterator[Piece]:
        yield changed(turn.head, asking=turn.text == "ask me")
        yield "?"

    desk = desk_of(chat.store, Scripted(porter))
    await told(desk, chat, "a", "ask me", {})
    await told(desk, chat, "b", "1234", PAGE)
    answer = (await events(chat))[1]
    assert (answer["text"], answer["context"]) == (REDACTED, PAGE)


async def test_whoever_takes_the_turn_over_gets_it_too(chat: Chat, other_store: RedisStore) -> None:
    async def hangs(turn: Turn) -> AsyncIterator[Piece]:
        await asyncio.Event().wait()
        yield "never"

    agent, heir = Scripted(hangs), Scripted(polite)
    here, there = desk_of(chat.store, agent), desk_of(other_store, heir)
    sent = await here.conversations.send(chat.sid, "a", "hi", "epoch", None, PAGE)
    await until(lambda: agent.given, what="the agent at work")
    chat.expire_lease()
    claimed = await other_store.claim(chat.sid, new_mark())
    assert claimed is not None
    there.turns.start(claimed.lease, claimed.now)
    await until(lambda: ended(chat, sent.seq), what="the end of the turn")
    assert [(turn.attempt, dict(turn.context)) for turn in heir.given] == [(2, PAGE)]
    for run in list(here.turns.running.values()):
        here.turns.drop(run)
