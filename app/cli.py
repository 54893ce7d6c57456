"""The `baton` command: `serve`, `chat` and the hidden `replica` that a supervisor starts.

Puts the pieces of a process together and turns what can go wrong at the start into one plain line on stderr. Must never
print a secret or a Redis URL (I10). Exit codes: 0 stopped as asked, 1 this machine is in the way, 2 a wrong setting.
"""

import argparse
import dataclasses
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from socket import socket
from types import FrameType

from structlog.typing import FilteringBoundLogger

from app import __version__
from app.inherited import Inherited, adopt, replica_name
from app.leaving import StoppedEarly, end
from app.listening import ListenError, listen, url_of
from app.observe import logs
from app.settings import Settings, SettingsError

DEFAULT_URL = "http://127.0.0.1:8080"


class StartError(RuntimeError):
    """Baton can't start on this machine. Its `str` is one line for the person who starts it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command (`argv`, by default the process's own); return the exit code."""
    args = _parser().parse_args(argv)
    known = set(threading.enumerate())
    code = _run(args)
    return code if args.command == "chat" else end(code, known)


def _run(args: argparse.Namespace) -> int:
    try:
        if args.command == "chat":
            from app import chat  # only here: the client needs nothing of the server, and the other way round

            return chat.main(args.url, session_file=args.session_file, new=args.new)
        if args.command == "replica":
            return _replica()
        overrides = {"host": args.host, "port": args.port, "replicas": args.replicas, "redis_url": args.redis}
        return _serve(Settings.load(os.environ, {**overrides, "data_dir": args.data_dir, "demo": args.demo}))
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    except SettingsError as error:
        return _complain(str(error), 2)
    except (ListenError, StartError) as error:
        return _complain(str(error), 1)
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="baton", description="A chat server whose conversations outlive every process."
    )
    parser.add_argument("--version", action="version", version=f"baton {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="serve | chat")
    serve = commands.add_parser("serve", help="start a server; every option is also a BATON_* variable")
    serve.add_argument("--host", help="address to listen on (127.0.0.1)")
    serve.add_argument("--port", help="port to listen on (8080); 0 takes a free one")
    serve.add_argument(
        "--replicas", help="number of server processes (1); each also has a port of its own above --port"
    )
    serve.add_argument(
        "--redis", metavar="URL", help="a Redis or Valkey server; without it one is started in --data-dir"
    )
    serve.add_argument("--data-dir", metavar="DIR", help="folder of the store that is started (.baton)")
    serve.add_argument(
        "--demo",
        action="store_const",
        const=True,
        help="let the page at / kill, pause and restart what serves it; only for a loopback --host",
    )
    chat = commands.add_parser("chat", help="talk to a server in the terminal")
    chat.add_argument("url", nargs="?", default=DEFAULT_URL, metavar="URL", help=f"the server ({DEFAULT_URL})")
    chat.add_argument("--new", action="store_true", help="start a new conversation")
    chat.add_argument("--session-file", metavar="FILE", type=Path, help="where the conversation is remembered")
    commands.add_parser("replica")  # started by the supervisor; without help it isn't listed
    return parser


def _serve(settings: Settings) -> int:
    for line in settings.warnings():
        _complain(f"warning: {line}", 0)
    if settings.redis_url and not settings.secrets:
        raise SettingsError(
            "BATON_SECRET must be set with --redis: 16 or more random characters, the same for all replicas"
        )
    log = logs.configure(settings.log_level)(pid=os.getpid())
    signal.signal(signal.SIGTERM, _stop)  # until a replica or supervisor has its own: leave through the ExitStack
    signal.signal(signal.SIGINT, _stop)
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))  # a closed terminal: drain, too
    with ExitStack() as stack:
        shared = stack.enter_context(listen(settings.host, settings.port))
        own = [stack.enter_context(listen(settings.host, port)) for port in _own_ports(settings)]
        settings, restart_store = _with_store(settings, log, stack)
        url = url_of(shared)
        _say(f"Baton is listening on {url}")
        _say(f"Open it in a browser, or run: baton chat {url}")
        if settings.replicas > 1 or settings.demo:  # in demo mode also the only one may be killed
            return _supervise(settings, shared, own, restart_store, log)
        from app.asgi import run_replica

        run_replica(settings, Inherited(replica_name(), [shared]))
    return 0


def _own_ports(settings: Settings) -> list[int]:
    if settings.replicas == 1:  # it has the shared one to itself
        return []
    return [settings.port + 1 + index if settings.port else 0 for index in range(settings.replicas)]


def _with_store(
    settings: Settings, log: FilteringBoundLogger, stack: ExitStack
) -> tuple[Settings, Callable[[], None] | None]:
    """Return the settings with a store and a secret, and how to restart the store if it is one that is started here.

    That one ends with `stack`.
    """
    if settings.redis_url:
        return settings, None
    if sys.platform == "win32":
        raise SettingsError(
            "BATON_REDIS_URL must be set on Windows: the store that Baton starts itself needs Linux or macOS"
        )
    from app.store.embedded import EmbeddedError, EmbeddedServer, load_or_make_secret

    server = EmbeddedServer(settings.data_dir, log)
    try:
        url = stack.enter_context(server)
        stack.callback(
            _ignore_signals
        )  # what comes now is the end: a second Ctrl-C mustn't cut the store's shutdown short
        secrets = settings.secrets or (load_or_make_secret(settings.data_dir),)
    except EmbeddedError as error:
        raise StartError(str(error)) from None
    return dataclasses.replace(settings, redis_url=url, secrets=secrets), server.restart


def _supervise(
    settings: Settings,
    shared: socket,
    own: Sequence[socket],
    restart_store: Callable[[], None] | None,
    log: FilteringBoundLogger,
) -> int:
    if sys.platform == "win32":
        raise SettingsError("--replicas must be 1 on Windows, without --demo")
    from app.faults import FaultInjector
    from app.supervisor import Supervisor

    others = {key: value for key, value in os.environ.items() if not key.startswith("BATON_")}
    # A replica imports what this process would, from the same places.
    environ = {
        **others,
        **settings.to_environ(),
        "PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in sys.path),
    }
    faults = FaultInjector(log, enabled=settings.demo, restart_store=restart_store)
    return Supervisor(shared, own, environ, faults, drain_seconds=settings.drain_seconds, log=log, say=_say).run()


def _replica() -> int:
    try:
        inherited = adopt(os.environ)
    except (KeyError, ValueError, OSError):
        raise StartError("a replica is started by: baton serve --replicas N") from None
    settings = Settings.load(os.environ, {})
    logs.configure(settings.log_level)
    from app.asgi import run_replica

    run_replica(settings, inherited)
    return 0


def _stop(_signum: int, _frame: FrameType | None) -> None:
    raise StoppedEarly(0)


def _ignore_signals() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _say(line: str) -> None:
    try:
        print(line, flush=True)
    except OSError:  # nobody reads stdout any more; the server has better things to do than to end for that
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # or the interpreter complains about it at its exit


def _complain(line: str, code: int) -> int:
    print(f"baton: {line}", file=sys.stderr, flush=True)
    return code
