"""lock.lua lets in so many attempts and no more, from anywhere at once, and knows nobody by name (I10 I11)."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Final

import pytest

from app.edge.auth import Fingerprints
from app.store.keys import SHARDS, lock_key
from app.store.locks import RedisLocks
from app.store.node import Node
from app.store.redis_store import RedisStore
from tests.support.poll import until
from tests.support.redis_server import RedisServer
from tests.support.stores import new_node, running, whole

WINDOW_MS: Final = 900_000
MOST: Final = 3
ACCOUNT: Final = "84620017"
CLIENT: Final = "203.0.113.77"
FINGERPRINTS: Final = Fingerprints(["a secret of the deployment, only for tests"])


def locks_of(node: Node, most: int = MOST, window_ms: int = WINDOW_MS) -> RedisLocks:
    """The locks as a replica has them."""
    return RedisLocks(node, node._scripts.lock, FINGERPRINTS.of, most, window_ms)


def key(kind: str = "account", value: str = ACCOUNT) -> bytes:
    """Where the attempts of somebody are counted."""
    return lock_key(FINGERPRINTS.of(kind, value))[1]


def counted(server: RedisServer, kind: str = "account", value: str = ACCOUNT) -> list[str]:
    """The attempts that count, the oldest first."""
    return [member.decode() for member in server.command("ZRANGE", key(kind, value), 0, -1)]


def set_back(server: RedisServer, by_ms: int, *members: str) -> None:
    """Let time go by for some attempts."""
    for member in members:
        score = int(server.command("ZSCORE", key(), member))
        server.command("ZADD", key(), score - by_ms, member)


@pytest.fixture
def locks(store: RedisStore) -> RedisLocks:
    """The locks of a replica."""
    return locks_of(store.node)


@pytest.fixture
async def many(redis_url: str) -> AsyncIterator[list[RedisLocks]]:
    """The locks of four replicas, each on its own connection."""
    nodes = [new_node(redis_url) for _ in range(4)]
    async with running(*nodes):
        await until(lambda: all(node.connected for node in nodes), what="connections to Redis")
        yield [locks_of(node) for node in nodes]


async def test_so_many_are_let_in_and_no_more(locks: RedisLocks, redis_server: RedisServer) -> None:
    answers = [await locks.admit("account", ACCOUNT, f"m{number}") for number in range(5)]
    assert answers == [(True, 2), (True, 1), (True, 0), (False, 0), (False, 0)]
    assert counted(redis_server) == ["m0", "m1", "m2"]


async def test_of_many_at_once_so_many_are_let_in(many: list[RedisLocks], redis_server: RedisServer) -> None:
    attempts = [many[number % 4].admit("account", ACCOUNT, f"m{number}") for number in range(80)]
    answers = await asyncio.gather(*attempts)
    assert sorted(left for admitted, left in answers if admitted) == [0, 1, 2]
    assert {left for admitted, left in answers if not admitted} == {0}
    assert len(counted(redis_server)) == MOST


async def test_one_that_was_let_in_is_let_in_again_and_counts_once(
    many: list[RedisLocks], redis_server: RedisServer
) -> None:
    attempts = [many[number % 4].admit("account", ACCOUNT, "m0") for number in range(20)]
    assert set(await asyncio.gather(*attempts)) == {(True, 2)}
    assert counted(redis_server) == ["m0"]
    for member in ("m1", "m2", "m3"):
        await many[0].admit("account", ACCOUNT, member)
    assert await many[1].admit("account", ACCOUNT, "m0") == (True, 0), "its turn was taken over"
    assert await many[1].admit("account", ACCOUNT, "m3") == (False, 0)


async def test_the_same_member_again_answers_the_same_and_writes_nothing(
    locks: RedisLocks, redis_server: RedisServer
) -> None:
    for members in (["m0"], ["m0", "m1"], ["m0", "m1", "m2"], ["m0", "m1", "m2", "m3"]):
        first = await locks.admit("account", ACCOUNT, members[-1])
        before = whole(redis_server)
        assert await locks.admit("account", ACCOUNT, members[-1]) == first
        assert whole(redis_server) == before


async def test_one_that_is_forgotten_frees_its_place(locks: RedisLocks, redis_server: RedisServer) -> None:
    for member in ("m0", "m1", "m2"):
        await locks.admit("account", ACCOUNT, member)
    for _ in range(2):
        await locks.forget("account", ACCOUNT, "m1")
        assert counted(redis_server) == ["m0", "m2"]
    assert await locks.free("account", ACCOUNT)
    assert await locks.admit("account", ACCOUNT, "m3") == (True, 0)
    assert await locks.admit("account", ACCOUNT, "m1") == (False, 0)


async def test_who_was_never_let_in_frees_nothing(locks: RedisLocks, redis_server: RedisServer) -> None:
    await locks.forget("account", ACCOUNT, "m0")
    assert redis_server.command("EXISTS", key()) == 0
    for member in ("m0", "m1", "m2", "m3"):
        await locks.admit("account", ACCOUNT, member)
    await locks.forget("account", ACCOUNT, "m3")
    assert counted(redis_server) == ["m0", "m1", "m2"]


@pytest.mark.parametrize("attempts", range(5))
async def test_a_look_writes_nothing(locks: RedisLocks, redis_server: RedisServer, attempts: int) -> None:
    for number in range(attempts):
        await locks.admit("account", ACCOUNT, f"m{number}")
    before = whole(redis_server)
    for _ in range(2 * MOST):
        assert await locks.free("account", ACCOUNT) == (attempts < MOST)
    assert whole(redis_server) == before


async def test_accounts_and_clients_are_counted_apart(locks: RedisLocks, redis_server: RedisServer) -> None:
    for number in range(4):
        await locks.admit("account", ACCOUNT, f"m{number}")
    for kind, value in (("client", ACCOUNT), ("account", ACCOUNT + "1"), ("client", CLIENT)):
        assert await locks.free(kind, value)
        assert await locks.admit(kind, value, "m0") == (True, 2)
    assert not await locks.free("account", ACCOUNT)


@pytest.fixture
def monitor(redis_server: RedisServer) -> Iterator[RedisServer]:
    """Every command is kept in the slow log."""
    for name, value in (("slowlog-log-slower-than", 0), ("slowlog-max-len", 10_000)):
        redis_server.command("CONFIG", "SET", name, value)
    redis_server.command("SLOWLOG", "RESET")
    yield redis_server
    redis_server.command("CONFIG", "SET", "slowlog-log-slower-than", 10_000)
    redis_server.command("SLOWLOG", "RESET")


async def test_redis_learns_neither_account_nor_address(locks: RedisLocks, monitor: RedisServer) -> None:
    for kind, value in (("account", ACCOUNT), ("client", CLIENT), ("client", "2001:db8:7:7::/64")):
        await locks.admit(kind, value, "s1:4")
        await locks.free(kind, value)
        await locks.forget(kind, value, "s1:4")
        await locks.admit(kind, value, "s1:5")
    seen = repr([whole(monitor), monitor.command("SLOWLOG", "GET", -1)])
    assert "s1:5" in seen, "it was looked at"
    for word in (ACCOUNT, CLIENT, "2001:db8", ACCOUNT[::-1]):
        assert word not in seen
    names = sorted(name for name in monitor.command("KEYS", "*") if b"lock" in name)
    assert len(names) == 3
    assert all(len(name.partition(b"lock:")[2]) == 32 for name in names)


def test_the_names_depend_on_the_deployments_secret() -> None:
    other = Fingerprints(["another secret of a deployment, for tests"])
    assert other.of("account", ACCOUNT) != FINGERPRINTS.of("account", ACCOUNT)
    assert FINGERPRINTS.of("account", "a:b") != FINGERPRINTS.of("account:a", "b:")
    assert 0 <= lock_key(FINGERPRINTS.of("account", ACCOUNT))[0] < SHARDS


async def test_a_lock_goes_by_itself_when_its_newest_attempt_is_forgotten(
    locks: RedisLocks, redis_server: RedisServer
) -> None:
    await locks.admit("account", ACCOUNT, "m0")
    assert WINDOW_MS - 5000 < redis_server.command("PTTL", key()) <= WINDOW_MS
    redis_server.command("PEXPIRE", key(), 60_000)
    await locks.admit("account", ACCOUNT, "m1")
    assert WINDOW_MS - 5000 < redis_server.command("PTTL", key()) <= WINDOW_MS


async def test_a_refused_attempt_doesnt_keep_the_lock_any_longer(locks: RedisLocks, redis_server: RedisServer) -> None:
    for member in ("m0", "m1", "m2"):
        await locks.admit("account", ACCOUNT, member)
    redis_server.command("PEXPIRE", key(), 60_000)
    assert not (await locks.admit("account", ACCOUNT, "m3"))[0]
    assert redis_server.command("PTTL", key()) <= 60_000


async def test_the_window_slides(locks: RedisLocks, redis_server: RedisServer) -> None:
    for member in ("m0", "m1", "m2"):
        await locks.admit("account", ACCOUNT, member)
    set_back(redis_server, WINDOW_MS // 2, "m0", "m1", "m2")
    assert not await locks.free("account", ACCOUNT)
    set_back(redis_server, WINDOW_MS // 2, "m0")
    assert await locks.free("account", ACCOUNT)
    assert await locks.admit("account", ACCOUNT, "m3") == (True, 0)
    assert counted(redis_server) == ["m1", "m2", "m3"]
    set_back(redis_server, WINDOW_MS // 2, "m1", "m2")
    assert await locks.admit("account", ACCOUNT, "m4") == (True, 1)
    assert await locks.admit("account", ACCOUNT, "m5") == (True, 0)
    assert await locks.admit("account", ACCOUNT, "m6") == (False, 0)


async def test_an_attempt_that_slid_out_counts_anew(locks: RedisLocks, redis_server: RedisServer) -> None:
    await locks.admit("account", ACCOUNT, "m0")
    set_back(redis_server, WINDOW_MS + 1, "m0")
    for member in ("m1", "m2", "m3"):
        await locks.admit("account", ACCOUNT, member)
    assert await locks.admit("account", ACCOUNT, "m0") == (False, 0)
