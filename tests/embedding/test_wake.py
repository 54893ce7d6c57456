"""An answer that is given up at a shutdown goes on elsewhere at once: nobody waits for a lease, or the next sweep."""

import asyncio

import pytest

from app.engine import recovery
from tests.embedding.helpers import embedded
from tests.support.cluster import WORDS
from tests.support.poll import until


async def test_who_leaves_wakes_who_stays(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "SWEEP_EVERY", 3600.0)
    slow = {"BATON_ECHO_DELAY_MS": "60", "BATON_LEASE_SECONDS": "60"}
    async with embedded(redis_url, **slow) as stays:
        async with embedded(redis_url, **slow) as leaves:
            asked = asyncio.create_task(leaves.process_message("s1", WORDS))

            async def begun() -> bool:
                snapshot = await stays.store.join("s1", None, 10)
                return snapshot is not None and snapshot.last > 3

            await until(begun, what="the first words")
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)

        async def answered() -> list[str]:
            snapshot = await stays.store.join("s1", None, 10)
            assert snapshot is not None
            documents = [event.document() for event in snapshot.events]
            return [d["text"] for d in documents if d.get("role") == "assistant"]

        assert await until(answered, what="the answer") == [WORDS]
