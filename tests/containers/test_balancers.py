"""What a balancer passes on, and what it doesn't: close codes, origins, HTTP, and who a client says it is."""

import json
from typing import Any

import httpx
import pytest

from tests.support.client import Client, Turned
from tests.support.cluster import KEY, judge
from tests.support.containers import Box
from tests.support.deployment import BALANCERS, Deployment, deployed
from tests.support.engine import Engine
from tests.support.poll import until

pytestmark = [
    pytest.mark.containers,
    pytest.mark.timeout(120),
    pytest.mark.parametrize("balancer", sorted(BALANCERS)),
]

INVENTED = "203.0.113.9"  # RFC 5737: belongs to nobody


async def close_codes(deployment: Deployment) -> None:
    url, http_url = deployment.balancer.ws_url, deployment.balancer.http_url
    async with Client(url) as client:
        await client.connect(origin="https://elsewhere.example")
        assert await client.wait_closed() == 4403
        await client.connect(origin=http_url)  # the page's own: the balancer hands on the host with its port
        welcome = await client.hello()
        assert await client.ask("x" * welcome["limits"]["text"], timeout=20) == "x" * welcome["limits"]["text"]
        await client.send_raw(json.dumps({"type": "ping", "t": "x" * welcome["limits"]["frame"]}))
        assert await client.wait_closed() == 1009
        assert (await client.open())["recovered"]
        for _ in range(10):
            await client.send_raw(b"binary")
        assert await client.wait_closed() == 4400
        judge(client)
    async with Client(url, token="forged") as forger:
        with pytest.raises(Turned) as turned:
            await forger.open()
        assert turned.value.code == 4401


async def pages(deployment: Deployment) -> None:
    async with httpx.AsyncClient(base_url=deployment.balancer.http_url, trust_env=False, timeout=10.0) as http:
        page = await http.get("/")
        assert (page.status_code, "content-security-policy" in page.headers) == (200, True)
        assert (await http.get("/widget.js")).status_code == 200
        assert (await http.get("/metrics")).status_code in (401, 403, 404)  # from outside: not without the key
        assert (await http.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"})).status_code in (401, 403, 404)
        assert (await http.get("/api/sessions")).status_code in (401, 403, 404)
        big = await http.put("/api/sessions/big", headers=KEY, content=b'{"a":"' + b"x" * 8_000_000 + b'"}')
        assert big.status_code in (400, 422)  # read by a replica, not refused for its size


async def test_close_codes_and_pages(engine: Engine, image: str, balancer: str) -> None:
    async with deployed(engine, image, replicas=2, balancer=balancer, env={"BATON_ECHO_DELAY_MS": "0"}) as deployment:
        await close_codes(deployment)
        await pages(deployment)


def lines(replica: Box, event: str) -> list[dict[str, Any]]:
    """What a replica logged under one name."""
    entries = [json.loads(line) for line in replica.logs().splitlines() if line.startswith("{")]
    return [entry for entry in entries if entry.get("event") == event]


async def test_who_a_client_claims_to_be_goes_no_further(engine: Engine, image: str, balancer: str) -> None:
    env = {"BATON_LOG_LEVEL": "debug", "BATON_TRUSTED_PROXIES": "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"}
    async with deployed(engine, image, replicas=1, balancer=balancer, env=env) as deployment:
        (replica,) = deployment.replicas
        claims = {
            "X-Forwarded-For": INVENTED,
            "X-Real-IP": INVENTED,
            "Forwarded": f"for={INVENTED}",
            "X-Forwarded-Host": INVENTED,
        }
        async with Client(deployment.balancer.ws_url) as client:
            await client.connect(headers=claims)
            await client.hello()
            opened = await until(lambda: lines(replica, "socket_opened"), what="the replica's line about the socket")
        assert INVENTED not in replica.logs()
        (gateway,) = {entry["Gateway"] for entry in networks(deployment.balancer)}
        assert [line["client"] for line in opened] == [gateway]  # where the engine passes a published port in
        assert gateway not in {entry["IPAddress"] for entry in networks(deployment.balancer)}


def networks(box: Box) -> list[dict[str, Any]]:
    return list(box.inspect()["NetworkSettings"]["Networks"].values())
