"""From a seed to what goes wrong and when, and to what the clients do: the same seed, the same schedule.

Pure. It must never look at a clock or at what happened in the run: then a seed wouldn't tell the story again.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile
from typing import Final


class Kind(StrEnum):
    """What goes wrong; what each of them does is in `faults`."""

    KILL = "replica killed"
    KILL_ALL = "all replicas killed"
    DRAIN = "replica drained"
    PAUSE = "replica paused"
    REDIS_KILL = "Redis killed"
    REDIS_RESTART = "Redis restarted"
    REDIS_PAUSE = "Redis paused"
    PUBSUB_KILLED = "pub/sub killed"
    PUBSUB_DEAF = "pub/sub deaf"
    CUT = "connections cut"
    HELD = "bytes held, then late"
    REPLIES_LOST = "replies lost, then cut"
    REQUESTS_LOST = "requests lost, then cut"
    REFUSED = "cut and refused"


@dataclass(frozen=True, slots=True)
class Dose:
    """How often a kind comes in a deck, and how long it lasts: seconds, or leases where the lease is what matters."""

    cards: int
    low: float
    high: float
    leases: bool = False


DOSES: Final[dict[Kind, Dose]] = {
    Kind.KILL: Dose(4, 0, 1.5),
    Kind.KILL_ALL: Dose(1, 0, 1),
    Kind.DRAIN: Dose(2, 0, 0.5),
    Kind.PAUSE: Dose(6, 1.1, 2.1, leases=True),
    Kind.REDIS_KILL: Dose(2, 0, 1.5),
    Kind.REDIS_RESTART: Dose(1, 0, 1),
    Kind.REDIS_PAUSE: Dose(2, 0.5, 5),
    Kind.PUBSUB_KILLED: Dose(1, 0, 0),
    Kind.PUBSUB_DEAF: Dose(1, 3, 10),
    Kind.CUT: Dose(3, 0, 0),
    Kind.HELD: Dose(4, 1.0, 2.0, leases=True),
    Kind.REPLIES_LOST: Dose(4, 0.05, 1),
    Kind.REQUESTS_LOST: Dose(1, 0.3, 4),
    Kind.REFUSED: Dose(2, 0.5, 4),
}
OF_REDIS: Final = frozenset({Kind.REDIS_KILL, Kind.REDIS_RESTART, Kind.REDIS_PAUSE, Kind.PUBSUB_KILLED})
OF_PROCESSES: Final = frozenset({Kind.KILL, Kind.DRAIN, Kind.PAUSE})
OF_ALL: Final = OF_REDIS | {Kind.KILL_ALL}
ALL: Final = -1
"""The target of a fault that no single replica suffers alone."""
CALM: Final = 4.0
"""Seconds without a new fault after a deck, or after all replicas were killed at once."""
START: Final = 2.5
"""Seconds that a replica is reckoned to need until it serves again."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`at` and `seconds` count from the start of the run; `target` is a replica's number, or ALL."""

    at: float
    kind: Kind
    target: int
    seconds: float


def faults(seed: int, duration: float, replicas: int, lease: float) -> list[Fault]:
    """What goes wrong in a run of `duration` seconds, in order; a longer run begins as a shorter one does.

    Every kind comes once a deck. A fault may hit what hasn't recovered from another (a reply lost, then its reader
    killed), but one replica is always spared, unless all are killed at once, or Redis is gone.
    """
    planned = takewhile(lambda fault: fault.at <= duration, _endless(seed, replicas, lease))
    return [fault for fault in planned if fault.at + fault.seconds <= duration]


def _endless(seed: int, replicas: int, lease: float) -> Iterator[Fault]:
    rng = random.Random(f"faults of {seed}")
    busy, now, last = [0.0] * replicas, 1.0, ALL
    while True:
        deck = [kind for kind, dose in DOSES.items() for _ in range(dose.cards)]
        rng.shuffle(deck)
        for kind in deck:
            soon = rng.random() < 0.35
            now += rng.uniform(0.1, 0.8) if soon else rng.uniform(0.8, 3.2)
            dose = DOSES[kind]
            seconds = rng.uniform(dose.low, dose.high) * (lease if dose.leases else 1)
            if kind in OF_ALL:
                target = ALL
            elif soon and last != ALL and rng.random() < 0.6:
                target = last
            else:
                target = _target(rng, busy, now)
            yield Fault(round(now, 3), kind, target, round(seconds, 3))
            last = target
            if target != ALL:
                mended = now + seconds + (START if kind in OF_PROCESSES - {Kind.PAUSE} else 0)
                busy[target] = max(busy[target], mended)
            if kind is Kind.KILL_ALL:
                now += CALM
        now += CALM


def _target(rng: random.Random, busy: list[float], now: float) -> int:
    """A replica to strike: any, if two or more are well; else one that is in trouble already."""
    well = [number for number, until in enumerate(busy) if until <= now]
    choice = range(len(busy)) if len(well) > 1 or len(busy) == 1 else [n for n in range(len(busy)) if n not in well]
    return rng.choice(list(choice))


class Act(StrEnum):
    """One thing that a client does."""

    ASK = "ask"  # and read the answer
    BURST = "burst"  # several short messages at once
    CANCEL = "cancel"  # ask, and stop the answer after some of it
    AGAIN = "again"  # an old id once more
    LEAVE = "leave"  # drop the connection at a frame to come
    IDENTIFY = "identify"
    SIGN_OUT = "sign out"
    IDLE = "idle"


CHANCES: Final[dict[Act, int]] = {
    Act.ASK: 9, Act.BURST: 3, Act.CANCEL: 6, Act.AGAIN: 3, Act.LEAVE: 5, Act.IDENTIFY: 1, Act.SIGN_OUT: 1, Act.IDLE: 2,
}  # fmt: skip
LEAVE_AT: Final = (
    ("sent", "hello"), ("sent", "send"), ("sent", "send"), ("sent", "cancel"), ("received", "welcome"),
    ("received", "ack"), ("received", "turn_start"), ("received", "delta"), ("received", "delta"),
    ("received", "message"), ("received", "turn_end"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """`words`: how many each part of the answer has. `at`: way and type of a frame.

    `amount`: messages of a burst, chunks seen before a cancel, seconds idle, how far back (0 to 1) an old id is.
    """

    act: Act
    words: tuple[int, ...] = ()
    amount: float = 0
    at: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class Talk:
    """One conversation: for each of its clients the replicas it goes to, in turn, and what it does there."""

    routes: tuple[tuple[int, ...], ...]
    steps: tuple[tuple[Step, ...], ...]
    ends: bool


def tabs(clients: int, conversations: int) -> list[int]:
    """How many clients each conversation has: one, two or three where the numbers allow it."""
    wanted = [1] * conversations
    order = [*range(0, conversations, 2), *range(1, conversations, 2)]  # threes and ones rather than twos only
    for place in [number for number in order for _ in range(2)][: clients - conversations]:
        wanted[place] += 1
    return wanted


def talk(seed: int, slot: int, number: int, clients: int, replicas: int) -> Talk:
    """The `number`th conversation of a place for conversations."""
    rng = random.Random(f"talk {number} at {slot} of {seed}")
    routes = []
    for _ in range(clients):
        route = list(range(replicas))
        rng.shuffle(route)
        routes.append(tuple(route))
    length = rng.randint(3, 8)
    steps = tuple(tuple(_step(rng, first=n == 0) for n in range(length)) for _ in range(clients))
    return Talk(tuple(routes), steps, ends=rng.random() < 0.6)


def _step(rng: random.Random, *, first: bool) -> Step:
    act = Act.ASK if first else rng.choices(list(CHANCES), list(CHANCES.values()))[0]
    match act:
        case Act.ASK:
            parts = rng.choice((1, 1, 1, 2, 3))
            return Step(act, tuple(rng.randint(6, 32) // parts for _ in range(parts)))
        case Act.CANCEL:
            return Step(act, (rng.randint(10, 30),), amount=rng.choice((0, 0, 1, 4, 8, 14)))
        case Act.BURST:
            return Step(act, (rng.randint(1, 4),), amount=rng.randint(2, 5))
        case Act.LEAVE:
            return Step(act, at=rng.choice(LEAVE_AT))
        case Act.IDLE:
            return Step(act, amount=round(rng.uniform(0.1, 1.5), 2))
        case Act.AGAIN:
            return Step(act, amount=rng.random())
        case _:
            return Step(act)
