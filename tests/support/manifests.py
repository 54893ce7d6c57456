"""The Kubernetes manifests as a cluster would get them: rendered by the kubectl of this environment, and looked up.

It must never ask a cluster or the network, nor use a kubectl that happens to be on the PATH.
"""

import subprocess
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parent.parent.parent / "k8s"
Doc = dict[str, Any]
WORKLOADS: Final = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod", "ReplicaSet")


@dataclass(frozen=True, slots=True)
class Manifests:
    """The documents of one rendered folder of k8s/."""

    docs: tuple[Doc, ...]

    def all(self, kind: str) -> list[Doc]:
        """Every document of this kind."""
        return [doc for doc in self.docs if doc["kind"] == kind]

    def one(self, kind: str, name: str = "baton") -> Doc:
        """The document of this kind and name. Raises AssertionError unless there is exactly one."""
        found = [doc for doc in self.all(kind) if doc["metadata"]["name"] == name]
        assert len(found) == 1, f"{len(found)} of {kind}/{name}"
        return found[0]

    def settings(self) -> dict[str, str]:
        """The variables that the baton container gets from its ConfigMap."""
        (source,) = container(self.one("Deployment"))["envFrom"]
        return dict(self.one("ConfigMap", source["configMapRef"]["name"])["data"])

    def pods(self) -> dict[str, Doc]:
        """The pod templates by the names of their workloads."""
        workloads = [doc for doc in self.docs if doc["kind"] in WORKLOADS]
        assert {doc["kind"] for doc in workloads} <= {"Deployment", "StatefulSet"}, "a kind these tests don't know"
        return {doc["metadata"]["name"]: doc["spec"]["template"] for doc in workloads}

    def selected(self, labels: Mapping[str, str]) -> list[str]:
        """The workloads whose pods a selector of these labels finds; an empty one finds all."""
        return [
            name for name, pod in self.pods().items() if labels.items() <= pod["metadata"].get("labels", {}).items()
        ]


def render(folder: str) -> Manifests:
    """Render a folder of k8s/, or one by its whole path. Raises AssertionError with what kubectl says."""
    kubectl = Path(sysconfig.get_path("scripts")) / "kubectl"
    done = subprocess.run(
        [kubectl, "kustomize", ROOT / folder], capture_output=True, text=True, timeout=30, check=False, env={}
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, f"kubectl warns: {done.stderr}"
    return Manifests(tuple(yaml.safe_load_all(done.stdout)))


def containers(pod: Doc) -> list[Doc]:
    """Every container of a pod template, those that run first included."""
    assert "ephemeralContainers" not in pod["spec"]
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def container(workload: Doc) -> Doc:
    """The only container of a workload. Raises ValueError if it has more."""
    (only,) = containers(workload["spec"]["template"])
    return only


def ports(of: Doc) -> dict[str, int]:
    """The ports of a container by name."""
    return {port["name"]: port["containerPort"] for port in of["ports"]}


def in_bytes(quantity: str) -> int:
    """A memory quantity with a binary unit, as bytes: 1Gi. Raises KeyError for other units."""
    return int(quantity[:-2]) * {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}[quantity[-2:]]
