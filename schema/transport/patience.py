"""Waiting with a time limit that costs nothing where there is nothing to wait for.

`requests` reads bodies with it: that of a small request is there before anybody asks, and a timer for each would
cost more than reading it.
"""

import asyncio
from collections.abc import Awaitable, Generator
from typing import Any, TypeVar

T = TypeVar("T")


async def within(seconds: float, awaitable: Awaitable[T]) -> T:
    """What the awaitable returns, at once if it need not wait. Raises TimeoutError after `seconds`."""
    steps = awaitable.__await__()
    try:
        first = next(steps)
    except StopIteration as done:
        value: T = done.value
        return value
    async with asyncio.timeout(seconds):
        return await _Rest(first, steps)


class _Rest(Awaitable[T]):
    """An awaitable from its first pause on."""

    def __init__(self, first: Any, steps: Generator[Any, Any, T]) -> None:
        self._first = first
        self._steps = steps

    def __await__(self) -> Generator[Any, Any, T]:
        pause, steps = self._first, self._steps
        try:
            while True:
                try:
                    sent = yield pause
                except BaseException as error:  # noqa: BLE001 - passed on, a cancellation too
                    pause = steps.throw(error)
                else:
                    pause = steps.send(sent)
        except StopIteration as done:
            value: T = done.value
            return value
