"""Session tokens: only a replica's own are taken, from any of its secrets; the first of them signs."""

import base64
import json
import time
from typing import Any

import jwt
import pytest

from app.edge.auth import Tokens
from tests.edge.helpers import beat
from tests.support.client import Client, Turned
from tests.support.redis_server import RedisServer
from tests.support.replica import SECRET, ReplicaProcess

NEW_SECRET = "another-secret-for-tests-only-9876543210"


def _b64(document: Any) -> str:
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _wrong_tokens() -> dict[str, str]:
    """Tokens that must not be taken, by what is wrong with them."""
    good = Tokens([SECRET]).issue("sid", "epoch", time.time())
    head, claims, signature = good.split(".")
    body = {"s": "sid", "e": "epoch", "t": time.time()}
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    return {
        "empty": "",
        "words": "no token at all",
        "dots": "..",
        "cut": good[:-5],
        "unsigned": f"{head}.{claims}.",
        "flipped": f"{head}.{claims}.{flipped}",
        "other claims": f"{head}.{_b64(body | {'s': 'another'})}.{signature}",
        "alg none": f"{_b64({'alg': 'none', 'typ': 'JWT'})}.{claims}.",
        "raw secret": jwt.encode(body, SECRET, "HS256"),
        "foreign secret": Tokens([NEW_SECRET]).issue("sid", "epoch", time.time()),
        "not base64": "%%%.%%%.%%%",
        "not ASCII": "é.é.é",
        "NUL": "\0.\0.\0",
        "header is a list": f"{_b64([1])}.{claims}.{signature}",
        "deep header": f"{_b64(b'[' * 2500)}.e30.AAAA",
        "deep claims": f"{head}.{_b64(b'[' * 2500)}.{signature}",
        "4096 characters": "x" * 4096,
    }


@pytest.mark.parametrize("kind", list(_wrong_tokens()))
async def test_a_token_that_is_not_ours_is_refused(replica: ReplicaProcess, kind: str) -> None:
    async with Client(replica.ws_url, token=_wrong_tokens()[kind]) as client, Client(replica.ws_url) as bystander:
        await bystander.open()
        with pytest.raises(Turned):
            await client.open()
        assert client.close_code == 4401
        assert [frame["code"] for frame in client.frames()] == ["unauthorized"]
        await beat(bystander)


async def test_a_token_opens_its_own_conversation_only(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as mine, Client(replica.ws_url) as theirs:
        await mine.open()
        await theirs.open()
        await mine.ask("for my eyes")
        await theirs.close()
        theirs.cursor = mine.cursor
        with pytest.raises(Turned):  # a cursor that names events, of a conversation that has none
            await theirs.open()
        assert theirs.close_code == 4404
        theirs.cursor = None
        assert (await theirs.open())["seq"] == 0
        assert theirs.transcript == []


async def test_secrets_rotate_without_cutting_anyone_off(replica: ReplicaProcess, empty_redis: RedisServer) -> None:
    both = {"BATON_SECRET": f"{NEW_SECRET},{SECRET}"}
    async with Client(replica.ws_url) as client, ReplicaProcess.start(redis_url=empty_redis.url, env=both) as rotated:
        await client.open()
        await client.ask("before the rotation")
        assert (await client.open(rotated.ws_url))["recovered"] is True
        assert await client.ask("after it") == "after it"
        assert (await client.open(rotated.ws_url))["recovered"] is True, "what the first secret signed"
        with pytest.raises(Turned):  # the first secret signs, and who has only the second doesn't know it
            await client.open(replica.ws_url)
        assert client.close_code == 4401
