"""`docker-compose.yml` as a person uses it: in a copy of the project, with secrets of its own, on a free port."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.containers.conftest import Report
from tests.support.containers import LOOPBACK, keys_without_ttl
from tests.support.engine import COMPOSE_LABEL, Engine
from tests.support.load import Load
from tests.support.poll import until
from tests.support.redis_server import free_port
from tests.support.replica import DEFAULTS, ROOT

pytestmark = [pytest.mark.containers, pytest.mark.timeout(240)]


@dataclass(frozen=True, slots=True)
class Compose:
    """The project in a folder, under a name of its own. `command`: what Compose is called on this machine."""

    command: tuple[str, ...]
    engine: Engine
    folder: Path

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one command; nothing of this machine's own settings reaches it."""
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("BATON_", "COMPOSE_", "PUBLISH", "REDIS_"))}
        return subprocess.run(
            [*self.command, "-p", self.engine.project, *words],
            cwd=self.folder, env=environ, capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip

    def containers(self, service: str) -> list[Any]:
        """The containers of a service."""
        labels = [f"{COMPOSE_LABEL}={self.engine.project}", f"com.docker.compose.service={service}"]
        return list(self.engine.client.containers.list(all=True, filters={"label": labels}))

    def configure(self, settings: Mapping[str, str]) -> None:
        """Write `.env`."""
        (self.folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))


def works(command: list[str]) -> bool:
    """Whether a command is there and succeeds."""
    there = shutil.which(command[0]) is not None
    return there and subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def compose(engine: Engine, tmp_path: Path) -> Compose:
    """Compose in a copy of the work tree: the files that git knows, or would."""
    candidates = [("docker", "compose"), ("docker-compose",)]
    command = next((words for words in candidates if works([*words, "version"])), None)
    if command is None:
        assert not os.environ.get("CI"), "no Docker Compose is installed"
        pytest.skip("no Docker Compose is installed")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    return Compose(command, engine, tmp_path)


async def run(compose: Compose, *words: str) -> None:
    """Run one command that has to succeed."""
    done = await asyncio.to_thread(compose, *words)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


@asynccontextmanager
async def up(compose: Compose) -> AsyncIterator[None]:
    """Everything that the file names, built and running; at the end all of it is gone, volumes too."""
    try:
        await run(compose, "up", "-d", "--build")
        yield
    except BaseException:
        print((await asyncio.to_thread(compose, "logs", "--no-color", "--tail", "60")).stdout)
        raise
    finally:
        await run(compose, "down", "-v", "-t", "5")


async def ready(url: str) -> bool:
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=1.0) as client:
            return (await client.get(f"{url}/readyz")).status_code == 200
    except httpx.HTTPError:
        return False


async def crash(compose: Compose, image: str, container: Any) -> None:
    """Kill what runs in a container, as the kernel would, and see it started again by its restart policy."""

    def started() -> tuple[bool, str]:
        container.reload()
        return container.attrs["State"]["Running"], container.attrs["State"]["StartedAt"]

    _, before = started()
    await asyncio.to_thread(compose.engine.crash, container.id, image)
    await until(lambda: started()[0] and started()[1] != before, timeout=20, what=f"{container.name}, started again")


async def judged(compose: Compose, load: Load, http_url: str) -> list[str]:
    """End the load; everything that is wrong with it."""
    await load.finish()
    (redis,) = compose.containers("redis")
    forever = await asyncio.to_thread(keys_without_ttl, redis)
    return await load.verdict(http_url) + [f"I11: {key} has no TTL" for key in forever]


async def test_each_container_crashes_once_and_nothing_is_lost(compose: Compose, image: str, report: Report) -> None:
    address = f"{LOOPBACK}:{free_port()}"
    http_url, ws_url = f"http://{address}", f"ws://{address}/ws"
    small = {"BATON_LEASE_SECONDS": "1", "BATON_ECHO_DELAY_MS": "25", "IMAGE_TAG": image.partition(":")[2]}
    compose.configure({**DEFAULTS, **small, "PUBLISH": address})
    async with up(compose):
        await until(lambda: ready(http_url), timeout=60, what="a ready replica", every=0.1)
        services = {name: compose.containers(name) for name in ("redis", "baton", "nginx")}
        assert [len(found) for found in services.values()] == [1, 3, 1]
        async with Load(ws_url, conversations=6) as load:
            for container in (*services["baton"], *services["redis"], *services["nginx"]):
                await load.fault(crash(compose, image, container))
            report("docker-compose: each container crashes", load, await judged(compose, load, http_url))
        async with Load(ws_url, conversations=3) as later:
            await later.fault(run(compose, "down"), run(compose, "up", "-d"))  # new containers, and the same volume
            report("docker-compose: down, then up", later, await judged(compose, later, http_url))
        assert not await load.verdict(http_url)
        for container in compose.containers("baton"):
            assert container.attrs["HostConfig"]["ReadonlyRootfs"]
            assert container.attrs["HostConfig"]["CapDrop"] == ["ALL"]
            assert not container.ports.get("8080/tcp"), "a replica is published beside the balancer"


def test_without_a_secret_it_says_so(compose: Compose) -> None:
    none = compose("config")
    assert none.returncode != 0
    assert ".env" in none.stderr
    shutil.copy(compose.folder / ".env.example", compose.folder / ".env")
    for words in (["config"], ["up", "-d"]):
        empty = compose(*words)
        assert empty.returncode != 0
        assert "BATON_SECRET" in empty.stderr
        assert ".env.example" in empty.stderr
    assert not compose.containers("redis")
