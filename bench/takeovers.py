"""How soon an answer goes on after its replica was killed: from `kill -9` to the first delta of attempt 2.

Seen by onlookers on the replica that survives, which must see the same answer go on, chunk by chunk.
"""

import asyncio
import random
import signal
import time
from collections.abc import Sequence

import orjson

from bench.loadgen import gather_crowd, percentile
from bench.parts import Bench, crowd, disperse
from bench.procs import Redis
from bench.replicas import Baton, new_secret
from bench.report import Row, aim
from bench.talkers import HELLO, BatonTalker, LoadError, dial, greet, refuse
from bench.wire import Socket, WireError

_MORE_SECONDS = 1.0  # what a takeover may take beyond the lease
_WORD_MS = 100
_WORDS = 150  # so an answer takes 15 s: longer than a round
_STAGGER_SECONDS = 1.0
_SEEN_SECONDS = 10.0
_BACK_SECONDS = 15.0


class Onlooker:
    """Follows the deltas of one answer; `first` and `second` are set at the first delta of attempt 1 and 2.

    `at` is when the second came, by `perf_counter`.
    """

    def __init__(self, token: str) -> None:
        self.first, self.second = asyncio.Event(), asyncio.Event()
        self.at = 0.0
        self.failure: str | None = None
        self._token = token
        self._last = -1
        self._wire: Socket | None = None
        self._welcomed: asyncio.Future[None] | None = None

    async def open(self, port: int) -> None:
        """Join the conversation; raises WireError or OSError."""
        self._welcomed = asyncio.get_running_loop().create_future()
        self._wire = await dial(port, self.on_text, self._on_lost, "baton.v1")
        self._wire.send(orjson.dumps(HELLO | {"token": self._token}))
        await self._welcomed

    def close(self) -> None:
        """Leave without a word."""
        if self._wire is not None:
            self._wire.abort()

    def on_text(self, payload: bytes) -> None:
        """One frame."""
        frame = orjson.loads(payload)
        if frame["type"] == "welcome" and self._welcomed is not None:
            greet(self._welcomed)
        elif frame["type"] == "delta":
            self._delta(frame)
        elif frame["type"] in ("turn_end", "error"):
            self.failure = f"instead of an answer that goes on: {payload[:160].decode(errors='replace')}"

    def _delta(self, frame: dict[str, int]) -> None:
        if frame["first"] not in (0, self._last + 1):
            self.failure = f"chunk {frame['first']} came after {self._last}"
        self._last = frame["last"]
        self.first.set()
        if frame["attempt"] > 1 and not self.second.is_set():
            self.at = time.perf_counter()
            self.second.set()
            if frame["attempt"] != 2:
                self.failure = f"attempt {frame['attempt']} came after the first"

    def _on_lost(self, error: WireError) -> None:
        self.failure = f"Baton: {error}"
        if self._welcomed is not None:
            refuse(self._welcomed, error)


async def takeovers(bench: Bench) -> list[Row]:
    """A replica dies with dozens of answers under way, again and again; the other one carries on."""
    rounds, answers, lease = bench.scale.takeovers
    secret = new_secret()
    took: list[float] = []
    with bench.redis() as redis, _writing(bench, redis, secret, lease) as other:
        for number in range(rounds):
            with _writing(bench, redis, secret, lease) as doomed:
                took += await _round(doomed, other, answers, random.Random(number))
    slowest = 1000 * max(took)
    return [
        Row(
            f"ms from `kill -9` to the first delta of attempt 2, p50 / max, lease {lease} s",
            f"{1000 * percentile(took, 50):,.0f} / {slowest:,.0f}",
            compared=f"{len(took)} answers, {answers} at once, a word every {_WORD_MS} ms",
            aim=aim(slowest, 1000 * (lease + _MORE_SECONDS), " ms"),
        )
    ]


def _writing(bench: Bench, redis: Redis, secret: str, lease: int) -> Baton:
    return bench.baton(redis, secret, lease_seconds=str(lease), echo_delay_ms=str(_WORD_MS))


async def _round(doomed: Baton, other: Baton, answers: int, rng: random.Random) -> list[float]:
    """Seconds that each answer stood still."""
    text = " ".join(f"word{number:03d}" for number in range(_WORDS))
    writers = await crowd(lambda meter: BatonTalker(meter, text), answers, doomed.port)
    onlookers = [Onlooker(writer.welcome["token"]) for writer in writers]
    await gather_crowd(onlookers, other.port)
    for writer in writers:
        await asyncio.sleep(rng.uniform(0, 2 * _STAGGER_SECONDS / answers))
        writer.say()
    await _all("an answer didn't begin", [one.first for one in onlookers], _SEEN_SECONDS)
    writers[0].meter.check()
    disperse(writers)  # the answers go on without them
    await asyncio.sleep(rng.uniform(0.5, 1.5))  # so that leases are of any age
    start = time.perf_counter()
    doomed.signal(signal.SIGKILL)
    await _all("an answer didn't go on", [one.second for one in onlookers], _BACK_SECONDS)
    for one in onlookers:
        one.close()
        if one.failure is not None:
            raise LoadError(one.failure)
    return [one.at - start for one in onlookers]


async def _all(failure: str, events: Sequence[asyncio.Event], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(event.wait() for event in events))
    except TimeoutError:
        raise LoadError(f"{failure} within {seconds:.0f} s") from None
