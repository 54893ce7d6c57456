"""`python -m bench`: run the parts, print the table, keep it in bench/results/latest.md when the run was a whole one.

A part that fails has its reason in the table, the others still run, and the exit code is 1. It never judges a figure by
its exit code: an aim that is missed is a line in the table.
"""

import argparse
import asyncio
import gc
import resource
import shlex
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop
from redis import RedisError

from bench import parts, parts_crowd, parts_history, parts_lease, parts_resume, parts_rolling
from bench.procs import ROOT, Cores, ProcessError
from bench.report import Row, machine, table
from bench.talkers import LoadError

RESULTS = ROOT / "bench" / "results"
PARTS: Mapping[str, Callable[[parts.Bench], Awaitable[list[Row]]]] = {
    "echo": parts.echo_alone,
    "turns": parts.turns,
    "latency": parts.latency,
    "memory": parts_crowd.memory,
    "connections": parts_crowd.connections,
    "resume": parts_resume.resume,
    "rolling": parts_rolling.rolling,
    "lease": parts_lease.lease,
    "history": parts_history.history,
}
SERVE = (sys.executable, "-m", "app", "serve")
_WHOLE = tuple(name for name in PARTS if name != "echo")  # every other part measures the echo where it needs it
_FILES_NEEDED = 12_000
_WHOLE_SECONDS = 330.0
_QUICK_SECONDS = 55.0


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """The command line; exits with 2 and a usage line on a wrong one."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Baton against a bare echo.")
    parser.add_argument("--quick", action="store_true", help="smaller crowds and shorter windows: under a minute")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=list(PARTS), default=list(_WHOLE),
                        help=f"only these parts: {', '.join(PARTS)}")  # fmt: skip
    parser.add_argument("--output", type=Path, help="also write the report here (a whole run: bench/results/latest.md)")
    parser.add_argument("--serve", metavar="COMMAND", type=shlex.split, default=list(SERVE),
                        help="how to start Baton; --port and --redis are added (default: this checkout)")  # fmt: skip
    return parser.parse_args(given)


def main(given: Sequence[str] = ()) -> int:
    """Run; returns the exit code: 0 measured, 1 a part failed, 2 it can't run here, 130 stopped."""
    wanted = arguments(given)
    if sys.platform != "linux":
        print("The benchmark reads CPU and memory the way Linux gives them; it runs on nothing else.", file=sys.stderr)
        return 2
    _raise_file_limit()
    RESULTS.mkdir(exist_ok=True)
    cores = Cores()
    started = time.monotonic()
    with TemporaryDirectory(dir=RESULTS, prefix="run-") as folder:
        scale = parts.QUICK if wanted.quick else parts.Scale()
        bench = parts.Bench(cores, Path(folder), scale, wanted.serve)
        about = machine(cores, Path(folder), with_redis=wanted.only != ["echo"])
        seconds = _QUICK_SECONDS if wanted.quick else _WHOLE_SECONDS
        try:
            rows, failed = uvloop.run(measure(bench, wanted.only, seconds))
        except (KeyboardInterrupt, asyncio.CancelledError):
            print("Stopped; nothing was written.", file=sys.stderr)
            return 130
    kind = "quick " if wanted.quick else ""
    took = f"- {kind}run of {', '.join(wanted.only)}; {time.monotonic() - started:.0f} s"
    report = "\n".join(["# Baton, measured", "", about, took, "", table(rows), ""])
    print(report)
    whole = (tuple(wanted.only), wanted.quick, failed, tuple(wanted.serve)) == (_WHOLE, False, False, SERVE)
    output = wanted.output or (RESULTS / "latest.md" if whole else None)
    if output is not None:
        output.write_text(report)
    return 1 if failed else 0


async def measure(bench: parts.Bench, names: Sequence[str], seconds: float) -> tuple[list[Row], bool]:
    """The rows of all parts in order, and whether one failed; what isn't measured after `seconds` has failed."""
    rows: list[Row] = []
    failed = False
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    if (me := asyncio.current_task()) is not None:
        loop.add_signal_handler(signal.SIGTERM, me.cancel)  # like Ctrl-C: stop the processes on the way out
    gc.disable()  # a collection of the load generator's would be a pause in somebody's latency
    for name in names:
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        try:
            async with asyncio.timeout_at(deadline):
                rows += await PARTS[name](bench)
        except (LoadError, ProcessError, RedisError, TimeoutError) as error:
            failed = True
            rows.append(Row(f"**{name} failed**", str(error) or f"the whole run has {seconds:.0f} s, which are over"))
        gc.collect()
    return rows, failed


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= _FILES_NEEDED:
        return
    wanted = _FILES_NEEDED if hard == resource.RLIM_INFINITY else min(_FILES_NEEDED, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if wanted < _FILES_NEEDED:
        print(f"Only {wanted} open files are allowed here: `ulimit -n {_FILES_NEEDED}` first.", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
