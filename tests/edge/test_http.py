"""HTTP beside the socket: health, readiness, metrics and the files of the page. No conversation shows in any of it."""

import asyncio
import json
import re
from pathlib import Path

import httpx
import pytest

from tests.edge.helpers import ADMIN, serving
from tests.support.client import Client
from tests.support.redis_server import RedisServer
from tests.support.replica import ReplicaProcess

WEB = Path(__file__).resolve().parents[2] / "app" / "web"


async def get(replica: ReplicaProcess, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
    """One request, by a client that believes no proxy setting of the machine."""
    async with httpx.AsyncClient(trust_env=False, base_url=replica.http_url) as http:
        return await http.get(path, headers=headers)


async def raw_get(replica: ReplicaProcess, target: str) -> tuple[int, bytes]:
    """A request whose target nobody tidied up: its status and its body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", replica.port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode("latin-1"))
    reply = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()
    head, _, body = reply.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


async def test_health_and_readiness(replica: ReplicaProcess) -> None:
    for path, status in (("/healthz", "ok"), ("/readyz", "ready")):
        response = await get(replica, path)
        assert (response.status_code, response.json()["status"]) == (200, status)


async def test_readiness_says_why_not_while_the_replica_drains(empty_redis: RedisServer) -> None:
    env = {"BATON_DRAIN_SECONDS": "5", "BATON_ECHO_DELAY_MS": "100"}
    async with ReplicaProcess.start(redis_url=empty_redis.url, env=env) as replica, Client(replica.ws_url) as client:
        await client.open()
        await client.send("an answer that takes a while: " + "word " * 20)
        await client.wait_frame("turn_start")
        async with httpx.AsyncClient(trust_env=False, base_url=replica.http_url) as http:
            assert (await http.get("/readyz")).status_code == 200
            replica.signal_end()
            assert (await client.wait_frame("drain"))["reconnect_in"] > 0
            response = await http.get("/readyz")
            assert (response.status_code, response.json()["reason"]) == (503, "draining")
            assert (await http.get("/healthz")).status_code == 200
        assert await client.wait_closed() == 1012


@pytest.mark.parametrize("trusted", ["", "127.0.0.1"])
async def test_metrics_are_for_loopback_or_the_admin_key(empty_redis: RedisServer, trusted: str) -> None:
    env = {"BATON_TRUSTED_PROXIES": trusted} if trusted else {}
    async with ReplicaProcess.start(redis_url=empty_redis.url, env=env) as replica, Client(replica.ws_url) as client:
        await client.open()
        await client.ask("counted, not quoted")
        response = await get(replica, "/metrics")
        assert response.status_code == 200
        assert 'baton_messages_total{outcome="accepted"} 1.0' in response.text
        assert "quoted" not in response.text
        assert client.frames("welcome")[0]["session"] not in response.text
        for forwarded in (
            {"x-forwarded-for": "203.0.113.9"}, {"x-forwarded-for": "127.0.0.1"}, {"x-forwarded-for": ""},
            {"x-forwarded-for": "203.0.113.9, 127.0.0.1"}, {"forwarded": "for=203.0.113.9"},
            {"x-real-ip": "203.0.113.9"},
        ):  # fmt: skip
            assert (await get(replica, "/metrics", forwarded)).status_code == 401, forwarded
            assert (await get(replica, "/metrics", forwarded | ADMIN)).status_code == 200
            wrong = forwarded | {"authorization": "Bearer wrong"}
            assert (await get(replica, "/metrics", wrong)).status_code == 401


@pytest.mark.parametrize(
    ("trusted", "client_address"), [("", "127.0.0.1"), ("10.0.0.0/8", "127.0.0.1"), ("127.0.0.0/8", "203.0.113.9")]
)
async def test_a_forwarded_address_is_believed_from_a_trusted_proxy_only(
    empty_redis: RedisServer, trusted: str, client_address: str
) -> None:
    env = {"BATON_LOG_LEVEL": "debug"} | ({"BATON_TRUSTED_PROXIES": trusted} if trusted else {})
    async with ReplicaProcess.start(redis_url=empty_redis.url, env=env) as replica, Client(replica.ws_url) as client:
        # The last address before the trusted ones counts: what stands left of it is the client's own claim.
        forwarded = "127.0.0.1, 198.51.100.7, 203.0.113.9"
        await client.connect(headers={"X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https"})
        assert (await client.hello())["seq"] == 0
        (opened,) = (line for line in replica.logs().splitlines() if '"socket_opened"' in line)
        assert json.loads(opened)["client"] == client_address


async def test_the_page_and_its_modules_are_served(replica: ReplicaProcess) -> None:
    page = await get(replica, "/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    (version,) = set(re.findall(r"/static/([0-9a-f]{32})/", page.text))
    for name in ("widget.js", "sdk.js"):
        assert version in (await get(replica, f"/{name}")).text
    modules = [path.relative_to(WEB).as_posix() for path in sorted(WEB.rglob("*")) if path.suffix in {".js", ".css"}]
    assert len(modules) > 20
    for path in modules:
        response = await get(replica, f"/static/{version}/{path}")
        assert response.status_code == 200, path
        kind = "text/javascript" if path.endswith(".js") else "text/css"
        assert response.headers["content-type"] == f"{kind}; charset=utf-8"


async def test_the_page_may_load_nothing_foreign_and_be_framed_by_nobody(replica: ReplicaProcess) -> None:
    policy = (await get(replica, "/")).headers["content-security-policy"]
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split(";")}
    assert rules["default-src"] == ["'none'"]
    assert rules["script-src"] == ["'self'"]
    assert rules["frame-ancestors"] == ["'none'"]
    assert "unsafe" not in policy
    assert "<script>" not in (await get(replica, "/")).text, "inline scripts would be blocked"


@pytest.mark.parametrize(
    "target",
    [
        "/static/../settings.py", "/static/..%2fsettings.py", "/static/%2e%2e/settings.py", "/static/..\\settings.py",
        "/static/%2e%2e%2fsettings.py", "/static/..%5csettings.py", "/static//etc/passwd", "/static/%2fetc%2fpasswd",
        "/static/widget.js%00.html", "/static/", "/static", "/static/.", "/static/nothing.js", "/settings.py",
        "/../app/cli.py",
        "/static/__init__.py", "/nothing", "/widget.js/..", "/static/WIDGET.JS",
    ],
)  # fmt: skip
async def test_nothing_else_can_be_read(replica: ReplicaProcess, target: str) -> None:
    status, body = await raw_get(replica, target)
    assert status in {400, 404}, target
    assert b"import" not in body
    assert b"root:" not in body
    assert len(body) < 200


async def test_unknown_methods_are_refused(replica: ReplicaProcess) -> None:
    async with httpx.AsyncClient(trust_env=False, base_url=replica.http_url) as http:
        assert (await http.post("/")).status_code == 405
        assert (await http.delete("/api/sessions")).status_code == 405
        assert (await http.get("/ws")).status_code in {400, 404, 426}


def test_a_replica_without_an_admin_key_has_metrics_for_loopback_only(empty_redis: RedisServer) -> None:
    with serving(empty_redis, {}, without="BATON_ADMIN_KEY") as replica, httpx.Client(trust_env=False) as http:
        url = f"{replica.http_url}/metrics"
        assert http.get(url).status_code == 200
        for key in ("Bearer", "Bearer None", "Bearer null", ADMIN["authorization"]):
            headers = {"authorization": key, "x-forwarded-for": "127.0.0.1"}
            assert http.get(url, headers=headers).status_code == 401
