"""Who leaves sends a crowd away in good order and lets no answer fall: on SIGTERM, a second one, under a supervisor."""

import asyncio
import os
import re
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.support.client import Client
from tests.support.cluster import metric, only_grew, replicas, shown, why_unready
from tests.support.crowd import AT_ONCE, Goodbye, Talk, crowd, goodbyes
from tests.support.poll import until
from tests.support.replica import ReplicaProcess
from tests.support.served import Served

WORDS: Final = " ".join(f"word{number}" for number in range(30))
TAIL_SECONDS: Final = 6.0
"""What a process may take from the end of its drain to its own: two seconds for HTTP, and a slow machine."""


async def begun(talks: Sequence[Talk], text: str) -> None:
    """Each conversation has a part of its answer."""
    await asyncio.gather(*(talk.say(text) for talk in talks))
    for talk in talks:
        await talk.speaker.wait_frame("delta", where=lambda frame: frame["last"] >= 2, timeout=20)


def whole(talks: Sequence[Talk], text: str, attempts: set[int]) -> None:
    """Every client was shown one answer that only grew, ended well, and was written in so many attempts."""
    for client in (client for talk in talks for client in talk.clients):
        (turn,) = {event["turn"] for event in client.transcript}
        assert only_grew(shown(client, turn)), client.log.name
        assert client.answers() == [text], client.log.name
        assert [end["status"] for end in client.transcript if end["type"] == "turn_end"] == ["completed"]
        assert {frame["attempt"] for frame in client.frames("delta")} == attempts, client.log.name


async def gone(replica: ReplicaProcess, timeout: float) -> None:
    """Wait until the process has ended well, by itself."""
    await until(lambda: not replica.alive, timeout=timeout, what="the end of the process")
    assert replica._process is not None
    assert replica._process.returncode == 0


async def readiness(replica: ReplicaProcess) -> list[str | None]:
    """What `/readyz` says from the first `draining` to the end of the process; "closed": it takes no connection."""
    answers: list[str | None] = []

    async def ask() -> bool:
        try:
            answers.append(await why_unready(replica))
        except httpx.HTTPError:
            answers.append("closed")
        return not replica.alive

    await until(ask, timeout=40, what="the end of the process", every=0.05)
    return answers[answers.index("draining") :]


def told_to_go(ends: Sequence[Goodbye]) -> None:
    """Each connection got the word, with a time to spread over, before its 1012."""
    assert ends
    for end in ends:
        assert [frame["reconnect_in"] > 0 for frame in end.drains] == [True]
        assert end.code == 1012


async def test_two_hundred_clients_are_sent_away_and_sixty_answers_finish(redis_url: str) -> None:
    env = {"BATON_ECHO_DELAY_MS": "100", "BATON_DRAIN_SECONDS": "15"}
    sizes = [2] * 60 + [1] * 80
    async with replicas(redis_url, env=env) as (one, two), crowd([one.ws_url, two.ws_url], *sizes) as talks:
        busy, clients = talks[:60], [client for talk in talks for client in talk.clients]
        assert await metric(one, "baton_connections") == len(clients) == 200
        await begun(busy, WORDS)
        one.signal_end()
        *draining, _ = await readiness(one)
        assert len(draining) > 2
        assert draining == sorted(draining, key="closed".__eq__), "first it says why, then nothing at all"
        assert set(draining) <= {"draining", "closed"}
        assert draining.count("closed") * 0.05 < TAIL_SECONDS
        await gone(one, 1)
        await asyncio.gather(*(talk.ended() for talk in talks))
        whole(busy, WORDS, {1})
        ends = [goodbyes(client.log) for client in clients]
        assert {len(end) for end in ends} == {1}
        told_to_go([end for (end,) in ends])
        assert await metric(two, "baton_connections") == 200


async def test_the_closes_are_spread_over_time(redis_url: str) -> None:
    """Clients that do nothing but listen, so that this process has the time to see when they are closed."""
    async with ReplicaProcess.start(redis_url=redis_url) as replica, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Client(replica.ws_url)) for _ in range(200)]
        for start in range(0, len(clients), AT_ONCE):
            await asyncio.gather(*(client.open() for client in clients[start : start + AT_ONCE]))
        replica.signal_end()
        for client in clients:
            assert await client.wait_closed() == 1012
        ends = [end for client in clients for end in goodbyes(client.log)]
        told_to_go(ends)
        waited = sorted(end.at - end.told_at for end in ends)
        assert waited[-20] - waited[20] > 0.1, "not all of them at once"
        assert waited[-1] <= ends[0].drains[0]["reconnect_in"] / 1000 + TAIL_SECONDS
        await gone(replica, TAIL_SECONDS)


async def test_a_second_sigterm_hands_the_answers_over_at_once(redis_url: str) -> None:
    """The window and the lease are far longer than the answers: whoever carries on was given them."""
    env = {"BATON_ECHO_DELAY_MS": "200", "BATON_DRAIN_SECONDS": "30", "BATON_LEASE_SECONDS": "30"}
    async with replicas(redis_url, env=env) as (one, two), crowd([one.ws_url, two.ws_url], *[1] * 20) as talks:
        await begun(talks, WORDS)
        one.signal_end()
        await until(lambda: metric_is(two, "baton_connections", 20), what="everybody at the other")
        assert one.alive
        assert await why_unready(one) == "draining"
        hurried = time.monotonic()
        one.signal_end()
        for talk in talks:
            await talk.speaker.wait_frame("delta", where=lambda frame: frame["attempt"] == 2)
        assert time.monotonic() - hurried < 10
        await gone(one, TAIL_SECONDS)
        await asyncio.gather(*(talk.ended() for talk in talks))
        whole(talks, WORDS, {1, 2})
        assert await metric(two, "baton_takeovers_total") == len(talks)


async def metric_is(replica: ReplicaProcess, name: str, value: float) -> bool:
    return await metric(replica, name) == value


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Short: a socket's path has at most some 100 characters. A killed supervisor's server may still be leaving it."""
    with tempfile.TemporaryDirectory(prefix="bt-", ignore_cleanup_errors=True) as path:
        yield Path(path)


def numbers(served: Served) -> list[tuple[int, str, int]]:
    """The number, address and pid of every replica started so far, oldest first."""
    found = (re.match(r"replica (\d+): http(\S+) \(pid (\d+)\)", line) for line in served.lines.copy())
    return [(int(match[1]), f"ws{match[2]}/ws", int(match[3])) for match in found if match]


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_a_supervised_replica_that_was_killed_is_started_again_with_its_number(data_dir: Path) -> None:
    env = {"BATON_AGENT": "echo", "BATON_LEASE_SECONDS": "1"}
    async with Served(data_dir, replicas=3, env=env) as served:
        before = numbers(served)
        assert [number for number, _, _ in before] == [1, 2, 3]
        (_, url, pid) = before[1]
        async with crowd([url for _, url, _ in before], *[1] * 9, spread=True) as talks:
            await asyncio.gather(*(talk.say("before") for talk in talks))
            os.kill(pid, signal.SIGKILL)
            await until(lambda: len(numbers(served)) == 4, what="a new replica")
            number, address, again = numbers(served)[-1]
            assert (number, address, again != pid) == (2, url, True)
            await until(lambda: let_in(url), timeout=20, what="the new one at its address")
            await asyncio.gather(*(talk.say("after") for talk in talks))
            await asyncio.gather(*(talk.ended() for talk in talks))
            assert [talk.speaker.answers() for talk in talks] == [["before", "after"]] * 9
            cut = [len(goodbyes(talk.speaker.log)) for talk in talks]
            assert cut == [0, 1, 0] * 3, "only who was at the killed one noticed"
        assert len(numbers(served)) == 4
        assert all(running(pid) for _, _, pid in (before[0], before[2]))


async def let_in(url: str) -> bool:
    async with Client(url) as client:
        try:
            await client.open()
        except OSError:
            return False
        return True


async def test_sigterm_of_the_supervisor_sends_everybody_away_and_a_new_start_has_every_answer(data_dir: Path) -> None:
    """Whether its replicas leave together or one after the other: who comes to the next is told to go there, too."""
    env = {"BATON_AGENT": "echo", "BATON_LEASE_SECONDS": "1", "BATON_ECHO_DELAY_MS": "60", "BATON_DRAIN_SECONDS": "2"}
    async with Served(data_dir, replicas=3, env=env) as served:
        urls = [url for url, _ in served.started]
        async with crowd(urls, *[2] * 9, spread=True) as talks:
            clients = [client for talk in talks for client in talk.clients]
            await begun(talks, WORDS)
            os.kill(served._process.pid, signal.SIGTERM)
            assert await asyncio.to_thread(served._process.wait, 40) == 0
            assert not any(running(pid) for _, pid in served.started)
            for client in clients:
                told_to_go(goodbyes(client.log))
            async with Served(data_dir, replicas=2, env=env) as again:
                for client in clients:
                    client.urls[:] = [url for url, _ in again.started]
                await asyncio.gather(*(talk.ended() for talk in talks))
                for talk in talks:
                    assert talk.speaker.answers() == [WORDS]
                    assert [e["status"] for e in talk.speaker.transcript if e["type"] == "turn_end"] == ["completed"]
