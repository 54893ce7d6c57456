"""Joins sockets to conversations and hands on what is published, in order; repairs from the log what pub/sub lost.

Three nets under pub/sub (I6): a hole in the numbers, a lost subscription, and the periodic top check each send a room
to the log. Must never deliver past a hole.
"""

from collections.abc import Callable

from app.core import limits
from app.core.errors import CloseCode, ErrorCode, SessionGoneError, StoreUnavailableError
from app.core.messages import Cursor, error
from app.core.publication import Delta, Events, Forked, Gone, Running, TypingHint, parse
from app.core.tail import Verdict
from app.engine.calls import Snapshot
from app.engine.ports import Feed, HeadWatcher, Sink, Store, Welcome
from app.fanout.repair import Repairs
from app.fanout.room import Member, Room


class _StartOver(Exception):
    """The room is dissolved: join the next one, ``after`` what can still be honoured."""

    def __init__(self, after: Cursor | None) -> None:
        super().__init__()
        self.after = after


class Hub:
    """The rooms of one replica."""

    def __init__(self, store: Store, feed: Feed, heads: HeadWatcher, new_id: Callable[[], str]) -> None:
        self._store, self._feed, self._heads, self._new_id = store, feed, heads, new_id
        self._rooms: dict[str, Room] = {}
        self._repairs = Repairs(store, self._rooms, self._dissolve, new_id)

    async def join(self, sid: str, sink: Sink, after: Cursor | None, epoch: str, welcome: Welcome) -> None:
        """Send ``welcome``, the missed events, the running answer, then everything live.

        ``epoch`` is the token's, for a session that doesn't exist yet. ``welcome`` gets the snapshot, or None for a
        new session, and answers with the frame to send first; it may raise to refuse.

        Raises:
            StoreUnavailableError: subscription or log can't be had; nothing was joined.
            NewerSchemaError, SessionGoneError: from the store, or from ``welcome``.
        """
        room = self._rooms.setdefault(sid, Room(sid))
        room.joining += 1
        try:
            await self._feed.subscribe(sid)
            self._heads.listen(sid)
            snapshot = await self._read(room, after)
            sink.durable(welcome(snapshot))
            member = Member(sink)
            if snapshot is None:
                if not room.known:
                    room.epoch, room.known = epoch, True
            else:
                self._heads.put(sid, snapshot.now)
                if snapshot.recovered and after is not None:
                    member.seq, member.mark = after.seq, after.mark or ""
                if not await self._replay(room, member, snapshot):
                    return
            if self._rooms.get(sid) is not room:
                sink.close(CloseCode.RESTART)  # erased or forked meanwhile
                return
            room.members[sink.id] = member
            self._settle(room, member)
        except _StartOver as over:
            await self.join(sid, sink, over.after, epoch, welcome)
        finally:
            room.joining -= 1
            self._drop_if_empty(room)

    async def _read(self, room: Room, after: Cursor | None) -> Snapshot | None:
        """What the log has for who is joining. Raises ``_StartOver`` if it isn't the log of this room any more."""
        snapshot = await self._store.join(room.sid, after, limits.HISTORY_PAGE)
        if snapshot is None and room.tail.seq > 0:
            # Its first event was stored and seen here since that was read; or else it was erased.
            snapshot = await self._store.join(room.sid, after, limits.HISTORY_PAGE)
            if snapshot is None:
                self._dissolve(room, CloseCode.GONE, error(ErrorCode.SESSION_GONE))
                raise _StartOver(after)
        if snapshot is not None and after is not None and not snapshot.recovered and after.epoch == snapshot.epoch:
            # What this client was sent isn't in the log any more: a fork. It starts over, and so do the others.
            await self._store.fork(room.sid, after, self._new_id())
            self._dissolve(room, CloseCode.RESTART)
            raise _StartOver(None)
        return snapshot

    def seen(self, sid: str, sink: Sink) -> bool:
        """Whether the socket has been sent an event."""
        room = self._rooms.get(sid)
        member = room.members.get(sink.id) if room else None
        return member is not None and member.seq > 0

    def leave(self, sid: str, sink: Sink) -> None:
        """The socket is gone."""
        room = self._rooms.get(sid)
        if room is not None:
            room.members.pop(sink.id, None)
            self._drop_if_empty(room)

    @property
    def rooms(self) -> int:
        """How many conversations have a socket here."""
        return len(self._rooms)

    async def _replay(self, room: Room, member: Member, snapshot: Snapshot) -> bool:
        """Send a snapshot's events, and more pages until the member has reached the room. Ends without awaiting.

        False: the log went back meanwhile, and the sink was closed."""
        if not snapshot.recovered and snapshot.events:
            member.seq = snapshot.events[0].seq - 1
        tail_before = -1  # where the room was when the log was read; of this first time nobody knows
        while True:
            for event in snapshot.events:
                if not member.sink.ready:
                    await member.sink.drained()
                member.event(event, event.frame())
            if member.seq >= snapshot.seq and (member.seq >= room.tail.seq or room.tail.seq == tail_before):
                break  # the second: read when the room was as far as now, the log has no more of it; it went back
            tail_before = room.tail.seq
            at = Cursor(snapshot.epoch, member.seq, member.mark)
            following = await self._store.join(room.sid, at, limits.HISTORY_PAGE)
            if following is None:
                raise SessionGoneError(room.sid)
            if not following.recovered:
                member.sink.close(CloseCode.RESTART)
                return False
            if following.seq > member.seq and (not following.events or following.events[0].seq != member.seq + 1):
                raise StoreUnavailableError("the log has a hole")
            snapshot = following
        if not room.known:
            room.epoch, room.known = snapshot.epoch, True
            room.tail.seq, room.tail.mark = member.seq, member.mark
        if room.tail.seq == member.seq:
            room.adopt(snapshot)
        if not room.tail.same(member.seq, member.mark) or room.epoch != snapshot.epoch:
            member.forked = member.seq == room.tail.seq and member.mark != room.tail.mark  # one isn't in the log
            room.stale = True  # what was read here hasn't been published to the others yet, or there was a fork
        return True

    def _settle(self, room: Room, member: Member) -> None:
        if room.stale:
            self._repairs.soon(room)
        if room.partial is None or member.seq != room.tail.seq:
            return
        member.start(Running(room.partial.turn, room.partial.attempt))
        room.show_whole()

    def _drop_if_empty(self, room: Room) -> None:
        if not room.members and not room.joining:
            self._drop(room)

    def _drop(self, room: Room) -> None:
        if self._rooms.get(room.sid) is room:
            del self._rooms[room.sid]
            self._feed.unsubscribe(room.sid)
            self._heads.forget(room.sid)

    # What the feed says

    def published(self, sid: str, raw: bytes) -> None:
        """One publication of a conversation."""
        room, publication = self._rooms.get(sid), parse(raw)
        if room is None or publication is None:
            return
        match publication:
            case Events():
                self._heads.changed(sid, publication.rev)
                self._events(room, publication)
            case Delta():
                if not room.write(publication):
                    self._repairs.soon(room)
            case Running():
                if room.partial is not None and room.partial.turn == publication.turn:
                    room.run(publication)
            case TypingHint():
                for member in room.members.values():
                    if member.sink.id != publication.origin:
                        member.sink.droppable(publication.frame)
            case Gone():
                self._dissolve(room, CloseCode.GONE, error(ErrorCode.SESSION_GONE))
            case Forked():
                if not room.known:
                    room.stale = True  # somebody is just joining and reads the epoch himself
                elif publication.epoch != room.epoch:
                    self._dissolve(room, CloseCode.RESTART)

    def interrupted(self) -> None:
        """Publications may be missed: no cached head can be trusted, no room is known to be current."""
        self._heads.forget_all()
        for room in self._rooms.values():
            room.missed = True

    def restored(self, sids: list[str]) -> None:
        """Subscribed again: read what was missed."""
        for sid in sids:
            room = self._rooms.get(sid)
            if room is not None and room.missed:
                room.missed = False
                room.stale = True  # for who is just joining, too
                self._repairs.soon(room)

    def _events(self, room: Room, publication: Events) -> None:
        if not room.known:
            room.stale = True  # somebody is just joining: read the log once more after that
            return
        match room.tail.judge(publication):
            case Verdict.DELIVER:
                room.deliver(publication.events)
                room.run(publication.running)
            case Verdict.READ_LOG:
                self._repairs.soon(room)

    def _dissolve(self, room: Room, code: CloseCode, *frames: str) -> None:
        """Close every socket of a room; who comes back gets a new one."""
        self._drop(room)
        for member in list(room.members.values()):
            member.sink.close(code, *frames)

    async def run(self) -> None:
        """The periodic top check, until cancelled."""
        await self._repairs.run()
