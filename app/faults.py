"""Faults on request, for the demo page: a replica is killed or paused, the embedded store is restarted.

`FaultRequests` is a replica's end of the line, `FaultInjector` the supervisor's. Must never touch a process that isn't
this supervisor's own child, nor leave one stopped, and takes what it reads for hostile: replicas run foreign code.
"""

import asyncio
import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from structlog.typing import FilteringBoundLogger

PAUSE_SECONDS: Final = 8.0
"""Longer than the usual lease: when the replica wakes, others have taken its turns over."""
SPACING_SECONDS: Final = 1.0
"""Between two faults: a page can't do more harm than a person would."""
HEADSTART_SECONDS: Final = 0.2
"""From the answer to the deed: the replica that passes the answer on may be the one that is hit."""
ANSWER_SECONDS: Final = 2.0
"""What the supervisor may take to answer; it doesn't while it drains."""
MOST_BYTES: Final = 256

ACCEPTED: Final = "accepted"
UNKNOWN_FAULT: Final = "unknown_fault"
UNKNOWN_REPLICA: Final = "unknown_replica"
TOO_OFTEN: Final = "too_often"


class FaultRequests:
    """A replica's end: asks the supervisor for one of `faults`."""

    def __init__(self, line: socket.socket, faults: tuple[str, ...]) -> None:
        self.faults = faults
        self._line = line
        self._line.setblocking(False)
        self._asking = asyncio.Lock()
        self._number = 0

    async def ask(self, fault: str, replica: str | None) -> str:
        """The supervisor's answer, one of those above. Raises OSError if there is none (TimeoutError is one)."""
        if self._asking.locked():
            return TOO_OFTEN
        async with self._asking, asyncio.timeout(ANSWER_SECONDS):
            self._number += 1
            self._line.send(json.dumps({"id": self._number, "fault": fault, "replica": replica}).encode())
            while True:
                answer = json.loads(await asyncio.get_running_loop().sock_recv(self._line, MOST_BYTES))
                if answer["id"] == self._number:  # else it is one that came too late
                    return str(answer["result"])


@dataclass(slots=True)
class _Child:
    line: socket.socket
    process: subprocess.Popen[bytes] | None = None
    killed: bool = False


@dataclass(frozen=True, slots=True)
class _Deed:
    due: float
    what: str
    replica: str | None


class FaultInjector:
    """The supervisor's end. Off, it opens no line and knows no faults. Not thread-safe; it never blocks."""

    def __init__(
        self, log: FilteringBoundLogger, *, enabled: bool, restart_store: Callable[[], None] | None = None
    ) -> None:
        self.faults: tuple[str, ...] = ()
        if enabled:
            self.faults = ("kill", "pause") if restart_store is None else ("kill", "pause", "store")
        self._restart_store = restart_store
        self._log = log.bind(component="faults")
        self._children: dict[str, _Child] = {}
        self._deeds: list[_Deed] = []
        self._next = 0.0

    @property
    def lines(self) -> list[socket.socket]:
        """What to wait for: `read` those with something to read."""
        return [child.line for child in self._children.values()]

    def open(self, name: str) -> socket.socket | None:
        """A line for a replica that is about to start: its end, to be closed here once the process has it."""
        if not self.faults:
            return None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        ours.setblocking(False)
        self._children[name] = _Child(ours)
        return theirs

    def started(self, name: str, process: subprocess.Popen[bytes]) -> None:
        """Its process runs."""
        if name in self._children:
            self._children[name].process = process

    def forget(self, name: str) -> bool:
        """The replica has ended; whether that was asked for here."""
        child = self._children.pop(name, None)
        if child is None:
            return False
        child.line.close()
        self._deeds = [deed for deed in self._deeds if deed.replica != name]
        return child.killed

    def until_due(self) -> float | None:
        """Seconds until `act` has something to do; None if nothing is planned."""
        return max(0.0, min(deed.due for deed in self._deeds) - time.monotonic()) if self._deeds else None

    def read(self, lines: Iterable[socket.socket]) -> None:
        """Judge and answer one request of each of these lines; what isn't one is dropped."""
        for line in lines:
            try:
                request = _request(line.recv(MOST_BYTES + 1))
                if request is not None:
                    result = self._judge(request["fault"], request["replica"])
                    line.send(json.dumps({"id": request["id"], "result": result}).encode())
            except OSError as error:  # it has ended, or doesn't read its answers
                self._log.warning("fault_request_lost", error=error.strerror)

    def _judge(self, fault: str, replica: str | None) -> str:
        now = time.monotonic()
        if fault not in self.faults:
            return UNKNOWN_FAULT
        if fault == "store":
            replica = None
        elif replica not in self._children:
            return UNKNOWN_REPLICA
        if now < self._next:
            return TOO_OFTEN
        self._next = now + SPACING_SECONDS
        self._deeds.append(_Deed(now + HEADSTART_SECONDS, fault, replica))
        return ACCEPTED

    def act(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        due = [deed for deed in self._deeds if deed.due <= now]
        self._deeds = [deed for deed in self._deeds if deed.due > now]
        for deed in due:
            self._log.warning("fault", what=deed.what, target=deed.replica)
            if deed.what == "store" and self._restart_store is not None:
                self._restart_store()
            elif deed.replica is not None:
                self._hit(self._children[deed.replica], deed.what, deed.replica)

    def _hit(self, child: _Child, what: str, name: str) -> None:
        if child.process is None:
            return
        if what == "kill":
            child.killed = True
            child.process.kill()
        elif what == "wake":
            child.process.send_signal(signal.SIGCONT)
        else:
            child.process.send_signal(signal.SIGSTOP)
            self._deeds.append(_Deed(time.monotonic() + PAUSE_SECONDS, "wake", name))

    def end(self) -> None:
        """Wake who is paused, drop what is planned, take no more."""
        for deed in self._deeds:
            if deed.what == "wake" and deed.replica is not None:
                self._hit(self._children[deed.replica], "wake", deed.replica)
        for name in list(self._children):
            self.forget(name)


def _request(datagram: bytes) -> dict[str, Any] | None:
    """What a replica asks for, if it has the size and the shape of a request."""
    if len(datagram) > MOST_BYTES:
        return None
    try:
        request = json.loads(datagram)
    except (ValueError, RecursionError):
        return None
    if not isinstance(request, dict) or not isinstance(request.get("replica"), str | None):
        return None
    return request if isinstance(request.get("id"), int) and isinstance(request.get("fault"), str) else None
