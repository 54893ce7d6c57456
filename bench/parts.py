"""What a run measures under load: turns in a closed loop, and latency at a fixed rate.

Each part returns rows of the table. It starts what it needs and stops it; it must state, in the row, the setting that
a figure depends on.
"""

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TypeVar

from bench.loadgen import gather_crowd, open_loop, percentile, settle, start_talking, talk
from bench.procs import Cores, Echo, Process, Redis
from bench.replicas import Baton, new_secret
from bench.report import Row, aim
from bench.talkers import BatonTalker, EchoTalker, LoadError, Meter, Talker
from bench.usage import Cost, Watch

_ECHO_TIMES = 5.0  # the most that a durable turn may cost in the server, in bare echoes
_RAMP_SECONDS = 0.3
_Talker = TypeVar("_Talker", bound=Talker)


@dataclass(frozen=True)
class Scale:
    """How much of everything a run does."""

    clients: tuple[int, int] = (64, 512)
    windows: int = 3
    window_seconds: float = 2.0
    rate: int = 300
    rate_seconds: float = 10.0
    idle: tuple[int, int] = (1000, 5000)
    connections: int = 3000
    resume: int = 500
    history: int = 5000
    history_batches: int = 10
    script_pairs: int = 60
    waiting: int = 500
    waiting_seconds: float = 8.0
    takeovers: tuple[int, int, int] = (3, 36, 3)  # rounds, answers under way in each, lease in seconds
    rolling: tuple[int, int] = (3, 200)  # replicas, conversations
    rolling_seconds: float = 10.0  # of the time before it
    rolling_rounds: int = 2
    kills: int = 3
    steady_seconds: float = 3.0


QUICK = Scale(
    windows=1, window_seconds=0.7, rate_seconds=1.5, idle=(200, 1000), connections=500, resume=100, history=1000,
    history_batches=4, script_pairs=15, waiting=100, waiting_seconds=2.0, takeovers=(1, 12, 1), rolling=(2, 60),
    rolling_seconds=1.0, rolling_rounds=1, kills=1, steady_seconds=0.5,
)  # fmt: skip


@dataclass(frozen=True)
class Bench:
    """What every part gets: the cores, a scratch folder on the project's disk, how much to do, how to start Baton."""

    cores: Cores
    folder: Path
    scale: Scale
    serve: list[str]

    def echo(self) -> Echo:
        """A bare echo on the server's core."""
        return Echo(self.cores.server, self.folder)

    @contextmanager
    def redis(self) -> Iterator[Redis]:
        """An empty Redis on the load generator's core; its data is deleted afterwards."""
        with TemporaryDirectory(dir=self.folder) as folder, Redis(self.cores.load, Path(folder) / "redis") as redis:
            yield redis

    def baton(self, redis: Redis, secret: str | None = None, port: int | None = None, **settings: str) -> Baton:
        """One replica on the server's core. `settings`: `BATON_*` variables in small letters, without the prefix."""
        variables = {f"BATON_{name.upper()}": value for name, value in settings.items()}
        return Baton(self.serve, self.cores.server, self.folder, redis.url, secret or new_secret(), variables, port)


@dataclass(frozen=True)
class Window:
    """A stretch of a closed loop."""

    turns: int
    cost: Cost

    @property
    def rate(self) -> float:
        return self.turns / self.cost.seconds

    @property
    def server_us(self) -> float:
        return 1e6 * self.cost.server / self.turns

    @property
    def redis_us(self) -> float:
        return 1e6 * self.cost.redis / self.turns


async def crowd(make: Callable[[Meter], _Talker], count: int, port: int) -> list[_Talker]:
    """`count` connected talkers with one meter."""
    meter = Meter()
    talkers = [make(meter) for _ in range(count)]
    await gather_crowd(talkers, port)
    return talkers


def disperse(talkers: Sequence[Talker]) -> None:
    """Close all connections."""
    for talker in talkers:
        talker.close()


async def closed_window(talkers: Sequence[Talker], seconds: float, server: Process, redis: Redis | None) -> Window:
    """A closed loop, counted after a short ramp, then brought to rest: every message acked, every turn ended."""
    meter = talkers[0].meter
    start_talking(talkers)
    await asyncio.sleep(_RAMP_SECONDS)
    watch, turns = Watch(server, redis), meter.turns
    await asyncio.sleep(seconds)
    window = Window(meter.turns - turns, watch.stop())
    meter.again = False
    await settle(meter)
    if not window.turns:
        raise LoadError(f"no turn ended in {seconds} s")
    meter.ack_times.clear()
    meter.turn_times.clear()
    return window


def middle(windows: Sequence[Window]) -> Window:
    """The window with the median cost to the server."""
    wanted = median(sorted(window.server_us for window in windows)[: 2 * ((len(windows) - 1) // 2) + 1])
    return next(window for window in windows if window.server_us == wanted)


async def echo_alone(bench: Bench) -> list[Row]:
    """The bare echo by itself: what the machine and the load generator can do at most."""
    rows = []
    with bench.echo() as echo:
        for clients in bench.scale.clients:
            talkers = await crowd(EchoTalker, clients, echo.port)
            window = await closed_window(talkers, bench.scale.window_seconds, echo, None)
            disperse(talkers)
            rows.append(Row(f"messages/s, {clients} clients", echo=f"{window.rate:,.0f}", busy=window.cost.limit()))
            rows.append(Row(f"server CPU µs per message, {clients} clients", echo=f"{window.server_us:.1f}"))
    return rows


async def turns(bench: Bench) -> list[Row]:
    """Turns a second and CPU per turn in a closed loop, echo and Baton by turns in the same minute."""
    rows: list[Row] = []
    with bench.redis() as redis, bench.echo() as echo, bench.baton(redis) as baton:
        for clients in bench.scale.clients:
            rows += await _turns_with(bench, clients, echo, baton, redis)
        redis.client.config_set("appendfsync", "everysec")
        clients = bench.scale.clients[0]
        talkers = await crowd(BatonTalker, clients, baton.port)
        window = await closed_window(talkers, bench.scale.window_seconds, baton, redis)
        rows.append(
            Row(
                f"turns/s, {clients} clients, `appendfsync everysec`",
                f"{window.rate:,.0f} (server {window.server_us:.0f} µs, Redis {window.redis_us:.0f} µs a turn)",
                busy=window.cost.limit(),
            )
        )
    return rows


async def _turns_with(bench: Bench, clients: int, echo: Echo, baton: Baton, redis: Redis) -> list[Row]:
    echoers = await crowd(EchoTalker, clients, echo.port)
    talkers = await crowd(BatonTalker, clients, baton.port)
    plain, durable = [], []
    for _ in range(bench.scale.windows):
        plain.append(await closed_window(echoers, bench.scale.window_seconds, echo, None))
        durable.append(await closed_window(talkers, bench.scale.window_seconds, baton, redis))
    disperse(echoers)
    disperse(talkers)
    bare, turn = middle(plain), middle(durable)
    times = turn.server_us / bare.server_us
    return [
        Row(f"turns/s, {clients} clients", f"{turn.rate:,.0f}", f"{bare.rate:,.0f} messages/s",
            busy=f"{turn.cost.limit()} (echo: {bare.cost.busy()})"),
        Row(f"server CPU µs per turn, {clients} clients", f"{turn.server_us:.0f}",
            f"{bare.server_us:.1f} per message", f"{times:.2f} ×", aim(times, _ECHO_TIMES, " ×")),
        Row(f"Redis CPU µs per turn, {clients} clients", f"{turn.redis_us:.0f}"),
    ]  # fmt: skip


async def latency(bench: Bench) -> list[Row]:
    """Time to the ack and to the end of the turn when messages come at random moments at a fixed rate."""
    scale = bench.scale
    with bench.redis() as redis, bench.echo() as echo, bench.baton(redis) as baton:
        ends: dict[str, list[str]] = {"ack": [], "turn_end": []}
        for make, server in ((BatonTalker, baton), (EchoTalker, echo)):
            talkers = await crowd(make, scale.rate, server.port)
            await talk(talkers, 2)
            meter = talkers[0].meter
            meter.ack_times.clear()
            meter.turn_times.clear()
            watch = Watch(server, redis if server is baton else None)
            late = await open_loop(talkers, scale.rate, scale.rate_seconds, random.Random(1))
            busy = f"{watch.stop().busy()}; sent up to {1e3 * late:.1f} ms late (p99)"
            ends["ack"] += [p50_p99(meter.ack_times), busy]
            ends["turn_end"] += [p50_p99(meter.turn_times), "as above"]
            disperse(talkers)
    return [
        Row(f"ms from send to {what}, p50 / p99, {scale.rate} turns/s", durable, plain, busy=busy)
        for what, (durable, busy, plain, _) in ends.items()
    ]


def p50_p99(seconds: Sequence[float]) -> str:
    """Milliseconds of both."""
    return f"{1e3 * percentile(seconds, 50):.2f} / {1e3 * percentile(seconds, 99):.2f}"
