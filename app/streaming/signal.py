"""Something has changed: told to any number of waiting readers. Used by the feed for its status."""

import asyncio
from collections.abc import AsyncIterator


class ChangeSignal:
    """A change without a value. Unbuffered: changes that a reader did not await are merged into one.

    Never full; `notify` never waits. For one event loop, not thread-safe. Readers are cancel-safe.
    """

    def __init__(self) -> None:
        self._version = 0
        self._changed = asyncio.Event()

    def notify(self) -> None:
        """Wake every reader."""
        self._version += 1
        awaited, self._changed = self._changed, asyncio.Event()
        awaited.set()

    async def changes(self) -> AsyncIterator[None]:
        """One item at once, then one after each change."""
        seen = -1
        while True:
            while seen == self._version:
                await self._changed.wait()
            seen = self._version
            yield
