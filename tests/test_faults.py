"""Faults on request: a supervisor's end of the line, over children that are real processes."""

import asyncio
import io
import json
import select
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from app.faults import PAUSE_SECONDS, SPACING_SECONDS, FaultInjector, FaultRequests
from tests.support.poll import until

ONE, TWO = "r-00000001", "r-00000002"


class Stage:
    """An injector with two children and their ends of the line; its clock can be put forward."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.restarts = 0
        monkeypatch.setattr("app.faults.time", SimpleNamespace(monotonic=lambda: self.now))
        log = structlog.wrap_logger(structlog.PrintLogger(io.StringIO()))
        self.injector = FaultInjector(log, enabled=True, restart_store=self.restart)
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.lines: dict[str, socket.socket] = {}
        for name in (ONE, TWO):
            line = self.injector.open(name)
            assert line is not None
            line.setblocking(False)
            self.lines[name], self.children[name] = line, subprocess.Popen(["sleep", "600"])
            self.injector.started(name, self.children[name])

    def restart(self) -> None:
        self.restarts += 1

    def put(self, raw: bytes, by: str = ONE) -> Any:
        """A datagram of a replica's; the answer, if there is one."""
        self.lines[by].send(raw)
        self.injector.read(select.select(self.injector.lines, [], [], 5)[0])
        try:
            return json.loads(self.lines[by].recv(4096))
        except BlockingIOError:
            return None

    def ask(self, fault: str, replica: str | None = None, by: str = ONE) -> Any:
        answer = self.put(json.dumps({"id": 7, "fault": fault, "replica": replica}).encode(), by)
        assert answer["id"] == 7
        return answer["result"]

    def later(self, seconds: float = SPACING_SECONDS) -> None:
        """Time passes, and what is due is done."""
        self.now += seconds
        self.injector.act()

    def stopped(self, name: str) -> bool:
        """What the kernel says of a child."""
        return Path(f"/proc/{self.children[name].pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def close(self) -> None:
        self.injector.end()
        for name, child in self.children.items():
            child.kill()
            child.wait()
            self.lines[name].close()


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    stage = Stage(monkeypatch)
    yield stage
    stage.close()


def test_any_replica_has_another_one_killed(stage: Stage) -> None:
    assert stage.injector.until_due() is None
    assert stage.ask("kill", TWO, by=ONE) == "accepted"
    assert stage.injector.until_due() == pytest.approx(0.2)
    stage.injector.act()
    assert stage.injector.until_due() == pytest.approx(0.2), "the answer has a head start"
    stage.later()
    assert stage.children[TWO].wait(5) == -signal.SIGKILL
    assert stage.children[ONE].poll() is None
    assert (stage.injector.forget(TWO), stage.injector.forget(ONE)) == (True, False)


async def test_a_paused_replica_is_woken_when_its_time_is_over(stage: Stage) -> None:
    assert stage.ask("pause", ONE) == "accepted"
    stage.later()
    await until(lambda: stage.stopped(ONE), what="it is stopped")
    stage.later(PAUSE_SECONDS - 0.1)
    assert stage.stopped(ONE)
    stage.later(0.1)
    await until(lambda: not stage.stopped(ONE), what="it is awake")
    assert stage.injector.until_due() is None


async def test_nobody_is_left_stopped(stage: Stage) -> None:
    assert stage.ask("pause", ONE) == "accepted"
    stage.later()
    assert stage.ask("kill", TWO) == "accepted"
    await until(lambda: stage.stopped(ONE), what="it is stopped")
    stage.injector.end()
    await until(lambda: not stage.stopped(ONE), what="it is awake")
    stage.later()
    assert stage.children[TWO].poll() is None, "what was planned isn't done any more"
    assert stage.injector.lines == []


def test_a_paused_replica_can_be_killed(stage: Stage) -> None:
    assert stage.ask("pause", ONE) == "accepted"
    stage.later()
    assert stage.ask("kill", ONE) == "accepted"
    stage.later()
    assert stage.children[ONE].wait(5) == -signal.SIGKILL
    stage.injector.forget(ONE)
    stage.later(PAUSE_SECONDS)


def test_the_store_is_restarted_if_there_is_one(stage: Stage) -> None:
    assert stage.injector.faults == ("kill", "pause", "store")
    assert stage.ask("store") == "accepted"
    assert stage.restarts == 0
    stage.later()
    assert stage.restarts == 1
    log = structlog.wrap_logger(structlog.PrintLogger(io.StringIO()))
    assert FaultInjector(log, enabled=True).faults == ("kill", "pause")


def test_one_fault_a_second_whoever_asks(stage: Stage) -> None:
    assert stage.ask("store", by=ONE) == "accepted"
    assert (stage.ask("store", by=ONE), stage.ask("kill", ONE, by=TWO)) == ("too_often", "too_often")
    stage.later()
    assert stage.ask("store", by=TWO) == "accepted"
    stage.later()
    assert stage.restarts == 2


@pytest.mark.parametrize(
    ("fault", "replica", "result"),
    [
        ("kill", "r-ffffffff", "unknown_replica"), ("kill", None, "unknown_replica"), ("pause", "1", "unknown_replica"),
        ("wake", ONE, "unknown_fault"), ("", None, "unknown_fault"), ("SIGKILL", ONE, "unknown_fault"),
    ],
)  # fmt: skip
def test_only_what_is_known_is_hit(stage: Stage, fault: str, replica: str | None, result: str) -> None:
    assert stage.ask(fault, replica) == result
    stage.later()
    assert all(child.poll() is None for child in stage.children.values())
    assert stage.ask("store") == "accepted", "a refusal isn't counted"


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"\xff", b"{", b"null", b"[]", b'"kill"', b"1", b"[" * 250, b"{}", b'{"id":1,"fault":"store"',
        b'{"id":"1","fault":"store","replica":null}', b'{"id":1,"fault":["store"],"replica":null}',
        b'{"id":1,"fault":"kill","replica":1}', b'{"id":1,"fault":"kill","replica":{}}', b'{"fault":"store"}',
        b'{"id":1,"fault":"store","replica":null}' + b" " * 256,
    ],
)  # fmt: skip
def test_what_is_no_request_is_dropped(stage: Stage, raw: bytes) -> None:
    assert stage.put(raw) is None
    stage.later()
    assert stage.restarts == 0
    assert stage.ask("store") == "accepted"


def test_a_replica_that_reads_no_answers_holds_nobody_up(stage: Stage) -> None:
    for _ in range(5000):
        stage.lines[ONE].send(b'{"id":1,"fault":"none","replica":null}')
        stage.injector.read(select.select(stage.injector.lines, [], [], 5)[0])
    assert stage.ask("store", by=TWO) == "accepted"


def test_without_demo_mode_there_is_no_line() -> None:
    log = structlog.wrap_logger(structlog.PrintLogger(io.StringIO()))
    injector = FaultInjector(log, enabled=False, restart_store=lambda: None)
    assert (injector.faults, injector.open(ONE), injector.lines) == ((), None, [])
    assert injector.forget(ONE) is False


@pytest.fixture
def line() -> Iterator[tuple[FaultRequests, socket.socket]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        theirs.setblocking(False)
        yield FaultRequests(ours, ("kill",)), theirs


async def answered(theirs: socket.socket, answer: Callable[[Any], Any]) -> None:
    request = json.loads(await asyncio.get_running_loop().sock_recv(theirs, 4096))
    theirs.send(json.dumps(answer(request)).encode())


async def test_a_replica_gets_the_answer_to_its_own_request(line: tuple[FaultRequests, socket.socket]) -> None:
    requests, theirs = line
    theirs.send(b'{"id":0,"result":"accepted"}')  # to one that was given up
    asked = asyncio.create_task(requests.ask("kill", ONE))
    await answered(theirs, lambda request: {"id": request["id"], "result": "unknown_replica"})
    assert await asked == "unknown_replica"


async def test_a_replica_asks_one_thing_at_a_time(line: tuple[FaultRequests, socket.socket]) -> None:
    requests, theirs = line
    first = asyncio.create_task(requests.ask("kill", ONE))
    await asyncio.sleep(0)
    assert await requests.ask("kill", ONE) == "too_often"
    await answered(theirs, lambda request: {"id": request["id"], "result": "accepted"})
    assert await first == "accepted"


async def test_no_answer_is_an_error(
    line: tuple[FaultRequests, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    requests, theirs = line
    monkeypatch.setattr("app.faults.ANSWER_SECONDS", 0.05)
    with pytest.raises(TimeoutError):
        await requests.ask("kill", ONE)
    theirs.close()
    with pytest.raises(OSError):  # noqa: PT011  # any of them: the route says the same of all
        await requests.ask("kill", ONE)
