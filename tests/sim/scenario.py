"""The life of one conversation in which every script of the engine runs, whatever dies on the way.

It must never depend on which replica answers, and never on a fault: without one it is what there is to go wrong.
"""

import asyncio
from typing import Final

from app.store.scripts import Scripts
from tests.sim.client import Client
from tests.sim.judge import judge
from tests.sim.node import Fate
from tests.sim.wire import Wire
from tests.sim.world import SIDS, World
from tests.support.history import check

SID: Final = SIDS[0]
NAMES: Final = ("A", "B", "C")
HANDING_OVER: Final = "- handing#over"
"""Not a step: from here on turns are taken over without a fault, too."""
PIN: Final = "4711-0815"
ALL_OF_IT: Final = 240.0  # virtual seconds; without a fault it takes some 20


async def live(client: Client) -> None:
    """Everything that a customer and an operator may do; once all that was planned has gone wrong, only what is left to
    be shown: that the conversation goes on, and ends.
    """
    whole = not client.world.plan
    for phase in (_plain, _several_messages, _cancels, _sign_ins, _secret, _hand_overs):
        if whole or client.world.plan:
            await phase(client)
    await _end(client)


async def _plain(client: Client) -> None:
    await client.answered(await client.send("m1", "one two three"))


async def _several_messages(client: Client) -> None:
    first = await client.send("m2", "a b / c / d e")
    second = await client.send("m3", "waits a little")
    await client.answered(first)
    await client.answered(second)


async def _cancels(client: Client) -> None:
    running = await client.send("m4", "to be cut off somewhere here")
    waiting = await client.send("m5", "never to be answered")
    following = await client.send("m6", "comes next")
    await client.begun(running)
    await client.cancel(waiting)
    await client.cancel(running)
    await client.answered(following)


async def _sign_ins(client: Client) -> None:
    await client.answered(await client.send("m7", "later on"))
    running = await client.send("m8", "then I sign in")
    await client.begun(running)
    await client.identify("account 1")
    await client.until(lambda: not client.world.busy(client.sid))
    running = await client.send("m9", "then I sign out")
    await client.begun(running)
    await client.sign_out()
    await client.answered(running)


async def _secret(client: Client) -> None:
    await client.answered(await client.send("m10", "secret number please"))
    await client.answered(await client.send("m11", PIN))


async def _hand_overs(client: Client) -> None:
    client.world.steps.append(HANDING_OVER)
    running = await client.send("m20", "begun here ... and ended elsewhere")
    await client.begun(running)
    leaving = client.home
    await asyncio.wait({leaving.drain(), leaving.gone}, return_when=asyncio.FIRST_COMPLETED)
    await client.answered(running)
    running = await client.send("m22", "begun by one / who then dies")
    await client.begun(running)
    client.world.kill(client.home.process)
    await client.answered(running)


async def _end(client: Client) -> None:
    await client.send("m1", "one two three")
    last = await client.send("m30", "cut off by the end")
    await client.send("m31", "never to be answered")
    await client.begun(last)
    await client.end()
    await client.send("m1", "one two three")
    await client.catch_up()


def play(wire: Wire, scripts: Scripts, *plan: tuple[str, Fate], may_fail: bool = False) -> tuple[list[str], list[str]]:
    """The scenario with these faults: the steps of the run, and what was wrong in it. ``may_fail``: see `judge`."""
    with World(wire, scripts, dict(plan)) as world:
        for name in NAMES:
            world.start(name)
        client = Client(world, SID)
        life = world.loop.start(None, live(client))
        while not life.done() and world.loop.time() < ALL_OF_IT:
            world.loop.advance(1.0)
        world.settle((SID,))
        found = judge(world.rest(SID), world.told[SID], may_fail) + world.verdict()
        found += map(str, check([client.reader.log]))
        if not life.done():
            found.append("I4 the client still waits")
            life.cancel()
        elif life.exception() is not None:
            found.append(f"I4 the client gave up: {life.exception()!r}")
        found += [f"{step} was never reached" for step in world.plan]
        return world.steps, found
