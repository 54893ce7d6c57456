"""At every step of a conversation that reaches Redis, a replica dies or the network fails: nothing acked is lost (I7).

The steps are those of a run without faults; each of these tests lives that conversation anew once for each of them.
"""

from typing import Final

import pytest

from app.store.scripts import Scripts
from tests.sim.client import Client
from tests.sim.judge import judge
from tests.sim.node import Fate
from tests.sim.scenario import HANDING_OVER, SID, play
from tests.sim.wire import Wire
from tests.sim.world import World
from tests.support.history import check

ELSEWHERE: Final = {
    "erase": "tests/store, tests/edge: an administrator's, it leaves nothing to recover",
    "import": "tests/store, tests/edge: an administrator's, whole or not at all",
    "fork": "tests/core/test_histories.py: needs a Redis that has lost its tail",
    "lock": "tests/agents/test_identity_locks.py: not a conversation's",
}
READS: Final = frozenset({"hmget", "join"})
FATES: Final = [fate for fate in Fate if fate is not Fate.DONE]
NOBODY_DIES: Final = (Fate.REQUEST_LOST, Fate.REPLY_LOST, Fate.REPLY_LATE, Fate.LATE)
OF_READS: Final = (Fate.REQUEST_LOST, Fate.REPLY_LATE, Fate.DIES_BEFORE)
"""To a read the others are the same as these."""

FIRSTS: Final = [
    ("A accept#1", Fate.DIES_AFTER),
    ("A delta#8", Fate.DIES_BEFORE),
    ("A commit#4", Fate.DIES_AFTER),
    ("A cancel#2", Fate.DIES_AFTER),
    ("A act#1", Fate.DIES_AFTER),
    ("A renew#1", Fate.DIES_AFTER),
]
"""A turn that nobody knows of, one in mid-answer, and leases handed on to a replica that never hears of it."""
OF_THE_HEIR: Final = 6  # how it got the lease, and what it does then


@pytest.fixture(scope="session")
def steps(wire: Wire, sim_scripts: Scripts) -> list[str]:
    """The steps of the conversation without a fault, in order."""
    steps, wrong = play(wire, sim_scripts)
    assert not wrong, wrong
    assert claims(steps) == 0, "a turn was left to the reapers, and nobody had died"
    return [step for step in steps if step != HANDING_OVER]


def kind(step: str) -> str:
    """The script or command of a step."""
    return step.split(" ")[1].partition("#")[0]


def claims(steps: list[str]) -> int:
    """How many turns were taken over, in the part of the conversation in which nothing but a fault can cause that."""
    before = steps[: steps.index(HANDING_OVER)] if HANDING_OVER in steps else steps
    return sum(kind(step) == "claim" for step in before)


def test_every_script_of_the_engine_has_its_points(steps: list[str], sim_scripts: Scripts) -> None:
    kinds = set(map(kind, steps))
    assert kinds - READS == {script.name for script in sim_scripts.all} - set(ELSEWHERE) - READS
    assert kinds >= READS


def test_the_same_faults_are_the_same_run(wire: Wire, sim_scripts: Scripts, steps: list[str]) -> None:
    assert [step for step in play(wire, sim_scripts)[0] if step != HANDING_OVER] == steps
    fault = (steps[len(steps) // 2], Fate.DIES_AFTER)
    assert play(wire, sim_scripts, fault) == play(wire, sim_scripts, fault)


@pytest.mark.parametrize("fate", FATES)
def test_one_fault_at_every_step(fate: Fate, wire: Wire, sim_scripts: Scripts, steps: list[str]) -> None:
    points = [step for step in steps if kind(step) not in READS or fate in OF_READS]
    wrong: dict[str, list[str]] = {}
    for step in points:
        run, found = play(wire, sim_scripts, (step, fate))
        if fate in NOBODY_DIES and kind(step) in ("commit", "delta") and claims(run) > 0:
            found.append("I5 its holder didn't just try again: the turn had to be taken over")
        if found:
            wrong[f"{step} {fate}"] = found
    print(f"{len(points)} points, {fate}")
    assert len(set(points)) == len(points) > 60
    assert not wrong, report(len(points), wrong)


def test_a_second_fault_at_every_step_of_the_heir(wire: Wire, sim_scripts: Scripts) -> None:
    played, wrong = 0, {}
    for first in FIRSTS:
        for step in heirs_steps(play(wire, sim_scripts, first)[0], first[0]):
            for fate in (Fate.DIES_BEFORE, Fate.DIES_AFTER):
                played += 1
                found = play(wire, sim_scripts, first, (step, fate))[1]
                if found:
                    wrong[f"{first[0]} {first[1]}, then {step} {fate}"] = found
    print(f"{played} pairs")
    assert played > 60
    assert not wrong, report(played, wrong)


def test_a_late_first_piece_takes_nothing_back(wire: Wire, sim_scripts: Scripts) -> None:
    """What was shown stays, also if the answer is stopped before its writer has noticed anything."""
    with World(wire, sim_scripts, {"A delta#1": Fate.LATE}) as world:
        node, client = world.start("A").node, Client(world, SID)
        _ = world.loop.start(None, client.send("m1", "a b c d e f g h i j k l m n o p"))
        world.loop.advance(0.5)
        assert node.late
        while node.late:
            world.loop.advance(0.002)
        _ = world.loop.start(None, client.cancel(1))
        world.settle((SID,))
        assert [event.said()[0] for event in world.log(SID)][1].startswith("a b c")
        assert not check([client.reader.log])
        assert not judge(world.rest(SID), world.told[SID], may_fail=False)


def heirs_steps(steps: list[str], fault: str) -> list[str]:
    """What the others do from when a replica has died until its turn is well under way elsewhere."""
    after = [step for step in steps[steps.index(fault) + 1 :] if kind(step) not in READS]
    claim = next(at for at, step in enumerate(after) if kind(step) in ("claim", "act"))
    return after[: claim + OF_THE_HEIR]


def report(played: int, wrong: dict[str, list[str]]) -> str:
    """All of it, by name."""
    lines = [f"{len(wrong)} of {played} runs:", *(f"  {name}: {'; '.join(found)}" for name, found in wrong.items())]
    return "\n".join(lines)
