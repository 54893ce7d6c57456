"""Serves one replica with uvicorn, on sockets that already listen. Must never start a second loop in a process."""

import asyncio
import contextvars
import dataclasses
import gc
import os
import signal
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any, Final

import structlog
import uvicorn
from starlette.applications import Starlette
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.core.limits import MAX_FRAME
from app.edge.first_words import PatientHttp
from app.edge.websocket import Receive, Scope, Send
from app.edge.wire import WireProtocol
from app.inherited import Inherited
from app.leaving import StoppedEarly, threads_left
from app.listening import allow_open_files
from app.observe.logs import where
from app.settings import Settings
from app.wiring import Replica, open_replica

LAST_TASKS: Final = 1.0  # seconds for what still runs at the very end
LAST_THREADS: Final = 1.0
PING_SECONDS: Final = 20.0  # WebSocket pings: finds clients that are gone without a close


class DrainingServer(uvicorn.Server):
    """uvicorn that drains before it shuts down: its own shutdown closes every WebSocket at once."""

    def __init__(self, config: uvicorn.Config, replica: Replica) -> None:
        super().__init__(config)
        self._replica = replica
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()  # a signal arrives outside of it, and logs would lose the replica
        self._drain: asyncio.Task[None] | None = None
        self._watch = self._loop.create_task(self._failure())

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """First signal: drain. Second: hurry."""
        self._loop.call_soon_threadsafe(self._leave)

    def _leave(self) -> None:
        if self._drain is None:
            self._drain = self._loop.create_task(self._replica.drain.run(), context=self._context)
            self._drain.add_done_callback(self._drained)
        else:
            self.should_exit = True

    def _drained(self, task: asyncio.Task[None]) -> None:
        self.should_exit = True
        if not task.cancelled():
            task.result()

    async def _failure(self) -> None:
        await self._replica.failed.wait()
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """After a hurried drain the turns that still run are handed over first."""
        self._watch.cancel()
        if self._drain is not None and not self._drain.done():
            self._drain.cancel()
            await self._replica.drain.release()
        await super().shutdown(sockets)
        await self._replica.drain.release()  # of a message that was being accepted meanwhile


def build_app(replica: Replica, trusted_proxies: tuple[str, ...]) -> Any:
    """The ASGI application. ``X-Forwarded-*`` is believed from ``trusted_proxies`` only."""
    demo = [] if replica.demo is None else replica.demo.routes()
    pages: Any = Starlette(routes=[*replica.pages.routes(), *replica.admin.routes(), *demo])
    pages.router.redirect_slashes = False  # an address is right or unknown

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        # A connection lives for hours below whatever stands here: no router and no middleware on its stack.
        if scope["type"] == "websocket" and scope["path"] == "/ws":
            await replica.socket(scope, receive, send)
        else:
            await pages(scope, receive, send)

    outer: Any = app
    return ProxyHeadersMiddleware(outer, list(trusted_proxies)) if trusted_proxies else outer


async def _serve(settings: Settings, inherited: Inherited) -> bool:
    fit = allow_open_files(settings.max_connections)
    if fit < settings.max_connections:
        structlog.get_logger().warning("few_open_files", connections=fit, wanted=settings.max_connections)
        settings = dataclasses.replace(settings, max_connections=fit)
    sockets = inherited.sockets
    async with open_replica(settings, inherited) as replica:
        config = uvicorn.Config(
            build_app(replica, settings.trusted_proxies),
            loop="none",
            http=PatientHttp,
            ws=WireProtocol,
            ws_max_size=MAX_FRAME,
            ws_per_message_deflate=False,
            ws_ping_interval=PING_SECONDS,
            ws_ping_timeout=PING_SECONDS,
            lifespan="off",
            log_config=None,
            log_level="warning",  # at info it writes a line, with the query string, for each connection
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=2,
        )
        ports = [sock.getsockname()[1] for sock in sockets if sock.family in {socket.AF_INET, socket.AF_INET6}]
        structlog.get_logger().info("replica_started", pid=os.getpid(), ports=ports)
        await DrainingServer(config, replica).serve(sockets=sockets)
        return replica.failed.is_set()


async def _run(settings: Settings, inherited: Inherited) -> bool:
    """Serve in a loop that neither waits for an agent's threads at its end nor logs what its tasks raise."""
    loop, threads = asyncio.get_running_loop(), ThreadPoolExecutor(thread_name_prefix="agent")
    loop.set_exception_handler(_note_failure)
    loop.set_default_executor(threads)
    try:
        return await _serve(settings, inherited)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


def _note_failure(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A task that nobody asked after, an agent's most likely: asyncio would log the text of its exception (I10)."""
    error = context.get("exception")
    structlog.get_logger().error("task_failed", error=None if error is None else where(error))


async def _end_tasks() -> bool:
    """Cancel what is left; False if something ignores that: an agent can, and it must not keep the process."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left and (await asyncio.wait(left, timeout=LAST_TASKS))[1]:
        structlog.get_logger().warning("tasks_left_behind")
        return False
    return True


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop, where there is one (not on Windows)."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def run_replica(settings: Settings, inherited: Inherited) -> None:
    """Serve on the sockets that listen already until SIGTERM or SIGINT, then drain. Blocks.

    Raises:
        SettingsError: see ``open_replica``.
        SystemExit: a part of the replica failed, or an agent ended it; it must be started again.
    """
    known = set(threading.enumerate())
    # The default thresholds spend a third of the time looking for cycles among objects that live for hours.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        runner = asyncio.Runner(loop_factory=_loop_factory())
        try:
            failed = runner.run(_run(settings, inherited))
        except SystemExit as ended:
            if isinstance(ended, StoppedEarly):
                raise
            # A task that an agent has made: asyncio ends its loop for it.
            structlog.get_logger().critical("replica_exited", code=str(ended.code)[:20])
            failed = True
        finally:
            if runner.run(_end_tasks()) and not threads_left(known, LAST_THREADS):
                runner.close()  # it would wait for every task and thread, for ever
        if failed:
            raise SystemExit(1)  # the log says which part; whoever supervises starts it again
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
