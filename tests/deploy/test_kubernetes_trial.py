"""The Redis of the trial: it starts with its file, and keeps what was acknowledged."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from tests.support.manifests import ROOT, container, in_bytes, render
from tests.support.poll import until
from tests.support.redis_server import binary


@pytest.fixture
def socket() -> Iterator[Path]:
    """The socket of a server with the trial's redis.conf; its folder is its own, all else as in the pod."""
    with tempfile.TemporaryDirectory(prefix="baton-") as folder:  # a socket's path must be short
        path = Path(folder) / "s"
        where = ["--dir", folder, "--port", "0", "--unixsocket", str(path)]
        command = [binary(), str(ROOT / "trial" / "redis.conf"), *where, "--requirepass", "trial"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        try:
            yield path
        finally:
            process.kill()
            process.wait(timeout=30)


async def setting(socket: Path, name: str) -> str | None:
    """What the server says of a setting."""
    client = redis.asyncio.Redis(
        unix_socket_path=str(socket), password="trial", decode_responses=True, retry=Retry(NoBackoff(), 0)
    )

    async def answers() -> bool:  # the socket is there a moment before anybody listens on it
        try:
            return bool(await client.ping())
        except redis.ConnectionError:
            return False

    async with client:
        await until(answers, what="a server with the trial's redis.conf")
        return (await client.config_get(name))[name]


async def test_it_keeps_what_it_acknowledged_and_evicts_nothing(socket: Path) -> None:
    expected = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "save": ""}
    assert {name: await setting(socket, name) for name in expected} == expected


async def test_its_memory_is_limited_below_the_containers(socket: Path) -> None:
    limit = container(render("trial").one("StatefulSet", "redis"))["resources"]["limits"]["memory"]
    maximum = int(await setting(socket, "maxmemory") or 0)
    assert 0 < maximum <= in_bytes(limit) / 2, "rewriting the append-only file may take as much again"


def test_it_reads_that_file_and_writes_to_the_volume() -> None:
    trial = render("trial")
    workload = trial.one("StatefulSet", "redis")
    server, spec = container(workload), workload["spec"]
    assert [*server["command"], *server["args"]] == [
        "redis-server", "/etc/redis/redis.conf", "--dir", "/data", "--requirepass", "$(REDIS_PASSWORD)",
    ]  # fmt: skip
    mounts = {mount["name"]: mount["mountPath"] for mount in server["volumeMounts"]}
    (settings,) = spec["template"]["spec"]["volumes"]
    text = trial.one("ConfigMap", settings["configMap"]["name"])["data"]["redis.conf"]
    assert text == (ROOT / "trial" / "redis.conf").read_text(encoding="utf-8")
    assert mounts[settings["name"]] == "/etc/redis"
    (claim,) = spec["volumeClaimTemplates"]
    assert mounts[claim["metadata"]["name"]] == "/data"
    assert workload["spec"]["replicas"] == 1
    assert trial.one("Service", spec["serviceName"])["spec"]["clusterIP"] == "None"


def test_it_is_ready_when_its_data_is_loaded() -> None:
    server = container(render("trial").one("StatefulSet", "redis"))
    asked = {kind: server[f"{kind}Probe"]["exec"]["command"] for kind in ("startup", "liveness", "readiness")}
    strict = ["redis-cli", "-e", "ping"]
    assert asked == {"startup": strict, "liveness": ["redis-cli", "ping"], "readiness": strict}


def test_the_base_brings_no_redis() -> None:
    base = render("base")
    assert not base.all("StatefulSet")
    assert base.pods().keys() == {"baton"}
