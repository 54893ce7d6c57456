"""One client of the run: it does the steps of a talk, and can drop its connection at a frame to come.

It must never judge what it sees, nor wait for ever: what takes longer than PATIENCE raises TooLate.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from websockets.exceptions import ConnectionClosed

from tests.cluster.chaos.agent import NEXT
from tests.cluster.chaos.schedule import Act, Step
from tests.edge.helpers import assertion
from tests.support.client import Client
from tests.support.poll import TooLate
from tests.support.records import Frame

PATIENCE: Final = 60.0
"""Seconds that anything may take under faults on a busy machine; what takes longer is a failure."""


def is_for(key: str, frame: Frame) -> bool:
    return bool(frame["id"] == key)


def ends(turn: int, frame: Frame) -> bool:
    return bool(frame["turn"] == turn)


class Tab(Client):
    """A client of one conversation. `leave_at`: way and type of the frame right after which it drops its connection."""

    def __init__(self, urls: Sequence[str], *, name: str, token: str | None = None) -> None:
        super().__init__(urls, name=name, token=token)
        self.leave_at: tuple[str, str] | None = None
        self.asked: dict[str, str] = {}

    async def begin(self) -> None:
        """Be welcomed, by whichever replica can."""
        try:
            await self.stay()
        except TooLate:
            await self.wait(lambda: self.frames("welcome"), timeout=PATIENCE, what="a welcome")

    async def send_frame(self, frame: Frame) -> None:
        """As the test client does; then leave, if it was time to."""
        await super().send_frame(frame)
        self._perhaps_leave("sent", frame)

    def received(self, frame: Frame) -> None:
        """As the test client does; then leave, if it was time to."""
        super().received(frame)
        self._perhaps_leave("received", frame)

    def _perhaps_leave(self, way: str, frame: Frame) -> None:
        if self.leave_at == (way, frame.get("type")) and self._socket is not None:
            self.leave_at = None
            self._socket.transport.abort()

    async def do(self, step: Step) -> None:
        """One step. Raises TooLate."""
        match step.act:
            case Act.ASK:
                await self._ended(await self._ask(step.words))
            case Act.BURST:
                keys = [await self._ask(step.words) for _ in range(int(step.amount))]
                for key in keys:
                    await self._ended(key)
            case Act.CANCEL:
                await self._cancel(step)
            case Act.AGAIN:
                key = list(self.asked)[int(step.amount * len(self.asked))]
                since = len(self.log.records)
                await self.send(self.asked[key], id=key)
                await self.wait_frame("ack", since=since, timeout=PATIENCE, where=partial(is_for, key))
            case Act.LEAVE:
                self.leave_at = step.at
            case Act.IDENTIFY:
                await self._say({"type": "identify", "token": assertion()})
            case Act.SIGN_OUT:
                await self._say({"type": "sign_out"})
            case Act.IDLE:
                await asyncio.sleep(step.amount)

    async def heard(self) -> None:
        """Until a replica has done all that was said: it answers a ping after that. Raises TooLate."""
        for number in range(int(PATIENCE)):
            since = len(self.log.records)
            await self._say({"type": "ping", "t": number})
            with suppress(TooLate):
                await self.wait_frame("pong", since=since, timeout=1)
                return
        raise TooLate(f"{self.log.name}: no pong")

    async def end(self) -> None:
        """End the conversation, again if that is refused, until it is heard of."""

        def over() -> bool:
            return any(frame["state"]["ended"] for frame in self.frames("state"))

        for _ in range(int(PATIENCE)):
            await self._say({"type": "end"})
            try:
                await self.wait(over, timeout=1, what="the end")
            except TooLate:
                continue
            return
        raise TooLate(f"{self.log.name}: the conversation didn't end")

    async def _ask(self, words: tuple[int, ...]) -> str:
        name = f"{self.log.name}-{len(self.asked)}"
        parts = [" ".join(f"{name}/{part}.{n}" for n in range(count)) for part, count in enumerate(words)]
        text = NEXT.join(parts)
        key = await self.send(text)
        self.asked[key] = text
        return key

    async def _acked(self, key: str) -> int:
        return int((await self.wait_frame("ack", timeout=PATIENCE, where=partial(is_for, key)))["seq"])

    async def _ended(self, key: str) -> None:
        await self.wait_frame("turn_end", timeout=PATIENCE, where=partial(ends, await self._acked(key)))

    async def _cancel(self, step: Step) -> None:
        key = await self._ask(step.words)
        turn = await self._acked(key)

        def far_enough() -> bool:
            frames = [frame for frame in self.frames() if frame.get("turn") == turn]
            written = [f["last"] + 1 for f in frames if f["type"] == "delta"]
            return max(written, default=0) >= step.amount or any(f["type"] == "turn_end" for f in frames)

        await self.wait(far_enough, timeout=PATIENCE, what=f"a beginning of turn {turn}")
        await self._say({"type": "cancel", "turn": turn})
        await self._ended(key)

    async def _say(self, frame: Frame) -> None:
        """What is lost with the connection isn't said again."""
        try:
            await self.send_frame(frame)
        except ConnectionClosed:
            return
