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

from app.agents.port import Agent, Audit, Secret
from app.core import limits
from app.core.errors import BatonError, FencedError, SessionGoneError, StaleError, StoreUnavailableError
from app.core.messages import assistant_body
from app.core.turn import Answer, AnswerTooLongError
from app.engine.answering import Answering
from app.engine.calls import Commit, Committed, Lease, Versioned
from app.engine.draft import Draft
from app.engine.heads import Heads
from app.engine.owed import Owed
from app.engine.ports import Store
from app.engine.run import Run
from app.engine.writer import AnswerWriter, Ticker
from app.observe.logs import where
from app.observe.metrics import Metrics

APOLOGY: Final = "I'm sorry, something went wrong with this answer. Please try again, or ask for a person."
MOST_CRASHES: Final = 3
COMMIT_RETRY: Final = 0.1
STUCK_AFTER: Final = 5.0  # seconds that an agent whose time is up has to stop


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """Seconds: ``limit`` for one turn's agent, ``lease`` as the store grants it."""

    limit: float
    lease: float


@dataclass(frozen=True, slots=True)
class Turns:
    """The turns of one replica. ``clock`` is monotonic seconds, ``wall_ms`` Unix milliseconds."""

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
    stuck: set[asyncio.Task[None]] = field(default_factory=set)
    ticker: Ticker = field(default_factory=Ticker)
    owed: Owed = field(init=False)
    _answering: Answering = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "owed", Owed(self.store, self.clock, self.new_mark))
        asking = Answering(self.agent, self.unseal, self.clock, self.wall_ms, self._next_message)
        object.__setattr__(self, "_answering", asking)

    def start(self, lease: Lease, now: Versioned) -> None:
        """Run the turn of a lease that was just granted; one that this replica ran before it is stopped."""
        before = self.running.get(lease.sid)
        if before is not None:
            # Both, because fences begin anew with a conversation that was erased or that Redis has lost.
            if _number(before.lease.fence) > _number(lease.fence) and before.lease.asked_at > lease.asked_at:
                return  # this lease has been replaced while its head was loaded
            self.drop(before)
        self.owed.forget(lease.sid)
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
        """Stop a run whose lease is still ours, to be given back."""
        self.drop(run)
        self.owed.add(run.lease)

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
        except (FencedError, SessionGoneError) as error:
            if not run.lost:
                self.metrics.fenced.inc()
            self._log(run).warning("turn_lost", why=type(error).__name__)
        except StaleError:
            self._log(run).warning("turn_lost", why="its head was changed")
            self.owed.add(run.lease)  # if the lease is still ours, which the store knows
        except StoreUnavailableError as error:
            refused = self.clock() < run.deadline
            self._log(run).warning("turn_dropped", why=type(error).__name__, refused=refused)
            if not refused:
                self.owed.add(run.lease)  # else all would be the same again at once: it runs out, which counts
        except Exception as error:  # noqa: BLE001 - unforeseen; it counts as a crash of the turn's, and its text is nobody's
            self._log(run).error("turn_broken", error=where(error))
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
        if draft.audits:
            self._audit(run, draft.audits)
        done = draft.status == "completed"
        (self.metrics.completed if done else self.metrics.turns.labels(draft.status)).inc()
        self.metrics.turn_seconds.observe(self.clock() - started)
        return committed.next

    def _beginning(self, lease: Lease) -> Answer:
        """What is stored of the answer, if it is to go on there. What was shown stays if nobody will write on."""
        continues = lease.last >= 0 and (self.agent.continues or lease.crashes >= MOST_CRASHES)
        return Answer(lease.part, lease.last, lease.text) if continues else Answer(lease.part)

    def _writer(self, run: Run, answer: Answer) -> AnswerWriter:
        return AnswerWriter(self.store, self.ticker, run.lease, answer, lambda error: self._broken(run, error))

    def _broken(self, run: Run, error: BatonError) -> None:
        """A piece of the answer can't be written: the lease is lost, or the store refuses it for good."""
        if isinstance(error, StoreUnavailableError):
            self._log(run).warning("turn_dropped", why=str(error), refused=True)
            self.drop(run)
        else:
            self.refused(run)

    async def _next_message(self, run: Run, draft: Draft) -> None:
        if not draft.writer.answer.text.strip():
            return  # parts are counted by the messages that are stored
        part = draft.writer.answer.part + 1
        if part >= limits.MAX_PARTS:
            raise AnswerTooLongError("too many messages")
        await draft.writer.finish()
        draft.close_message(self.new_id(), self.agent.name)
        await self._commit(run, draft, final=False)
        audits = draft.audits
        draft.next_message(self._writer(run, Answer(part)))
        self._audit(run, audits)

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
        return committed

    def _audit(self, run: Run, audits: list[Audit]) -> None:
        """What happened is stored now, and only now did it happen."""
        for audit in audits:
            self._log(run).info("audit", action=audit.action, result=audit.result, **audit.details)


def _number(fence: str) -> int:
    return int(fence.partition("-")[0])
