"""Lets an agent write one answer, whatever it does: agents are foreign code, which raises, hangs and floods.

Must never let an agent's error, or the text of one, out of the turn (I10), nor a word of it in after the lease is lost.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog

from app.agents.port import Agent, Audit, Category, Change, NextMessage, Piece, Secret, Turn
from app.core.errors import (
    FencedError,
    SessionGoneError,
    StaleError,
    StoreRefusedError,
    StoreUnavailableError,
    UnreadableError,
)
from app.core.session import CATEGORIES, readable
from app.core.turn import Allowance, AnswerTooLongError
from app.engine.calls import Lease
from app.engine.draft import Draft
from app.engine.run import Run
from app.observe.logs import where


class _Stopped(Exception):
    """The engine's own error while the agent's answer was taken in: ``why`` ends the run, it is none of the agent's."""

    def __init__(self, why: Exception) -> None:
        super().__init__()
        self.why = why


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

        Raises what ``next_message`` raises, and ``StoreUnavailableError`` also if that is what the agent ran into;
        ``FencedError`` or ``CancelledError`` if the run was stopped: nothing is to be committed.
        """
        cancels = _cancels(run)
        try:
            failed = await self._listen(run, draft)
        except asyncio.CancelledError:
            if run.lost:
                raise
            failed = "error"  # the agent's own, or that of the turn whose time is up
        finally:
            run.agent_rests(self.clock())
        if _cancels(run) > cancels:
            await _settle(run, cancels)
        if run.lost:
            raise FencedError(run.lease.sid)
        if failed is not None:
            draft.fail("timeout" if run.overdue_since is not None else failed)  # whatever it made of the interruption

    async def _listen(self, run: Run, draft: Draft) -> str | None:
        """Take in what the agent yields; why it failed, if it did."""
        lease = run.lease
        try:
            run.agent_works(self.clock())
            pieces, allowance, exhausted = self.agent.answer(self._turn(run, draft)), Allowance(), False
            try:
                async for piece in pieces:
                    if run.lost:
                        break
                    if isinstance(piece, str):
                        allowance.text()
                        draft.writer.push(piece)
                    else:
                        allowance.note()
                        await self._take(run, draft, piece)
                else:
                    exhausted = True
            finally:
                if not exhausted:
                    # Here and now: what an agent does to clean up is its own, and takes of its time.
                    await _close(pieces)
        except _Stopped as stopped:
            raise stopped.why from None
        except AnswerTooLongError:
            return "too_long"
        except (UnreadableError, StoreRefusedError) as error:
            return self._failed(lease, error)
        except (StoreUnavailableError, asyncio.CancelledError, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - any error of its own ends the turn, SystemExit and others, too
            return self._failed(lease, error)
        return None

    def _failed(self, lease: Lease, error: BaseException) -> str:
        structlog.get_logger().error("agent_failed", session=lease.sid, turn=lease.turn, error=where(error))
        return "error"

    def _turn(self, run: Run, draft: Draft) -> Turn:
        lease = run.lease
        secret = None if lease.sealed is None else self.unseal(lease.sealed, lease.sid) or Secret("")
        text, context = lease.event.said()
        return Turn(
            lease.sid, lease.turn, lease.attempt, text, run.now.head, lease.part,
            draft.writer.answer.stored, self.wall_ms(), secret, lease.event.mark, context,
        )  # fmt: skip

    async def _take(self, run: Run, draft: Draft, piece: Piece) -> None:
        match piece:
            case Change():
                # What can't be stored or read again is the agent's error, here and now; and it can't change it later.
                draft.head = readable(piece.head)
                if draft.head.fields.asking:
                    draft.writer.hold()
            case Audit():
                draft.audits.append(piece)
            case Category() if piece.name in CATEGORIES:
                draft.category = piece.name
            case NextMessage():
                run.agent_rests(self.clock())
                try:
                    await self.next_message(run, draft)
                except (FencedError, SessionGoneError, StaleError, StoreUnavailableError) as error:
                    raise _Stopped(error) from None
                run.agent_works(self.clock())
            case _:
                raise TypeError(f"an agent yielded {type(piece).__name__}")


async def _close(pieces: Any) -> None:
    close = getattr(pieces, "aclose", None)
    if close is not None:
        await close()


def _cancels(run: Run) -> int:
    return 0 if run.task is None else run.task.cancelling()


async def _settle(run: Run, before: int) -> None:
    """Forget cancellations that were for the agent, or its own: the turn goes on to its end."""
    if run.task is None:
        return
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(0)  # one that hasn't been delivered yet; before Python 3.13 `uncancel` leaves it
    while run.task.cancelling() > before:
        run.task.uncancel()
