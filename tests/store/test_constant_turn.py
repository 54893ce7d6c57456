"""I8: what a turn and a resume cost Redis doesn't grow with the history, by Redis's own count."""

from typing import NamedTuple

from app.core import document
from app.core.messages import Cursor, rfc3339
from tests.support.redis_server import RedisServer
from tests.support.stores import Chat, Ear, new_mark, say


class Cost(NamedTuple):
    """Of some calls: scripts run, all commands that scripts and clients ran, bytes that Redis read and wrote."""

    scripts: int
    commands: int
    read: int
    written: int


def cost(server: RedisServer) -> Cost:
    """Since CONFIG RESETSTAT; its own part is always the same."""
    calls = {name: entry["calls"] for name, entry in server.command("INFO", "commandstats").items()}
    stats = server.command("INFO", "stats")
    scripts = calls.get("cmdstat_evalsha", 0) + calls.get("cmdstat_eval", 0)
    return Cost(scripts, sum(calls.values()), stats["total_net_input_bytes"], stats["total_net_output_bytes"])


async def long_chat(chat: Chat, messages: int) -> Chat:
    """A conversation with so many messages, every second one an answer of a turn that has ended."""
    mark, at = new_mark(), rfc3339(1_700_000_000_000)
    events = []
    for turn in range(1, messages // 2 * 3, 3):
        message = {"type": "message", "turn": turn, "at": at, "text": "x" * 40, "name": None}
        events += [
            {**message, "seq": turn, "id": f"m{turn}", "role": "user"},
            {**message, "seq": turn + 1, "id": f"a{turn}", "role": "assistant"},
            {"type": "turn_end", "seq": turn + 2, "turn": turn, "at": at, "status": "completed", "reason": None},
        ]
    whole = {
        "schema": 1, "session_id": chat.sid, "created_at": at, "last_interaction": at, "events": events,
        "user_context": {"session_id": chat.sid},
    }  # fmt: skip
    await chat.store.import_(document.read(whole, chat.sid, mark), mark, "epoch")
    return chat


async def turn_cost(chat: Chat, ear: Ear) -> Cost:
    """One turn with an answer in three pieces, and somebody who listens."""
    await chat.commit(await chat.start("warm up"), say("x"))
    message, body = chat.message("m", cached_rev=chat.field("rev")), say("some text.")
    ear.heard()
    chat.server.command("CONFIG", "RESETSTAT")
    accepted = await chat.store.accept(message)
    lease = accepted.lease  # type: ignore[union-attr]
    assert lease is not None
    for number in range(3):
        await chat.store.delta(lease, 0, number, number, "text ")
    await chat.store.commit(chat.commitment(lease, body, rev=message.cached_rev))
    ear.heard()
    return cost(chat.server)


async def resume_cost(chat: Chat) -> Cost:
    """A resume from ten events before the top."""
    top = await chat.store.top(chat.sid)
    assert top is not None
    after = Cursor("epoch", top.seq - 10, chat.log()[-11].mark)
    chat.server.command("CONFIG", "RESETSTAT")
    snapshot = await chat.store.join(chat.sid, after, 200)
    assert snapshot is not None
    assert len(snapshot.events) == 10
    return cost(chat.server)


def grows(few: Cost, many: Cost) -> float:
    """The largest ratio."""
    return max(b / a for a, b in zip(few, many, strict=True))


async def test_a_turn_costs_the_same_with_a_long_history(chat: Chat, redis_server: RedisServer) -> None:
    short, long = Chat(chat.store, redis_server, "short"), Chat(chat.store, redis_server, "longy")
    ears = Ear(redis_server, "short"), Ear(redis_server, "longy")
    few = await turn_cost(await long_chat(short, 10), ears[0])
    many = await turn_cost(await long_chat(long, 2000), ears[1])
    for ear in ears:
        ear.close()
    assert few.scripts == many.scripts == 2 + 3
    assert few.commands == many.commands
    assert grows(few, many) <= 1.1


async def test_a_resume_costs_what_it_replays(chat: Chat, redis_server: RedisServer) -> None:
    short, long = Chat(chat.store, redis_server, "short"), Chat(chat.store, redis_server, "longy")
    few = await resume_cost(await long_chat(short, 10))
    many = await resume_cost(await long_chat(long, 2000))
    assert few.scripts == many.scripts == 1
    assert few.commands == many.commands
    assert grows(few, many) <= 1.1


async def test_a_message_to_a_known_head_brings_no_head(chat: Chat, ear: Ear) -> None:
    await chat.commit(await chat.start("m1"), say("x"))
    rev = chat.field("rev")
    chat.server.command("HSET", chat.keys.session, "head", b'{"user_context":{"session_id":"' + b"x" * 50_000 + b'"}}')
    ear.heard()
    chat.server.command("CONFIG", "RESETSTAT")
    await chat.send("m2", cached_rev=rev)
    assert cost(chat.server).written < 20_000
