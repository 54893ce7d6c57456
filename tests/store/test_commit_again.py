"""A commit whose reply was lost is asked again, after others have written meanwhile (I4)."""

import pytest

from app.store.redis_store import RedisStore
from tests.support.stores import Chat, done, new_mark, say


@pytest.mark.parametrize("final", [True, False])
async def test_a_retry_answers_the_same_after_a_waiting_turn_was_cancelled(
    chat: Chat, other_store: RedisStore, final: bool
) -> None:
    """The canceller leaves the fence alone, so the holder, who still holds, must be known again."""
    lease = await chat.start("m1")
    await chat.send("m2")
    await chat.send("m3")
    commit = chat.commitment(lease, say("one"), final=final)
    first = await chat.store.commit(commit)
    done(await other_store.cancel(chat.sid, new_mark(), 3))
    again = await chat.store.commit(commit)
    assert (again.seq, again.next and again.next.turn) == (first.seq, first.next and first.next.turn)


async def test_a_retry_hands_nothing_on_that_was_taken_meanwhile(chat: Chat, other_store: RedisStore) -> None:
    lease = await chat.start("m1")
    await chat.send("m2")
    commit = chat.commitment(lease, say("one"))
    first = await chat.store.commit(commit)
    assert first.next is not None
    chat.expire_lease()
    assert await other_store.claim(chat.sid, new_mark()) is not None
    again = await chat.store.commit(commit)
    assert (again.seq, again.next) == (first.seq, None)
