"""The Redis of the tests keeps what it acknowledged, can be set back, and its fixtures see a key without TTL (I11)."""

from pathlib import Path

import pytest
import redis

from tests.conftest import judge_ttls
from tests.support.redis_server import RedisServer


def test_a_killed_server_has_everything_it_answered_for(own_redis: RedisServer) -> None:
    for number in range(50):
        own_redis.command("SET", f"key:{number}", number, "EX", 60)
    own_redis.kill9()
    assert not own_redis.alive
    with pytest.raises(redis.ConnectionError):
        own_redis.command("PING")
    own_redis.start()
    assert own_redis.command("DBSIZE") == 50


def test_an_older_log_can_be_put_back(own_redis: RedisServer) -> None:
    port = own_redis.port
    own_redis.command("SET", "a", "old", "EX", 60)
    copy = own_redis.copy_aof()
    own_redis.command("SET", "a", "new", "EX", 60)
    own_redis.restart()
    assert own_redis.command("GET", "a") == b"new"
    own_redis.stop()
    own_redis.restore_aof(copy)
    own_redis.start()
    assert (own_redis.command("GET", "a"), own_redis.port) == (b"old", port)


def test_a_server_that_does_not_start_says_why() -> None:
    server = RedisServer("--no-such-setting", "1")
    try:
        with pytest.raises(RuntimeError, match="no-such-setting"):
            server.start()
    finally:
        server.close()
    assert not server.folder.exists()


def test_another_server_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is wrong is an error, and never the usual server instead."""
    named = tmp_path / "another-server"
    monkeypatch.setenv("BATON_TEST_REDIS_SERVER", str(named))
    server = RedisServer()
    try:
        with pytest.raises(FileNotFoundError, match="another-server"):
            server.start()
    finally:
        server.close()


def test_the_content_of_a_key_is_its_value_and_its_deadline(own_redis: RedisServer) -> None:
    for number in range(200):
        own_redis.command("HSET", "hash", f"field {number}", number)
    own_redis.command("RPUSH", "list", "b", "a")
    own_redis.command("ZADD", "zset", 2, "x")
    own_redis.command("XADD", "stream", "1-1", "d", "one")
    own_redis.command("SET", "string", "text")
    keys = (b"hash", b"list", b"zset", b"stream", b"string")
    for key in keys:
        own_redis.command("PEXPIREAT", key, 4_000_000_000_000)
    before = {key: own_redis.content(key) for key in keys}
    assert before[b"list"] == ([b"b", b"a"], 4_000_000_000_000)
    own_redis.command("HSET", "hash", "field 7", 7)
    assert {key: own_redis.content(key) for key in keys} == before
    for change in (
        ("HSET", "hash", "field 7", 8), ("RPUSH", "list", "c"), ("ZADD", "zset", 3, "x"),
        ("XADD", "stream", "2-1", "d", "two"), ("PEXPIREAT", "string", 4_000_000_000_001),
    ):  # fmt: skip
        own_redis.command(*change)
    assert all(own_redis.content(key) != before[key] for key in keys)


def test_a_key_without_a_ttl_is_named_and_the_shard_record_is_allowed(own_redis: RedisServer) -> None:
    own_redis.command("SET", "baton:shards", 64)
    own_redis.command("SET", "fine", 1, "EX", 60)
    judge_ttls(own_redis)
    own_redis.command("SET", "forever", 1)
    with pytest.raises(AssertionError, match="keys without a TTL: forever\n"):
        judge_ttls(own_redis)
    own_redis.command("DEL", "forever")


@pytest.mark.parametrize("_", range(2))
def test_the_shared_server_is_empty_for_each_test(redis_url: str, _: int) -> None:
    client = redis.Redis.from_url(redis_url)
    assert client.dbsize() == 0
    client.set("left behind", 1, ex=60)
    client.close()
