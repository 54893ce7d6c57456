"""A supervisor in a process of its own, over small replicas that answer each connection with one line and their pid.

`python -m tests.support.supervised KIND REPLICAS DRAIN_SECONDS`; KIND is `serve`, `stubborn` (ignores SIGTERM), `busy`
(says that it was told to go, and goes when it is told to hurry), `refuse` (exits as for a wrong setting) or `crash`. It
must never hold a copy of what the product does.
"""

import os
import selectors
import signal
import sys

import structlog

from app import supervisor
from app.faults import FaultInjector
from app.inherited import adopt
from app.listening import listen, url_of


def _say(line: str) -> None:
    print(line, flush=True)


def _supervise(kind: str, replicas: int, drain_seconds: float) -> int:
    shared = listen("127.0.0.1", 0)
    own = [listen("127.0.0.1", 0) for _ in range(replicas)]
    _say(f"shared: {url_of(shared)}")
    log = structlog.wrap_logger(structlog.PrintLogger(sys.stderr))
    command = [sys.executable, "-m", "tests.support.supervised", "replica", kind]
    environ, faults = {**os.environ, "A_SECRET": "hunter2"}, FaultInjector(log, enabled=False)
    return supervisor.Supervisor(
        shared, own, environ, faults, drain_seconds=drain_seconds, log=log, say=_say, command=command
    ).run()


def _replica(kind: str) -> int:
    sockets = adopt(os.environ).sockets
    assert not any(name.startswith("BATON_REPLICA") for name in os.environ)
    if kind in ("refuse", "crash"):
        return supervisor.FATAL_EXIT if kind == "refuse" else 1
    told: list[int] = []
    if kind == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    elif kind == "busy":
        signal.signal(signal.SIGTERM, lambda number, _frame: told.append(number))
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    with selectors.DefaultSelector() as selector:
        for sock in sockets:
            selector.register(sock, selectors.EVENT_READ, sock)
        while True:
            for key, _ in selector.select():
                try:
                    connection, _ = key.data.accept()
                except BlockingIOError:  # another replica was faster
                    continue
                with connection:
                    leaving = "leaving" if told else "here"
                    connection.sendall(f"{os.getpid()} {os.environ['A_SECRET']} {leaving}\n".encode())


if __name__ == "__main__":
    if sys.argv[1] == "replica":
        sys.exit(_replica(sys.argv[2]))
    sys.exit(_supervise(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
