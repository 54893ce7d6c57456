"""A property: whenever the store reads and whenever its replies arrive, nobody is left behind, misled or let go.

Every call of the hub to its store and its feed is held, and Hypothesis decides when each is read, answered or lost, in
any order with publications, joins, leaves, slow sockets and top checks (I2, I3, I4, I6). After that the store answers,
while everything that was published is lost: the periodic top check alone must bring everybody everything.
"""

import asyncio
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core import limits
from app.fanout import repair
from tests.fanout.found import FOUND
from tests.fanout.stage import Stage, Step

WRITING = ["say", "say", "act", "write", "write", "write", "take over", "commit", "commit", "cancel"]
ARRIVING = ["deliver", "deliver", "deliver all", "reorder", "double", "confirm", "confirm"]
NETWORK = [*ARRIVING, "drop", "interrupt"]
STORE = ["read", "read", "read", "answer", "answer", "answer", "answer", "flow", "flow"]
READING = ["join", "join", "join", "leave", "slow", "top check", "top check"]
FAULTS = ["fail", "time out"]
BEGUN: list[Step] = [
    ("join", 0, False, 0),
    ("join", 1, False, 0),
    ("say", 0, False, 0),
    ("flow", 0, True, 0),
    ("deliver all", 0, False, 0),
]


def schedule(*names: str) -> st.SearchStrategy[list[Step]]:
    """Steps of these names, but for some that don't happen this time; half of them begin amid a conversation.

    Several short lists, because a long one mostly has five elements; one number a step, because that is quick.
    """

    def step(code: int) -> Step:
        (code, turns), flag = divmod(code, 4), bool(code & 4)
        return names[code // 24], code // 2 % 12, flag, turns

    steps = st.tuples(*[st.lists(st.integers(0, len(names) * 96 - 1).map(step), max_size=20)] * 8)
    never = st.sets(st.sampled_from(sorted(set(names))), max_size=10)
    begun = st.sampled_from([[], BEGUN])
    return st.builds(
        lambda begun, steps, never: [*begun, *(one for part in steps for one in part if one[0] not in never)],
        begun, steps, never,
    )  # fmt: skip


async def play(steps: list[Step], page: int, all_arrives: bool = False) -> None:
    """One schedule from its beginning to a healed end. `all_arrives`: until then nothing is lost."""
    with mock.patch.object(limits, "HISTORY_PAGE", page), mock.patch.object(repair, "RETRY_AFTER", 0):
        stage = Stage()
        for step in steps:
            await stage.step(step)
        if all_arrives:
            await stage.hear()
        await stage.heal()
        await stage.live()
        await stage.leave()


@pytest.mark.parametrize("what", FOUND)
def test_what_was_found_stays_mended(what: str) -> None:
    page, steps = FOUND[what]
    asyncio.run(play(steps, page))


@settings(max_examples=250, deadline=None)
@given(steps=schedule(*WRITING, *NETWORK, *STORE, *READING), page=st.integers(1, 4))
def test_no_order_of_replies_and_publications_leaves_anybody_behind(steps: list[Step], page: int) -> None:
    asyncio.run(play(steps, page))


@settings(max_examples=250, deadline=None)
@given(steps=schedule(*WRITING, *ARRIVING, *STORE, "join", "join", "join", "leave"), page=st.integers(1, 4))
def test_while_nothing_is_lost_nobody_waits_for_a_top_check(steps: list[Step], page: int) -> None:
    asyncio.run(play(steps, page, all_arrives=True))


@settings(max_examples=250, deadline=None)
@given(steps=schedule(*WRITING, *NETWORK, *STORE, *READING, *FAULTS), page=st.integers(1, 4))
def test_nor_does_a_store_that_fails_now_and_then(steps: list[Step], page: int) -> None:
    asyncio.run(play(steps, page))


@settings(max_examples=350, deadline=None)
@given(
    steps=schedule(*WRITING, *NETWORK, *STORE, *READING, *FAULTS, "lose tail", "lose tail", "erase"),
    page=st.integers(1, 4),
)
def test_lost_and_erased_logs_are_a_reset_and_never_a_mix(steps: list[Step], page: int) -> None:
    asyncio.run(play(steps, page))
