"""A short chaos run with a fixed seed: `make chaos` in a quarter of a minute, on every `make test` (I1–I5, I7)."""

from pathlib import Path
from typing import Final

import pytest

from tests.cluster.chaos.options import Options
from tests.cluster.chaos.run import Run
from tests.cluster.chaos.schedule import Kind

OPTIONS: Final = Options(seed=1831, minutes=0.2, clients=10, conversations=6, delay=40)
SUFFERED: Final = {Kind.CUT, Kind.DRAIN, Kind.HELD, Kind.KILL, Kind.PAUSE, Kind.REDIS_KILL, Kind.REPLIES_LOST}
"""What this seed's schedule has; another seed, or other doses, may have other kinds."""


@pytest.mark.timeout(240)
async def test_no_fault_breaks_a_promise(tmp_path: Path) -> None:
    said: list[str] = []
    report = await Run(OPTIONS, tmp_path, said.append).go()
    story = "\n".join([*report.lines(), *said])
    assert not report.violations, f"{len(report.violations)} violations; again: {OPTIONS.command}\n{story}"
    assert {kind for kind in Kind if report.faults[kind]} >= SUFFERED, story
    assert report.counts["acked"] > 20, story
    assert report.counts["completed"] > 20, story
    assert report.counts["takeovers"] > 0, story
    assert report.counts["connections"] > report.counts["clients"], story
