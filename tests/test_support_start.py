"""The support bot starts whole or not at all: what is missing stops the start with one plain line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.replica import DEFAULTS, ROOT, ReplicaProcess


def start(redis_url: str, folder: Path, **settings: str) -> tuple[int, list[str]]:
    """Try to serve, as nobody who may write everywhere; exit code and what was said."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BATON_")}
    env = {**inherited, **DEFAULTS, "BATON_AGENT": "support", "BATON_DATA_DIR": str(folder / "data"), **settings}
    command = [sys.executable, "-m", "app", "serve", "--port", "0", "--redis", redis_url]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, [line for line in done.stderr.splitlines() if line.startswith("baton:")]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "can't be read"),
        ("", "no *.md file"),
        ("no title", 'must begin with "# Title"'),
        ("# A title\n\nAn overview.", "nobody would find it"),
    ],
)
def test_a_knowledge_base_that_cant_be_used(redis_url: str, tmp_path: Path, content: str | None, why: str) -> None:
    folder = tmp_path / "knowledge"
    if content is not None:
        folder.mkdir()
    if content:
        (folder / "topic.md").write_text(content)
    code, said = start(redis_url, tmp_path, BATON_KNOWLEDGE_DIR=str(folder))
    assert code == 2
    assert len(said) == 1
    assert said[0].startswith("baton: BATON_KNOWLEDGE_DIR: ")
    assert why in said[0]


def test_a_data_folder_that_is_none(redis_url: str, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    code, said = start(redis_url, tmp_path)
    assert (code, len(said)) == (2, 1)
    assert "BATON_DATA_DIR" in said[0]
    assert "BATON_ACCOUNTS_URL" in said[0]


async def test_a_database_that_is_away_stops_nothing(redis_url: str, tmp_path: Path) -> None:
    env = {"BATON_AGENT": "support", "BATON_ACCOUNTS_URL": "postgresql://u:hunter2@127.0.0.1:1/none"}
    async with ReplicaProcess.start(redis_url=redis_url, env=env) as replica:
        assert await replica.ready()
        assert "accounts_unavailable" in replica.logs()
        assert "hunter2" not in replica.logs()
