"""What a run measures about a rolling restart: replicas leave and come back one by one under a steady load.

A message that is lost or doubled, or a turn that fails, is a figure of its own, with an aim of none.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Self

from bench.loadgen import Stream, gather_crowd, percentile
from bench.parts import Bench
from bench.procs import Redis
from bench.regulars import Ledger, Regular, all_settled
from bench.replicas import new_secret
from bench.report import Row, aim
from bench.talkers import LoadError
from bench.usage import CoreWatch

RATE = 100  # messages a second, of all conversations together
_WARM_UP_SECONDS = 1.0
_SETTLE_SECONDS = 20.0


class Fleet:
    """Replicas of one secret and Redis, all on the server's core, and which of them take connections."""

    def __init__(self, bench: Bench, redis: Redis, count: int) -> None:
        self._bench, self._redis, self._secret = bench, redis, new_secret()
        self._replicas = [bench.baton(redis, self._secret) for _ in range(count)]
        self.ready = [replica.port for replica in self._replicas]

    def door(self) -> int:
        """The port of a replica that is ready, as a balancer would choose it."""
        return random.choice(self.ready)

    async def restart(self, number: int) -> tuple[float, float]:
        """SIGTERM, wait for the end, start, wait until it is ready; returns seconds until gone, and altogether."""
        start = time.perf_counter()
        old = self._replicas[number]
        self.ready.remove(old.port)
        await old.leave()
        gone = time.perf_counter() - start
        new = self._replicas[number] = self._bench.baton(self._redis, self._secret, old.port)
        await new.ready()
        self.ready.append(new.port)
        return gone, time.perf_counter() - start

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        for replica in self._replicas:
            replica.__exit__(*exc)


async def rolling(bench: Bench) -> list[Row]:
    """Every replica restarted in turn while customers go on; acks meanwhile against acks before."""
    replicas, count = bench.scale.rolling
    ledger = Ledger()
    with bench.redis() as redis, Fleet(bench, redis, replicas) as fleet:
        regulars = [Regular(ledger, fleet.door) for _ in range(count)]
        for number, port in enumerate(fleet.ready):
            await gather_crowd(regulars[number::replicas], port)
        async with Stream(regulars, RATE, random.Random(1)):
            await asyncio.sleep(_WARM_UP_SECONDS)
            quiet = time.perf_counter()
            await asyncio.sleep(bench.scale.rolling_seconds)
            start, watch = time.perf_counter(), CoreWatch(bench.cores.server, redis)
            order = list(range(replicas)) * bench.scale.rolling_rounds
            took = [await fleet.restart(number) for number in order]
            end, busy = time.perf_counter(), watch.busy()
        await all_settled(regulars, _SETTLE_SECONDS)
        for regular in regulars:
            regular.close()
    if ledger.failure is not None:
        raise LoadError(ledger.failure)
    before = [seconds for sent_at, seconds in ledger.acks if quiet <= sent_at < start]
    during = [seconds for sent_at, seconds in ledger.acks if start <= sent_at < end]
    return _rows(replicas, before, during, took, regulars, ledger, busy)


def _rows(replicas: int, before: Sequence[float], during: Sequence[float], took: Sequence[tuple[float, float]],
          regulars: Sequence[Regular], ledger: Ledger, busy: str) -> list[Row]:  # fmt: skip
    if not before or not during:
        raise LoadError("nothing was acked before or during the restarts")
    while_ = f"{replicas} replicas restart one by one, {RATE} messages/s in {len(regulars)} conversations"
    lost, doubled = sum(one.lost for one in regulars), sum(one.doubled for one in regulars)
    wrong = (ledger.not_completed, lost, doubled)
    gone, whole = zip(*took, strict=True)
    return [
        Row(f"ms from send to ack, p50 / p99 / max, while {while_}", _spread(during),
            compared=f"before: {_spread(before)}", busy=f"{busy} (all replicas on one core)"),
        Row(f"failed turns / messages lost / doubled, of {ledger.sent:,} before and while {replicas} replicas restart",
            " / ".join(map(str, wrong)), aim=aim(sum(wrong), 0),
            compared=f"{ledger.returns} reconnects, {ledger.refused} refused; {ledger.resent} messages sent again"),
        Row("s to restart a replica (SIGTERM until ready again), p50 / max",
            f"{percentile(whole, 50):.2f} / {max(whole):.2f}",
            compared=f"of which until it was gone: {percentile(gone, 50):.2f} / {max(gone):.2f}"),
    ]  # fmt: skip


def _spread(seconds: Sequence[float]) -> str:
    return " / ".join(
        f"{1e3 * value:.2f}" for value in (percentile(seconds, 50), percentile(seconds, 99), max(seconds))
    )
