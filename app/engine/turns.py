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
from structlog.typing import FilteringBoundLogger

from app.agents.port import Agent, Audit, Category, Change, NextMessage, Piece, Secret, Turn
from app.core.errors import FencedError, SessionGoneError, StaleError, StoreUnavailableError
from app.core.messages import assistant_body
from app.core.session import CATEGORIES, encode_head
from app.core.turn import Answer, AnswerTooLongError
from app.engine.calls import Commit, Committed, Lease, Versioned
from app.engine.draft import Draft
from app.engine.heads import Heads
from app.engine.ports import Store
from app.engine.writer import AnswerWriter, Ticker
from app.observe.metrics import Metrics

APOLOGY: Final = "I'm sorry, something went wrong with this answer. Please try again, or ask for a person."
MOST_CRASHES: Final = 3
COMMIT_RETRY: Final = 0.1


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """Seconds: ``limit`` for one turn's agent, ``lease`` as the store grants it."""

    limit: float
    lease: float


@dataclass(eq=False, slots=True)
class Run:
    """A turn that this replica is running. ``deadline`` is monotonic seconds: stop by then unless renewed."""

    lease: Lease
    now: Versioned
    deadline: float
    task: asyncio.Task[None] | None = None
    asked_since: float | None = None  # monotonic seconds; None while no agent is at work
    overdue: bool = False


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
    ticker: Ticker = field(default_factory=Ticker)

    def start(self, lease: Lease, now: Versioned) -> None:
        """Run the turn of a lease that was just granted; one that this replica ran before it is stopped."""
        before = self.running.get(lease.sid)
        if before is not None:
            if _number(before.lease.fence) > _number(lease.fence):
                return  # this lease has been replaced while its head was loaded
            self.drop(before)
        run = Run(lease, now, lease.asked_at + self.settings.lease)
        self.running[lease.sid] = run
        run.task = asyncio.get_running_loop().create_task(self._run(run))

    def drop(self, run: Run) -> None:
        """Stop a run whose lease is lost; it writes nothing more."""
        if self.running.get(run.lease.sid) is run:
            del self.running[run.lease.sid]
        if run.task is not None:
            run.task.cancel()

    def stop_overdue(self) -> None:
        """End the agents that have had their time: looked at now and then, a timer a turn would cost more."""
        now = self.clock()
        for run in self.running.values():
            asked, task = run.asked_since, run.task
            if asked is not None and now - asked > self.settings.limit and task is not None and not run.overdue:
                run.overdue = True
                task.cancel()

    def _log(self, run: Run) -> FilteringBoundLogger:
        logger: FilteringBoundLogger = structlog.get_logger().bind(session=run.lease.sid, turn=run.lease.turn)
        return logger

    async def _run(self, run: Run) -> None:
        try:
            while True:
                following = await self._turn(run)
                if following is None:
                    return
                run.lease, run.deadline = following, following.asked_at + self.settings.lease
                run.overdue = False
        except (FencedError, SessionGoneError, StaleError) as error:
            self.metrics.fenced.inc()
            self._log(run).warning("turn_lost", why=type(error).__name__)
        except StoreUnavailableError:
            self._log(run).warning("turn_dropped", why="no store until the lease ran out")
        finally:
            if self.running.get(run.lease.sid) is run:
                del self.running[run.lease.sid]

    async def _turn(self, run: Run) -> Lease | None:
        """Answer one turn; the next one, if its commit handed one on."""
        lease, started = run.lease, self.clock()
        continues = self.agent.continues and lease.last >= 0
        answer = Answer(lease.part, lease.last, lease.text) if continues else Answer(lease.part)
        draft = Draft(AnswerWriter(self.store, self.ticker, lease, answer, lambda: self.drop(run)))
        try:
            if lease.crashes >= MOST_CRASHES:
                draft.fail("crashes")
            else:
                await self._ask(run, draft)
            await draft.writer.finish()
            draft.close_message(self.new_id(), self.agent.name)
            if draft.status == "failed":
                draft.bodies.append(assistant_body(self.new_id(), APOLOGY, self.agent.name, None))
            committed = await self._commit(run, draft, final=True)
        finally:
            draft.writer.close()
        done = draft.status == "completed"
        (self.metrics.completed if done else self.metrics.turns.labels(draft.status)).inc()
        self.metrics.turn_seconds.observe(self.clock() - started)
        return committed.next

    async def _ask(self, run: Run, draft: Draft) -> None:
        """Let the agent write; whatever it does, the draft can be committed afterwards."""
        lease, shown = run.lease, draft.writer.answer.stored
        secret = None if lease.sealed is None else self.unseal(lease.sealed, lease.sid) or Secret("")
        turn = Turn(
            lease.sid, lease.turn, lease.attempt, lease.event.text, run.now.head, lease.part, shown, self.wall_ms(),
            secret, lease.event.mark,
        )  # fmt: skip
        try:
            run.asked_since = self.clock()
            async for piece in self.agent.answer(turn):
                await self._take(run, draft, piece)
        except (FencedError, SessionGoneError, StaleError, StoreUnavailableError):
            raise
        except asyncio.CancelledError:
            if run.task is not None and not run.task.cancelling():
                draft.fail("error")  # the agent's own
            elif run.overdue and run.task is not None:
                run.task.uncancel()
                draft.fail("timeout")
            else:
                raise
        except AnswerTooLongError:
            draft.fail("too_long")
        except Exception as error:  # noqa: BLE001 - agents are foreign code: any of their errors ends the turn, not us
            # Only where and what kind: an exception's text may quote the customer (I10).
            where = _where(error)
            self._log(run).error("agent_failed", error=where)
            draft.fail("error")
        finally:
            run.asked_since = None

    async def _take(self, run: Run, draft: Draft, piece: Piece) -> None:
        match piece:
            case str():
                draft.writer.push(piece)
            case Change():
                encode_head(piece.head)  # what can't be stored is the agent's error, here and now
                draft.head = piece.head
                if piece.head.fields.asking:
                    draft.writer.hold()
            case Audit():
                draft.audits.append(piece)
            case Category() if piece.name in CATEGORIES:
                draft.category = piece.name
            case NextMessage():
                run.asked_since = None
                await self._next_message(run, draft)
                run.asked_since = self.clock()
            case _:
                raise TypeError(f"an agent yielded {type(piece).__name__}")

    async def _next_message(self, run: Run, draft: Draft) -> None:
        await draft.writer.finish()
        draft.close_message(self.new_id(), self.agent.name)
        await self._commit(run, draft, final=False)
        answer = Answer(draft.writer.answer.part + 1)
        draft.next_message(AnswerWriter(self.store, self.ticker, run.lease, answer, lambda: self.drop(run)))

    async def _commit(self, run: Run, draft: Draft, *, final: bool) -> Committed:
        """Store it, again and again while the lease lasts."""
        draft.close(run.now.head, self.wall_ms(), final=final)
        asking = None if draft.head is None else draft.head.fields.asking
        commit = Commit(self.new_mark(), run.lease, run.now.rev, draft.bodies, final, draft.head, asking=asking)
        give_up = self.clock() + self.settings.limit  # a commit that Redis refuses for good isn't tried for ever
        while True:
            try:
                committed = await self.store.commit(commit)
                break
            except StoreUnavailableError:
                if self.clock() > min(run.deadline, give_up):
                    raise
                await asyncio.sleep(COMMIT_RETRY * random.uniform(0.5, 1))  # noqa: S311 - jitter
        run.now = Versioned(committed.rev, draft.head or run.now.head)
        self.heads.put(run.lease.sid, run.now)
        for audit in draft.audits:
            self._log(run).info("audit", action=audit.action, result=audit.result, **audit.details)
        return committed


def _number(fence: str) -> int:
    return int(fence.partition("-")[0])


def _where(error: BaseException) -> str:
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = "" if frame is None else f" at {frame.tb_frame.f_code.co_name}:{frame.tb_lineno}"
    return f"{type(error).__name__}{place}"
