"""The folder of the embedded store and the program that it runs: whose they are, which is good enough, one secret."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import pytest

from app.store import embedded_binary, embedded_dir
from app.store.embedded import EmbeddedError, load_or_make_secret


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_a_folder_of_somebody_else_is_refused(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data_dir.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    with pytest.raises(EmbeddedError, match="belongs to another user"):
        embedded_dir.private_folder(data_dir)


def test_a_link_in_place_of_a_private_folder_is_refused(data_dir: Path) -> None:
    data_dir.mkdir()
    link = data_dir / "link"
    link.symlink_to(data_dir)
    with pytest.raises(EmbeddedError, match="belongs to another user"):
        embedded_dir.private_folder(link)


@pytest.mark.parametrize(
    ("printed", "good"),
    [
        ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc bits=64", True),
        ("Redis server v=6.2.7 sha=0", False),
        ("Valkey server v=8.0.1 sha=0", True),
        ("Server v=7.2.4", False),
        ("Valkey server v=7.2.8 sha=0", False),
        ("KeyDB server v=10.0.0", False),
        ("what?", False),
    ],
)
def test_a_server_too_old_is_passed_over(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, printed: str, good: bool
) -> None:
    data_dir.mkdir()
    program = data_dir / "redis-server"
    program.write_text(f"#!/bin/sh\necho '{printed}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{data_dir}:/bin:/usr/bin")
    monkeypatch.setattr(metadata, "files", lambda _name: None)
    if good:
        assert embedded_binary.find_server() == program
    else:
        with pytest.raises(EmbeddedError, match="needs Valkey 8 or Redis 7, but"):
            embedded_binary.find_server()


def test_the_secret_is_made_once_however_many_race(data_dir: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        secrets = set(pool.map(load_or_make_secret, [data_dir] * 32))
    assert len(secrets) == 1
    assert len(secrets.pop()) >= 32
    assert stat.S_IMODE((data_dir / "secret").stat().st_mode) == 0o600
    assert not list(data_dir.glob(".secret-*"))


def test_a_secret_others_could_read_is_closed_and_a_damaged_one_refused(data_dir: Path) -> None:
    secret = load_or_make_secret(data_dir)
    (data_dir / "secret").chmod(0o644)
    assert load_or_make_secret(data_dir) == secret
    assert stat.S_IMODE((data_dir / "secret").stat().st_mode) == 0o600
    (data_dir / "secret").write_text("hunter2")
    with pytest.raises(EmbeddedError, match="doesn't hold a usable secret") as caught:
        load_or_make_secret(data_dir)
    assert "hunter2" not in str(caught.value)
