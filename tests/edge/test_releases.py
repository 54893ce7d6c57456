"""A version's files from the store: only what a replica signed and what hashes to the version, and bounded in all."""

import asyncio
import gzip
import hashlib
import hmac
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.errors import StoreUnavailableError
from app.edge import releases
from app.edge.assets import Assets, load_assets, version_of
from app.edge.bundles import MAX_STORED, MAX_UNPACKED, BundleError, pack, unpack
from app.edge.releases import MISS_SECONDS, MOST_KEPT, MOST_MISSES, REFRESH_SECONDS, Releases
from tests.support.poll import until

SECRETS = ["a secret of the deployment", "the one before"]


class Shelf:
    """A store in memory that counts. ``wrong``: what it raises."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.read_versions: list[str] = []
        self.wrong: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def read(self, version: str, most: int) -> bytes | None:
        self.read_versions.append(version)
        await self.gate.wait()
        if self.wrong is not None:
            raise self.wrong
        value = self.values.get(version)
        return None if value is None else value[:most]

    async def write(self, version: str, value: bytes) -> None:
        if self.wrong is not None:
            raise self.wrong
        self.values[version] = value


class Clock:
    """Seconds, set by the test."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def bundle(mark: str, **files: str) -> bytes:
    """A release's files that differ by ``mark``."""
    return json.dumps({"widget.js": f"export const mark = '{mark}';", **files}).encode()


def signed(packed: bytes, secret: str = SECRETS[0]) -> bytes:
    """What only a replica could have written, whatever is in it."""
    return hmac.digest(secret.encode(), b"baton browser files\0" + packed, "sha256") + packed


def replica(shelf: Shelf, clock: Callable[[], float] | None = None, mark: str = "own") -> Releases:
    """The versions as a replica has them."""
    return Releases(Assets.of(bundle(mark)), shelf, SECRETS, clock or Clock())


def stored(shelf: Shelf, mark: str) -> str:
    """A version of another release; its name."""
    version = version_of(bundle(mark))
    shelf.values[version] = pack(bundle(mark), SECRETS)
    return version


async def test_what_one_release_stores_the_other_serves() -> None:
    shelf = Shelf()
    older, newer = replica(shelf, mark="older"), replica(shelf, mark="newer")
    await older.publish()
    await newer.publish()
    for here, there in ((older, newer), (newer, older)):
        found = await here.find(there.own.version)
        assert found is not None
        assert {name: file.content for name, file in found.files.items()} == {
            name: file.content for name, file in there.own.files.items()
        }
        assert await here.find(here.own.version) is here.own
    assert shelf.read_versions == [newer.own.version, older.own.version], "the own version needs no store"


def test_a_version_is_named_by_its_modules_and_holds_nothing_else() -> None:
    own = load_assets()
    assert own.version == hashlib.sha256(own.bundle).hexdigest()[:32]
    assert {name.rpartition(".")[2] for name in own.files} == {"js", "css"}
    with_more = bundle("x", **{"page.html": "<script>", "image.svg": "<svg>", "nothing": "", "js": "kept out?"})
    assert set(Assets.of(with_more).files) == {"widget.js", "js"}
    assert own.page("demo/index.html").content.count(own.version.encode()) >= 2


def test_the_files_of_a_folder_change_the_version(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.js").write_text("/** Why. */\n// more\nexport const a = '{{version}}';\n")
    (tmp_path / "page.html").write_text("one")
    first = load_assets(tmp_path)
    assert first.files["sub/a.js"].content == f"export const a = '{first.version}';\n".encode()
    (tmp_path / "page.html").write_text("another")
    assert load_assets(tmp_path).version == first.version
    (tmp_path / "sub" / "a.js").rename(tmp_path / "a.js")
    assert load_assets(tmp_path).version != first.version


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"", "not signed"),
        (gzip.compress(bundle("asked for")), "not signed"),
        (pack(bundle("asked for"), ["another deployment"]), "not signed"),
        (pack(bundle("asked for"), SECRETS) + b"x", "not signed"),
        (pack(bundle("another"), SECRETS), "another version"),
        (signed(bundle("asked for")), "not gzip"),
        (signed(gzip.compress(bundle("asked for"))[:-9]), "cut off"),
        (signed(gzip.compress(bytes(MAX_UNPACKED + 1))), "too large unpacked"),
        (signed(bytes(MAX_STORED)), "too large"),
    ],
    ids=range(9),
)
async def test_anything_else_in_the_store_is_refused(value: bytes, why: str) -> None:
    version = version_of(bundle("asked for"))
    with pytest.raises(BundleError, match=why):
        unpack(value, version, SECRETS)
    shelf = Shelf()
    shelf.values[version] = value
    assert await replica(shelf).find(version) is None


@pytest.mark.parametrize("content", [b"", b"[]", b'{"a.js": 1}', b'{"a.js": null}', b'{"a.js": "x"', b"\xff"], ids=repr)
def test_a_bundle_that_is_none_is_refused(content: bytes) -> None:
    with pytest.raises(BundleError, match="not a bundle"):
        unpack(pack(content, SECRETS), version_of(content), SECRETS)


def test_a_bomb_is_not_unpacked() -> None:
    bomb = signed(gzip.compress(bytes(300 * 1024 * 1024), 9))
    assert len(bomb) < MAX_STORED
    tracemalloc.start()
    with pytest.raises(BundleError):
        unpack(bomb, "0" * 32, SECRETS)
    assert tracemalloc.get_traced_memory()[1] < 3 * MAX_UNPACKED
    tracemalloc.stop()


def test_a_secret_can_be_rotated() -> None:
    content = bundle("x")
    assert unpack(pack(content, SECRETS[1:]), version_of(content), SECRETS).bundle == content
    with pytest.raises(BundleError):
        unpack(pack(content, SECRETS), version_of(content), SECRETS[1:])


def test_a_release_fits_with_room_to_grow() -> None:
    own = load_assets().bundle
    assert len(own) * 4 < MAX_UNPACKED
    assert len(pack(own, SECRETS)) * 4 < MAX_STORED


async def test_all_modules_of_a_page_are_one_look_up_and_there_is_one_at_a_time() -> None:
    shelf = Shelf()
    version, here = stored(shelf, "other"), replica(shelf)
    shelf.gate.clear()
    asked = [asyncio.create_task(here.find(name)) for name in [version] * 20 + ["0" * 32]]
    await until(lambda: shelf.read_versions)
    await asyncio.sleep(0)
    assert shelf.read_versions == [version]
    shelf.gate.set()
    *found, none = await asyncio.gather(*asked)
    assert (all(found), none) == (True, None)
    assert shelf.read_versions == [version, "0" * 32]


async def test_as_many_foreign_versions_are_kept_as_are_alive_those_used_last() -> None:
    assert MOST_KEPT >= 30, "a release a day"
    shelf = Shelf()
    here = replica(shelf)
    first, *others = [stored(shelf, f"release {n}") for n in range(MOST_KEPT + 3)]
    await here.find(first)
    for version in others:
        assert await here.find(version)
        assert await here.find(first)
    assert shelf.read_versions == [first, *others], "the first was used all the time"
    assert (len(here._kept), here._kept[first].bundle) == (MOST_KEPT, b"")


async def test_an_unknown_version_is_looked_up_once_in_a_while() -> None:
    shelf, clock = Shelf(), Clock()
    here = replica(shelf, clock)
    for _ in range(3):
        assert await here.find("0" * 32) is None
    assert shelf.read_versions == ["0" * 32]
    clock.now += MISS_SECONDS
    late = stored(shelf, "stored meanwhile")
    assert await here.find(late)
    assert here._misses == {}


async def test_made_up_versions_shut_no_true_one_out_and_are_not_remembered_without_end() -> None:
    shelf = Shelf()
    here, true = replica(shelf), stored(shelf, "other")
    for n in range(MOST_MISSES * 2):
        assert await here.find(f"{n:032x}") is None
    assert await here.find(true)
    assert len(here._misses) == MOST_MISSES
    reads = len(shelf.read_versions)
    assert await here.find(f"{MOST_MISSES * 2 - 1:032x}") is None
    assert len(shelf.read_versions) == reads, "the newest are"


async def test_a_store_that_is_away_or_slow_is_no_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf()
    version, here = stored(shelf, "other"), replica(shelf)
    shelf.wrong = StoreUnavailableError("away")
    with pytest.raises(StoreUnavailableError):
        await here.find(version)
    shelf.wrong = None
    shelf.gate.clear()
    monkeypatch.setattr(releases, "LOOKUP_SECONDS", 0.05)
    results = await asyncio.gather(*(here.find(version) for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [StoreUnavailableError] * 3
    shelf.gate.set()
    monkeypatch.setattr(releases, "LOOKUP_SECONDS", 10)
    assert await here.find(version)


async def test_the_own_version_is_stored_every_hour_and_soon_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf, clock = Shelf(), Clock()
    here = replica(shelf, clock)
    monkeypatch.setattr(releases, "RETRY_SECONDS", 0.01)
    shelf.wrong = StoreUnavailableError("away")
    await here.publish()
    assert shelf.values == {}
    keeper = asyncio.create_task(here.keep())
    shelf.wrong = None
    clock.now += 1
    await until(lambda: shelf.values)
    shelf.values.clear()
    clock.now += REFRESH_SECONDS
    await until(lambda: shelf.values)
    keeper.cancel()
