"""docs/model/turns.pml searched by spin: the scripts keep their properties, and what breaks them is found."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

pytestmark = pytest.mark.timeout(240)  # 5 s of one core a search, however busy it is

ROOT: Final = Path(__file__).parents[2]
SCRIPTS: Final = ROOT / "app" / "store" / "lua"
MODEL: Final = (ROOT / "docs" / "model" / "turns.pml").read_text(encoding="utf-8")
README: Final = (ROOT / "docs" / "model" / "README.md").read_text(encoding="utf-8")
# By name, the number of the property that is broken; "-": none, because another check does the same.
MUTANTS: Final = dict(re.findall(r"^#define (\w+) +\(1 << +\d+\)\t/\* ([\d-]): ", MODEL, re.MULTILINE))
PAIRS: Final = dict(re.findall(r"^ \* ([A-Z_]+(?:\+[A-Z_]+)+) (\d): ", MODEL, re.MULTILINE))
FEWEST: Final = 50_000  # states; a model that can do hardly anything keeps every property


@dataclass(frozen=True, slots=True)
class Verdict:
    """What pan found. ``complete``: no error, and nothing was left out of the search."""

    complete: bool
    broken: str
    states: int
    unreached: set[tuple[str, str, str]]  # process, the inline or process that it stands in, statement
    report: str


@pytest.fixture(scope="module", autouse=True)
def _tools() -> None:
    """Skips where spin or a C compiler is missing; where CI is set that is a failure."""
    missing = [tool for tool in ("spin", "cc") if shutil.which(tool) is None]
    if missing and os.environ.get("CI"):
        pytest.fail(f"not installed: {', '.join(missing)}")
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (Debian: spin, gcc)")


@pytest.fixture(scope="module")
def mutants(_tools: None) -> dict[str, Verdict]:
    """What was found in each mutant and pair, by its name."""
    return check("safety", *MUTANTS, *PAIRS)


def place(line: int) -> str:
    """Return the name of the last inline or process that begins at or before a line of the model."""
    above = "\n".join(MODEL.splitlines()[:line])
    name: str = re.findall(r"^(?:inline|(?:active )?proctype) (\w+)", above, re.MULTILINE)[-1]
    return name


def read(report: str) -> Verdict:
    """Read a report of pan."""
    states = re.search(r"^\s*(\d+) states, stored", report, re.MULTILINE)
    assert states, report
    broken = re.search(r"assertion violated \(+(\d)==0\)", report)
    unreached = {
        (process, place(int(line)), statement)
        for process, block in re.findall(r"^unreached in proctype (.*)\n((?:\t.*\n)*)", report, re.MULTILINE)
        for line, statement in re.findall(r'\tturns\.pml:(\d+), state \d+, "(.*)"', block)
        if statement != "-end-"
    }
    return Verdict("errors: 0" in report, broken.group(1) if broken else "-", int(states.group(1)), unreached, report)


def check(mode: str, *names: str) -> dict[str, Verdict]:
    """Run scripts/check-model. What couldn't be searched, and all of it where nothing is wrong, fails the test."""
    ran = subprocess.run(
        [ROOT / "scripts" / "check-model", mode, *names], capture_output=True, text=True, timeout=220, check=False
    )
    assert ran.returncode in (0, 1), ran.stdout[-3000:] + ran.stderr
    verdicts = {name: read(report) for name, report in re.findall(r"^== (.+)\n((?:(?!== ).*\n)*)", ran.stdout, re.M)}
    assert list(verdicts) == list(names or ["none"])
    for name, verdict in verdicts.items():
        print(f"{mode} {name}: {verdict.states:,} states, breaks {verdict.broken}")
    return verdicts


def test_every_property_holds_and_no_statement_is_dead() -> None:
    verdict = check("reached")["none"]
    assert verdict.complete, verdict.report
    assert verdict.states >= FEWEST
    # What the callers share is expanded in each of them. To clients all of it can happen, to others not.
    shared = {(process, inline) for process in ("Replica", "Person") for inline in ("send", "forget")}
    assert {found[:2] for found in verdict.unreached} <= shared, verdict.unreached


def test_what_is_acked_is_answered_unless_nobody_takes_over() -> None:
    verdicts = check("live", "none", "NO_REAPER")
    verdict = verdicts["none"]
    assert verdict.complete, verdict.report
    assert verdict.states >= FEWEST
    assert re.search(r"acceptance +cycles +\t\+", verdict.report), verdict.report
    assert "acceptance cycle (" in verdicts["NO_REAPER"].report


@pytest.mark.parametrize(("mutant", "broken"), [item for item in (MUTANTS | PAIRS).items() if item[1] != "-"])
def test_what_breaks_a_property_is_found(mutants: dict[str, Verdict], mutant: str, broken: str) -> None:
    assert mutants[mutant].broken == broken, mutants[mutant].report
    assert not mutants[mutant].complete


@pytest.mark.parametrize("mutant", [mutant for mutant, broken in MUTANTS.items() if broken == "-"])
def test_a_check_that_another_one_repeats_can_be_left_out(mutants: dict[str, Verdict], mutant: str) -> None:
    assert mutants[mutant].complete, mutants[mutant].report
    assert any(mutant in pair.split("+") for pair in PAIRS), "it must break something together with another one"


def test_every_mutant_is_tested_and_every_property_broken_by_one() -> None:
    bits = re.findall(r"^#define (\w+) +\(1 << +(\d+)\)", MODEL, re.MULTILINE)
    assert [int(bit) for _, bit in bits] == list(range(len(MUTANTS)))
    assert {name for name, _ in bits} == set(MUTANTS) == set(re.findall(r"\bbroken\(([A-Z_]+)\)", MODEL))
    properties = set(re.findall(r"\bmust\((\d),", MODEL))
    assert properties == set((MUTANTS | PAIRS).values()) - {"-"}
    assert properties == set(re.findall(r"^\| (\d) \|", README, re.MULTILINE))
    assert dict(re.findall(r"^\| `([A-Z_+]+)`:.*\| ([\d–]) \|$", README, re.MULTILINE)) == {
        name: broken.replace("-", "–") for name, broken in (MUTANTS | PAIRS).items()
    }


def test_every_script_that_is_modelled_exists_and_has_its_inline() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+\.lua)`", README, re.MULTILINE)
    assert {f"{inline}.lua" for inline, _ in rows} == {script for _, script in rows}
    assert {inline for inline, _ in rows} == set(re.findall(r"\bc\.op == \w+ -> (\w+)\(\)", MODEL))
    assert [script for _, script in rows if not (SCRIPTS / script).is_file()] == []
