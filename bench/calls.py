"""What one command to Redis costs the client: `python -m bench.calls [--redis URL]`, a Markdown table.

128 tasks each call one small script over and over, on one event loop (uvloop): through redis-py as it comes, through
its pipelines filled with what one tick of the loop asks for, and through `app.store.link`. CPU is this process's own;
the server is another. Nothing here may be quoted without the machine it was measured on.
"""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import redis.asyncio as redis_py
import uvloop

from app.store.link import Dialer

TASKS = 128
CALLS = 20_000
SCRIPT = "return redis.call('HGET', KEYS[1], 'seq')"

Call = Callable[[], Awaitable[Any]]


class TickPipeline:
    """redis-py's pipeline, one for all calls of a tick."""

    def __init__(self, client: redis_py.Redis, sha: str) -> None:
        self._client, self._sha = client, sha
        self._waiting: list[asyncio.Future[Any]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def call(self) -> Awaitable[Any]:
        """One script with the others of this tick."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._start)
        future = loop.create_future()
        self._waiting.append(future)
        return future

    def _start(self) -> None:
        task = asyncio.get_running_loop().create_task(self._send())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        pipeline = self._client.pipeline(transaction=False)
        for _ in waiting:
            _ = pipeline.evalsha(self._sha, 1, "{bench}h")
        for future, reply in zip(waiting, await pipeline.execute(), strict=True):
            future.set_result(reply)


async def measure(call: Call) -> tuple[float, float]:
    """CPU microseconds of this process and seconds of the clock, for one call."""

    async def caller() -> None:
        for _ in range(CALLS // TASKS):
            await call()

    await caller()
    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller() for _ in range(TASKS)))
    made = CALLS // TASKS * TASKS
    return (time.process_time() - cpu) / made * 1e6, (time.perf_counter() - started) / made


async def compare(url: str) -> None:
    """Print the table."""
    client: redis_py.Redis = redis_py.Redis.from_url(url, max_connections=TASKS)
    sha = str(await client.script_load(SCRIPT))
    link = await Dialer(url, "bench").dial()
    pipeline = TickPipeline(client, sha)
    ways: dict[str, Call] = {
        "redis-py asyncio, one command at a time": lambda: client.evalsha(sha, 1, "{bench}h"),
        "redis-py pipelines, one a tick": pipeline.call,
        "`app.store.link`": lambda: link.call(b"EVALSHA", sha, 1, b"{bench}h"),
    }
    print("| one EVALSHA, 128 tasks | client CPU, µs | calls/s |\n|---|---|---|")
    for name, call in ways.items():
        cpu, seconds = await measure(call)
        print(f"| {name} | {cpu:.1f} | {1 / seconds:,.0f} |")
    link.close()
    await client.aclose()


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.calls")
    parser.add_argument("--redis", default="redis://127.0.0.1:6379", help="a server for trials")
    uvloop.run(compare(parser.parse_args().redis))


if __name__ == "__main__":
    main()
