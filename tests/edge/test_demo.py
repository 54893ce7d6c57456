"""The demo's routes: only for a page of this server in a browser on this machine, and only in demo mode."""

import json
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from app.edge.demo import Demo
from tests.support.replica import ReplicaProcess

NAME = "r-0a1b2c3d"
HOST = "127.0.0.1:8080"
PAGE = {"origin": f"http://{HOST}", "content-type": "application/json"}
KILL = json.dumps({"fault": "kill", "replica": NAME}).encode()


class Supervisor:
    """Takes what it is asked for, and says what the test wants."""

    faults = ("kill", "pause", "store")

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.result = "accepted"

    async def ask(self, fault: str, replica: str | None) -> str:
        self.asked.append((fault, replica))
        if self.result == "silent":
            raise TimeoutError
        return self.result


@pytest.fixture
def supervisor() -> Supervisor:
    return Supervisor()


async def call(
    supervisor: Supervisor,
    method: str,
    path: str,
    headers: Any = (),
    body: Any = None,
    *,
    host: str = HOST,
    peer: str = "127.0.0.1",
) -> httpx.Response:
    """One request to the routes alone, from a peer that says it is at `host`."""
    app = Starlette(routes=Demo(NAME, "support", supervisor, 8).routes())
    transport = httpx.ASGITransport(app=app, client=(peer, 50000))
    every = [("host", host), *(headers.items() if isinstance(headers, dict) else headers)]
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as http:
        return await http.request(method, path, headers=every, content=body)


async def test_the_page_learns_what_there_is_to_break(supervisor: Supervisor) -> None:
    for headers in ({}, {"origin": f"http://{HOST}"}):
        response = await call(supervisor, "GET", "/demo", headers)
        assert response.status_code == 200
        assert response.headers["cache-control"] == "no-store"
        assert response.json() == {
            "faults": ["kill", "pause", "store"], "agent": "support", "replica": NAME, "pause_seconds": 8,
        }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        ({"fault": "kill", "replica": NAME}, ("kill", NAME)),
        ({"fault": "pause", "replica": "r-ffffffff"}, ("pause", "r-ffffffff")),
        ({"fault": "store"}, ("store", None)),
        ({"fault": "store", "replica": None, "more": 1}, ("store", None)),
    ],
)
async def test_the_page_breaks_something(supervisor: Supervisor, body: Any, asked: Any) -> None:
    headers = PAGE | {"content-type": "application/json; charset=utf-8"}
    response = await call(supervisor, "POST", "/demo/faults", headers, json.dumps(body).encode())
    assert response.status_code == 202
    assert supervisor.asked == [asked]


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:8080", "127.0.0.9:1", "LocalHost"])
async def test_every_name_of_this_machine_will_do(supervisor: Supervisor, host: str) -> None:
    assert (await call(supervisor, "GET", "/demo", host=host, peer="::1")).status_code == 200
    headers = PAGE | {"origin": f"http://{host}"}
    assert (await call(supervisor, "POST", "/demo/faults", headers, KILL, host=host)).status_code == 202


@pytest.mark.parametrize(
    "host",
    [
        "", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "0.0.0.0:8080", "192.168.0.7:8080",
        "[::]:8080", "2130706433", "localhost:8080@evil.example", "user@localhost", "localhost:8080:8080",
        "[localhost]", "::1", "127.0.0.1:8080,evil.example", "localhost.",
    ],
)  # fmt: skip
async def test_another_name_is_a_rebound_one(supervisor: Supervisor, host: str) -> None:
    assert (await call(supervisor, "GET", "/demo", host=host)).status_code == 403
    headers = PAGE | {"origin": f"http://{host}"}
    assert (await call(supervisor, "POST", "/demo/faults", headers, KILL, host=host)).status_code == 403
    assert supervisor.asked == []


async def test_two_hosts_are_none(supervisor: Supervisor) -> None:
    headers = [("host", "evil.example"), *PAGE.items()]
    assert (await call(supervisor, "POST", "/demo/faults", headers, KILL)).status_code == 403


@pytest.mark.parametrize(
    "origins",
    [
        [], ["null"], ["http://evil.example"], ["https://127.0.0.1:8080"], ["http://localhost:8080"],
        ["http://127.0.0.1:8081"], ["http://127.0.0.1"], ["http://127.0.0.1:8080/"], [f"http://{HOST}", "http://a.example"],
        ["127.0.0.1:8080"], ["http://127.0.0.1:8080.evil.example"], [""],
    ],
)  # fmt: skip
async def test_no_page_of_another_origin(supervisor: Supervisor, origins: list[str]) -> None:
    given = [("origin", origin) for origin in origins]
    headers = [("content-type", "application/json"), *given]
    response = await call(supervisor, "POST", "/demo/faults", headers, KILL)
    assert (response.status_code, response.json()) == (403, {"error": "forbidden"})
    assert "access-control-allow-origin" not in response.headers
    assert supervisor.asked == []
    if given:
        assert (await call(supervisor, "GET", "/demo", given)).status_code == 403


@pytest.mark.parametrize("peer", ["192.168.0.7", "::ffff:8.8.8.8", "not-an-address"])
async def test_nobody_from_elsewhere(supervisor: Supervisor, peer: str) -> None:
    assert (await call(supervisor, "GET", "/demo", peer=peer)).status_code == 403
    assert (await call(supervisor, "POST", "/demo/faults", PAGE, KILL, peer=peer)).status_code == 403
    assert supervisor.asked == []


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip"])
async def test_nobody_through_a_proxy(supervisor: Supervisor, header: str) -> None:
    through = {header: "127.0.0.1"}
    assert (await call(supervisor, "GET", "/demo", through)).status_code == 403
    assert (await call(supervisor, "POST", "/demo/faults", PAGE | through, KILL)).status_code == 403
    assert supervisor.asked == []


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json"])
async def test_only_json(supervisor: Supervisor, kind: str) -> None:
    response = await call(supervisor, "POST", "/demo/faults", PAGE | {"content-type": kind}, KILL)
    assert (response.status_code, response.json()) == (400, {"error": "bad_request"})
    assert supervisor.asked == []


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'"kill"', b"\xff", b"{}", b'{"fault":1}', b'{"fault":["kill"]}',
        b'{"fault":"kill","replica":1}', b'{"fault":"kill","replica":["r-0a1b2c3d"]}', KILL + b" " * 256,
        b"[" * 200,
    ],
)  # fmt: skip
async def test_what_is_no_request(supervisor: Supervisor, body: bytes) -> None:
    response = await call(supervisor, "POST", "/demo/faults", PAGE, body)
    assert (response.status_code, response.json()) == (400, {"error": "bad_request"})
    assert supervisor.asked == []


async def test_an_endless_body_is_not_read_to_its_end(supervisor: Supervisor) -> None:
    read = 0

    async def endless() -> Any:
        nonlocal read
        while True:
            read += 1
            yield b" " * 100

    assert (await call(supervisor, "POST", "/demo/faults", PAGE, endless())).status_code == 400
    assert read < 10


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"fault": "reboot"}, "unknown_fault"),
        ({"fault": ""}, "unknown_fault"),
        ({"fault": "kill", "replica": "1"}, "unknown_replica"),
        ({"fault": "kill", "replica": "\N{GRINNING FACE}" * 40}, "unknown_replica"),
        ({"fault": "kill", "replica": "r-0A1B2C3D"}, "unknown_replica"),
    ],
)
async def test_what_there_is_not(supervisor: Supervisor, body: Any, code: str) -> None:
    response = await call(supervisor, "POST", "/demo/faults", PAGE, json.dumps(body, ensure_ascii=False).encode())
    assert (response.status_code, response.json()) == (404, {"error": code})
    assert supervisor.asked == []


@pytest.mark.parametrize(
    ("result", "status"), [("unknown_replica", 404), ("unknown_fault", 404), ("too_often", 429), ("silent", 503)]
)
async def test_what_the_supervisor_says(supervisor: Supervisor, result: str, status: int) -> None:
    supervisor.result = result
    response = await call(supervisor, "POST", "/demo/faults", PAGE, KILL)
    assert response.status_code == status
    assert response.json() == {"error": "unavailable" if result == "silent" else result}
    assert response.headers.get("retry-after") == ("1" if status == 429 else None)


async def test_without_demo_mode_there_are_no_such_routes(replica: ReplicaProcess) -> None:
    async with httpx.AsyncClient(trust_env=False, base_url=replica.http_url) as http:
        assert (await http.get("/demo")).status_code == 404
        headers = PAGE | {"origin": replica.http_url}
        assert (await http.post("/demo/faults", headers=headers, content=KILL)).status_code == 404
