"""What a run measures about leases and fencing: what they cost Redis per turn, what renewing costs, how soon they pay.

What is compared is measured in turns of a fraction of a second, or at the same time; a cost is given as a ratio of one
run. The takeover after a death is in `takeovers`.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median, quantiles

from app.store.scripts import Scripts
from bench import unleased
from bench.parts import Bench
from bench.procs import Redis
from bench.report import Row
from bench.scripted import Ear, Side
from bench.takeovers import takeovers
from bench.talkers import LoadError
from bench.waiting import renewals

_CONVERSATIONS = 64
_WARM_UP = 3
_PUBLICATIONS_A_TURN = 2


@dataclass(frozen=True)
class Spent:
    """What one batch cost Redis, seconds: in the scripts by its own count, and CPU of the whole process."""

    scripts: float
    cpu: float


async def lease(bench: Bench) -> list[Row]:
    """Leases and fencing: cost per turn in Redis, renewals, takeover."""
    return [*in_redis(bench), *await renewals(bench), *await takeovers(bench)]


def in_redis(bench: Bench) -> list[Row]:
    """The shipped scripts against the same without leases and fencing, batch by batch on one server."""
    scripts = Scripts()
    try:
        bare = Side("bare", unleased.accept(scripts), unleased.commit(scripts), _CONVERSATIONS)
        unfenced = unleased.delta(scripts)
    except unleased.ScriptChangedError as error:
        raise LoadError(f"bench/unleased.py no longer fits the scripts: {error}") from error
    whole = Side("whole", scripts.accept, scripts.commit, _CONVERSATIONS)
    with bench.redis() as redis, ExitStack() as stack:
        for script in (whole.accept, whole.commit, bare.accept, bare.commit, scripts.delta, unfenced):
            redis.client.script_load(script.source.decode())
        ear = Ear(redis, [whole, bare])
        stack.callback(ear.close)
        pairs = bench.scale.script_pairs
        turns = _alternately(redis, ear, lambda: whole.turn(redis), lambda: bare.turn(redis), pairs, 2)
        if whole.check(redis) != bare.check(redis):
            raise LoadError("the scripts without leases store something else")
        whole.accepted(redis)
        fenced, free = lambda: whole.pieces(redis, scripts.delta), lambda: whole.pieces(redis, unfenced)
        pieces = _alternately(redis, ear, fenced, free, pairs, 1)
        whole.committed(redis)
    without = "with / without leases and fencing"
    return [
        _row(f"Redis µs in scripts per turn (accept + commit), {without}", turns, lambda one: one.scripts),
        _row(f"Redis CPU µs per turn, {_CONVERSATIONS} in a pipeline, {without}", turns, lambda one: one.cpu),
        _row("Redis µs in the script per delta, with / without its fence check", pieces, lambda one: one.scripts),
    ]


def _row(figure: str, pairs: Sequence[tuple[Spent, Spent]], what: Callable[[Spent], float]) -> Row:
    each = [(what(mine), what(bare)) for mine, bare in pairs]
    mine, bare = (1e6 * median(side) / _CONVERSATIONS for side in zip(*each, strict=True))
    low, middle, high = quantiles([mine / bare for mine, bare in each], n=4)
    return Row(figure, f"{mine:.1f} / {bare:.1f}", compared=f"{middle:.3f} × (quartiles {low:.3f} and {high:.3f})")


def _alternately(redis: Redis, ear: Ear, mine: Callable[[], None], bare: Callable[[], None], pairs: int,
                 publications: int) -> list[tuple[Spent, Spent]]:  # fmt: skip
    """What `mine` and `bare` cost, pair by pair; each goes first in every other pair, so that drift cancels.

    Raises LoadError unless each published `publications` times a conversation.
    """
    found = []
    for number in range(pairs + _WARM_UP):
        if number % 2:
            first, second = _batch(redis, ear, bare, publications), _batch(redis, ear, mine, publications)
            found.append((second, first))
        else:
            found.append((_batch(redis, ear, mine, publications), _batch(redis, ear, bare, publications)))
    return found[_WARM_UP:]


def _batch(redis: Redis, ear: Ear, work: Callable[[], None], publications: int) -> Spent:
    before, cpu = redis.client.info("commandstats"), redis.cpu()
    work()
    cpu, after = redis.cpu() - cpu, redis.client.info("commandstats")
    ear.drain()
    scripts = after["cmdstat_evalsha"]["usec"] - before.get("cmdstat_evalsha", {}).get("usec", 0)
    published = after["cmdstat_spublish"]["calls"] - before.get("cmdstat_spublish", {}).get("calls", 0)
    if published != publications * _CONVERSATIONS:
        raise LoadError(f"{published} publications for {_CONVERSATIONS} conversations, not {publications} each")
    return Spent(scripts / 1e6, cpu)
