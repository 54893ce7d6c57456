"""What a run measures about a replica's death: how long until everyone is back elsewhere with all they missed.

The replica is frozen before it is killed, so that every reader has missed something; what comes back is checked event
by event, and a figure is given only if nothing was lost, repeated or reordered (I3, I7).
"""

import asyncio
import signal
import time

import orjson

from bench.loadgen import gather_crowd, percentile, persist, talk
from bench.parts import Bench, disperse
from bench.procs import Baton, new_secret
from bench.report import Row
from bench.talkers import HELLO, BatonTalker, LoadError, Meter, dial, greet, refuse
from bench.usage import Watch
from bench.wire import Socket, WireError

_MISSED_TURNS = 3
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


async def resume(bench: Bench) -> list[Row]:
    """Readers on one replica, writers of the same conversations on another; the first freezes, then is killed."""
    count = bench.scale.resume
    secret = new_secret()
    with bench.redis() as redis, bench.baton(redis, secret) as doomed, bench.baton(redis, secret) as other:
        meter = Meter()
        writers = [BatonTalker(meter) for _ in range(count)]
        await gather_crowd(writers, other.port)
        readers = [Reader(writer.welcome["token"]) for writer in writers]
        await gather_crowd(readers, doomed.port)
        await talk(writers, 1)
        await _followed(readers)
        doomed.signal(signal.SIGSTOP)
        await talk(writers, _MISSED_TURNS)
        before = sum(reader.seq for reader in readers)
        watch = Watch(other, redis)
        took, refused = await _come_back(readers, doomed, other)
        busy = watch.stop().limit()
        missed = sum(reader.seq for reader in readers) - before
        disperse(writers)
        for reader in readers:
            reader.close()
    return [
        Row(
            f"s until {count} clients are back after `kill -9`, all / p50",
            f"{max(took):.2f} / {percentile(took, 50):.2f}",
            compared=f"{missed:,} missed events, each once and in order; {refused} refused for a while",
            busy=busy,
        )
    ]


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
