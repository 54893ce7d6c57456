"""`baton chat` as a process: through a pipe and on a terminal, with a server that dies in between."""

import asyncio
import json
import os
import pty
import signal
import stat
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.fake_server import FakeServer
from tests.support.poll import until

ROOT = Path(__file__).parent.parent


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with FakeServer.start() as running:
        yield running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "chat.json"


async def start(url: str, file: Path, *options: str, stdin: int = PIPE, stdout: int = PIPE) -> Process:
    """Start the program; whoever starts it ends it."""
    arguments = ["-m", "app", "chat", url, "--session-file", str(file), *options]
    environ = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    return await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdin=stdin, stdout=stdout, stderr=PIPE if stdout == PIPE else stdout, env=environ
    )


async def piped(url: str, file: Path, text: str, *options: str) -> tuple[int | None, str, str]:
    """Run it with `text` as its input: exit code, output, notices."""
    process = await start(url, file, *options)
    try:
        async with asyncio.timeout(20):
            out, err = await process.communicate(text.encode("utf-8", "surrogatepass"))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, out.decode(), err.decode()


async def test_a_pipe_gets_an_answer_to_each_line_before_the_next_is_sent(server: FakeServer, file: Path) -> None:
    code, out, err = await piped(server.url, file, "first\n\n  \nsecond\r\n//slash\nlast without a line break")
    assert (code, out.splitlines()) == (0, [
        "You: first", "Bot: Echo: first", "You: second", "Bot: Echo: second", "You: /slash", "Bot: Echo: /slash",
        "You: last without a line break", "Bot: Echo: last without a line break",
    ])  # fmt: skip
    assert err.splitlines() == ["· Connected to replica r-1."]
    ends = [event["seq"] for event in server.events if event["type"] == "turn_end"]
    starts = [event["seq"] for event in server.events if event.get("role") == "user"]
    assert all(end < start for end, start in zip(ends, starts[1:], strict=False))


async def test_a_second_start_continues_and_shows_the_last_messages(server: FakeServer, file: Path) -> None:
    await piped(server.url, file, "remember me\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    code, out, _ = await piped(server.url, file, "again\n")
    assert (code, out.splitlines()) == (
        0, ["You: remember me", "Bot: Echo: remember me", "You: again", "Bot: Echo: again"],
    )  # fmt: skip
    assert [hello["token"] for hello in server.hellos] == [None, "token-1"]
    await piped(server.url, file, "", "--new")
    assert [hello["token"] for hello in server.hellos] == [None, "token-1", None]


async def test_a_saved_conversation_that_is_refused_is_replaced_by_a_new_one(server: FakeServer, file: Path) -> None:
    await piped(server.url, file, "old\n")
    server.token = "token-2"
    code, out, err = await piped(server.url, file, "new\n")
    assert (code, out.splitlines()[-1]) == (0, "Bot: Echo: new")
    assert "· The server doesn't accept the saved conversation's token." in err
    assert [hello["token"] for hello in server.hellos] == [None, "token-1", None]
    assert json.loads(file.read_text())["conversations"]["localhost"]["token"] == "token-2"


async def test_it_goes_on_when_the_server_dies_in_mid_answer(server: FakeServer, file: Path) -> None:
    server.pieces, server.hold_at = ["half ", "whole"], 1
    server.gate.clear()
    talk = asyncio.create_task(piped(server.url, file, "hi\n"))
    await until(lambda: server.running and server.running["text"] == "half ", what="half an answer", timeout=20)
    server.replica = "r-2"
    server.cut()
    await until(lambda: len(server.hellos) == 2, what="the new connection")
    server.gate.set()
    code, out, err = await talk
    assert (code, out.split().count("half"), out.split().count("whole")) == (0, 1, 1)
    assert "· Now served by replica r-2." in err
    assert "Traceback" not in err


async def test_commands_work_through_a_pipe(server: FakeServer, file: Path) -> None:
    server.state["auth"] = "authenticated"
    code, out, err = await piped(server.url, file, "one\n/history\n/nonsense\n/cancel\n/signout\n/end\n/quit\nnever\n")
    assert (code, out.splitlines()) == (0, ["You: one", "Bot: Echo: one"])
    for line in (
        "There is nothing older.",
        "There is no /nonsense.",
        "No answer is being written.",
        "signed out",
        "ended",
    ):
        assert line in err
    assert (len(server.got("sign_out")), len(server.got("end")), server.texts("user")) == (1, 1, ["one"])


async def test_a_pipe_ends_with_an_error_when_there_is_no_going_on(server: FakeServer, file: Path) -> None:
    server.turn_away = 4403
    code, out, err = await piped(server.url, file, "hi\n")
    assert (code, out) == (1, "")
    assert "· The server doesn't allow connections from here." in err


@pytest.mark.parametrize("auth", ["anonymous", "in_progress", "verifying"])
async def test_an_unacked_message_is_kept_for_the_next_run_unless_it_may_be_a_secret(
    server: FakeServer, file: Path, auth: str
) -> None:
    server.state["auth"] = auth
    server.refusals.append({"code": "unavailable", "message": "Wait.", "retry_after": 60})
    process = await start(server.url, file)
    assert process.stdin is not None
    try:
        process.stdin.write(b"my mother's name\n")
        await until(lambda: server.got("send"), what="the message", timeout=20)
        await until(file.exists, what="the file")
    finally:
        process.kill()
        await process.communicate()
    saved = json.loads(file.read_text())["conversations"]["localhost"]
    assert saved["token"] == "token-1"
    if auth != "anonymous":
        assert saved["outbox"] == {}
        return
    assert saved["outbox"] == {server.got("send")[0]["id"]: "my mother's name"}
    code, out, _ = await piped(server.url, file, "")
    assert (code, out.splitlines()) == (0, ["You: my mother's name", "Bot: Echo: my mother's name"])


@pytest.mark.parametrize("url", ["ftp://x", "http://"])
async def test_a_wrong_address_is_one_plain_line(file: Path, url: str) -> None:
    code, _, err = await piped(url, file, "")
    assert (code, err.count("\n"), "is not the address of a server" in err) == (2, 1, True)


async def test_a_broken_session_file_is_one_plain_line(server: FakeServer, file: Path) -> None:
    file.write_text("{")
    code, _, err = await piped(server.url, file, "hi\n")
    assert (code, err.count("\n"), "isn't a session file" in err) == (2, 1, True)
    assert server.hellos == []


@asynccontextmanager
async def terminal(url: str, file: Path) -> AsyncIterator[tuple[Process, int, list[bytes]]]:
    """The program on a terminal: its process, the other end, and what it wrote so far."""
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    written: list[bytes] = []

    def read() -> None:
        try:
            written.append(os.read(ours, 65536))
        except OSError:
            asyncio.get_running_loop().remove_reader(ours)

    asyncio.get_running_loop().add_reader(ours, read)
    process = await start(url, file, stdin=theirs, stdout=theirs)
    os.close(theirs)
    try:
        yield process, ours, written
    finally:
        asyncio.get_running_loop().remove_reader(ours)
        os.close(ours)
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_terminal_shows_an_answer_once_and_leaves_cleanly_on_ctrl_c(server: FakeServer, file: Path) -> None:
    async with terminal(server.url, file) as (process, keys, written):
        await until(lambda: b"\n> " in b"".join(written), what="the prompt", timeout=20)
        os.write(keys, b"hello\n")
        await until(lambda: b"Bot: Echo: hello" in b"".join(written), what="the answer")
        server.say(type="error", code="rate_limited", message="\x1b]0;evil\x07Slow down.", id=None, retry_after=None)
        await until(lambda: b"Slow down." in b"".join(written), what="the notice")
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(10):
            assert await process.wait() == 0
        text = b"".join(written)
        assert b"You: hello" not in text, "the terminal has shown what was typed"
        assert b"Traceback" not in text
        assert b"\x1b]" not in text
        assert b"\x07" not in text


async def test_new_on_a_terminal_starts_another_conversation(server: FakeServer, file: Path) -> None:
    async with terminal(server.url, file) as (process, keys, written):
        await until(lambda: b"\n> " in b"".join(written), what="the prompt", timeout=20)
        os.write(keys, b"/new\n")
        await until(lambda: len(server.hellos) == 2, what="another hello")
        assert server.hellos[1]["token"] is None
        os.write(keys, b"/quit\n")
        async with asyncio.timeout(10):
            assert await process.wait() == 0
