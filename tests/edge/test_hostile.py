"""A property: whatever frame comes, the answer is the protocol's, and nobody else notices."""

import asyncio
import json
import random
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from tests.edge.helpers import beat, put
from tests.edge.hostile import odd, odd_text, outcomes, rounded, written
from tests.support.client import Client
from tests.support.history import check
from tests.support.records import Frame
from tests.support.replica import ReplicaProcess

ANSWERS = frozenset({"error", "ack", "pong", "history", "welcome"})


class Siege:
    """A connection under fire, one in another conversation that must not notice, and one that tries new doors."""

    def __init__(self, replica: ReplicaProcess) -> None:
        self.loop = asyncio.new_event_loop()
        self.target = Client(replica.ws_url, name="target")
        self.stranger = Client(replica.ws_url, name="stranger")
        self.knocker = Client(replica.ws_url, name="knocker")
        self.http = httpx.Client(trust_env=False, base_url=replica.http_url)
        self.loop.run_until_complete(self._begin())

    async def _begin(self) -> None:
        for client in (self.target, self.stranger):
            await client.open()
            await client.ask("hello")

    def fire(self, raw: str | bytes) -> None:
        """Send one frame on the greeted connection and judge what came of it."""
        self.loop.run_until_complete(self._fire(raw))

    async def _fire(self, raw: str | bytes) -> None:
        target = self.target
        if not target.connected:  # the example before this one failed
            await target.open()
        frames = await answers(target, raw)
        closing = {4400: "bad_frame", 1009: "1009"}.get(target.close_code or 0, "") if not target.connected else ""
        assert target.connected or closing, f"closed with {target.close_code}"
        judge(raw, frames, closing)
        if closing:
            await target.open()
        await self._unaware()

    def knock(self, hello: Frame) -> None:
        """Say this hello on a new connection, and judge what came of it."""
        self.loop.run_until_complete(self._knock(hello))

    async def _knock(self, hello: Frame) -> None:
        await self.knocker.connect()
        frames = await answers(self.knocker, json.dumps(hello))
        told = [frame.get("code", frame["type"]) for frame in frames if frame["type"] != "pong"]
        outcome = (told, self.knocker.close_code)
        # The ping behind a refused hello is a bad frame too.
        fine = [
            (["welcome"], None),
            (["bad_frame", "bad_frame"], None),
            (["unauthorized"], 4401),
            (["session_gone"], 4404),
        ]
        assert outcome in fine
        await self._unaware()

    async def _unaware(self) -> None:
        if random.random() < 0.9:
            return
        before = len(self.stranger.frames())
        await beat(self.stranger)
        assert [frame["type"] for frame in self.stranger.frames()[before:]] == ["pong"]
        assert self.http.get("/healthz").status_code == 200

    def end(self) -> None:
        """Both conversations are whole and go on."""
        try:
            self.loop.run_until_complete(self._end())
        finally:
            self.http.close()
            self.loop.close()

    async def _end(self) -> None:
        try:
            for client in (self.target, self.stranger):
                assert await client.ask("still here") == "still here"
        finally:
            for client in (self.target, self.stranger, self.knocker):
                await client.close()
        assert [frame["type"] for frame in self.stranger.frames() if frame["type"] == "error"] == []
        assert len(self.stranger.transcript) == 6
        assert check([self.target.log]) == check([self.stranger.log]) == []


async def answers(client: Client, raw: str | bytes) -> list[Frame]:
    """Send a frame; everything that came before the answer of the ping behind it, or before the close."""
    since, mark = len(client.log.records), f"beat {random.random()}"
    await put(client, raw)
    try:
        await put(client, {"type": "ping", "t": mark})
    except ConnectionClosed:
        await client.wait_closed()

    def received() -> list[Frame]:
        return [record.frame for record in client.log.records[since:] if record.way == "received"]

    def done() -> bool:
        frames = received()
        refused = [frame for frame in frames if frame.get("code") == "bad_frame"]
        beaten = any(frame["type"] == "pong" and frame["t"] == mark for frame in frames)
        return beaten or not client.connected or (len(refused) == 2 and len(frames) == 2)

    await client.wait(done, what=f"the answer to {raw!r:.200}")
    await client.wait(lambda: True)
    told = [frame for frame in received() if frame["type"] in ANSWERS]
    return [frame for frame in told if not (frame["type"] == "pong" and frame["t"] == mark)]


def judge(raw: str | bytes, frames: list[Frame], closing: str) -> None:
    """One answer, of the right kind, with the right content."""
    assert len(frames) <= 1, frames
    kinds = [frame.get("code", frame["type"]) for frame in frames]
    outcome = kinds[0] if kinds else "nothing"
    assert (closing or outcome) in outcomes(raw), (outcome, closing, raw)
    if outcome == "pong":
        assert rounded(frames[0]["t"]) == rounded(json.loads(raw).get("t"))
    elif outcome in ("ack", "text_invalid", "too_large"):
        assert frames[0]["id"] == json.loads(raw)["id"]
    elif outcome == "bad_frame":
        assert (frames[0]["id"], frames[0]["retry_after"]) == (None, None)


@pytest.fixture(scope="module")
def siege(replica: ReplicaProcess) -> Iterator[Siege]:
    """One for all examples: the connection is long-lived."""
    under = Siege(replica)
    yield under
    under.end()


@settings(max_examples=400, deadline=None)
@given(raw=written)
def test_whatever_comes_is_answered_as_the_protocol_says(siege: Siege, raw: str | bytes) -> None:
    siege.fire(raw)


cursors = st.none() | odd | st.fixed_dictionaries(
    {"epoch": odd_text | odd, "seq": st.integers(0, 9) | odd, "mark": odd_text | odd}
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(token=st.none() | odd_text | odd, after=cursors, client=odd_text | odd)
def test_whatever_hello_comes_is_a_welcome_or_a_refusal(
    siege: Siege, token: object, after: object, client: object
) -> None:
    siege.knock({"type": "hello", "token": token, "after": after, "client": client})
