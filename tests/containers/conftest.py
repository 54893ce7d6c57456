"""Fixtures of the tests with containers: one engine and one image for the run, and the table of what was survived.

Where `CI` is set a missing engine is a failure; elsewhere these tests are skipped, with the reason.
"""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pytest

# testcontainers reads these when it is imported: no container of its own that removes ours (`Engine.sweep` does), and
# published ports on every machine, also where the tests themselves run in a container.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
os.environ.setdefault("TESTCONTAINERS_CONNECTION_MODE", "docker_host")

from tests.support.engine import Engine, NoEngineError
from tests.support.load import Load


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `worst`: seconds from a fault until every client had an ack again."""

    scenario: str
    acked: int
    faults: int
    violations: int
    worst: float

    def __str__(self) -> str:
        return f"| {self.scenario} | {self.acked} | {self.faults} | {self.violations} | {self.worst:.1f} s |"


ROWS: Final = pytest.StashKey[list[Row]]()
NOTES: Final = pytest.StashKey[list[str]]()
Report = Callable[[str, Load, list[str]], None]


def pytest_configure(config: pytest.Config) -> None:
    config.stash[ROWS] = []
    config.stash[NOTES] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What the scenarios survived, as Markdown. Times are told, never judged."""
    rows = config.stash.get(ROWS, [])
    if rows:
        terminalreporter.section("containers")
        terminalreporter.line("| scenario | acked | faults | violations | time to recover, worst |")
        terminalreporter.line("|---|---:|---:|---:|---:|")
        for row in rows:
            terminalreporter.line(str(row))
    for note in config.stash.get(NOTES, []):
        terminalreporter.line(note)


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The Docker engine; everything that this run left on it is removed at the end, and is a failure."""
    try:
        engine = Engine()
    except NoEngineError as error:
        if os.environ.get("CI"):
            pytest.fail(f"no Docker engine answers: {error}")
        pytest.skip(f"no Docker engine answers: {error}")
    # Nobody cleans up after a process that SIGTERM ends at once, and CI sends one when the time is over.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield engine
    finally:
        left = engine.sweep()
        engine.close()
        signal.signal(signal.SIGTERM, before)
    assert not left, f"the tests left behind: {', '.join(left)}"


@pytest.fixture(scope="session")
def image(engine: Engine) -> Iterator[str]:
    """The tag of the server's image, built once for the run."""
    with engine.image() as tag:
        yield tag


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Put a scenario into the table, then fail it if there was a violation."""

    def judged(scenario: str, load: Load, violations: list[str]) -> None:
        worst = max(load.recoveries, default=0.0)
        row = Row(scenario, load.acked, len(load.recoveries), len(violations), worst)
        request.config.stash[ROWS].append(row)
        assert not violations, "\n".join(violations)

    return judged


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Have a line printed below the table."""
    return request.config.stash[NOTES].append
