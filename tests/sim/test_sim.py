"""The simulation itself: processes stop, wake and die as real ones do, its clock is the only one, its judge sees."""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from app.core.messages import Event, turn_end_body
from app.store.scripts import Script, Scripts
from app.wiring.parts import open_parts
from tests.sim.client import Client
from tests.sim.facts import Rest, Told
from tests.sim.judge import judge
from tests.sim.loop import LivelockError, Process, VirtualLoop
from tests.sim.node import Call, Fate
from tests.sim.wire import Wire, simulated
from tests.sim.world import SIDS, World

SID = SIDS[0]


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    """Nothing runs on it yet."""
    loop = VirtualLoop()
    yield loop
    loop.close()


async def ticks(loop: VirtualLoop, seen: list[float], ended: list[str]) -> None:
    """The time, once a second."""
    try:
        for _ in range(5):
            await asyncio.sleep(1)
            seen.append(loop.time())
    finally:
        ended.append("cleaned up")


def test_time_passes_only_when_it_is_told_to(loop: VirtualLoop) -> None:
    seen: list[float] = []
    task = loop.start(None, ticks(loop, seen, []))
    loop.advance()
    assert seen == []
    loop.advance(3.5)
    assert seen == [1.0, 2.0, 3.0]
    loop.advance(10)
    assert task.done()
    assert (seen[-1], loop.time()) == (5.0, 13.5)


def test_a_stopped_process_sees_what_it_slept_through_when_it_wakes(loop: VirtualLoop) -> None:
    process, seen, others = Process("p"), list[float](), list[float]()
    tasks = [loop.start(process, ticks(loop, seen, [])), loop.start(None, ticks(loop, others, []))]
    loop.advance(1.5)
    process.stopped = True
    loop.advance(2)
    assert (seen, others) == ([1.0], [1.0, 2.0, 3.0])
    process.wake()
    loop.advance()
    assert seen == [1.0, 3.5]
    loop.advance(5)
    assert all(task.done() for task in tasks)


def test_of_a_dead_process_nothing_runs_again(loop: VirtualLoop) -> None:
    process, seen, ended = Process("p"), list[float](), list[str]()
    loop.start(process, ticks(loop, seen, ended)).cancel()
    process.alive = False
    loop.advance(10)
    assert (seen, ended) == ([], [])
    process.bury()
    loop.advance()


def test_a_loop_that_never_rests_is_found(loop: VirtualLoop) -> None:
    def again() -> None:
        loop.call_soon(again)

    again()
    with pytest.raises(LivelockError):
        loop.advance()


def test_a_script_with_another_clock_is_refused() -> None:
    scripts = Scripts()
    scripts.renew = Script("renew", scripts.renew.source.replace(b"'TIME'", b"'time'"), b"", 9)
    with pytest.raises(AssertionError, match="renew"):
        simulated(scripts)


def test_a_replica_here_does_what_a_real_one_does() -> None:
    """Whoever changes that line of the wiring changes `tests/sim/replica.py`, too, or the simulation proves nothing."""
    real = "recovery.renew(), recovery.reap(), recovery.give_back(), *bot.work(), *more)"
    assert f"work = (*redis.work(), hub.run(), {real}" in inspect.getsource(open_parts)


class Deadly(World):
    """Whoever writes a piece of an answer dies of it."""

    def fate(self, call: Call) -> Fate:
        """Not before it has claimed the turn."""
        return Fate.DIES_AFTER if call.name == "delta" else Fate.DONE


def test_a_turn_that_kills_three_replicas_ends_with_an_apology(wire: Wire, sim_scripts: Scripts) -> None:
    with Deadly(wire, sim_scripts) as world:
        for name in ("A", "B"):
            world.start(name)
        _ = world.loop.start(None, Client(world, SID).send("m1", "one two three four five six seven"))
        world.settle((SID,))
        assert [event.document().get("status") for event in world.log(SID)] == [None, None, None, "failed"]
        assert not judge(world.rest(SID), world.told[SID], may_fail=True)
        assert judge(world.rest(SID), world.told[SID], may_fail=False)


@pytest.fixture
def chat(wire: Wire, sim_scripts: Scripts) -> tuple[Rest, Told]:
    """A conversation of two turns, in good order: 1 message, 2 answer, 3 end, 4 message, 5 answer, 6 end."""

    async def talk(client: Client) -> None:
        for number in (1, 2):
            await client.answered(await client.send(f"m{number}", f"{number} one two"))

    with World(wire, sim_scripts) as world:
        world.start("A")
        talking = world.loop.start(None, talk(Client(world, SID)))
        while not talking.done():
            world.loop.advance(1)
        return world.rest(SID), world.told[SID]


def broken(log: list[Event], seq: int, **other: object) -> list[Event]:
    """One event of a log with something else in it."""
    return [
        Event(**{**{name: getattr(event, name) for name in event.__struct_fields__}, **other})
        if event.seq == seq else event
        for event in log
    ]  # fmt: skip


BREAKS: dict[str, Callable[[Rest, Told], Rest]] = {
    "I1 m2 was acked as 4 and isn't there": lambda rest, _told: replace(rest, log=rest.log[:3]),
    "I1 m1 is stored as '2 one two'": lambda rest, _told: replace(
        rest, log=broken(rest.log, 1, body=rest.log[3].body.replace("m2", "m1"))
    ),
    "I2 m1 is stored as [1, 4]": lambda rest, _told: replace(rest, log=broken(rest.log, 4, body=rest.log[0].body)),
    "I3 the log has [1, 2, 4, 5, 6]": lambda rest, _told: replace(rest, log=rest.log[:2] + rest.log[3:]),
    "I3 the hash is at": lambda rest, _told: replace(rest, fields={**rest.fields, "mark": "1"}),
    "I4 turn 4 never ends": lambda rest, _told: replace(rest, log=rest.log[:5]),
    "comes after the end of its turn": lambda rest, _told: replace(rest, log=broken(rest.log, 6, turn=1)),
    "I4 turn 4 ended as cancelled": lambda rest, _told: replace(
        rest, log=broken(rest.log, 6, body=turn_end_body("cancelled", "cancelled").decode())
    ),
    "I4 [4] still to be run": lambda rest, _told: replace(rest, todo=[4]),
    "I4 reapers still look at it": lambda rest, _told: replace(rest, indexed=True),
    "I4 b'2 one' is left of an answer": lambda rest, _told: replace(rest, partial=b"2 one"),
    "I5 turn 4 (completed) said ['2 one two two']": lambda rest, _told: replace(
        rest, log=broken(rest.log, 5, body=rest.log[4].body.replace("two", "two two"))
    ),
    "I10 1 sealed answers are left": lambda rest, _told: replace(rest, secrets=1),
    "I11": lambda rest, _told: replace(rest, own=dict.fromkeys(rest.own, -1)),
}


def test_a_conversation_in_good_order_is_none_to_complain_of(chat: tuple[Rest, Told]) -> None:
    assert judge(*chat, may_fail=False) == []
    assert len(chat[0].log) == 6


@pytest.mark.parametrize("name", BREAKS)
def test_the_judge_sees(name: str, chat: tuple[Rest, Told]) -> None:
    found = judge(BREAKS[name](*chat), chat[1], may_fail=False)
    assert any(name in line for line in found), found
