"""The browser's files from replicas of two releases on one Redis, as a rolling upgrade leaves them."""

import asyncio
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.edge.bundles import pack
from app.edge.releases import REFRESH_SECONDS, RETRY_SECONDS
from app.store.keys import release_key
from app.store.releases import LIFE_SECONDS
from tests.edge.helpers import DEFAULTS, judge, running
from tests.support.other_release import OtherRelease
from tests.support.poll import until
from tests.support.redis_server import RedisServer
from tests.support.replica import ROOT, SECRET, ReplicaProcess

UNKNOWN = "0123456789abcdef" * 2
PUBLIC = {
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
    "x-content-type-options": "nosniff",
}


@pytest.fixture(scope="module")
def newer(empty_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaProcess]:
    """A replica of the next release, on the Redis of this one's."""
    started = OtherRelease(empty_redis.url, tmp_path_factory.mktemp("releases"), "newer", DEFAULTS)
    with running(started):
        yield started


class Http:
    """Requests without a proxy and without headers that nobody asked for."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def get(
        self, replica: ReplicaProcess, path: str, headers: dict[str, str] | None = None, method: str = "GET"
    ) -> httpx.Response:
        """One request."""
        return self._client.request(method, replica.http_url + path, headers=headers)

    def version_of(self, replica: ReplicaProcess) -> str:
        """The version that a replica's entry names."""
        (version,) = re.findall(r"'([0-9a-f]{32})'", self.get(replica, "/widget.js").text)
        return str(version)


@pytest.fixture(scope="module")
def http() -> Iterator[Http]:
    """One client: to make one takes longer than most requests."""
    with httpx.Client(trust_env=False, headers={"accept-encoding": "identity"}, timeout=10) as client:
        yield Http(client)


def look_ups(server: RedisServer) -> int:
    """How often replicas asked Redis for a version."""
    return int(server.command("INFO", "commandstats").get("cmdstat_getrange", {"calls": 0})["calls"])


def test_each_release_serves_the_modules_of_the_other(
    http: Http, replica: ReplicaProcess, newer: ReplicaProcess
) -> None:
    assert http.version_of(replica) != http.version_of(newer)
    assert "'newer'" in http.get(replica, f"/static/{http.version_of(newer)}/widget/element.js").text
    modules = [path.relative_to(ROOT / "app" / "web").as_posix() for path in (ROOT / "app" / "web").rglob("*.*s")]
    assert len(modules) > 20
    for here, there in ((replica, newer), (newer, replica)):
        for path in modules:
            foreign, own = (http.get(which, f"/static/{http.version_of(there)}/{path}") for which in (here, there))
            assert (foreign.status_code, foreign.content) == (200, own.content), path
            assert foreign.headers == own.headers


async def test_a_version_outlives_the_last_replica_that_was_of_it(
    http: Http, replica: ReplicaProcess, empty_redis: RedisServer, tmp_path: Path
) -> None:
    gone = OtherRelease(empty_redis.url, tmp_path, "gone", DEFAULTS)
    try:
        await gone.launch()
        version = http.version_of(gone)
    finally:
        gone.discard()
    assert "'gone'" in http.get(replica, f"/static/{version}/widget/element.js").text
    left = empty_redis.command("TTL", release_key(version))
    assert 29 * 86_400 < left <= 30 * 86_400 == LIFE_SECONDS


def test_no_entry_is_older_than_its_modules(http: Http, replica: ReplicaProcess) -> None:
    for entry in ("/widget.js", "/sdk.js"):
        cached = http.get(replica, entry).headers["cache-control"]
        ages = [int(age) for age in re.findall(r"(?:max-age|stale-\S+)=(\d+)", cached)]
        assert len(ages) == 3
        assert sum(ages) < LIFE_SECONDS - REFRESH_SECONDS - RETRY_SECONDS
        assert http.get(replica, f"{entry}?retry=3").headers["cache-control"] == "no-store"


def test_what_somebody_else_wrote_into_redis_is_not_served(
    http: Http, replica: ReplicaProcess, empty_redis: RedisServer
) -> None:
    theirs = pack(b'{"widget/element.js": "alert(1)"}', ["a secret of their own"])
    moved = pack(b'{"widget/element.js": "alert(1)"}', [SECRET])
    for n, value in enumerate((theirs, moved, b"alert(1)", bytes(8 * 1024 * 1024))):
        version = f"{n:032x}"
        empty_redis.command("SET", release_key(version), value, "EX", 60)
        response = http.get(replica, f"/static/{version}/widget/element.js")
        assert (response.status_code, response.headers["cache-control"]) == (404, "no-store")
        assert "alert" not in response.text


def test_only_a_version_is_looked_up_and_an_unknown_one_once(
    http: Http, replica: ReplicaProcess, empty_redis: RedisServer
) -> None:
    before, own = look_ups(empty_redis), http.version_of(replica)
    for version in ("x", UNKNOWN[:-1], UNKNOWN.upper(), UNKNOWN + "0", f"{UNKNOWN}.x", f"{UNKNOWN}.", f"{UNKNOWN}%0a"):
        assert http.get(replica, f"/static/{version}/widget.js").status_code == 404
    for path in ("demo/index.html", "widget/element.mjs", "widget.js%00.html", ""):
        for version in (own, UNKNOWN):
            assert http.get(replica, f"/static/{version}/{path}").status_code == 404
    assert look_ups(empty_redis) == before
    for path in ("widget/element.js", "sdk/session.js", "nothing.js"):
        assert http.get(replica, f"/static/{UNKNOWN}/{path}").status_code == 404
    assert look_ups(empty_redis) == before + 1
    assert http.get(replica, f"/static/{own}.7/widget/element.js").status_code == 200


@pytest.mark.parametrize("away", [True, False], ids=["away", "stopped"])
async def test_without_redis_the_own_version_is_served_and_others_later(
    http: Http, own_redis: RedisServer, away: bool
) -> None:
    foreign = f"/static/{UNKNOWN}/widget/element.js"
    async with ReplicaProcess.start(redis_url=own_redis.url) as replica:
        own = http.version_of(replica)
        if away:
            await asyncio.to_thread(own_redis.kill9)
        else:
            os.kill(own_redis.pid, signal.SIGSTOP)
        response = await asyncio.to_thread(http.get, replica, foreign)
        assert response.status_code == 503
        assert (response.headers["cache-control"], int(response.headers["retry-after"])) == ("no-store", 2)
        assert response.headers.items() >= PUBLIC.items()
        assert http.get(replica, f"/static/{own}/widget/element.js").status_code == 200
        if away:
            await asyncio.to_thread(own_redis.start)
        else:
            os.kill(own_redis.pid, signal.SIGCONT)
        await until(lambda: http.get(replica, foreign).status_code == 404, what="an answer from Redis")
        judge(replica)


def test_every_file_can_be_loaded_by_any_page_and_kept_as_long_as_it_holds(http: Http, replica: ReplicaProcess) -> None:
    version = http.version_of(replica)
    for path, kept in (
        ("/widget.js", "public, max-age=300,"), ("/sdk.js", "public, max-age=300,"), ("/", "no-cache"),
        (f"/static/{version}/widget/element.js", "public, max-age=31536000, immutable"),
        (f"/static/{version}/demo/demo.css", "public, max-age=31536000, immutable"),
        (f"/static/{version}/nothing.js", "no-store"),
    ):  # fmt: skip
        headers = http.get(replica, path).headers
        assert headers["cache-control"].startswith(kept), path
        if path != "/":
            assert headers.items() >= PUBLIC.items(), path


def test_a_file_comes_in_the_form_that_was_asked_for(http: Http, replica: ReplicaProcess) -> None:
    for path in ("/", "/widget.js", f"/static/{http.version_of(replica)}/widget/element.js"):
        plain = http.get(replica, path)
        for accepted, encoding in (("gzip", "gzip"), ("gzip;q=0", None), ("br, *;q=0.1", "gzip"), ("br", None)):
            answer = http.get(replica, path, {"accept-encoding": accepted})
            assert answer.headers.get("content-encoding") == encoding, accepted
            assert (answer.content, answer.headers["vary"]) == (plain.content, "accept-encoding")
            assert answer.headers["etag"] == plain.headers["etag"]
        head = http.get(replica, path, method="HEAD")
        assert (head.status_code, head.content, head.headers) == (200, b"", plain.headers)
        tag = plain.headers["etag"]
        for known in (tag, f'"other", {tag}', tag.removeprefix("W/"), "*"):
            for method in ("GET", "HEAD"):
                again = http.get(replica, path, {"if-none-match": known}, method)
                assert (again.status_code, again.content) == (304, b""), known
                assert {again.headers[name] for name in ("etag", "vary")} == {tag, "accept-encoding"}
                assert again.headers["cache-control"] == plain.headers["cache-control"]
        assert http.get(replica, path, {"if-none-match": '"other"'}).status_code == 200
