"""One conversation seen through the typed store, and beside it, as Redis holds it, for tests of the scripts.

It must never write to Redis but through the store, except where a test sets a clock or a field back by name.
"""

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import hiredis
from msgspec.structs import replace

from app.core.messages import Event, assistant_body, turn_end_body, user_body
from app.core.publication import Publication, parse
from app.core.session import Head, new_head
from app.engine.calls import Accepted, Act, Acted, AskingChanged, Commit, Committed, Lease, Message, Refusal, TooFast
from app.store import replies
from app.store.base import StoreSettings
from app.store.keys import SHARDS, SessionKeys
from app.store.link import Dialer
from app.store.node import Node
from app.store.redis_store import RedisStore
from app.store.scripts import Scripts
from tests.support.poll import until
from tests.support.redis_server import RedisServer

DAY_MS: Final = 86_400_000
LEASE_MS: Final = 60_000
"""Long: a lease expires in a test when the test says so."""

END: Final = turn_end_body("completed", None)


def new_mark() -> str:
    """A mark that no other call has."""
    return str(random.randint(1, 2**63 - 1))


def new_node(url: str, shards: int = SHARDS) -> Node:
    """A node that isn't running yet."""
    return Node(Dialer(url, "test"), Scripts(), shards, "test", asyncio.get_running_loop().time)


@asynccontextmanager
async def running(*nodes: Node) -> AsyncIterator[None]:
    """Keep nodes connected for as long as the block lasts."""
    tasks = [asyncio.create_task(node.run()) for node in nodes]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def open_store(url: str, owner: str = "me", rate: float = 0, ttl_ms: int = DAY_MS) -> AsyncIterator[RedisStore]:
    """A connected store as a replica has it; `rate` in messages a second, 0 for none."""
    node, replay = new_node(url), new_node(url)
    settings = StoreSettings(owner, LEASE_MS, ttl_ms, rate, SHARDS)
    async with running(node, replay):
        await until(lambda: node.connected and replay.connected, what="connections to Redis")
        yield RedisStore(node, replay, node._scripts, settings, new_mark, new_mark)


def say(text: str) -> bytes:
    """The body of an answer."""
    return assistant_body("a-" + text, text, "bot", None)


def timeless(lease: Lease | None) -> Lease | None:
    """A lease without when it was asked for and when its message was stored: the same for the same answer."""
    return None if lease is None else replace(lease, asked_at=0.0, event=replace(lease.event, at_ms=0))


class Chat:
    """One conversation. Everything beside the async methods looks at Redis without going through the product."""

    def __init__(self, store: RedisStore, server: RedisServer, sid: str = "s1") -> None:
        self.store, self.server, self.sid = store, server, sid
        self.keys = SessionKeys(sid)

    # through the store

    def message(self, id: str, text: str = "hello", **other: Any) -> Message:
        """A message that may create the conversation, with a new mark; `other` replaces fields."""
        usual = Message(self.sid, new_mark(), id, user_body(id, text), False, b"", "", ("epoch", new_head(self.sid)))
        return replace(usual, **other)

    async def send(self, id: str, text: str = "hello", **other: Any) -> Accepted:
        """A message that is accepted."""
        result = await self.store.accept(self.message(id, text, **other))
        assert isinstance(result, Accepted), result
        return result

    async def start(self, id: str = "m1") -> Lease:
        """A message whose turn is ours to run."""
        lease = (await self.send(id)).lease
        assert lease is not None
        return lease

    def commitment(self, lease: Lease, *bodies: bytes, final: bool = True, **other: Any) -> Commit:
        """What a turn says, on the revision of now; a final one ends the turn."""
        usual = Commit(new_mark(), lease, self.field("rev"), [*bodies, *([END] if final else [])], final)
        return replace(usual, **other)

    async def commit(self, lease: Lease, *bodies: bytes, final: bool = True, **other: Any) -> Committed:
        """Store what a turn says."""
        return await self.store.commit(self.commitment(lease, *bodies, final=final, **other))

    def change(self, *states: bytes, **other: Any) -> Act:
        """An act on the revision of now, with an unchanged head."""
        return replace(Act(self.sid, new_mark(), self.field("rev"), new_head(self.sid), list(states)), **other)

    async def act(self, *states: bytes, **other: Any) -> Acted:
        """An act that is done."""
        return done(await self.store.act(self.change(*states, **other)))

    async def cancel(self, turn: int) -> Acted:
        """A cancel that ends a turn."""
        return done(await self.store.cancel(self.sid, new_mark(), turn))

    # beside it

    def field(self, name: str) -> str:
        """A field of the session's hash; empty if there is none."""
        value = self.server.command("HGET", self.keys.session, name)
        return value.decode() if value is not None else ""

    def set_field(self, name: str, value: object) -> None:
        """What a clock, a fail-over or another release would have left there."""
        self.server.command("HSET", self.keys.session, name, str(value))

    def log(self) -> list[Event]:
        """Every durable event."""
        return replies.events([(id, flat) for id, flat in raw_entries(self.server, self.keys.log)])

    def said(self) -> list[tuple[str, int | None, str]]:
        """The log for reading: type or role, turn, and text or status."""
        documents = [event.document() for event in self.log()]
        return [
            (d.get("role", d["type"]), d["turn"], d.get("text", d.get("status", ""))) for d in documents
        ]  # fmt: skip

    def todo(self) -> list[int]:
        """Turns to run, in order."""
        return [int(turn) for turn in self.server.command("LRANGE", self.keys.all[3], 0, -1)]

    def partial(self) -> bytes | None:
        """The text of the answer being written."""
        text: bytes | None = self.server.command("GET", self.keys.all[4])
        return text

    def secrets(self) -> dict[bytes, bytes]:
        """Sealed answers by seq."""
        found: dict[bytes, bytes] = self.server.command("HGETALL", self.keys.all[5])
        return found

    def indexed(self) -> bool:
        """Whether reapers look at this conversation."""
        return self.server.command("ZSCORE", self.keys.all[7], self.sid) is not None

    def expire_lease(self) -> None:
        """The holder has not renewed for long."""
        self.set_field("lease_until", 1)
        self.server.command("ZADD", self.keys.all[7], 1, self.sid)


def done(result: Acted | Refusal) -> Acted:
    """An act that was not refused."""
    assert isinstance(result, Acted), result
    return result


def refused(result: Any) -> Any:
    """An accept that stored nothing."""
    assert not isinstance(result, Accepted | AskingChanged | TooFast), result
    return result


def raw_entries(server: RedisServer, log: bytes) -> list[tuple[bytes, list[bytes]]]:
    """Stream entries as the wire has them: fields and values in one list."""
    entries = server.command("XRANGE", log, "-", "+")
    return [(id, [word for pair in fields.items() for word in pair]) for id, fields in entries]


def whole(server: RedisServer) -> dict[bytes, tuple[Any, int]]:
    """Every key with its value and its deadline: equal means that nothing was written."""
    return {key: server.content(key) for key in sorted(server.command("KEYS", "*"))}


def head_with(sid: str, **fields: Any) -> Head:
    """A head with some fields of its own."""
    head = new_head(sid)
    for name, value in fields.items():
        setattr(head.fields, name, value)
    return head


class Ear:
    """A subscriber with a socket of its own. Listens from the moment it is made."""

    def __init__(self, server: RedisServer, sid: str = "s1") -> None:
        self._server, self._channel = server, SessionKeys(sid).channel
        self._reader = hiredis.Reader()
        self._socket = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        self._socket.sendall(hiredis.pack_command((b"SSUBSCRIBE", self._channel)))  # type: ignore[arg-type]
        self._next()

    def _next(self) -> bytes:
        while not (reply := self._reader.gets()):
            self._reader.feed(self._socket.recv(65536))
        text: bytes = reply[2]
        return text

    def heard(self) -> list[bytes]:
        """What was published since the last time, and nothing that comes later."""
        self._server.command("SPUBLISH", self._channel, "that's all")
        heard = []
        while (message := self._next()) != b"that's all":
            heard.append(message)
        return heard

    def parsed(self) -> list[Publication | None]:
        """The same as types."""
        return [parse(message) for message in self.heard()]

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
