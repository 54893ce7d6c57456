"""What a run measures about many connections: memory of idle ones, and how fast they come.

Same rule as `parts`: a part starts and stops what it needs, and what was refused or retried is in the row.
"""

import asyncio
from collections.abc import Callable

from bench.loadgen import gather_crowd, talk
from bench.parts import Bench, crowd, disperse
from bench.procs import Process
from bench.report import Row, aim
from bench.talkers import BatonTalker, EchoTalker, Meter, Talker
from bench.usage import Watch

_KB_PER_CONNECTION = 12.0  # KB of 1,000 bytes: the most that an idle connection may hold above the echo's
_QUIET = 0.002  # memory has settled when it changes by less than this share
_LOOK_SECONDS = 0.5
_LOOKS = 12


async def memory(bench: Bench) -> list[Row]:
    """Resident memory per idle connection: fresh from its hello, and after a turn of its conversation."""
    with bench.echo() as echo:
        plain = await _resident(bench, echo, echo.port, EchoTalker)
    with bench.redis() as redis, bench.baton(redis) as baton:
        durable = await _resident(bench, baton, baton.port, BatonTalker)
    few, many = bench.scale.idle
    names = (f"{few:,} connections", f"{many:,} connections", f"{many:,} connections, after a turn each")
    return [
        Row(f"KB resident per idle connection, {name}", f"{mine:.1f}", f"{bare:.1f}", f"{mine - bare:+.1f}",
            aim(mine - bare, _KB_PER_CONNECTION, " KB"))
        for name, mine, bare in zip(names, durable, plain, strict=True)
    ]  # fmt: skip


async def _resident(bench: Bench, server: Process, port: int, make: Callable[[Meter], Talker]) -> list[float]:
    """KB per connection at the first count, at the second, and there after a turn each."""
    few, many = bench.scale.idle
    warm = await crowd(make, 5, port)
    await talk(warm, 20)
    disperse(warm)
    empty = await _settled(server)
    found = []
    talkers = await crowd(make, few, port)
    found.append((await _settled(server) - empty) / few / 1e3)
    talkers += await crowd(make, many - few, port)
    found.append((await _settled(server) - empty) / many / 1e3)
    for first in range(0, many, 100):  # a few at a time: a burst of all would leave its own high-water mark
        group = talkers[first : first + 100]
        for talker in group:
            talker.meter = group[0].meter
        await talk(group, 1)
    found.append((await _settled(server) - empty) / many / 1e3)
    disperse(talkers)
    return found


async def _settled(server: Process) -> int:
    """Resident bytes once they have stopped changing; after 6 s whatever they are."""
    before = server.rss()
    for _ in range(_LOOKS):
        await asyncio.sleep(_LOOK_SECONDS)
        now = server.rss()
        if abs(now - before) < _QUIET * before:
            return now
        before = now
    return before


async def connections(bench: Bench) -> list[Row]:
    """Connections a second, each with its hello answered, 64 on their way at a time."""
    count = bench.scale.connections
    made: list[tuple[float, float, str]] = []
    with bench.redis() as redis, bench.baton(redis) as baton, bench.echo() as echo:
        for make, server in ((BatonTalker, baton), (EchoTalker, echo)):
            disperse(await crowd(make, 50, server.port))
            meter = Meter()
            talkers: list[Talker] = [make(meter) for _ in range(count)]
            watch = Watch(server, redis if server is baton else None)
            refused = await gather_crowd(talkers, server.port)
            cost = watch.stop()
            disperse(talkers)
            meter.check()
            busy = (cost.limit() if server is baton else cost.busy()) + (f"; {refused} refused" if refused else "")
            made.append((count / cost.seconds, 1e6 * cost.server / count, busy))
    (rate, cpu, busy), (echo_rate, echo_cpu, echo_busy) = made
    return [
        Row(f"connections/s with hello, {count:,} of them", f"{rate:,.0f}", f"{echo_rate:,.0f}",
            busy=f"{busy} (echo: {echo_busy})"),
        Row("server CPU µs per connection", f"{cpu:.0f}", f"{echo_cpu:.0f}", f"{cpu / echo_cpu:.2f} ×"),
    ]  # fmt: skip
