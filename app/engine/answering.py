"""Lets an agent write one answer, whatever it does: agents are foreign code, which raises, hangs and floods.

Must never let an agent's error, or the text of one, out of the turn (I10), nor a word of it in after the lease is lost.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from app.agents.port import Agent, Audit, Category, Change, NextMessage, Piece, Secret, Turn
from app.core.errors import FencedError, SessionGoneError, StaleError, StoreUnavailableError
from app.core.session import CATEGORIES, encode_head
from app.core.turn import Allowance, AnswerTooLongError
from app.engine.draft import Draft
from app.engine.run import Run


@dataclass(frozen=True, slots=True)
class Answering:
    """How this replica asks its agent. ``next_message`` stores what was written and goes on in the same turn."""

    agent: Agent
    unseal: Callable[[bytes, str], Secret | None]
    clock: Callable[[], float]
    wall_ms: Callable[[], int]
    next_message: Callable[[Run, Draft], Awaitable[None]]

    async def ask(self, run: Run, draft: Draft) -> None:
        """Have the draft written. Afterwards it can be committed: a failure of the agent's is noted in it.

        Raises ``FencedError``, ``StaleError``, ``SessionGoneError``, ``StoreUnavailableError``: nothing is to be
        committed. Raises ``CancelledError`` if the run was stopped.
        """
        lease, allowance = run.lease, Allowance()
        try:
            run.agent_works(self.clock())
            async for piece in self.agent.answer(self._turn(run, draft)):
                if run.lost:
                    break
                await self._take(run, draft, allowance, piece)
        except (FencedError, SessionGoneError, StaleError, StoreUnavailableError):
            raise
        except asyncio.CancelledError:
            if run.lost or (run.overdue_since is None and _cancelled(run)):
                raise
            draft.fail("error")  # the agent's own, or that of the turn whose time is up
        except AnswerTooLongError:
            if not run.lost:
                draft.fail("too_long")
        except (Exception, SystemExit, GeneratorExit) as error:  # noqa: BLE001 - any error of its own ends the turn
            # Only where and what kind: an exception's text may quote the customer (I10).
            structlog.get_logger().error("agent_failed", session=lease.sid, turn=lease.turn, error=_where(error))
            if not run.lost:  # else the draft is somebody else's by now
                draft.fail("error")
        finally:
            run.agent_rests(self.clock())
        if run.lost:
            raise FencedError(lease.sid)
        if run.overdue_since is not None and run.task is not None:
            run.task.uncancel()
            if draft.status == "failed":
                draft.reason = "timeout"  # whatever it made of the interruption

    def _turn(self, run: Run, draft: Draft) -> Turn:
        lease = run.lease
        secret = None if lease.sealed is None else self.unseal(lease.sealed, lease.sid) or Secret("")
        return Turn(
            lease.sid, lease.turn, lease.attempt, lease.event.text, run.now.head, lease.part,
            draft.writer.answer.stored, self.wall_ms(), secret, lease.event.mark,
        )  # fmt: skip

    async def _take(self, run: Run, draft: Draft, allowance: Allowance, piece: Piece) -> None:
        allowance.take(is_text=isinstance(piece, str))
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
                run.agent_rests(self.clock())
                await self.next_message(run, draft)
                run.agent_works(self.clock())
            case _:
                raise TypeError(f"an agent yielded {type(piece).__name__}")


def _cancelled(run: Run) -> bool:
    return run.task is not None and run.task.cancelling() > 0


def _where(error: BaseException) -> str:
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = "" if frame is None else f" at {frame.tb_frame.f_code.co_name}:{frame.tb_lineno}"
    return f"{type(error).__name__}{place}"
