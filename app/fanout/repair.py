"""Reads the log again for rooms that may have missed something (I6): one reader a room, a bounded number at once.

Must never deliver what isn't the successor of the room's tail; where the log disagrees with what was delivered, the
room is dissolved and its sockets resume.
"""

import asyncio
import itertools
import random
from collections.abc import Callable
from typing import Final

import structlog

from app.core import limits
from app.core.errors import CloseCode, ErrorCode, NewerSchemaError, StoreUnavailableError, UnreadableError
from app.core.messages import Cursor, error
from app.engine.ports import Store
from app.fanout.room import Room

# Seconds; with the check's own time this bounds how late a lost publication arrives: of a running answer, of any event.
ANSWER_CHECK_EVERY: Final = 1.3
TOP_CHECK_EVERY: Final = 3  # answer checks
CHECKS_AT_ONCE: Final = 500
REPAIRS_AT_ONCE: Final = 32
RETRY_AFTER: Final = 0.3

Dissolve = Callable[..., None]


class Repairs:
    """The log's reader for the rooms of one hub. ``rooms`` is the hub's own; ``dissolve`` closes a room's sockets."""

    def __init__(self, store: Store, rooms: dict[str, Room], dissolve: Dissolve, new_id: Callable[[], str]) -> None:
        self._store, self._rooms, self._dissolve, self._new_id = store, rooms, dissolve, new_id
        self._slots = asyncio.Semaphore(REPAIRS_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger()

    def _here(self, room: Room) -> bool:
        return self._rooms.get(room.sid) is room

    async def run(self) -> None:
        """Check rooms against the log until cancelled: those with a running answer often, the others less."""
        for tick in itertools.count():
            rooms = [room for room in self._rooms.values() if room.partial or tick % TOP_CHECK_EVERY == 0]
            await asyncio.sleep(ANSWER_CHECK_EVERY * random.uniform(0.8, 1.0))  # noqa: S311 - jitter
            for start in range(0, len(rooms), CHECKS_AT_ONCE):
                await asyncio.gather(*(self._check_top(room) for room in rooms[start : start + CHECKS_AT_ONCE]))

    async def _check_top(self, room: Room) -> None:
        if not room.members or room.busy:
            return
        seen, begun = room.answer, room.begun
        try:
            top = await self._store.top(room.sid)
        except StoreUnavailableError:
            return
        if room.busy or not self._here(room):
            return
        if top is None:
            if begun:  # else its first event may have come since
                self._dissolve(room, CloseCode.GONE, error(ErrorCode.SESSION_GONE))
        elif not room.tail.same(top.seq, top.mark) or top.epoch != room.epoch:
            # Seen while a publication is under way this is nothing; the log says.
            self.soon(room)
        elif room.ahead() is not None or (top.answer > max(seen, room.answer) and top.answer[0]):
            self.soon(room)
        else:
            if not top.answer[0]:
                room.run(None)
            room.show_whole()  # to those who were too slow for a piece and have caught up
            self._release_lagging(room)

    def _release_lagging(self, room: Room) -> None:
        """A member can't be behind its room: everyone is sent everything. If one is, it must not stay so for ever."""
        for member in room.lagging():
            self._log.error("member_behind", session=room.sid, seq=member.seq, tail=room.tail.seq)
            member.sink.close(CloseCode.RESTART)

    def soon(self, room: Room) -> None:
        """Read the log for a room; once more if a reader is already at it."""
        if room.busy:
            room.stale = True
            return
        room.busy = True
        task = asyncio.get_running_loop().create_task(self._repair(room))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _repair(self, room: Room) -> None:
        try:
            while self._here(room) and room.members:
                room.stale = False
                try:
                    async with self._slots:
                        current = await self._read_on(room)
                except UnreadableError:
                    self._log.warning("session_unreadable", session=room.sid)
                    self._dissolve(room, CloseCode.TRY_AGAIN)  # who comes back does so more and more slowly
                    return
                except StoreUnavailableError:
                    await asyncio.sleep(RETRY_AFTER * random.uniform(0.5, 1))  # noqa: S311 - jitter
                    continue
                if current and not room.stale:
                    return
        except NewerSchemaError:
            self._dissolve(room, CloseCode.RESTART)
        finally:
            room.busy = False

    async def _read_on(self, room: Room) -> bool:
        """Deliver what the log has after the tail; True when there is no more."""
        at, begun = Cursor(room.epoch, room.tail.seq, room.tail.mark), room.begun
        snapshot = await self._store.join(room.sid, at, limits.HISTORY_PAGE)
        if snapshot is None:
            if begun:
                self._dissolve(room, CloseCode.GONE, error(ErrorCode.SESSION_GONE))
            return True
        if snapshot.epoch != at.epoch:
            self._dissolve(room, CloseCode.RESTART)
            return True
        if not snapshot.recovered:
            if not await self._forked(room, at):
                raise StoreUnavailableError("this was read from a copy that is older than the log")
            return True
        if any(event.seq == room.tail.seq and event.mark != room.tail.mark for event in snapshot.events):
            return False  # the room has moved on in another history: the next read, from there, shows the fork
        room.deliver(snapshot.events)
        if room.tail.seq == snapshot.seq:
            room.adopt(snapshot)
            room.show_whole()
        if at.seq == room.tail.seq < snapshot.seq:
            raise StoreUnavailableError("the log has a hole")
        ahead = room.ahead()
        if ahead is None or room.tail.seq < snapshot.seq:
            return room.tail.seq >= snapshot.seq
        # A socket that joined with more than the log has now; or the log has grown meanwhile.
        return await self._forked(room, Cursor(at.epoch, ahead.seq, ahead.mark))

    async def _forked(self, room: Room, seen: Cursor) -> bool:
        """Whether what was delivered here isn't in the log: another history goes on, every socket starts over (I3)."""
        if await self._store.fork(room.sid, seen, self._new_id()) == seen.epoch:
            return False
        self._log.error("log_forked", session=room.sid, seq=seen.seq)
        self._dissolve(room, CloseCode.RESTART)
        return True
