"""Turns driven straight into the scripts by one client, in pipelines: what Redis itself spends on them.

A side is a set of conversations with the scripts that serve them. It must never measure a turn that isn't one: `check`
compares what is stored with what was said.
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from redis.client import Pipeline

from app.core.limits import BURST_SECONDS, MAX_EVENTS
from app.core.messages import assistant_body, turn_end_body, user_body
from app.core.session import SCHEMA, encode_head, new_head
from app.store.keys import SessionKeys
from app.store.scripts import Script
from bench.procs import Redis
from bench.talkers import TEXT, LoadError
from bench.unleased import arguments

LEASE_MS = 3000
TTL_MS = 86_400_000
PIECE = b" of an answer as long as 40 ms"
EVENTS_A_TURN = 3  # message, message, turn_end
_TURNS_KEY = 7  # where the index of leases stands among a conversation's keys; scripts without leases have no such key
_ALWAYS: dict[str, str | bytes | int] = {
    "schema": SCHEMA, "owner": "bench", "lease": LEASE_MS, "ttl": TTL_MS, "gap": 0, "asking": 0, "sealed": "",
    "max": MAX_EVENTS, "burst": int(BURST_SECONDS * 1000), "final": 1, "mode": "", "hold": "", "head": "",
    "dropped": turn_end_body("cancelled", "handed_over"),
}  # fmt: skip


@dataclass
class Conversation:
    """What its only writer knows of it."""

    keys: SessionKeys
    rev: str = ""
    fence: str = ""
    turn: int = 0
    chunks: int = 0


@dataclass
class Side:
    """`size` conversations and the scripts that serve them."""

    name: str
    accept: Script
    commit: Script
    size: int
    turns: int = 0
    mark: int = 0
    conversations: list[Conversation] = field(init=False)

    def __post_init__(self) -> None:
        self.conversations = [Conversation(SessionKeys(f"{self.name}-{number}")) for number in range(self.size)]

    def load(self, redis: Redis) -> None:
        """Have the scripts ready, so that a turn only names them."""
        for script in (self.accept, self.commit):
            redis.client.script_load(script.source.decode())

    def turn(self, redis: Redis) -> None:
        """One turn of every conversation: all accepts in one pipeline, then all commits."""
        self.accepted(redis)
        self.committed(redis)
        self.turns += 1

    def accepted(self, redis: Redis) -> None:
        """A message in every conversation, whose turn is ours to run; raises LoadError if one isn't."""
        pipeline = redis.client.pipeline(transaction=False)
        for chat in self.conversations:
            self._accept(pipeline, chat, f"message-{self.turns}")
        for chat, reply in zip(self.conversations, pipeline.execute(), strict=True):
            if reply[0] != b"ok" or not reply[2]:
                raise LoadError(f"{self.accept.name} answered {reply!r}")
            chat.turn, chat.fence, chat.rev = int(reply[1]), reply[2].decode(), reply[3].decode()

    def committed(self, redis: Redis) -> None:
        """The answer of every conversation; raises LoadError if one wasn't stored."""
        pipeline = redis.client.pipeline(transaction=False)
        for chat in self.conversations:
            given = self._always(chat) | {"fence": chat.fence, "rev": chat.rev, "turn": chat.turn, "asking": ""}
            said = [assistant_body(f"answer-{self.turns}", TEXT, None, None), turn_end_body("completed", None)]
            run(pipeline, self.commit, chat.keys, arguments(self.commit, given, said))
        for chat, reply in zip(self.conversations, pipeline.execute(), strict=True):
            if reply[0] != b"ok" or reply[3]:
                raise LoadError(f"{self.commit.name} answered {reply!r}")
            chat.rev = reply[2].decode()

    def pieces(self, redis: Redis, delta: Script) -> None:
        """One more piece of every answer, after `accepted`; raises LoadError if one wasn't taken."""
        pipeline = redis.client.pipeline(transaction=False)
        for chat in self.conversations:
            given = self._always(chat) | {"fence": chat.fence, "turn": chat.turn, "part": 0, "text": PIECE}
            given |= {"first": chat.chunks, "last": chat.chunks}
            run(pipeline, delta, chat.keys, arguments(delta, given))
            chat.chunks += 1
        if any(reply != [b"ok"] for reply in pipeline.execute()):
            raise LoadError(f"{delta.name} didn't take a piece")

    def check(self, redis: Redis) -> list[bytes]:
        """Send the last message again, and compare what is stored; returns the bodies of the first log.

        Raises LoadError when a conversation isn't what its turns make it.
        """
        pipeline = redis.client.pipeline(transaction=False)
        for chat in self.conversations:
            self._accept(pipeline, chat, f"message-{self.turns - 1}")
        if any(reply[0] != b"dup" for reply in pipeline.execute()):
            raise LoadError(f"{self.accept.name} took a message twice")
        expected = EVENTS_A_TURN * self.turns
        logs = [_stored(redis, chat, expected) for chat in self.conversations]
        return logs[0]

    def _always(self, chat: Conversation) -> dict[str, str | bytes | int]:
        self.mark += 1
        return _ALWAYS | {"mark": self.mark, "sid": chat.keys.sid}

    def _accept(self, pipeline: Pipeline, chat: Conversation, name: str) -> None:
        given = self._always(chat) | {"id": name, "body": user_body(name, TEXT), "cached": chat.rev}
        sid = chat.keys.sid.decode()
        fresh = encode_head(new_head(sid)) if not chat.rev else b""
        run(pipeline, self.accept, chat.keys, arguments(self.accept, given | {"epoch": "epoch", "fresh": fresh}))


def run(pipeline: Pipeline, script: Script, keys: SessionKeys, values: list[bytes]) -> None:
    """Put one script on a conversation's keys into the pipeline."""
    mine = keys.all if script.keys == len(keys.all) else keys.all[:_TURNS_KEY] + keys.all[_TURNS_KEY + 1 :]
    call: Callable[..., object] = pipeline.execute_command  # its queue: redis-py types no bytes
    call("EVALSHA", script.sha, script.keys, *mine, *values)


def _stored(redis: Redis, chat: Conversation, expected: int) -> list[bytes]:
    session, log, ids, todo = chat.keys.all[:4]
    client: Any = redis.client
    entries = client.xrange(log)
    facts = (len(entries), int(client.hget(session, "seq")), client.llen(todo), client.hget(session, "turn"))
    if facts != (expected, expected, 0, b"") or not client.hget(session, "head"):
        raise LoadError(f"{chat.keys.sid.decode()} holds {facts}, not {expected} events and nothing to do")
    if min(client.pttl(key) for key in (session, log, ids)) < TTL_MS * 0.98:
        raise LoadError(f"{chat.keys.sid.decode()} would expire too early")
    return [fields[b"d"] for _, fields in entries]


class Ear:
    """One subscriber to all conversations, as each has one in earnest; it throws away what it hears."""

    def __init__(self, redis: Redis, sides: list[Side]) -> None:
        self._socket = socket.create_connection(("127.0.0.1", redis.port))
        channels = [chat.keys.channel for side in sides for chat in side.conversations]
        self._socket.sendall(b"SSUBSCRIBE " + b" ".join(channels) + b"\r\n")
        self._socket.setblocking(False)

    def drain(self) -> None:
        """Read what there is."""
        try:
            while self._socket.recv(1 << 20):
                continue
        except BlockingIOError:
            return

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()
