"""The browser's files in Redis: one key a version, with a deadline (I11), and never more of it than was asked for."""

from app.store.keys import release_key
from app.store.redis_store import RedisStore
from app.store.releases import LIFE_SECONDS, RedisReleases
from tests.support.redis_server import RedisServer

VERSION = "0123456789abcdef" * 2


async def test_a_version_is_kept_for_30_days_from_the_last_time(store: RedisStore, redis_server: RedisServer) -> None:
    releases, key = RedisReleases(store.replay), release_key(VERSION)
    for value in (b"one", b"two"):
        await releases.write(VERSION, value)
        assert LIFE_SECONDS - 60 < redis_server.command("TTL", key) <= LIFE_SECONDS == 30 * 86_400
        assert await releases.read(VERSION, 100) == value
        redis_server.command("EXPIRE", key, 60)


async def test_no_more_is_read_than_was_asked_for(store: RedisStore, redis_server: RedisServer) -> None:
    releases = RedisReleases(store.replay)
    assert await releases.read(VERSION, 100) is None
    redis_server.command("SET", release_key(VERSION), bytes(100_000), "EX", 60)
    assert await releases.read(VERSION, 100) == bytes(100)
