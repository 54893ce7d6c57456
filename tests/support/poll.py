"""Waiting for something to become true, with a deadline and a name; never a pause that is hoped to be long enough."""

import asyncio
import inspect
import time
from collections.abc import Callable, Coroutine
from typing import Any


class TooLate(AssertionError):
    """A condition didn't hold in time; the text names it and the last value seen."""


async def until(
    condition: Callable[[], Any], *, timeout: float = 10.0, what: str = "the condition", every: float = 0.02
) -> Any:
    """Poll `condition` (sync or async) until it is truthy; its value. Seconds. Raises TooLate, or what it raises."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if inspect.isawaitable(value):
            async with asyncio.timeout(max(0.1, deadline - time.monotonic())):
                value = await value
        if value:
            return value
        if time.monotonic() >= deadline:
            raise TooLate(f"{what} didn't come within {timeout:g} s (last: {value!r})")
        await asyncio.sleep(every)


async def first_of(*ways: Coroutine[Any, Any, None]) -> None:
    """Until the first of them ends; the others are ended then."""
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
