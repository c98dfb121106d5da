"""The mailbox of one subscriber to live candles: bars that ended one by one, and the newest forming one.

A live series puts bars in; `LiveCandles.updates` takes them out at the subscriber's own rate.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from app.domain.candles import Candle
from app.domain.errors import MarketDataError

MAILBOX_BARS = 400
"""Ended bars that wait for a slow reader: a trading day of minutes, 60 KB. Who is further behind starts anew."""


@dataclass(frozen=True, slots=True)
class BarChanges:
    """What changed since the last take."""

    bars: tuple[Candle, ...]
    """Each opens once, oldest first."""
    upstream_calls: int
    """Requests to the source that the shared series took meanwhile."""
    lost_since: datetime | None
    """When the oldest bar opened that was dropped because the reader was too slow; None if none was."""


class BarMailbox:
    """State for the forming bar, events for those that ended.

    Buffered: one forming bar, replaced by newer ones, and at most `size` ended bars, none merged away. Full policy:
    they are dropped, and `lost_since` says from where to look again. `put` never waits. For one event loop, not
    thread-safe. `take` is cancel-safe: what it did not return stays in the box.
    """

    def __init__(self, *, size: int = MAILBOX_BARS) -> None:
        self._size = size
        self._ended: deque[Candle] = deque()
        self._forming: Candle | None = None
        self._upstream_calls = 0
        self._lost_since: datetime | None = None
        self._failure: MarketDataError | None = None
        self._filled = asyncio.Event()

    def put_forming(self, bar: Candle) -> None:
        """Replace the forming bar."""
        self._forming = bar
        self._filled.set()

    def put_ended(self, bar: Candle) -> None:
        """Queue a FINAL or CORRECTED bar."""
        if len(self._ended) >= self._size:
            times = [each.time for each in self._ended]
            self._lost_since = min([*times, self._lost_since or bar.time])
            self._ended.clear()
        self._ended.append(bar)
        if self._forming is not None and self._forming.time <= bar.time:
            self._forming = None
        self._filled.set()

    def spend(self, upstream_calls: int) -> None:
        """The series took requests; the next changes tell of them."""
        self._upstream_calls += upstream_calls

    def fail(self, error: MarketDataError) -> None:
        """There will be nothing more, and this is why."""
        self._failure = error
        self._filled.set()

    async def take(self) -> BarChanges:
        """Wait until there is something. Raises the series' failure."""
        while True:
            if self._failure is not None:
                raise self._failure
            if self._ended or self._forming or self._lost_since:
                return self.take_now()
            self._filled.clear()
            await self._filled.wait()

    def take_now(self) -> BarChanges:
        """What is there, perhaps nothing. A bar that ended and was corrected since comes in two takes."""
        bars: dict[datetime, Candle] = {}
        while self._ended and self._ended[0].time not in bars:
            bar = self._ended.popleft()
            bars[bar.time] = bar
        if self._forming is not None and not self._ended:
            bars[self._forming.time], self._forming = self._forming, None
        calls, self._upstream_calls = self._upstream_calls, 0
        lost, self._lost_since = self._lost_since, None
        return BarChanges(tuple(bars[time] for time in sorted(bars)), calls, lost)
