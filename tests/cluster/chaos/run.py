"""The run: conversations on a cluster, faults from the schedule, then peace, and the verdict.

It must never end with a fault still there, nor call a run good whose conversations didn't come to an end.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import httpx

from tests.cluster.chaos import schedule
from tests.cluster.chaos.court import Court
from tests.cluster.chaos.faults import Cluster
from tests.cluster.chaos.options import Options
from tests.cluster.chaos.report import Report
from tests.cluster.chaos.tab import PATIENCE, Tab
from tests.conftest import MAY_LIVE_FOREVER
from tests.support.cluster import KEY
from tests.support.poll import TooLate, until
from tests.support.records import Frame

SAMPLE_EVERY: Final = 1.0
GONE: Final[Mapping[str, bool]] = {"gone": True}


class Run:
    """One run of `options`; `say` is told what happens, a line at a time."""

    def __init__(self, options: Options, folder: Path, say: Callable[[str], None]) -> None:
        self._options = options
        self._say = say
        self._cluster = Cluster(options)
        self._court = Court(options, folder, self._cluster.timeline, 0.0)
        self._stopping = asyncio.Event()

    async def go(self) -> Report:
        """From an empty store to the report."""
        options = self._options
        async with self._cluster:
            self._court.started = began = time.monotonic()
            counts = schedule.tabs(options.clients, options.conversations)
            talkers = [asyncio.create_task(self._converse(slot, count)) for slot, count in enumerate(counts)]
            helpers = [asyncio.create_task(each) for each in (self._tend(), self._tell(), self._watch())]
            try:
                await self._strike(began)
                await self._cluster.heal()
                await asyncio.gather(*talkers)
                await self._cluster.metrics.sample(self._cluster.replicas)
            finally:
                for task in (*helpers, *talkers):
                    task.cancel()
                outcomes = await asyncio.gather(*helpers, *talkers, return_exceptions=True)
            broken = [error for error in outcomes if isinstance(error, Exception)]
            if broken:
                raise broken[0]
            self._court.violations += [*await self._left_behind(), *self._cluster.errors()]
            if self._court.violations:
                self._court.files += self._cluster.keep_logs(self._court.folder)
            return Report.of(options, self._cluster, self._court, time.monotonic() - began)

    async def _strike(self, began: float) -> None:
        """Every fault at its time, until all are mended."""
        options = self._options
        planned = schedule.faults(options.seed, options.seconds, options.replicas, options.lease)
        async with asyncio.TaskGroup() as faults:
            for fault in planned:
                await asyncio.sleep(max(0.0, began + fault.at - time.monotonic()))
                where = "" if fault.target == schedule.ALL else f" {fault.target}"
                self._say(f"{time.monotonic() - began:7.1f}  {fault.kind}{where}, {fault.seconds:.1f} s")
                faults.create_task(self._cluster.strike(fault))
            await asyncio.sleep(max(0.0, began + options.seconds - time.monotonic()))
            self._stopping.set()  # what is under way still ends after the last fault is mended

    async def _tend(self) -> None:
        while True:
            await self._cluster.metrics.sample(self._cluster.replicas)
            self._court.violations += await self._cluster.tend()
            await asyncio.sleep(SAMPLE_EVERY)

    async def _watch(self) -> None:
        """How long the machine kept this process, and with it the proxies and all clients, from running at all."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.1)
            self._court.stalled = max(self._court.stalled, time.monotonic() - before - 0.1)

    async def _tell(self) -> None:
        """Say violations as they are found."""
        told = 0
        while True:
            for violation in self._court.violations[told : told + 5]:
                self._say(f"{time.monotonic() - self._court.started:7.1f}  VIOLATION {violation[:300]}")
            told = len(self._court.violations)
            await asyncio.sleep(0.5)

    async def _converse(self, slot: int, clients: int) -> None:
        """One conversation after the other."""
        options, number = self._options, 0
        while not self._stopping.is_set():
            talk = schedule.talk(options.seed, slot, number, clients, options.replicas)
            tabs = []
            for route, letter in zip(talk.routes, "abc", strict=False):
                urls = [self._cluster.replicas[place].ws_url for place in route]
                tabs.append(Tab(urls, name=f"{slot}.{number}{letter}"))
            trouble: list[str] = []
            try:
                await self._talk(talk, tabs)
            except TooLate as late:
                trouble.append(f"I4 a conversation got stuck: {late}")
            finally:
                for tab in tabs:
                    await tab.close()
            await self._judge(tabs, trouble)
            number += 1

    async def _talk(self, talk: schedule.Talk, tabs: list[Tab]) -> None:
        first, *others = tabs
        await first.begin()
        for other in others:
            other.token = first.token
            await other.begin()
        outcomes = await asyncio.gather(
            *(self._steps(tab, steps) for tab, steps in zip(tabs, talk.steps, strict=True)), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        for tab in tabs:
            tab.leave_at = None
        await asyncio.gather(*(tab.heard() for tab in tabs))  # a sign-in that was the last word has no other answer
        await until(lambda: self._level(tabs), timeout=PATIENCE, what=f"peace in {first.log.name[:-1]}", every=0.1)
        if talk.ends and first.cursor is not None:
            await first.end()
            await until(
                lambda: self._level(tabs), timeout=PATIENCE, what=f"the end of {first.log.name[:-1]}", every=0.1
            )

    async def _level(self, tabs: list[Tab]) -> bool:
        """Whether all are quiet, and have everything that is stored."""
        if not _quiet(tabs):
            return False
        cursor = tabs[0].cursor
        if cursor is None:
            return True
        document = await self._export(_session(tabs))
        return document is not None and (document == GONE or document["events"][-1]["seq"] == cursor["seq"])

    async def _steps(self, tab: Tab, steps: tuple[schedule.Step, ...]) -> None:
        for step in steps:
            if self._stopping.is_set():
                return
            await tab.do(step)

    async def _judge(self, tabs: list[Tab], trouble: list[str]) -> None:
        sid = _session(tabs)
        document: Frame | None = None
        if any(tab.asked for tab in tabs):
            with suppress(TooLate):
                document = await until(lambda: self._export(sid), timeout=PATIENCE, what="an export", every=0.3)
            if not document:
                trouble.append(f"I1 no export of {sid} within {PATIENCE:g} s")
            elif document == GONE:
                trouble.append(f"I1 conversation {sid} is gone")
                document = None
        self._court.claims.read([replica.log_path for replica in self._cluster.replicas])
        self._court.judge(sid, [tab.log for tab in tabs], document, trouble, time.monotonic())

    async def _export(self, sid: str) -> Frame | None:
        """The document, from whichever replica has an answer."""
        async with httpx.AsyncClient(trust_env=False, timeout=3.0, headers=KEY) as client:
            for replica in self._cluster.replicas:
                with suppress(httpx.HTTPError):
                    answer = await client.get(f"{replica.http_url}/api/sessions/{sid}")
                    if answer.status_code == 200:
                        document: Frame = answer.json()
                        return document
                    if answer.status_code == 404:
                        return dict(GONE)
        return None

    async def _left_behind(self) -> list[str]:
        """What no conversation may leave in Redis once all of its turns have ended (I4, I11)."""
        redis = self._cluster.redis
        forever = await asyncio.to_thread(redis.keys_without_ttl)
        found = [f"I11 key without a deadline: {key}" for key in forever if key not in MAY_LIVE_FOREVER]
        for pattern, what in (("*turns", "I4 a turn is still scheduled"), ("*:todo", "I4 a turn is still to be run")):
            keys = await asyncio.to_thread(redis.command, "KEYS", pattern)
            found += [f"{what}: {key.decode()}" for key in keys]
        return found


def _session(tabs: list[Tab]) -> str:
    welcomes = tabs[0].frames("welcome")
    return str(welcomes[0]["session"]) if welcomes else "?"


def _quiet(tabs: list[Tab]) -> bool:
    """Whether all have the same events, and every turn has ended."""
    cursors = [tab.cursor for tab in tabs]
    if any(tab.unacked for tab in tabs) or any(cursor != cursors[0] for cursor in cursors):
        return False
    begun = {event["turn"] for event in tabs[0].transcript if event["turn"] is not None}
    ended = {event["turn"] for event in tabs[0].transcript if event["type"] == "turn_end"}
    return begun <= ended
