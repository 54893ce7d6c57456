"""The load: crowds that connect, and talkers driven in a closed or an open loop on one event loop.

It waits for nothing without a deadline, and must never retry in silence: what a server refused is counted and returned.
"""

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, Self

from bench.talkers import LoadError, Meter, Talker
from bench.wire import WireError

_CONNECT_SECONDS = 20.0
_SETTLE_SECONDS = 30.0
UNLIMITED = 10**9


class Caller(Protocol):
    """Whatever can connect."""

    async def open(self, port: int) -> None: ...


class Speaker(Protocol):
    """Whatever can say something."""

    def say(self) -> None: ...


async def gather_crowd(talkers: Sequence[Caller], port: int, in_flight: int = 64) -> int:
    """Open every talker, `in_flight` at a time; returns how many refusals (1013) there were.

    Raises LoadError when one can't connect within 20 s.
    """
    waiting = iter(talkers)
    refused = 0

    async def usher() -> None:
        nonlocal refused
        for talker in waiting:
            refused += await persist(talker.open, port)

    try:
        async with asyncio.TaskGroup() as ushers:
            for _ in range(min(in_flight, len(talkers))):
                ushers.create_task(usher())
    except* LoadError as group:
        raise LoadError(str(group.exceptions[0])) from None
    return refused


async def persist(attempt: Callable[[int], Awaitable[None]], port: int) -> int:
    """Await `attempt(port)`, again after each 1013 with full jitter from 0.5 s to 20 s; returns the number of refusals.

    Raises LoadError on any other end, or after 20 s.
    """
    refused = 0
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            while True:
                try:
                    await attempt(port)
                except WireError as error:
                    if error.code != 1013:
                        raise
                    refused += 1
                    await asyncio.sleep(random.uniform(0, min(20.0, 0.5 * 2 ** (refused - 1))))
                else:
                    return refused
    except (WireError, OSError) as error:  # a TimeoutError is an OSError
        raise LoadError(f"can't connect: {str(error) or 'no answer in time'}, {refused} refusals") from error


async def settle(meter: Meter) -> None:
    """Wait until every message that was sent is acked and its turn ended; raises LoadError if they aren't in 30 s."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while meter.failure is None and (meter.acks < meter.sent or meter.turns < meter.sent):
        if time.monotonic() > deadline:
            meter.fail(f"{meter.sent} messages, but {meter.acks} acks and {meter.turns} ends of turns in time")
        await asyncio.sleep(0.005)
    meter.check()


async def talk(talkers: Sequence[Talker], turns: int) -> None:
    """`turns` turns in each conversation, one after the other, all conversations at once; ends when all have ended."""
    meter = talkers[0].meter
    start_talking(talkers, turns)
    await settle(meter)
    meter.again = False


def start_talking(talkers: Sequence[Talker], turns: int = UNLIMITED) -> None:
    """Start the closed loop; it goes on by itself until `turns` each are done or `meter.again` is taken away."""
    talkers[0].meter.again = True
    for talker in talkers:
        talker.left = turns
        talker.say()


async def open_loop(talkers: Sequence[Talker], rate: float, seconds: float, rng: random.Random) -> float:
    """Messages at random moments (Poisson, `rate` a second), talkers in turn, whether or not answers have come.

    Latency counts from the moment a message was really sent. Returned is the 99th percentile of how late that was after
    the moment it was due, in seconds: the generator's own delay, so that a reader can judge it.
    """
    late: list[float] = []
    await _keep_saying(talkers, rate, seconds, rng, late)
    await settle(talkers[0].meter)
    return percentile(late, 99)


class Stream:
    """The same open loop for as long as a block lasts, beside whatever else happens in it; it doesn't settle."""

    def __init__(self, talkers: Sequence[Speaker], rate: float, rng: random.Random) -> None:
        self._work = _keep_saying(talkers, rate, math.inf, rng, [])

    async def __aenter__(self) -> Self:
        self._task = asyncio.get_running_loop().create_task(self._work)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.result()


async def _keep_saying(talkers: Sequence[Speaker], rate: float, seconds: float, rng: random.Random,
                       late: list[float]) -> None:  # fmt: skip
    start = due = time.perf_counter()
    number = 0
    while due - start < seconds:
        if (ahead := due - time.perf_counter()) > 0:
            await asyncio.sleep(ahead)
        late.append(time.perf_counter() - due)
        number += 1
        talkers[number % len(talkers)].say()
        due += rng.expovariate(rate)


def percentile(values: Sequence[float], percent: float) -> float:
    """Nearest-rank percentile of a non-empty sequence."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
