"""The periodic look at the log closes who is lost, and nobody else (I3, I6)."""

import asyncio
from typing import Any, cast

from app.core.errors import CloseCode
from app.engine.calls import Top
from app.engine.ports import Sink, Store
from app.fanout.repair import Repairs
from app.fanout.room import Member, Room


class Reply:
    """A store that answers what it was given, after something has happened meanwhile."""

    def __init__(self, top: Top | None, meanwhile: Any = lambda: None) -> None:
        self._top, self._meanwhile = top, meanwhile

    async def top(self, _sid: str) -> Top | None:
        await asyncio.sleep(0)
        self._meanwhile()
        return self._top


class Ear:
    """A socket that remembers how it was closed."""

    id = "x"
    closed: CloseCode | None = None

    def close(self, code: CloseCode, *_frames: str) -> None:
        self.closed = code


def room_with(seq: int, *members: Member) -> Room:
    """A known room whose newest event is `seq`."""
    room = Room("s", epoch="e", known=True)
    room.tail.seq, room.tail.mark = seq, f"m{seq}"
    room.members = {str(number): member for number, member in enumerate(members)}
    return room


async def check(room: Room, store: Reply) -> list[Any]:
    """One check; how the room was dissolved, if it was."""
    dissolved: list[Any] = []
    repairs = Repairs(cast(Store, store), {"s": room}, lambda *why: dissolved.append(why[1]), lambda: "id")
    await repairs._check_top(room)
    return dissolved


async def test_a_first_event_that_is_stored_during_the_check_is_no_end() -> None:
    room = room_with(0, Member(cast(Sink, Ear())))

    def first_event() -> None:
        room.tail.seq, room.tail.mark = 1, "m1"

    assert await check(room, Reply(None, first_event)) == []


async def test_a_conversation_that_is_gone_is_closed() -> None:
    assert await check(room_with(1, Member(cast(Sink, Ear()))), Reply(None)) == [CloseCode.GONE]


async def test_a_member_that_missed_an_event_resumes() -> None:
    """It would be sent nothing any more: each event follows one that it doesn't have."""
    here, lost = Ear(), Ear()
    room = room_with(3, Member(cast(Sink, here), 3, "m3"), Member(cast(Sink, lost), 2, "m2"))
    assert await check(room, Reply(Top("e", 3, "m3", (0, 0, 0, -1)))) == []
    assert (here.closed, lost.closed) == (None, CloseCode.RESTART)
