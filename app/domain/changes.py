"""Changes that can be awaited without polling.

Comes in: `fire()` from whoever changed. Goes out: `changes()` to any number of listeners (ports.Changes).
Used by services and streaming alike, which may not import each other: hence its place here.
"""

import asyncio
from collections.abc import AsyncIterator


class ChangeSignal:
    """Merging, many listeners, nothing to close.

    Buffered: one change, however many happened. A listener that is slow, leaves or is cancelled
    concerns nobody else. Cancel-safe: a cancelled `anext` loses nothing and the iterator goes on.
    Not thread-safe: fire on the event loop.
    """

    def __init__(self) -> None:
        self._version = 0
        self._fired = asyncio.Event()

    def fire(self) -> None:
        """Every listener gets an item. Never waits, never raises."""
        self._version += 1
        fired, self._fired = self._fired, asyncio.Event()
        fired.set()

    def changes(self) -> AsyncIterator[None]:
        """One item at once, then one after each change; changes that nobody awaited are merged."""
        return _Listener(self)

    async def newer_than(self, version: int) -> int:
        """The version, as soon as it differs from `version`."""
        while self._version == version:
            await self._fired.wait()
        return self._version


class _Listener:
    """One listener: it remembers what it has seen, so the signal need not know it."""

    def __init__(self, signal: ChangeSignal) -> None:
        self._signal = signal
        self._seen = -1

    def __aiter__(self) -> "_Listener":
        return self

    async def __anext__(self) -> None:
        self._seen = await self._signal.newer_than(self._seen)
