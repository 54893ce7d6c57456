"""`baton serve --replicas 2` with its own store: what a person who tries it has, and keeps (I1, I7)."""

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.cluster import judge
from tests.support.poll import until
from tests.support.served import Served

ECHO = {"BATON_AGENT": "echo", "BATON_LEASE_SECONDS": "1"}


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Short: a socket's path has at most some 100 characters. A killed supervisor's server may still be leaving it."""
    with tempfile.TemporaryDirectory(prefix="bt-", ignore_cleanup_errors=True) as path:
        yield Path(path)


async def test_a_conversation_goes_on_after_ctrl_c_and_a_new_start(data_dir: Path) -> None:
    async with Served(data_dir, env=ECHO) as served:
        client = Client(served.ws_url)
        await client.open()
        assert await client.ask("before") == "before"
        assert await served.ctrl_c() == 0
        assert await client.wait_closed() == 1012
    async with Served(data_dir, env=ECHO) as served, client:
        welcome = await client.open(served.ws_url)
        assert (welcome["recovered"], welcome["seq"]) == (True, 3)
        assert await client.ask("after") == "after"
        assert [event["seq"] for event in client.transcript] == list(range(1, 7))
    judge(client)


async def test_a_killed_replica_comes_back_and_nobody_notices(data_dir: Path) -> None:
    async with Served(data_dir, env=ECHO) as served:
        (one, pid), (two, _) = served.started
        async with Client([one, two]) as client:
            await client.stay()
            await client.ask("before")
            os.kill(pid, signal.SIGKILL)
            assert await client.ask("meanwhile", timeout=20) == "meanwhile"
            await until(lambda: len(served.started) == 3, what="a new replica")
            again, new_pid = served.started[-1]
            assert (again, new_pid != pid) == (one, True)
            await until(lambda: back(client, one), what="the new replica at its address")
            assert await client.ask("after", timeout=20) == "after"
            assert await served.ctrl_c() == 0
        judge(client)


async def test_a_message_that_kills_every_replica_is_given_up(data_dir: Path) -> None:
    """Three crashes, and its turn ends as failed with an apology; the conversation goes on."""
    env = {"BATON_AGENT": "tests.support.agents:make_bad", "BATON_LEASE_SECONDS": "0.5"}
    async with Served(data_dir, env=env) as served:
        async with Client([served.ws_url]) as client:
            await client.stay()
            turn = (await client.wait_ack(await client.send("die"), timeout=20))["seq"]
            assert (await client.wait_turn_end(turn, timeout=30))["status"] == "failed"
            assert "sorry" in client.answers(turn)[-1]
            assert len(served.started) in (4, 5)  # three have died; the last one may be about to come back
            assert await client.ask("and now?", timeout=20) == "fine: and now?"
        judge(client, exact_deltas=False)


async def back(client: Client, url: str) -> bool:
    """Whether a second tab of the conversation gets everything at `url`."""
    async with Client(url, token=client.token) as tab:
        try:
            await tab.open()
            await tab.wait(lambda: len(tab.transcript) == len(client.transcript))
        except OSError:
            return False
    return True
