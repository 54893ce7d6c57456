"""What the black-box tests of the edge share. It must never reach into a replica: it has the wire, HTTP and Redis."""

import asyncio
import json
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import jwt

from tests.support.client import Client
from tests.support.records import Frame
from tests.support.redis_server import RedisServer
from tests.support.replica import ADMIN_KEY, SECRET, ReplicaProcess

IDENTITY_SECRET: Final = "an-identity-secret-for-tests-only, long enough for HS512: 0123456789 0123456789"
ADMIN: Final = {"authorization": f"Bearer {ADMIN_KEY}"}
DEFAULTS: Final[Mapping[str, str]] = {"BATON_IDENTITY_SECRET": IDENTITY_SECRET, "BATON_LOG_LEVEL": "debug"}
EMOJI: Final = "\N{GRINNING FACE}"


@contextmanager
def serving(server: RedisServer, env: Mapping[str, str], *, without: str = "") -> Iterator[ReplicaProcess]:
    """A ready replica for tests of any scope, judged at its end; the setting named `without` isn't given to it."""
    replica = ReplicaProcess(server.url, env=dict(DEFAULTS) | dict(env))
    replica._env.pop(without, None)
    with running(replica):
        yield replica


@contextmanager
def running(replica: ReplicaProcess) -> Iterator[None]:
    """From its start to its end, where it is judged."""
    try:
        asyncio.run(replica.launch())
        yield
        judge(replica)
    finally:
        replica.discard()


def judge(replica: ReplicaProcess) -> None:
    """Nothing that a client did may end a replica, raise in it, or bring a secret into its log (I10)."""
    log = replica.logs()
    assert replica.alive, f"the replica ended:\n{log}"
    secret = [word for word in (SECRET, ADMIN_KEY, IDENTITY_SECRET, "eyJ") if word in log]
    assert not secret, f"secrets in the log: {secret}"
    bad = [line for line in log.splitlines() if not line.startswith("{") or json.loads(line)["level"] in _BAD_LEVELS]
    assert not [line for line in bad if '"level"' in line or "Traceback" in line], "\n".join(bad)


_BAD_LEVELS: Final = frozenset({"error", "critical"})


async def put(client: Client, frame: Frame | str | bytes) -> None:
    """Send a frame; raw text or bytes untouched, though the client's log can't hold everything that is no JSON."""
    if isinstance(frame, dict):
        await client.send_frame(frame)
    else:
        assert client._socket is not None, "not connected"
        await client._socket.send(frame)


async def answer(client: Client, frame: Frame | str | bytes, type: str = "error", timeout: float = 10.0) -> Frame:
    """Send a frame (an object, or raw text or bytes); the first frame of `type` that comes after it."""
    since = len(client.log.records)
    await put(client, frame)
    return await client.wait_frame(type, since=since, timeout=timeout)


async def errors_of(client: Client, *frames: Frame | str | bytes) -> list[str]:
    """Send frames, then a ping; the codes of the errors that came before its pong. The connection must live."""
    since = len(client.log.records)
    for frame in frames:
        await put(client, frame)
    await beat(client)
    received = [record.frame for record in client.log.records[since:] if record.way == "received"]
    return [frame["code"] for frame in received if frame["type"] == "error"]


async def beat(client: Client) -> None:
    """A ping and its pong: the connection lives, and what was sent before has been answered."""
    mark = uuid.uuid4().hex
    await client.send_frame({"type": "ping", "t": mark})
    await client.wait_frame("pong", where=lambda frame: bool(frame["t"] == mark))


async def bad_frames_of(client: Client, *frames: Frame | str | bytes) -> None:
    """Each of the frames is answered `bad_frame`, in words fit for a person."""
    for frame in frames:
        error = await answer(client, frame)
        assert error["code"] == "bad_frame", frame
        assert (error["id"], error["retry_after"]) == (None, None)
        assert "Error" not in error["message"]


async def fill(client: Client, turns: int, text: str = "lorem ipsum") -> None:
    """Let a conversation grow by `turns` turns of four (echo: three) durable events or more."""
    acks = [await client.send(text) for _ in range(turns)]
    last = await client.wait_ack(acks[-1], timeout=30)
    await client.wait_turn_end(last["seq"], timeout=30)


def assertion(secret: str = IDENTITY_SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    """An `identify` token of a site; None removes a claim."""
    every = {"sub": "4242", "name": "Ada Example", "exp": int(time.time()) + 600} | claims
    kept = {name: value for name, value in every.items() if value is not None}
    return jwt.encode(kept, secret, algorithm)
