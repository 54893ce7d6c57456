"""A pipe doesn't wait for ever for a server that isn't there; a person at a terminal may."""

import asyncio
from io import StringIO
from pathlib import Path

import pytest

from app import chat
from app.client.session_file import Saved, SessionFile
from app.client.view import ChatView
from tests.support.poll import until
from tests.support.redis_server import free_port


@pytest.mark.parametrize(("tty", "code"), [(False, 1), (True, None)])
async def test_only_a_pipe_gives_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tty: bool, code: int | None
) -> None:
    monkeypatch.setattr(chat, "UNREACHABLE_SECONDS", 0.0)
    url, out = f"http://127.0.0.1:{free_port()}", StringIO()
    talk = chat.Chat(url, ChatView(out, out, typed=tty), SessionFile(tmp_path / "f", url), Saved("t"), tty=tty)
    connection = asyncio.create_task(talk.client.run())
    try:
        await until(lambda: out.getvalue().count("can't be reached") > 1, what="two attempts")
        assert (talk.code, "Giving up." in out.getvalue()) == (code, not tty)
    finally:
        connection.cancel()
        await asyncio.gather(connection, return_exceptions=True)
