"""`baton serve --demo`: what a visitor breaks by the page's buttons, and that the answer goes on."""

import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from tests.support.client import Client
from tests.support.cluster import judge, only_grew, settled, shown
from tests.support.poll import until
from tests.support.served import Served

SUPPORT = {"BATON_DEMO": "1", "BATON_LEASE_SECONDS": "1"}
ECHO = {**SUPPORT, "BATON_AGENT": "echo"}
QUESTION = "What are my payment options?"


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Short: a socket's path has at most some 100 characters. A killed supervisor's server may still be leaving it."""
    with tempfile.TemporaryDirectory(prefix="bt-", ignore_cleanup_errors=True) as path:
        yield Path(path)


def origin_of(ws_url: str) -> str:
    return ws_url.replace("ws://", "http://").removesuffix("/ws")


async def about(ws_url: str) -> Any:
    async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
        return (await http.get(f"{origin_of(ws_url)}/demo")).json()


async def fault(ws_url: str, what: str, replica: str | None = None) -> int:
    """What the page at that address does when a button is pressed; the status."""
    async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
        body = {"fault": what, "replica": replica}
        url, origin = f"{origin_of(ws_url)}/demo/faults", {"origin": origin_of(ws_url)}
        return (await http.post(url, json=body, headers=origin)).status_code


def stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


async def test_the_answer_goes_on_when_the_replica_that_writes_it_is_killed(data_dir: Path) -> None:
    async with Served(data_dir, env=SUPPORT) as served:
        (one, _), (two, _) = served.started
        async with Client([one, two], name="asks") as asks, Client(two, name="watches") as watches:
            writer, _ = [await until(partial(named, url), what="a replica") for url in (one, two)]
            await asks.stay()
            watches.token = asks.token
            await watches.open()
            assert asks.frames("welcome")[-1]["replica"] == writer
            turn = (await asks.wait_ack(await asks.send(QUESTION)))["seq"]
            await watches.wait_frame("delta", where=lambda frame: frame["last"] >= 5)
            assert await fault(two, "kill", writer) == 202, "any replica passes it on"
            await watches.wait_frame("delta", where=lambda frame: frame["attempt"] == 2)
            assert (await watches.wait_turn_end(turn, timeout=20))["status"] == "completed"
            await settled(asks, watches)
            for client in (asks, watches):
                assert only_grew(shown(client, turn))
            deltas = watches.frames("delta")
            (before, *_), (after, *_) = ([d for d in deltas if d["attempt"] == n] for n in (1, 2))
            assert (before["first"], after["first"] > 5) == (0, True), "chunk numbers are carried on"
            assert {delta["first"] for delta in deltas[1:]} == {delta["last"] + 1 for delta in deltas[:-1]}
            assert watches.answers(turn) == [await asks.ask(QUESTION, timeout=20)], "the very answer, and once"
            await until(lambda: len(served.started) == 3, what="a new replica")
            assert served.started[-1][0] == one
            assert await until(partial(named, one), what="the new replica") != writer
            secret = (await asks.wait_ack(await asks.send("my social is 123-45-6789")))["seq"]
            await asks.wait_turn_end(secret)
            assert [e["text"] for e in asks.transcript if e["seq"] == secret] == ["[redacted]"]
        judge(asks, watches)


async def named(ws_url: str) -> str | None:
    """The name of the replica there; None while there is none."""
    try:
        return str((await about(ws_url))["replica"])
    except httpx.HTTPError:
        return None


async def test_nobody_is_left_stopped_at_the_end(data_dir: Path) -> None:
    async with Served(data_dir, env=ECHO) as served:
        (one, pid), (two, _) = served.started
        first, _ = [await until(partial(named, url), what="a replica") for url in (one, two)]
        assert await fault(one, "pause", first) == 202
        assert await fault(two, "pause", first) == 429
        await until(lambda: stopped(pid), what="it is stopped")
        async with Client(two) as client:
            await client.open()
            assert await client.ask("meanwhile") == "meanwhile"
        began = time.monotonic()
        assert await served.ctrl_c() == 0
        assert time.monotonic() - began < 8, "it was woken, or it would have been waited for and killed"


async def test_a_conversation_survives_the_store(data_dir: Path) -> None:
    async with Served(data_dir, env=ECHO) as served:
        assert (await about(served.started[0][0]))["faults"] == ["kill", "pause", "store"]
        with redis.Redis(unix_socket_path=str(data_dir / "store" / "valkey.sock"), decode_responses=True) as store:
            before = store.info("server")["run_id"]
            async with Client([served.ws_url]) as client:
                await client.stay()
                await client.ask("before")
                assert await fault(served.ws_url, "store") == 202
                await until(lambda: run_id(store) not in (None, before), what="a new server")
                assert await client.ask("after", timeout=20) == "after"
            judge(client)


def run_id(store: redis.Redis) -> str | None:
    """Which server it is; None while there is none."""
    try:
        return str(store.info("server")["run_id"])
    except (redis.ConnectionError, redis.BusyLoadingError):
        return None


async def test_the_only_replica_comes_back_soon_each_time(data_dir: Path) -> None:
    async with Served(data_dir, replicas=1, env=ECHO) as served:
        names = set()
        for number in range(1, 6):
            name = await until(partial(named, served.ws_url), what="the replica")
            names.add(name)
            await until(partial(accepted, served.ws_url, name), what="the fault")
            killed = time.monotonic()
            await until(partial(came, served, number + 1), what="a new one")
            assert time.monotonic() - killed < 3, "it doesn't come later each time"
        assert len(names) == 5, "each start has a name of its own"
        assert {url for url, _ in served.started} == {served.ws_url}, "it needs no second port"
        async with Client(served.ws_url) as client:
            await until(partial(named, served.ws_url), what="the replica")
            await client.open()
            assert await client.ask("still here") == "still here"
        assert await served.ctrl_c() == 0


def came(served: Served, number: int) -> bool:
    return len(served.started) == number


async def accepted(ws_url: str, name: str) -> bool:
    return await fault(ws_url, "kill", name) == 202
