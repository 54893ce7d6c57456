"""The admin API: who may, listing, export, import, erase; on two replicas."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.edge.helpers import ADMIN, IDENTITY_SECRET, assertion, beat, fill, serving
from tests.support.client import Client, Turned
from tests.support.redis_server import RedisServer
from tests.support.replica import ADMIN_KEY, ReplicaProcess


@pytest.fixture
async def admin(replica: ReplicaProcess) -> AsyncIterator[httpx.AsyncClient]:
    """HTTP with the admin key."""
    async with httpx.AsyncClient(trust_env=False, base_url=replica.http_url, headers=ADMIN, timeout=20) as http:
        yield http


async def conversation(client: Client, turns: int = 2) -> str:
    """Let a client talk; the session's id."""
    session: str = (await client.open())["session"]
    for number in range(turns):
        await client.ask(f"question {number}")
    return session


ROUTES = [
    ("GET", "/api/sessions"),
    ("GET", "/api/tickets"),
    *((method, "/api/sessions/any") for method in ("GET", "PUT", "DELETE")),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_nothing_without_the_key(replica: ReplicaProcess, method: str, path: str) -> None:
    wrong = [
        "", "Bearer", "Bearer wrong", f"Bearer {ADMIN_KEY[:-1]}", f"Bearer {ADMIN_KEY}x",
        f"Basic {ADMIN_KEY}",
        ADMIN_KEY, f"Bearer {ADMIN_KEY.upper()}", "Bearer \xff", f"Bearer {ADMIN_KEY},{ADMIN_KEY}", "Bearer null",
    ]  # fmt: skip
    async with httpx.AsyncClient(trust_env=False, base_url=replica.http_url) as http:
        for value in (None, *wrong):
            headers = {} if value is None else {b"authorization": value.encode("latin-1")}
            response = await http.request(method, path, headers=headers, params={"key": ADMIN_KEY})
            assert response.status_code == 401, value
            assert response.json()["error"] == "unauthorized"


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_the_key_opens_every_route(admin: httpx.AsyncClient, method: str, path: str) -> None:
    assert (await admin.request(method, path)).status_code in {200, 400, 404}


def test_without_a_key_in_the_settings_the_api_is_off(empty_redis: RedisServer) -> None:
    with serving(empty_redis, {}, without="BATON_ADMIN_KEY") as replica, httpx.Client(trust_env=False) as http:
        for method, path in ROUTES:
            for key in ("", "Bearer", "Bearer None", ADMIN["authorization"]):
                response = http.request(method, replica.http_url + path, headers={"authorization": key})
                assert response.status_code in {401, 403, 404}


async def test_active_sessions_are_listed_newest_first_and_paged(
    replica: ReplicaProcess, admin: httpx.AsyncClient, empty_redis: RedisServer
) -> None:
    empty_redis.command("FLUSHALL")
    made: list[str] = []
    for _ in range(7):
        async with Client(replica.ws_url) as client:
            made.insert(0, await conversation(client, 1))
    listed: list[str] = []
    cursor = None
    while True:
        params: dict[str, Any] = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await admin.get("/api/sessions", params=params)).json()
        listed += [entry["session_id"] for entry in page["sessions"]]
        assert len(page["sessions"]) <= 3
        if (cursor := page["cursor"]) is None:
            break
    assert listed == made
    assert [entry["session_id"] for entry in (await admin.get("/api/sessions")).json()["sessions"]] == made


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=-1", "limit=x", "limit=1e3", "limit=501", f"limit={'9' * 30}", f"limit=-{'9' * 30}", "limit=",
        "cursor=x", "cursor=1", "cursor=:", "cursor=nan:x", "cursor=1.5:x", f"cursor={'9' * 400}:x", "cursor=%00",
    ],
)  # fmt: skip
async def test_a_wrong_page_is_a_bad_request(admin: httpx.AsyncClient, query: str) -> None:
    response = await admin.get(f"/api/sessions?{query}")
    assert response.status_code in ({400} if query.startswith("limit") else {200, 400})
    if response.status_code == 400:
        assert response.json()["error"] == "bad_request"


async def test_an_export_is_the_whole_session(replica: ReplicaProcess, admin: httpx.AsyncClient) -> None:
    async with Client(replica.ws_url) as client:
        session = await conversation(client)
        await client.send_frame({"type": "identify", "token": assertion()})
        await client.wait_frame("state")
        document = (await admin.get(f"/api/sessions/{session}")).json()
        assert document["schema"] == 1
        assert document["session_id"] == document["user_context"]["session_id"] == session
        assert document["user_context"]["account_number"] == "4242"
        assert document["events"] == client.transcript
        messages = [event for event in client.transcript if event["type"] == "message"]
        assert [entry["text"] for entry in document["conversation_history"]] == [event["text"] for event in messages]
        assert document["ids"] == {event["id"]: event["seq"] for event in messages if event["role"] == "user"}
        fields = {"pending_query", "current_handoff_ticket_id", "handoff_state", "agent_states", "created_at"}
        assert set(document) >= fields | {"last_interaction"}
        assert not [secret for secret in (client.token, IDENTITY_SECRET) if str(secret) in json.dumps(document)]


async def test_what_does_not_exist_is_not_found(admin: httpx.AsyncClient) -> None:
    for sid in ("nobody", "x" * 65, "a%20b", "a:b", "%00", "{b:00}", "..%2fx", "*", "a%0ab", "é"):
        for method in ("GET", "DELETE"):
            assert (await admin.request(method, f"/api/sessions/{sid}")).status_code == 404, (method, sid)


async def test_erase_closes_the_sockets_of_every_replica_and_leaves_no_key(
    replica: ReplicaProcess, other: ReplicaProcess, admin: httpx.AsyncClient, empty_redis: RedisServer
) -> None:
    async with Client(replica.ws_url) as here, Client(other.ws_url) as there, Client(other.ws_url) as stranger:
        session = await conversation(here)
        there.token = here.token
        await there.open()
        await there.wait_turn_end(4)
        await stranger.open()
        assert (await admin.delete(f"/api/sessions/{session}")).status_code == 204
        for client in (here, there):
            assert await client.wait_closed(1.5) == 4404, "at once: not when somebody happens to look"
            assert client.frames("error")[-1]["code"] == "session_gone"
            with pytest.raises(Turned):
                await client.open()
            assert client.close_code == 4404
        await beat(stranger)
        assert [key for key in empty_redis.command("KEYS", "*") if session.encode() in key] == []
        listed = (await admin.get("/api/sessions", params={"limit": 500})).json()["sessions"]
        assert session not in [entry["session_id"] for entry in listed]
        assert (await admin.delete(f"/api/sessions/{session}")).status_code == 404


async def test_export_erase_import_is_the_same_conversation(
    replica: ReplicaProcess, other: ReplicaProcess, admin: httpx.AsyncClient
) -> None:
    async with Client(replica.ws_url) as client:
        await client.open()
        await fill(client, 120)
        before, session = client.transcript, client.frames("welcome")[0]["session"]
        path = f"/api/sessions/{session}"
        document = (await admin.get(path)).json()
        document["from_the_future"] = {"kept": [1, "two"]}
        document["user_context"]["shoe_size"] = 44
        assert (await admin.put(path, json=document)).status_code == 409, "it exists"
        assert (await admin.delete(path)).status_code == 204
        await client.wait_closed()
        assert (await admin.put(path, json=document)).status_code == 201
        again = (await admin.get(path)).json()
        for changing in ("events", "last_interaction"):
            again.pop(changing)
        assert {key: again[key] for key in again} == {key: document[key] for key in again}
        welcome = await client.open(other.ws_url)
        assert (welcome["recovered"], welcome["seq"]) == (False, 360), "an import is a new epoch"
        assert welcome["epoch"] != client.frames("welcome")[0]["epoch"]
        await client.wait(lambda: len(client.transcript) == 200, what="200 events")
        assert [_bare(event) for event in client.transcript] == [_bare(event) for event in before[-200:]]
        await client.send("again", id=before[0]["id"])
        assert (await client.wait_ack(before[0]["id"]))["seq"] == 1
        await client.wait_frame("ack", where=lambda frame: bool(frame["duplicate"] and frame["seq"] == 1))
        assert await client.ask("and on") == "and on"


def _bare(event: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key != "mark"}
