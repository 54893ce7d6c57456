"""Single containers for tests: started, killed, stopped, started again and replaced.

It must never start a container without the run's label: `Engine.sweep` finds what a test left behind by it.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import httpx
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from tests.conftest import MAY_LIVE_FOREVER
from tests.support.engine import Engine
from tests.support.poll import until

LOOPBACK: Final = "127.0.0.1"
READY_SECONDS: Final = 30.0
FOREVER: Final = """
local found = {}
for _, key in ipairs(redis.call('KEYS', '*')) do if redis.call('TTL', key) == -1 then found[#found + 1] = key end end
return found"""
PRODUCTION: Final[Mapping[str, Any]] = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
}
"""How a replica's container is locked in, here as in deployment."""


def keys_without_ttl(redis: Any) -> list[str]:
    """Every key in a container's Redis that never expires and should (I11)."""
    code, output = redis.exec_run(["redis-cli", "--no-raw", "EVAL", FOREVER, "0"])
    assert code == 0, output
    found = re.findall(r'"(.*)"', output.decode())
    assert MAY_LIVE_FOREVER & set(found), f"not even the record of the shard count: {output!r}"
    return sorted(set(found) - MAY_LIVE_FOREVER)


class Box:
    """One container at a time of one kind; it can be killed, stopped, started again and replaced.

    `inside` is a port that is published on loopback, as `port`: read anew at every start, for the engine gives another.
    """

    def __init__(
        self,
        engine: Engine,
        image: str,
        *,
        network: Network,
        alias: str,
        inside: int | None = None,
        command: Sequence[str] | None = None,
        env: Mapping[str, str] | None = None,
        volumes: Sequence[tuple[str | Path, str, str]] = (),
        **options: Any,
    ) -> None:
        self.port = 0
        self._engine, self._image, self._network, self._alias, self._inside = engine, image, network, alias, inside
        self._command, self._env, self._volumes, self._options = command, dict(env or {}), volumes, options
        self._box: DockerContainer | None = None

    async def create(self) -> Self:
        """Start a new container; the one before it is gone."""
        await asyncio.to_thread(self._create)
        return self

    async def start(self) -> None:
        """Start the same container again, with the files it had."""
        await asyncio.to_thread(self._start)

    async def kill9(self) -> None:
        """End it at once, as a crash would."""
        await asyncio.to_thread(self.container.kill)

    async def stop(self, seconds: int = 10) -> int:
        """Ask it to go, and kill it after so many seconds; its exit code."""
        await asyncio.to_thread(self.container.stop, timeout=seconds)
        return int((await asyncio.to_thread(self.container.wait))["StatusCode"])

    async def remove(self) -> None:
        """Kill it if it runs, and remove it; a named volume stays."""
        await asyncio.to_thread(self._remove)

    async def ready(self, condition: Callable[[], Any] | None = None) -> None:
        """Wait until `/readyz` answers 200 at the published port, or for `condition`. Raises with its output."""
        try:
            what = f"a ready container of {self._image}"
            await until(condition or self.is_ready, timeout=READY_SECONDS, what=what, every=0.05)
        except AssertionError as error:
            raise AssertionError(f"{error}; its output:\n{self.logs()}") from None

    async def is_ready(self) -> bool:
        """Whether `/readyz` says 200 within a second."""
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=1.0) as client:
                return (await client.get(f"{self.http_url}/readyz")).status_code == 200
        except httpx.HTTPError:
            return False

    @property
    def container(self) -> Any:
        assert self._box is not None, "not started"
        return self._box.get_wrapped_container()

    @property
    def http_url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://{LOOPBACK}:{self.port}/ws"

    def logs(self) -> str:
        """What it wrote to stdout and stderr."""
        return str(self.container.logs().decode(errors="replace"))

    def inspect(self) -> dict[str, Any]:
        """What the engine says about it now."""
        self.container.reload()
        return dict(self.container.attrs)

    def run(self, *words: str, **options: Any) -> tuple[int, str]:
        """Run a command in it; its exit code, and its output."""
        code, output = self.container.exec_run(list(words), **options)
        return int(code), output.decode(errors="replace")

    def _create(self) -> None:
        self._remove()
        box = DockerContainer(self._image, command=None, env=dict(self._env), network_aliases=[self._alias])
        if self._command is not None:
            box.with_command(list(self._command))
        box.with_network(self._network)
        for source, target, mode in self._volumes:
            box.with_volume_mapping(source, target, mode)
        if self._inside is not None:
            box.ports[f"{self._inside}/tcp"] = (LOOPBACK,)  # type: ignore[assignment]  # a free port of loopback only
        box.with_kwargs(labels=self._engine.labels, **self._options)
        self._box = box
        box.start()
        self._read_port()

    def _start(self) -> None:
        self.container.start()
        self._read_port()

    def _read_port(self) -> None:
        assert self._box is not None, "not started"
        if self._inside is not None:
            self.port = int(self._box.get_docker_client().port(self._box.get_container_id(), self._inside))

    def _remove(self) -> None:
        box, self._box = self._box, None
        if box is not None:
            box.stop()
