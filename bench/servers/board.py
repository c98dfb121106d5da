"""What the Python peers know: quotes and bars from one file, in memory, and a source that never rests.

The file is what our service answered, so that every server has the same data. From SIGUSR2 until the last subscriber
leaves, once in each turn of the event loop all ten instruments of the fan get a new state, as new objects, and whoever
waits is told. That is faster than any of the servers delivers, and a subscriber always gets the newest state.
"""

import asyncio
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import orjson

Q = TypeVar("Q")


class Board(Generic[Q]):
    """The newest quotes, and word of each change."""

    def __init__(self, rows: list[dict[str, Any]], build: Callable[[Mapping[str, Any]], Q]) -> None:
        self.quotes = {row["id"]: build(row) for row in rows}
        self.version = 0
        self._rows = rows[:10]
        self._build = build
        self._changed = asyncio.Event()
        self._readers = 0
        self._driver: asyncio.Task[None] | None = None

    def enter(self) -> None:
        """A subscriber is here: the signal has somebody to work for."""
        self._readers += 1
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, self._start)

    def leave(self) -> None:
        """A subscriber left."""
        self._readers -= 1

    async def newer_than(self, version: int) -> int:
        """The present version, as soon as it is another one."""
        while self.version == version:
            await self._changed.wait()
        return self.version

    def _start(self) -> None:
        if self._driver is None or self._driver.done():
            self._driver = asyncio.get_running_loop().create_task(self._drive())

    async def _drive(self) -> None:
        while self._readers:
            self.version += 1
            for row in self._rows:
                self.quotes[row["id"]] = self._build(moved(row, self.version))
            self._changed.set()
            self._changed = asyncio.Event()
            await asyncio.sleep(0)


def moved(row: Mapping[str, Any], version: int) -> dict[str, Any]:
    """The row with another price."""
    return {**row, "lastPrice": row["lastPrice"] + version % 100 / 20, "volume": row["volume"] + version % 1_000}


def read_data(path: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The quotes and the candles of the file."""
    data = orjson.loads(Path(path).read_bytes())
    return data["quotes"], data["candles"]
