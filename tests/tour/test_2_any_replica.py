"""Second stop: two replicas, and why it doesn't matter which of them you talk to, or whether it lives.

The replica that answers is killed in the middle of a word; the reader sees the same answer go on.
"""

from tests.support.client import Client
from tests.support.cluster import SLOW, WORDS, judge, replicas


async def test_the_baton_is_passed_in_mid_answer(redis_url: str) -> None:
    async with replicas(redis_url, env=SLOW) as (first, second):
        customer = Client(first.ws_url)
        await customer.open()
        await customer.send(WORDS)

        # Forty words, slowly. A delta appends to what is shown; here a few of them have come.
        await customer.wait_frame("delta", where=lambda delta: delta["last"] >= 5)
        assert len(customer.transcript) == 1  # of the answer nothing is final yet

        # The replica dies as processes die: without a word.
        first.kill9()
        assert await customer.wait_closed() == 1006

        # All that a client needs is the token, and the last durable event that it has applied.
        assert customer.cursor is not None
        welcome = await customer.open(second.ws_url)
        assert welcome["recovered"] is True

        # What had been written is shown at once, under `first: 0`; the rest follows when the lease of the dead has run
        # out and the other replica takes the turn over: `attempt` 2, and the chunk numbers carry on.
        await customer.wait_turn_end(turn=1)
        assert max(delta["attempt"] for delta in customer.frames("delta")) == 2
        assert [event["type"] for event in customer.transcript] == ["message", "message", "turn_end"]
        assert customer.answers() == [WORDS]
        await customer.close()

    # A judge that knows nothing of the product reads everything that this client saw, against I1 to I5.
    judge(customer)
