"""Waiting for an event or for a time, whichever comes first. Used by the live series; `sleep` is the test's to give."""

import asyncio
from collections.abc import Awaitable, Callable

import anyio

Sleep = Callable[[float], Awaitable[None]]


class Alarm:
    """One waiter at a time. A ring that nobody waited for ends the next wait at once. Cancel-safe."""

    def __init__(self, sleep: Sleep) -> None:
        self._sleep = sleep
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """End the wait."""
        self._rung.set()

    async def wait(self, seconds: float | None) -> None:
        """Until the next ring, or until so many seconds have passed; None: however long it takes."""
        async with anyio.create_task_group() as tasks:
            if seconds is not None:
                tasks.start_soon(self._after, seconds)
            await self._rung.wait()
            tasks.cancel_scope.cancel()
        self._rung.clear()

    async def _after(self, seconds: float) -> None:
        await self._sleep(seconds)
        self.ring()
