"""Leaving: tell the clients, close them in batches, let running answers finish or hand them over (DESIGN: SIGTERM).

Must never be followed by uvicorn's own shutdown before it is done: that one closes every socket at once.
"""

import asyncio
import random
from dataclasses import dataclass
from typing import Final

import structlog

from app.core.errors import CloseCode, StoreUnavailableError
from app.core.messages import encode
from app.edge.websocket import Door
from app.engine.turns import Turns

STEP: Final = 0.05  # seconds between batches
BATCH: Final = 25  # sockets closed at once, or more if the window is too short for that
POLL: Final = 0.02


@dataclass(frozen=True, slots=True)
class Drain:
    """One replica's way out. ``window`` in seconds."""

    door: Door
    turns: Turns
    window: float

    async def run(self) -> None:
        """Until every socket is closed and every turn is finished or released, at most ``window`` seconds."""
        door, turns = self.door, self.turns
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.window
        door.draining = True
        sockets = list(door.sockets.values())
        random.shuffle(sockets)
        structlog.get_logger().info("drain_started", sockets=len(sockets), turns=len(turns.running))
        batch = max(BATCH, round(len(sockets) * STEP * 2 / max(self.window, STEP)))
        spread = len(sockets) / batch * STEP
        frame = encode(type="drain", reconnect_in=max(200, round(spread * 1000)))
        for outbox in sockets:
            outbox.durable(frame)
        for start in range(0, len(sockets), batch):
            await asyncio.sleep(STEP)
            for outbox in sockets[start : start + batch]:
                outbox.close(CloseCode.RESTART)
        while (door.sockets or turns.running) and loop.time() < deadline:  # noqa: ASYNC110 - two sets, no event
            await asyncio.sleep(POLL)
        await self.release()
        structlog.get_logger().info("drain_ended", sockets=len(door.sockets))

    async def release(self) -> None:
        """Give up the turns that still run, so that others carry on at once."""
        turns = self.turns
        while turns.running or turns.owed:  # a claim or an accept may have been under way
            for run in list(turns.running.values()):
                turns.give_up(run)
            try:
                await turns.owed.give_back()
            except StoreUnavailableError:
                structlog.get_logger().warning("not_released", turns=len(turns.owed))
                return  # their leases run out
