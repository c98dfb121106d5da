"""A value that is computed when somebody asks for it, at most once in a while, for all who ask meanwhile."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import anyio

from app.domain.provenance import Cost
from app.ports import Clock

T = TypeVar("T")


class Newest(Generic[T]):
    """The newest value. For one event loop.

    Whoever comes while it is computed waits for that very value. A caller that leaves in the middle of its own
    computation takes that along; the next one in the queue computes anew.
    """

    def __init__(self, compute: Callable[[Cost], Awaitable[T]], clock: Clock, seconds: float) -> None:
        """`seconds`: how long a value is given out after it was computed."""
        self._compute = compute
        self._clock = clock
        self._seconds = seconds
        self._found: tuple[T] | None = None
        self._old_at = 0.0
        self._computing = anyio.Lock()

    async def value(self, cost: Cost) -> T:
        """The value; `cost` grows by what computing it took, of the one who computed. Raises what that raises."""
        if self._found is None or self._clock.monotonic() >= self._old_at:
            async with self._computing:
                if self._found is None or self._clock.monotonic() >= self._old_at:
                    self._found = (await self._compute(cost),)
                    # From its end on: those who waited through a slow computation must not each begin another.
                    self._old_at = self._clock.monotonic() + self._seconds
        return self._found[0]
