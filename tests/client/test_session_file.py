"""The file between two runs: private, atomic, one part per host, and never in the way with a traceback."""

import stat
from pathlib import Path

import pytest

from app.client.session_file import Saved, SessionFile, SessionFileError, default_path


def test_it_is_private_and_keeps_what_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "chat.json"
    saved = Saved("token", {"id": "text \ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")})
    SessionFile(path, "ws://127.0.0.1:8080/ws").save(saved)
    assert SessionFile(path, "ws://127.0.0.1:8081/ws").load() == saved, "replicas differ in their port"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["chat.json"]


def test_a_token_is_never_given_to_another_host(tmp_path: Path) -> None:
    path = tmp_path / "chat.json"
    SessionFile(path, "wss://one.example/ws").save(Saved("one"))
    other = SessionFile(path, "wss://two.example/ws")
    assert other.load() == Saved()
    other.save(Saved("two"))
    assert SessionFile(path, "wss://one.example/ws").load() == Saved("one")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"conversations":{"localhost":{"token":5}}}', b"\xff\xfe"])
def test_a_file_of_something_else_is_refused_in_one_line_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "chat.json"
    path.write_bytes(content)
    file = SessionFile(path, "ws://127.0.0.1:1/ws")
    for action in (file.load, lambda: file.save(Saved("new"))):
        with pytest.raises(SessionFileError, match="isn't a session file"):
            action()
    assert path.read_bytes() == content


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SessionFileError, match="can't be"):
        SessionFile(tmp_path / "file" / "chat.json", "ws://127.0.0.1:1/ws").save(Saved("t"))


def test_the_default_place(tmp_path: Path) -> None:
    assert default_path({"XDG_CONFIG_HOME": str(tmp_path)}) == tmp_path / "baton" / "chat.json"
    assert default_path({"XDG_CONFIG_HOME": "relative"}) == Path.home() / ".config" / "baton" / "chat.json"
