"""I10: whatever clients and administrators do, no text, token, secret, answer or account is in a replica's log."""

import json
import uuid
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed

from tests.edge.helpers import ADMIN, IDENTITY_SECRET, answer, assertion, beat, put, serving
from tests.support.client import Client, Turned
from tests.support.redis_server import RedisServer
from tests.support.replica import ADMIN_KEY, SECRET, ReplicaProcess

ENV = {"BATON_RATE_LIMIT": "5", "BATON_ECHO_DELAY_MS": "5"}
# What may be logged of what was on the wire: ids of sessions and replicas, and words of the protocol itself.
SHORTEST = 12


def strings(value: Any) -> set[str]:
    """Every string in a frame or document."""
    if isinstance(value, str):
        return {value}
    if isinstance(value, dict):
        value = list(value.values())
    return {text for entry in value for text in strings(entry)} if isinstance(value, list | tuple) else set()


def private(*clients: Client) -> set[str]:
    """What these clients sent and received that is nobody's business."""
    everything = {text for client in clients for record in client.log.records for text in strings(record.frame)}
    named = {text for client in clients for frame in client.frames("welcome") for text in (frame["session"],)}
    told = {frame["message"] for client in clients for frame in client.frames("error")}
    return {text for text in everything - named - told if len(text) >= SHORTEST and not text.startswith("ws://")}


async def every_frame(client: Client) -> None:
    """All that a customer can do, right and wrong."""
    await client.open()
    await client.ask("my account is 4711-0815 and the word is swordfish")
    for frame in (
        {"type": "typing", "active": True}, {"type": "history", "before": 9, "limit": 9},
        {"type": "cancel", "turn": 99},
        {"type": "ping", "t": "a secret in a ping " + uuid.uuid4().hex},
        {"type": "sign_out", "note": "a secret in a note"},
        {"type": "send", "id": "an id with a secret", "text": "a text with a bell\a and a secret"},
        {"type": "send", "id": "another secret id", "text": "too long, and secret " * 500},
        {"type": "identify", "token": assertion()},
        {"type": "identify", "token": assertion("x" * 40, name="Bob Secret")},
        {"type": "unknown_secret_type", "text": "an unknown secret"}, {"type": "send", "text": ["a list of a secret"]},
    ):  # fmt: skip
        await put(client, frame)
    await put(client, "a secret that is no JSON")
    await put(client, b"a secret that is binary")
    await beat(client)
    await client.send("an answer that is stopped, secretly, " * 30)
    await client.wait_frame("delta")
    await client.send_frame({"type": "end"})
    await client.wait_frame("state", where=lambda frame: bool(frame["state"]["ended"]))


async def wrong_doors(url: str) -> list[Client]:
    """Clients that aren't let in, with something to hide."""
    forged = Client(url, token="a forged token that is quite long")
    foreign = Client(url + "?token=a-token-in-the-address")
    for client in (forged, foreign):
        try:
            await client.connect(origin=None if client is forged else "https://evil.example")
            await client.hello()
        except (Turned, AssertionError, ConnectionClosed):
            assert client.close_code in {4401, 4403}
        await client.close()
    return [forged, foreign]


async def administer(replica: ReplicaProcess, session: str) -> None:
    """Export, a refused import, erase; with the right and with a wrong key."""
    path = f"/api/sessions/{session}"
    async with httpx.AsyncClient(trust_env=False, base_url=replica.http_url) as http:
        document = (await http.get(path, headers=ADMIN)).json()
        assert (await http.get(path, headers={"authorization": "Bearer a-wrong-but-close-key"})).status_code == 401
        document["user_context"]["customer_name"] = ["Imported Secret Name"]
        assert (await http.put(path, headers=ADMIN, json=document)).status_code in {400, 409}
        assert (await http.get(f"{path}?secret=in-a-query-string", headers=ADMIN)).status_code == 200
        assert (await http.delete(path, headers=ADMIN)).status_code == 204


async def test_the_log_holds_nothing_that_was_said(replica: ReplicaProcess) -> None:
    async with Client(replica.ws_url) as client:
        await every_frame(client)
        session = client.frames("welcome")[0]["session"]
        clients = [client, *await wrong_doors(replica.ws_url)]
        await administer(replica, session)
        assert await client.wait_closed() == 4404
    log = replica.logs()
    hidden = private(*clients) | {"swordfish", "4711", "a-token-in-the-address", "in-a-query-string", "4242"}
    assert len(hidden) > 30
    found = [text for text in hidden if text in log or json.dumps(text)[1:-1] in log]
    assert not found
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    audits = [line for line in lines if line["event"] == "audit"]
    assert {"export", "erase", "identify"} <= {line["action"] for line in audits}, "what must be logged is"
    assert all(line["session"] == session for line in audits)


def test_no_secret_of_the_settings_is_in_the_log(empty_redis: RedisServer) -> None:
    url = empty_redis.url
    with serving(empty_redis, {"BATON_TYPO": "a value of no setting"}) as replica:
        assert httpx.get(f"{replica.http_url}/readyz", trust_env=False).status_code == 200
        log = replica.logs()
    assert log, "it says something"
    assert not [word for word in (SECRET, ADMIN_KEY, IDENTITY_SECRET, "a value of no setting") if word in log], url


async def test_a_failing_agent_says_where_but_not_what(empty_redis: RedisServer) -> None:
    env = {"BATON_AGENT": "tests.edge.bad_agent:make"}
    async with ReplicaProcess.start(redis_url=empty_redis.url, env=env) as replica, Client(replica.ws_url) as client:
        await client.open()
        text = await client.ask("the customer's own secret words")
        (end,) = [event for event in client.transcript if event["type"] == "turn_end"]
        assert (end["status"], end["reason"]) == ("failed", "error")
        assert "secret words" not in text
        assert "ValueError" not in json.dumps(client.frames())
        log = replica.logs()
        assert "ValueError" in log
        assert "secret words" not in log
        assert (await answer(client, {"type": "ping", "t": 1}, "pong"))["t"] == 1
