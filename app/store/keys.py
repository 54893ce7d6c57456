"""Names of keys: one conversation = one hash slot (DESIGN: "Data in Redis"). Must never be built anywhere else."""

import zlib
from functools import lru_cache
from typing import Final

SHARDS_KEY: Final = b"baton:shards"  # the record of the shard count; the only key without a TTL (I11)
WAKE_CHANNEL: Final = b"baton:wake"  # tells reapers that leases were released
SHARDS: Final = 64


class SessionKeys:
    """The keys of a conversation and of its shard's indexes, in the order every conversation script takes them."""

    __slots__ = ("all", "channel", "shard", "sid")

    def __init__(self, sid: str, shards: int = SHARDS) -> None:
        self.sid = sid.encode()
        self.shard = shard_of(sid, shards)
        tag = shard_tag(self.shard)
        base = tag + b"s:" + self.sid
        self.channel = base
        self.all: tuple[bytes, ...] = (
            base,
            base + b":log",
            base + b":ids",
            base + b":todo",
            base + b":partial",
            base + b":secret",
            tag + b"active",
            tag + b"turns",
            tag + b"tickets",
        )

    @property
    def session(self) -> bytes:
        """The session's hash."""
        return self.all[0]

    @property
    def log(self) -> bytes:
        """The stream of durable events."""
        return self.all[1]

    @property
    def ids(self) -> bytes:
        """Client message id to seq."""
        return self.all[2]


@lru_cache(maxsize=16_384)
def session_keys(sid: str, shards: int) -> SessionKeys:
    """The keys of a session, kept for the next call."""
    return SessionKeys(sid, shards)


def shard_of(sid: str, shards: int = SHARDS) -> int:
    """The shard of a session: a stable hash, so that any replica of any release computes the same."""
    return zlib.crc32(sid.encode()) % shards


def shard_tag(shard: int) -> bytes:
    """The hash tag that keeps a shard's keys in one slot of a Redis Cluster."""
    return b"{b:%02d}" % shard


def active_key(shard: int) -> bytes:
    """Sessions of a shard by last interaction."""
    return shard_tag(shard) + b"active"


def turns_key(shard: int) -> bytes:
    """Sessions of a shard with turns to run, by lease deadline."""
    return shard_tag(shard) + b"turns"


def tickets_key(shard: int) -> bytes:
    """Conversations of a shard that wait for a person, by when they began to."""
    return shard_tag(shard) + b"tickets"


def lock_key(fingerprint: str, shards: int = SHARDS) -> tuple[int, bytes]:
    """The shard and key that count attempts for an account or a client, of which only a keyed hash is known (I10)."""
    shard = shard_of(fingerprint, shards)
    return shard, b"{a:%02d}lock:" % shard + fingerprint.encode()


def release_key(version: str) -> bytes:
    """The browser's files of one version: of no conversation, and the same for every release."""
    return b"baton:release:" + version.encode()


def sid_of_channel(channel: bytes) -> str:
    """The session id in a channel's name."""
    return channel.partition(b"}s:")[2].decode()
