"""`GET /api/tickets`: who waits for a person, longest first, for whoever has the key."""

from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest

from tests.edge.helpers import ADMIN, serving
from tests.support.redis_server import RedisServer
from tests.support.replica import ADMIN_KEY, ReplicaProcess

AT: Final = "2026-01-01T10:00:00.000Z"
SUMMARY: Final[dict[str, Any]] = {
    "issue": "The bill is twice as high as last month.",
    "tried": ["explained the bill"],
    "reason": "asked for a person",
    "mood": "annoyed",
    "account": "4242",
    "next_steps": ["look at the meter"],
}


def ticket(sid: str) -> dict[str, Any]:
    """A ticket, as a document has it."""
    return {"id": f"T-{sid}", "department": "Billing", "priority": "high", "created_at": AT, "summary": SUMMARY}


def document(sid: str, handoff: str = "waiting", **fields: Any) -> dict[str, Any]:
    """A conversation with a ticket that has seen no event."""
    usual = {
        "schema": 1, "session_id": sid, "created_at": AT, "last_interaction": AT, "user_context": {"session_id": sid},
        "handoff_state": handoff, "current_handoff_ticket_id": f"T-{sid}", "handoff_ticket": ticket(sid),
    }  # fmt: skip
    return usual | fields


@pytest.fixture
async def admin(replica: ReplicaProcess, empty_redis: RedisServer) -> AsyncIterator[httpx.AsyncClient]:
    """HTTP with the admin key; nobody waits."""
    empty_redis.command("FLUSHALL")
    async with httpx.AsyncClient(trust_env=False, base_url=replica.http_url, headers=ADMIN, timeout=20) as http:
        yield http


async def put(admin: httpx.AsyncClient, sid: str, handoff: str = "waiting", **fields: Any) -> None:
    """Import such a conversation."""
    response = await admin.put(f"/api/sessions/{sid}", json=document(sid, handoff, **fields))
    assert response.status_code == 201, response.text


async def listed(admin: httpx.AsyncClient, limit: int) -> list[list[str]]:
    """The sessions of every page."""
    pages, cursor = [], None
    while True:
        params: dict[str, Any] = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        page = (await admin.get("/api/tickets", params=params)).json()
        pages.append([entry["session_id"] for entry in page["tickets"]])
        if (cursor := page["cursor"]) is None:
            return pages


async def test_nothing_without_the_key(replica: ReplicaProcess, admin: httpx.AsyncClient) -> None:
    await put(admin, "s1")
    async with httpx.AsyncClient(trust_env=False, base_url=replica.http_url) as http:
        for value in ("", "Bearer", "Bearer wrong", f"Bearer {ADMIN_KEY}x", ADMIN_KEY, f"Basic {ADMIN_KEY}"):
            for query in ("", "?limit=0", "?cursor=x", f"?key={ADMIN_KEY}"):
                response = await http.get(f"/api/tickets{query}", headers={"authorization": value})
                assert (response.status_code, response.json()["error"]) == (401, "unauthorized")
                assert "s1" not in response.text
        assert (await http.get("/api/tickets")).status_code == 401


def test_without_a_key_in_the_settings_it_is_off(empty_redis: RedisServer) -> None:
    with serving(empty_redis, {}, without="BATON_ADMIN_KEY") as replica, httpx.Client(trust_env=False) as http:
        for key in ("", "Bearer", "Bearer None", ADMIN["authorization"]):
            response = http.get(f"{replica.http_url}/api/tickets", headers={"authorization": key})
            assert response.status_code == 401


async def test_nobody_waits(admin: httpx.AsyncClient) -> None:
    response = await admin.get("/api/tickets")
    assert (response.status_code, response.json()) == (200, {"tickets": [], "cursor": None})


async def test_each_is_shown_with_its_ticket_and_summary(admin: httpx.AsyncClient) -> None:
    await put(admin, "s1")
    (entry,) = (await admin.get("/api/tickets")).json()["tickets"]
    assert entry == {"session_id": "s1", "ticket_id": "T-s1", "handoff": "waiting", "ticket": ticket("s1")}


async def test_one_whose_ticket_is_not_known_is_shown_without(admin: httpx.AsyncClient) -> None:
    await put(admin, "s1", handoff_ticket=None, current_handoff_ticket_id=None)
    (entry,) = (await admin.get("/api/tickets")).json()["tickets"]
    assert entry == {"session_id": "s1", "ticket_id": None, "handoff": "waiting", "ticket": None}


async def test_only_who_waits_is_shown(admin: httpx.AsyncClient, empty_redis: RedisServer) -> None:
    for sid, handoff in (("s1", "none"), ("s2", "active"), ("s3", "waiting"), ("s4", "resolved")):
        await put(admin, sid, handoff)
    assert await listed(admin, 50) == [["s3"]]
    await admin.delete("/api/sessions/s3")
    assert await listed(admin, 50) == [[]]


async def test_who_has_waited_longest_comes_first_page_by_page(
    admin: httpx.AsyncClient, empty_redis: RedisServer
) -> None:
    names = [f"s{number}" for number in range(7, 0, -1)]
    for name in names:
        await put(admin, name)
    for key in empty_redis.command("KEYS", "*tickets"):
        for sid, _ in empty_redis.command("ZRANGE", key, 0, -1, "WITHSCORES"):
            since = 1_800_000_000_000 + names.index(sid.decode())
            empty_redis.command("ZADD", key, since, sid)
    assert await listed(admin, 3) == [names[:3], names[3:6], names[6:]]
    assert await listed(admin, 7) == [names]
    assert (await admin.get("/api/tickets")).json()["cursor"] is None


async def test_a_summary_is_shown_and_never_logged(replica: ReplicaProcess, admin: httpx.AsyncClient) -> None:
    await put(admin, "s1")
    assert SUMMARY["issue"] in (await admin.get("/api/tickets")).text
    log = replica.logs()
    assert not [word for word in (SUMMARY["issue"], SUMMARY["reason"], "T-s1", "4242") if str(word) in log]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=-1", "limit=x", "limit=1e3", "limit=501", f"limit={'9' * 30}", "limit=",
        "cursor=x", "cursor=:", "cursor=:s1", "cursor=nan:x", "cursor=1.5:x", "cursor=%00", f"cursor={'9' * 5000}:x",
    ],
)  # fmt: skip
async def test_a_wrong_page_is_a_bad_request(admin: httpx.AsyncClient, query: str) -> None:
    response = await admin.get(f"/api/tickets?{query}")
    assert (response.status_code, response.json()["error"]) == (400, "bad_request")


async def test_other_methods_are_refused(admin: httpx.AsyncClient) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert (await admin.request(method, "/api/tickets")).status_code == 405


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "T-1"}, "T-1", [], {**ticket("s1"), "summary": None}, {**ticket("s1"), "summary": {"issue": 1}},
        {**ticket("s1"), "department": 7},
    ],
)  # fmt: skip
async def test_a_wrong_ticket_is_not_imported(admin: httpx.AsyncClient, wrong: Any) -> None:
    response = await admin.put("/api/sessions/s1", json=document("s1", handoff_ticket=wrong))
    assert (response.status_code, response.json()["error"]) == (400, "bad_request")
    assert (await admin.get("/api/sessions/s1")).status_code == 404
