"""A tour of writing an agent: the one that README.md shows, taken from there, answers at real replicas."""

import re
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.replica import ReplicaProcess

README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """The settings that README.md gives, for the agent that it shows."""
    section = README.read_text(encoding="utf-8").partition("## Your own agent")[2]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert code is not None, "README.md shows no agent"
    (tmp_path / "counter.py").write_text(code[1], encoding="utf-8")
    assert "BATON_AGENT=counter:Counter" in section
    return {"PYTHONPATH": str(tmp_path), "BATON_AGENT": "counter:Counter"}


async def test_it_answers_and_another_replica_knows_what_it_kept(redis_url: str, env: dict[str, str]) -> None:
    async with (
        ReplicaProcess.start(redis_url=redis_url, env=env) as one,
        ReplicaProcess.start(redis_url=redis_url, env=env) as two,
    ):
        async with Client(one.ws_url) as client:
            await client.open()
            assert await client.ask("hello there") == "Message 1 has 2 words."
            assert client.frames("message")[-1]["name"] == "Counter"
            token = client.token
        async with Client(two.ws_url, token=token) as client:
            await client.open()
            assert await client.ask("and once more") == "Message 2 has 3 words."


async def test_an_answer_goes_on_at_another_replica(redis_url: str, env: dict[str, str]) -> None:
    lease = {"BATON_LEASE_SECONDS": "1"}
    async with (
        ReplicaProcess.start(redis_url=redis_url, env=env | lease) as one,
        ReplicaProcess.start(redis_url=redis_url, env=env | lease) as two,
        Client([one.ws_url, two.ws_url]) as client,
    ):
        await client.stay()
        await client.send("one two three")
        await client.wait_frame("delta")
        one.kill9()
        await client.wait_turn_end(1, timeout=10)
        assert client.answers(1) == ["Message 1 has 3 words."]
        deltas = [frame for frame in client.frames("delta") if frame["attempt"] == 2]
        assert deltas, "the second attempt wrote nothing"


async def test_an_agent_that_is_none_stops_the_start_in_one_line(redis_url: str, env: dict[str, str]) -> None:
    replica = ReplicaProcess(redis_url, env=env | {"BATON_AGENT": "counter:Nobody"})
    try:
        with pytest.raises(AssertionError, match="the replica ended with 2"):
            await replica.launch()
        lines = [line for line in replica.logs().splitlines() if line.startswith("baton: ")]
        assert len(lines) == 1
        assert lines[0].startswith("baton: BATON_AGENT: counter:Nobody can't be imported")
        assert "Traceback" not in replica.logs()
    finally:
        replica.discard()
