"""Watching the event loop: how long was it held by something else?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from time import perf_counter

import anyio

TICK = 0.001
"""Seconds between two looks."""
OUTLIERS = 2
"""Looks that may come late because the machine, not our code, was busy."""


class LoopWatch:
    """Notes when the loop came round to it."""

    def __init__(self) -> None:
        self._looks: list[float] = []

    async def look(self) -> None:
        """Note the time, again and again, until cancelled."""
        while True:
            self._looks.append(perf_counter())
            await anyio.sleep(TICK)

    @property
    def nearly_longest(self) -> float:
        """The longest stall in seconds, leaving the two longest out: those may be the machine's."""
        stalls = sorted((after - before for before, after in pairwise(self._looks)), reverse=True)
        return stalls[OUTLIERS]


@asynccontextmanager
async def watched_loop() -> AsyncIterator[LoopWatch]:
    """A watch that looks as long as the block runs."""
    watch = LoopWatch()
    async with anyio.create_task_group() as group:
        group.start_soon(watch.look)
        yield watch
        group.cancel_scope.cancel()
