"""`python -m tests.cluster.chaos --minutes 10`: run it and print the report; exit code 0 only without violations.

`--judge FILE` judges a recorded conversation again. It must never print anything of a run before its seed.
"""

import argparse
import asyncio
import random
import signal
import sys
from pathlib import Path

from tests.cluster.chaos.court import read
from tests.cluster.chaos.options import Options
from tests.cluster.chaos.report import Report
from tests.cluster.chaos.run import Run
from tests.cluster.chaos.verdict import judged

ROOT = Path(__file__).parents[3]


def main() -> int:
    """Read the command line and do what it says; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long faults come")
    parser.add_argument("--seed", type=int, help="the schedule; without one a random one")
    parser.add_argument("--replicas", type=int, default=3)
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--conversations", type=int, default=12)
    parser.add_argument("--lease", type=float, default=1.0, help="seconds")
    parser.add_argument("--delay", type=int, default=60, help="between an answer's words, milliseconds")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "chaos", help="folder for bad histories")
    parser.add_argument("--judge", type=Path, help="judge a recorded conversation again, and run nothing")
    given = parser.parse_args()
    if given.judge is not None:
        violations = judged(*read(given.judge))
        print("\n".join(violations) or "nothing is wrong")
        return 1 if violations else 0
    seed = random.SystemRandom().randrange(1_000_000) if given.seed is None else given.seed
    options = Options(seed, given.minutes, given.replicas, given.clients, given.conversations, given.lease, given.delay)
    print(f"seed {seed}; the same schedule again: {options.command}", flush=True)
    report = asyncio.run(_run(Run(options, given.out, lambda line: print(line, flush=True))))
    print("\n".join(report.lines()))
    return 1 if report.violations else 0


async def _run(run: Run) -> Report:
    """Leave no process behind on SIGTERM either."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await run.go()


if __name__ == "__main__":
    sys.exit(main())
