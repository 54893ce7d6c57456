"""What a run measures about I8: whether a turn costs more at the end of a long conversation than at the start of one.

Short and long conversations take turns of a fraction of a second on the same replica and Redis, so that nothing but the
history differs between them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.loadgen import talk
from bench.parts import Bench, crowd, disperse
from bench.procs import Redis
from bench.replicas import Baton
from bench.report import Row, aim
from bench.talkers import BatonTalker, Talker
from bench.usage import Traffic, Watch, cost_of_asking, traffic

_AT_ONCE = 16  # conversations of a batch
_SHORT = 10  # messages in a short conversation when its batch starts
_BATCH_TURNS = 20  # so a short one grows from 10 to 50 messages while it is measured
_GROWTH = 1.1  # the most that a turn may cost at the long history, in turns at the short one


@dataclass
class Tally:
    """Sums over the batches of one length of history. CPU in seconds."""

    turns: int = 0
    server: float = 0.0
    redis: float = 0.0
    traffic: Traffic = field(default_factory=Traffic)

    def per_turn(self) -> tuple[float, float, float, float]:
        """Server CPU µs, Redis CPU µs, bytes to and from Redis, script calls."""
        size = self.traffic.bytes_in + self.traffic.bytes_out
        parts = (1e6 * self.server, 1e6 * self.redis, size, self.traffic.scripts)
        server, redis, size, scripts = (part / self.turns for part in parts)
        return server, redis, size, scripts


async def history(bench: Bench) -> list[Row]:
    """Cost of a turn at a history of 10 and of thousands of messages, and the ratio."""
    long_messages = bench.scale.history
    short, long = Tally(), Tally()
    with bench.redis() as redis, bench.baton(redis) as baton:
        old = await crowd(BatonTalker, _AT_ONCE, baton.port)
        await talk(old, long_messages // 2)
        for _ in range(bench.scale.history_batches):
            young = await crowd(BatonTalker, _AT_ONCE, baton.port)
            await talk(young, _SHORT // 2)
            await _batch(young, short, baton, redis)
            disperse(young)
            await _batch(old, long, baton, redis)
        disperse(old)
    names = ("server CPU µs", "Redis CPU µs", "bytes to and from Redis", "script calls")
    formats = ("{:.0f}", "{:.0f}", "{:,.0f}", "{:.2f}")
    return [
        Row(
            f"{name} per turn, history of {_SHORT} → {long_messages:,} messages",
            f"{form.format(before)} → {form.format(after)}",
            compared=f"{after / before:.3f} ×",
            aim=aim(after / before, _GROWTH, " ×"),
        )
        for name, form, before, after in zip(names, formats, short.per_turn(), long.per_turn(), strict=True)
    ]


async def _batch(talkers: Sequence[Talker], tally: Tally, baton: Baton, redis: Redis) -> None:
    """Twenty turns of each talker, added to the tally."""
    asking = cost_of_asking(redis)
    counted = traffic(redis)
    watch = Watch(baton, redis)
    await talk(talkers, _BATCH_TURNS)
    cost = watch.stop()
    tally.traffic += traffic(redis) - counted - asking
    tally.turns += _BATCH_TURNS * len(talkers)
    tally.server += cost.server
    tally.redis += cost.redis
