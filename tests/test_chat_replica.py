"""`baton chat` with real replicas: it goes on when the one that serves it is killed."""

import asyncio
from pathlib import Path

from tests.support.poll import until
from tests.support.replica import ReplicaProcess
from tests.test_chat import piped, start


async def test_a_conversation_through_a_pipe_and_its_continuation(redis_url: str, tmp_path: Path) -> None:
    file = tmp_path / "chat.json"
    async with ReplicaProcess.start(redis_url=redis_url) as one, ReplicaProcess.start(redis_url=redis_url) as two:
        code, out, err = await piped(one.http_url, file, "alpha\nbeta\n")
        first = out.splitlines()
        assert (code, len(first), first[0], first[2]) == (0, 4, "You: alpha", "You: beta")
        assert "alpha" in first[1]
        assert "beta" in first[3]
        assert err.count("Connected to replica") == 1
        code, out, err = await piped(two.http_url, file, "gamma\n/end\nlate\n")
        assert (code, out.splitlines()[:5], "gamma" in out.splitlines()[5]) == (0, [*first, "You: gamma"], True)
        assert "· The conversation has ended. /new starts another." in err
        assert "· Not sent:" in err
        assert "late" not in out


async def test_a_replica_killed_in_mid_answer_costs_nothing(redis_url: str, tmp_path: Path) -> None:
    words = [f"word{number}" for number in range(40)]
    env = {"BATON_ECHO_DELAY_MS": "50", "BATON_LEASE_SECONDS": "1"}
    async with ReplicaProcess.start(redis_url=redis_url, env=env) as replica:
        process = await start(replica.http_url, tmp_path / "chat.json")
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(" ".join(words).encode() + b"\n")
            process.stdin.close()
            seen = await asyncio.wait_for(process.stdout.readuntil(b"Bot: "), 20)
            seen += await asyncio.wait_for(process.stdout.readuntil(b"word2"), 20)
            replica.kill9()
            await replica.launch()
            out, err = await asyncio.wait_for(process.communicate(), 30)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        output = (seen + out).decode()
        assert process.returncode == 0, err.decode()
        answer = output.partition("Bot: ")[2].replace("\n  …", "")
        assert [answer.split().count(word) for word in words] == [1] * len(words), output
        assert "· Now served by replica" in err.decode()
        await until(replica.ready, what="the replica")
