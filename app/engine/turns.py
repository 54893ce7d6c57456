"""Runs turns under their leases, detached from any socket (DESIGN: step 3 and 4).

Must never write for a turn whose lease is lost (the store refuses it, I5), and never leave a turn without its end as
long as it holds the lease (I4).
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import structlog
from msgspec.structs import replace
from structlog.typing import FilteringBoundLogger

from app.agents.port import Agent, Secret
from app.core import limits
from app.core.errors import FencedError, SessionGoneError, StaleError, StoreUnavailableError
from app.core.messages import assistant_body
from app.core.turn import Answer, AnswerTooLongError
from app.engine.answering import Answering
from app.engine.calls import Commit, Committed, Lease, Versioned
from app.engine.draft import Draft
from app.engine.heads import Heads
from app.engine.ports import Store
from app.engine.run import Run
from app.engine.writer import AnswerWriter, Ticker
from app.observe.metrics import Metrics

APOLOGY: Final = "I'm sorry, something went wrong with this answer. Please try again, or ask for a person."
MOST_CRASHES: Final = 3
COMMIT_RETRY: Final = 0.1
STUCK_AFTER: Final = 5.0  # seconds that an agent whose time is up has to stop
OWED_FOR: Final = 300.0  # seconds; a lease that can't be given back by then is left to the reapers


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """Seconds: ``limit`` for one turn's agent, ``lease`` as the store grants it."""

    limit: float
    lease: float


@dataclass(frozen=True, slots=True)
class Turns:
    """The turns of one replica. ``clock`` is monotonic seconds, ``wall_ms`` Unix milliseconds.

    ``owed`` are the leases of runs that stopped by themselves, by session, and when: to be given back.
    """

    store: Store
    agent: Agent
    heads: Heads
    settings: TurnSettings
    metrics: Metrics
    clock: Callable[[], float]
    wall_ms: Callable[[], int]
    new_mark: Callable[[], str]
    new_id: Callable[[], str]
    unseal: Callable[[bytes, str], Secret | None]
    running: dict[str, Run] = field(default_factory=dict)
    owed: dict[str, tuple[Lease, float]] = field(default_factory=dict)
    stuck: set[asyncio.Task[None]] = field(default_factory=set)
    ticker: Ticker = field(default_factory=Ticker)
    _answering: Answering = field(init=False)

    def __post_init__(self) -> None:
        asking = Answering(self.agent, self.unseal, self.clock, self.wall_ms, self._next_message)
        object.__setattr__(self, "_answering", asking)

    def start(self, lease: Lease, now: Versioned) -> None:
        """Run the turn of a lease that was just granted; one that this replica ran before it is stopped."""
        before = self.running.get(lease.sid)
        if before is not None:
            if _number(before.lease.fence) > _number(lease.fence):
                return  # this lease has been replaced while its head was loaded
            self.drop(before)
        self.owed.pop(lease.sid, None)
        self._begin(Run(lease, now, lease.asked_at + self.settings.lease))

    def _begin(self, run: Run) -> None:
        self.running[run.lease.sid] = run
        run.task = asyncio.get_running_loop().create_task(self._run(run))

    def drop(self, run: Run) -> None:
        """Stop a run that may not go on; it writes nothing more."""
        if self.running.get(run.lease.sid) is run:
            del self.running[run.lease.sid]
        run.stop()

    def refused(self, run: Run) -> None:
        """The store says that its lease is lost (I5)."""
        self.metrics.fenced.inc()
        self.drop(run)

    def give_up(self, run: Run) -> None:
        """Stop a run whose lease is still ours; ``give_back`` then tells the store, which makes it no crash."""
        self.drop(run)
        self._owe(run)

    def _owe(self, run: Run) -> None:
        self.owed[run.lease.sid] = run.lease, self.clock()

    async def give_back(self) -> None:
        """Release what is owed, in one write, so that others carry on at once. Raises ``StoreUnavailableError``."""
        if not self.owed:
            return
        owed = list(self.owed.values())
        done = await asyncio.gather(*(self._release(*one) for one in owed), return_exceptions=True)
        await self.store.wake()
        for error in done:
            if error is not None:
                raise error

    async def _release(self, lease: Lease, since: float) -> None:
        try:
            await self.store.release(lease, self.new_mark())
        except StoreUnavailableError:
            if self.clock() - since < OWED_FOR:
                raise
        if self.owed.get(lease.sid, (None, 0.0))[0] is lease:
            del self.owed[lease.sid]

    def stop_overdue(self) -> None:
        """End the agents that have had their time: looked at now and then, a timer a turn would cost more."""
        now = self.clock()
        for run in list(self.running.values()):
            if run.task is None or run.had(now) <= self.settings.limit:
                continue
            if run.overdue_since is None:
                run.overdue_since = now
                run.task.cancel()
            elif now - run.overdue_since > STUCK_AFTER:
                self._leave_behind(run)

    def _leave_behind(self, run: Run) -> None:
        """The agent ignores that it was cancelled: end its turn without it."""
        if run.task is not None:
            self.stuck.add(run.task)
            run.task.add_done_callback(self.stuck.discard)
        heir = Run(run.lease, run.now, run.deadline, run.draft)
        run.lost, run.draft = True, None
        self.metrics.stuck.inc()
        self._log(run).error("agent_stuck")
        self._begin(heir)

    def _log(self, run: Run) -> FilteringBoundLogger:
        logger: FilteringBoundLogger = structlog.get_logger().bind(session=run.lease.sid, turn=run.lease.turn)
        return logger

    async def _run(self, run: Run) -> None:
        try:
            while (following := await self._turn(run)) is not None:
                run.follow(following, following.asked_at + self.settings.lease)
        except (FencedError, SessionGoneError, StaleError) as error:
            if not run.lost:
                self.metrics.fenced.inc()
            self._log(run).warning("turn_lost", why=type(error).__name__)
        except StoreUnavailableError:
            self._log(run).warning("turn_dropped", why="no store until the lease ran out")
            self._owe(run)
        finally:
            if self.running.get(run.lease.sid) is run:
                del self.running[run.lease.sid]

    async def _turn(self, run: Run) -> Lease | None:
        """Answer one turn; the next one, if its commit handed one on. A draft that is there, a stuck agent left."""
        lease, started, left = run.lease, self.clock(), run.draft
        draft = run.draft = left or Draft(self._writer(run, self._beginning(lease)))
        try:
            if left is not None:
                draft.fail("timeout")
            elif lease.crashes >= MOST_CRASHES:
                draft.fail("crashes")
            else:
                await self._answering.ask(run, draft)
            await draft.writer.finish()
            draft.close_message(self.new_id(), self.agent.name)
            if draft.status == "failed":
                draft.bodies.append(assistant_body(self.new_id(), APOLOGY, self.agent.name, None))
            committed = await self._commit(run, draft, final=True)
        finally:
            if run.draft is draft:
                draft.writer.close()
        done = draft.status == "completed"
        (self.metrics.completed if done else self.metrics.turns.labels(draft.status)).inc()
        self.metrics.turn_seconds.observe(self.clock() - started)
        return committed.next

    def _beginning(self, lease: Lease) -> Answer:
        """What is stored of the answer, if it is to go on there. What was shown stays if nobody will write on."""
        continues = lease.last >= 0 and (self.agent.continues or lease.crashes >= MOST_CRASHES)
        return Answer(lease.part, lease.last, lease.text) if continues else Answer(lease.part)

    def _writer(self, run: Run, answer: Answer) -> AnswerWriter:
        return AnswerWriter(self.store, self.ticker, run.lease, answer, lambda: self.refused(run))

    async def _next_message(self, run: Run, draft: Draft) -> None:
        if not draft.writer.answer.text.strip():
            return  # parts are counted by the messages that are stored
        part = draft.writer.answer.part + 1
        if part >= limits.MAX_PARTS:
            raise AnswerTooLongError("too many messages")
        await draft.writer.finish()
        draft.close_message(self.new_id(), self.agent.name)
        await self._commit(run, draft, final=False)
        draft.next_message(self._writer(run, Answer(part)))

    async def _commit(self, run: Run, draft: Draft, *, final: bool) -> Committed:
        """Store it, again and again while the lease lasts."""
        draft.close(run.now.head, self.wall_ms(), final=final)
        asking = None if draft.head is None else draft.head.fields.asking
        commit = Commit(self.new_mark(), run.lease, run.now.rev, draft.bodies, final, draft.head, asking=asking)
        asked_at = self.clock()
        give_up = asked_at + self.settings.limit  # a commit that Redis refuses for good isn't tried for ever
        while True:
            try:
                committed = await self.store.commit(commit)
                break
            except StoreUnavailableError:
                if self.clock() > min(run.deadline, give_up):
                    raise
                await asyncio.sleep(COMMIT_RETRY * random.uniform(0.5, 1))  # noqa: S311 - jitter
        if committed.next is not None and committed.next.asked_at > asked_at:
            # The first try may have been the one that was done: the lease counts from there.
            committed = replace(committed, next=replace(committed.next, asked_at=asked_at))
        run.now = Versioned(committed.rev, draft.head or run.now.head)
        self.heads.put(run.lease.sid, run.now)
        for audit in draft.audits:
            self._log(run).info("audit", action=audit.action, result=audit.result, **audit.details)
        return committed


def _number(fence: str) -> int:
    return int(fence.partition("-")[0])
