"""What it costs to keep the leases of many answers under way: the agent waits, so that nothing else is written.

A short lease and a long one, each with a Redis and a replica of its own, are measured in the same seconds. A turn of
the long lease is renewed after 20 s at the earliest, which is longer than anything here lasts.
"""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass

from app.store.keys import SessionKeys
from bench.loadgen import talk
from bench.parts import Bench, crowd, disperse
from bench.procs import Redis
from bench.replicas import Baton
from bench.report import Row
from bench.talkers import BatonTalker, LoadError, Meter
from bench.usage import Watch, cost_of_asking, traffic

SHORT, LONG = 3, 60
_DELAY_MS = 60_000  # between the first word of an answer and its second
_SCRIPTS_A_TURN = 2  # accept and commit
_BRIEF = "Hello"  # one word: its answer is ready at once
_BRIEF_TURNS = 20
_BRIEF_CLIENTS = 16
_STEPS = 10
_STEP_SECONDS = 0.1
_SETTLE_SECONDS = 1.0  # until the first words are out, and the first renewals due
_ACK_SECONDS = 10.0


@dataclass(frozen=True)
class Kept:
    """What `turns` waiting turns cost in a second and one by one: renewals, CPU seconds of the server and of Redis."""

    renewals: float
    server: float
    redis: float


async def renewals(bench: Bench) -> list[Row]:
    """Renewals of a short turn and of waiting ones, and what these cost beyond turns that aren't renewed."""
    count = bench.scale.waiting
    with ExitStack() as stack:
        servers = []
        for seconds in (SHORT, LONG):
            redis = stack.enter_context(bench.redis())
            baton = bench.baton(redis, lease_seconds=str(seconds), echo_delay_ms=str(_DELAY_MS))
            servers.append((redis, stack.enter_context(baton)))
        brief = await _brief(*servers[0])
        talkers = [await crowd(BatonTalker, count, baton.port) for _, baton in servers]
        await asyncio.gather(*map(_begin, talkers))
        await asyncio.sleep(_SETTLE_SECONDS)
        short, long = await _watch(servers, count, bench.scale.waiting_seconds)
        for (redis, _), group in zip(servers, talkers, strict=True):
            group[0].meter.check()
            _check_kept(redis, group)
            disperse(group)
    waiting = f"per waiting turn and second, {count} of them, lease {SHORT} s / {LONG} s"
    return [
        Row(f"renewals per short turn, lease {SHORT} s", f"{brief:.2f}"),
        Row(f"renewals {waiting}", f"{short.renewals:.2f} / {long.renewals:.2f}"),
        Row(f"server CPU µs {waiting}", *_both(short.server, long.server, count)),
        Row(f"Redis CPU µs {waiting}", *_both(short.redis, long.redis, count)),
    ]


def _both(short: float, long: float, count: int) -> tuple[str, str, str]:
    more = short - long
    return (f"{1e6 * short:.1f} / {1e6 * long:.1f}", "–",
            f"{1e6 * more:+.1f} µs; for all {count}: {100 * more * count:.2f} % of a core")  # fmt: skip


async def _brief(redis: Redis, baton: Baton) -> float:
    """Renewals per turn that is over at once."""
    talkers = await crowd(lambda meter: BatonTalker(meter, _BRIEF), _BRIEF_CLIENTS, baton.port)
    asking, before = cost_of_asking(redis), traffic(redis)
    await talk(talkers, _BRIEF_TURNS)
    scripts = (traffic(redis) - before - asking).scripts
    disperse(talkers)
    return scripts / (_BRIEF_TURNS * _BRIEF_CLIENTS) - _SCRIPTS_A_TURN


async def _begin(talkers: list[BatonTalker]) -> None:
    """A message from each, spread over a second, so that not all leases end in the same moment."""
    meter: Meter = talkers[0].meter
    for step in range(_STEPS):
        for talker in talkers[step::_STEPS]:
            talker.say()
        await asyncio.sleep(_STEP_SECONDS)
    try:
        async with asyncio.timeout(_ACK_SECONDS):
            while meter.acks < len(talkers):
                meter.check()
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise LoadError(f"{meter.acks} of {len(talkers)} messages were acked in {_ACK_SECONDS:.0f} s") from None


def _check_kept(redis: Redis, talkers: list[BatonTalker]) -> None:
    """Raises LoadError if a lease ran out: then something else than renewing was counted."""
    pipeline = redis.client.pipeline(transaction=False)
    for talker in talkers:
        pipeline.hget(SessionKeys(talker.welcome["session"]).session.decode(), "attempt")
    if lost := sum(attempt != b"1" for attempt in pipeline.execute()):
        raise LoadError(f"{lost} of {len(talkers)} waiting turns were taken over")


async def _watch(servers: list[tuple[Redis, Baton]], count: int, seconds: float) -> list[Kept]:
    """What each side costs while nothing happens but time."""
    asking = [cost_of_asking(redis) for redis, _ in servers]
    counted = [traffic(redis) for redis, _ in servers]
    watches = [Watch(baton, redis) for redis, baton in servers]
    await asyncio.sleep(seconds)
    costs = [watch.stop() for watch in watches]
    scripts = [(traffic(redis) - before - extra).scripts
               for (redis, _), before, extra in zip(servers, counted, asking, strict=True)]  # fmt: skip
    return [
        Kept(*(total / (count * cost.seconds) for total in (calls, cost.server, cost.redis)))
        for calls, cost in zip(scripts, costs, strict=True)
    ]
