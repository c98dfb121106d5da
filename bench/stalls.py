"""Watching the event loop while something else works: how long did it not come round?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from time import perf_counter

import anyio

TICK = 0.001
"""Seconds between two looks."""


class LoopWatch:
    """Notes when the loop came round to it."""

    def __init__(self) -> None:
        self._looks: list[float] = []

    async def look(self) -> None:
        """Note the time, again and again, until cancelled."""
        while True:
            self.note()
            await anyio.sleep(TICK)

    def note(self) -> None:
        """The loop is here now."""
        self._looks.append(perf_counter())

    @property
    def longest(self) -> float:
        """The longest time, in seconds, that the loop did not come round."""
        return max(after - before for before, after in pairwise(self._looks))


@asynccontextmanager
async def watched_loop() -> AsyncIterator[LoopWatch]:
    """A watch that looks as long as the block runs."""
    watch = LoopWatch()
    async with anyio.create_task_group() as group:
        group.start_soon(watch.look)
        await anyio.sleep(TICK)
        yield watch
        watch.note()
        group.cancel_scope.cancel()
