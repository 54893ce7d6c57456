"""The Docker engine, and what one run of the tests creates on it.

It must never touch a container, network, volume or image that this run didn't create: all of them carry its label.
"""

import contextlib
import gc
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import docker
import docker.errors
from testcontainers.core.image import DockerImage
from testcontainers.core.network import Network

from tests.support.replica import ROOT

LABEL: Final = "chat.baton.test-run"
COMPOSE_LABEL: Final = "com.docker.compose.project"


class NoEngineError(RuntimeError):
    """No Docker engine answers; the text says why."""


def connected() -> Any:
    """A client of the engine. Raises NoEngineError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # docker leaves a socket open that nobody accepted
        try:
            return docker.from_env()
        except docker.errors.DockerException as error:
            why = str(error)
        gc.collect()  # the socket goes here, where that is no warning
    raise NoEngineError(why)


class Engine:
    """The Docker engine and this run's label on it. Raises NoEngineError."""

    def __init__(self) -> None:
        self.run = uuid.uuid4().hex[:12]
        self.client = connected()

    @property
    def labels(self) -> dict[str, str]:
        return {LABEL: self.run}

    @contextmanager
    def image(self) -> Iterator[str]:
        """Build the image of the server as a deployment would; its tag. The builder's cache stays for the next run."""
        # The engine keeps a tag's layers if only the tag goes, and the next build is done in a second.
        built = DockerImage(
            path=ROOT, tag=f"baton:test-{self.run}", dockerfile_path="deploy/Dockerfile", clean_up=False
        )
        try:
            yield str(built.build())
        finally:
            with contextlib.suppress(docker.errors.ImageNotFound):
                self.client.images.remove(f"baton:test-{self.run}", noprune=True)
            built.get_docker_client().client.close()

    @contextmanager
    def network(self) -> Iterator[Network]:
        """A bridge network of its own; names are resolved in it. Empty it before the end."""
        network = Network(docker_network_kw={"labels": self.labels})
        try:
            with network:
                yield network
        finally:
            network._docker.client.close()  # it keeps a connection open otherwise

    def new_volume(self) -> str:
        """The name of a new, empty volume."""
        return str(self.client.volumes.create(f"baton-{self.run}-{uuid.uuid4().hex[:6]}", labels=self.labels).name)

    @property
    def project(self) -> str:
        """The name under which Compose may create things in this run."""
        return f"baton-test-{self.run}"

    def crash(self, container_id: str, image: str) -> None:
        """Kill a container's first process behind the engine's back, as the kernel would, so that it may restart it."""
        pid = self.client.containers.get(container_id).attrs["State"]["Pid"]
        assert pid > 1, "it doesn't run"
        kill = ["-c", f"import os; os.kill({pid}, 9)"]
        self.client.containers.run(
            image, kill, entrypoint="python", user="0", pid_mode="host", network_mode="none", remove=True,
            labels=self.labels,
        )  # fmt: skip

    def sweep(self) -> list[str]:
        """Remove everything with this run's label; what that was."""
        found = []
        for mine in ({"label": f"{LABEL}={self.run}"}, {"label": f"{COMPOSE_LABEL}={self.project}"}):
            for container in self.client.containers.list(all=True, filters=mine, ignore_removed=True):
                found.append(f"container {container.name}")
                with contextlib.suppress(docker.errors.NotFound):
                    container.remove(force=True, v=True)
            for thing in (*self.client.networks.list(filters=mine), *self.client.volumes.list(filters=mine)):
                found.append(f"network or volume {thing.name}")
                thing.remove()
        return found

    def close(self) -> None:
        """Close the connections to the engine."""
        self.client.close()
