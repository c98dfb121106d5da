"""Measuring what waits: a few pieces of work in turns, so that a busy machine slows all of them alike."""

from collections.abc import Awaitable, Callable, Mapping
from statistics import median
from time import perf_counter

Work = Callable[[], Awaitable[object]]


async def medians(works: Mapping[str, Work], *, rounds: int) -> dict[str, float]:
    """The median seconds of each work, after one round that does not count."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for counts in [False, *[True] * rounds]:
        for name, work in works.items():
            begun = perf_counter()
            await work()
            if counts:
                taken[name].append(perf_counter() - begun)
    return {name: median(each) for name, each in taken.items()}
