"""What a run measures about a replica's death: how long until everyone is back elsewhere with all they missed, and how
those fare meanwhile who were there before.

The replica is frozen before it is killed, so that every reader has missed something; what comes back is checked event
by event, and a figure is given only if nothing was lost, repeated or reordered (I3, I7).
"""

import asyncio
import math
import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from bench.loadgen import Stream, gather_crowd, percentile, persist, settle, talk
from bench.parts import Bench, crowd, disperse, p50_p99
from bench.procs import Redis
from bench.replicas import Baton, new_secret
from bench.report import Row, aim
from bench.talkers import HELLO, BatonTalker, LoadError, Meter, dial, greet, refuse
from bench.usage import Watch
from bench.wire import Socket, WireError

_MISSED_TURNS = 3
_EVENTS_A_TURN = 3  # message, message, turn_end
_SURVIVORS = 100
_SURVIVORS_RATE = 300  # messages a second, of all survivors together
_REACH_SECONDS = 20.0
_BACK_SECONDS = 45.0


class Reader:
    """A second tab of a conversation: follows it, checks that no event is missing or repeated, can come back.

    `ends` counts the turns that it saw end; `lost` is set when its connection broke.
    """

    def __init__(self, token: str) -> None:
        self.seq = 0
        self.ends = 0
        self.lost = asyncio.Event()
        self.failure: str | None = None
        self._token = token
        self._epoch = ""
        self._mark: str | None = None
        self._changed = asyncio.Event()
        self._wire: Socket | None = None
        self._welcomed: asyncio.Future[None] | None = None

    async def open(self, port: int) -> None:
        """Connect with the cursor there is; raises WireError or OSError."""
        after = None if self._mark is None else {"epoch": self._epoch, "seq": self.seq, "mark": self._mark}
        self._welcomed = asyncio.get_running_loop().create_future()
        self._wire = await dial(port, self._on_text, self._on_lost, "baton.v1")
        self._wire.send(orjson.dumps(HELLO | {"token": self._token, "after": after}))
        await self._welcomed

    async def has_seen(self, ends: int) -> None:
        """Wait until that many turns have ended for this reader; raises LoadError if an event was amiss."""
        while self.ends < ends and self.failure is None:
            self._changed.clear()
            await self._changed.wait()
        if self.failure is not None:
            raise LoadError(self.failure)

    def close(self) -> None:
        """Leave without a word."""
        if self._wire is not None:
            self._wire.abort()

    def _on_text(self, payload: bytes) -> None:
        frame = orjson.loads(payload)
        if frame["type"] == "welcome":
            self._welcome(frame)
        elif frame["type"] == "error":
            self.failure = f"Baton sent unexpectedly: {payload[:160].decode(errors='replace')}"
        elif "mark" in frame:
            if frame["seq"] != self.seq + 1:
                self.failure = f"a reader got event {frame['seq']} after {self.seq}"
            self.seq = frame["seq"]
            self._mark = frame["mark"]
            self.ends += frame["type"] == "turn_end"
        self._changed.set()

    def _welcome(self, frame: dict[str, str]) -> None:
        if self._mark is not None and not frame["recovered"]:
            self.failure = "a reader came back and wasn't recovered"
        self._epoch = frame["epoch"]
        self._token = frame["token"]
        if self._welcomed is not None:
            greet(self._welcomed)

    def _on_lost(self, error: WireError) -> None:
        self._wire = None
        if self._welcomed is not None:
            refuse(self._welcomed, error)
        self.lost.set()


@dataclass
class Deaths:
    """What came of one kill, or of several. Seconds, but `delivered`, `refused` (counts) and `busy`."""

    took: list[float] = field(default_factory=list)
    quiet: list[float] = field(default_factory=list)
    meanwhile: list[float] = field(default_factory=list)
    delivered: int = 0
    refused: int = 0
    busy: str = ""


async def resume(bench: Bench) -> list[Row]:
    """Readers on one replica, writers of the same conversations on another; the first freezes, then is killed."""
    secret = new_secret()
    deaths = Deaths()
    with bench.redis() as redis, bench.baton(redis, secret) as other:
        survivors = await crowd(BatonTalker, _SURVIVORS, other.port)
        await talk(survivors, 1)
        for _ in range(bench.scale.kills):
            with bench.baton(redis, secret) as doomed:
                await _death(bench, doomed, other, redis, survivors, deaths)
        disperse(survivors)
    count, kills = bench.scale.resume, bench.scale.kills
    owed = kills * count * _MISSED_TURNS * _EVENTS_A_TURN
    share = 100 * deaths.delivered / owed
    return [
        Row(f"s until {count} clients are back after `kill -9`, all / p50",
            f"{max(deaths.took):.2f} / {percentile(deaths.took, 50):.2f}",
            compared=f"the slowest of {kills} kills; {deaths.refused} refused for a while", busy=deaths.busy),
        Row("missed events delivered, % of those owed, each once and in order", f"{math.floor(100 * share) / 100:g}",
            compared=f"{deaths.delivered:,} of {owed:,}", aim=aim(share, 100, " %", at_least=True)),
        Row(f"ms from send to ack of {_SURVIVORS} survivors meanwhile, p50 / p99, {_SURVIVORS_RATE} messages/s",
            p50_p99(deaths.meanwhile), busy="as above",
            compared=f"before: {p50_p99(deaths.quiet)}; of {len(deaths.meanwhile):,} and {len(deaths.quiet):,} acks"),
    ]  # fmt: skip


async def _death(bench: Bench, doomed: Baton, other: Baton, redis: Redis, survivors: Sequence[BatonTalker],
                 deaths: Deaths) -> None:  # fmt: skip
    """One kill, while the survivors go on as before."""
    meter, acks = Meter(), survivors[0].meter.ack_times
    writers = [BatonTalker(meter) for _ in range(bench.scale.resume)]
    await gather_crowd(writers, other.port)
    readers = [Reader(writer.welcome["token"]) for writer in writers]
    await gather_crowd(readers, doomed.port)
    await talk(writers, 1)
    await _followed(readers)
    acks.clear()
    async with Stream(survivors, _SURVIVORS_RATE, random.Random(1)):
        await asyncio.sleep(bench.scale.steady_seconds)
        deaths.quiet += acks
        doomed.signal(signal.SIGSTOP)
        await talk(writers, _MISSED_TURNS)
        before = sum(reader.seq for reader in readers)
        acks.clear()
        watch = Watch(other, redis)
        took, refused = await _come_back(readers, doomed, other)
        if max(took) > max(deaths.took, default=0):
            deaths.busy = watch.stop().limit()
    await settle(survivors[0].meter)
    if not (deaths.quiet and acks):
        raise LoadError("no message of a survivor was acked")
    deaths.meanwhile += acks
    deaths.took += took
    deaths.refused += refused
    deaths.delivered += sum(reader.seq for reader in readers) - before
    disperse(writers)
    for reader in readers:
        reader.close()


async def _followed(readers: list[Reader]) -> None:
    """Wait until every reader has seen the first turn."""
    try:
        async with asyncio.timeout(_REACH_SECONDS):
            await asyncio.gather(*(reader.has_seen(1) for reader in readers))
    except TimeoutError:
        raise LoadError(f"a turn didn't reach every reader within {_REACH_SECONDS:.0f} s") from None


async def _come_back(readers: list[Reader], doomed: Baton, other: Baton) -> tuple[list[float], int]:
    """Kill, and let every reader come back at once, with no wait before its first try.

    Returns the seconds that each needed from the kill to its last missed event, and how often one was refused.
    """
    start = time.perf_counter()

    async def back(reader: Reader) -> tuple[float, int]:
        await reader.lost.wait()
        refused = await persist(reader.open, other.port)
        await reader.has_seen(1 + _MISSED_TURNS)
        return time.perf_counter() - start, refused

    doomed.signal(signal.SIGKILL)
    try:
        async with asyncio.timeout(_BACK_SECONDS):
            came = await asyncio.gather(*(back(reader) for reader in readers))
    except TimeoutError:
        missing = sum(reader.ends < 1 + _MISSED_TURNS for reader in readers)
        raise LoadError(f"{missing} of {len(readers)} clients weren't back in {_BACK_SECONDS:.0f} s") from None
    return [took for took, _ in came], sum(refused for _, refused in came)
