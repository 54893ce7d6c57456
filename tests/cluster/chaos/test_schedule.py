"""The same seed, the same schedule; and one that lets something be done."""

from itertools import pairwise

import pytest

from tests.cluster.chaos.options import Options
from tests.cluster.chaos.schedule import ALL, OF_PROCESSES, Act, Kind, faults, tabs, talk

SEEDS = range(40)


def test_a_seed_is_a_schedule() -> None:
    assert faults(7, 600, 3, 1.0) == faults(7, 600, 3, 1.0)
    assert talk(7, 3, 5, 3, 3) == talk(7, 3, 5, 3, 3)
    assert len({tuple(faults(seed, 60, 3, 1.0)) for seed in SEEDS}) == len(SEEDS)
    assert len({talk(seed, slot, number, 2, 3) for seed in SEEDS for slot in range(3) for number in range(3)}) == 360


def test_a_longer_run_begins_as_a_shorter_one() -> None:
    """So that a violation in the last minute of ten can be looked for in a run of its own length."""
    for seed in SEEDS:
        assert faults(seed, 50, 3, 1.0) == [f for f in faults(seed, 600, 3, 1.0) if f.at + f.seconds <= 50]


@pytest.mark.parametrize("replicas", [1, 2, 3, 5])
def test_every_kind_happens_within_the_run_and_in_order(replicas: int) -> None:
    for seed in SEEDS:
        planned = faults(seed, 120, replicas, 1.0)
        assert {fault.kind for fault in planned} == set(Kind)
        assert all(before.at <= after.at for before, after in pairwise(planned))
        assert all(fault.at > 0 and fault.at + fault.seconds <= 120 for fault in planned)
        assert {fault.target for fault in planned} == {ALL, *range(replicas)}


def test_one_replica_is_spared_unless_all_are_killed() -> None:
    for seed in SEEDS:
        planned = faults(seed, 600, 3, 1.0)
        for fault in planned:
            struck = {
                other.target
                for other in planned
                if other.target != ALL and other.at <= fault.at < other.at + other.seconds
            }
            assert len(struck) < 3, fault


def test_a_paused_replica_wakes_after_its_lease_and_not_long_after() -> None:
    """While the heir still writes: that is when a fence is needed (I5)."""
    for lease in (0.5, 1.0, 3.0):
        pauses = [fault.seconds for fault in faults(1, 600, 3, lease) if fault.kind is Kind.PAUSE]
        assert len(pauses) > 20
        assert all(lease < seconds < 2.5 * lease for seconds in pauses)
    often = sum(fault.kind in OF_PROCESSES for fault in faults(1, 600, 3, 1.0))
    assert often > 80


def test_clients_do_everything_that_they_can() -> None:
    talks = [talk(seed, slot, number, 3, 3) for seed in range(3) for slot in range(4) for number in range(10)]
    steps = [step for each in talks for line in each.steps for step in line]
    assert {step.act for step in steps} == set(Act)
    assert {step.at[0] for step in steps if step.act is Act.LEAVE} == {"sent", "received"}
    assert all(line[0].act is Act.ASK for each in talks for line in each.steps)
    assert any(each.ends for each in talks)
    assert not all(each.ends for each in talks)


@pytest.mark.parametrize(("clients", "conversations"), [(24, 12), (10, 6), (3, 3), (36, 12), (7, 5), (1, 1)])
def test_clients_are_spread_over_conversations(clients: int, conversations: int) -> None:
    counts = tabs(clients, conversations)
    assert len(counts) == conversations
    assert sum(counts) == clients
    assert all(1 <= count <= 3 for count in counts)


def test_the_command_line_says_what_was_chosen() -> None:
    assert Options(seed=5).command == 'make chaos MINUTES=10 ARGS="--seed 5"'
    assert Options(seed=5, minutes=0.25, clients=10).command == 'make chaos MINUTES=0.25 ARGS="--seed 5 --clients 10"'
