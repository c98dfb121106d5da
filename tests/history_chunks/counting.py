"""A store that counts what it is asked, and bars that lie hours apart, so that a few of them fill many windows."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from app.domain.candles import Candle, CandleRange, CandleState, Interval
from app.domain.provenance import DataSource
from app.ports import Coverage
from tests.support.stores import MemoryCandleStore

START = datetime(2026, 1, 5, 3, 45, tzinfo=UTC)
STEP = timedelta(hours=5)
"""About five bars in each window of a day."""
SERIES = "NSE:INFY", Interval.MINUTE
READS = ("bars", "last_bars", "coverage")
"""What every read of the store in memory goes through."""


def at(number: float) -> datetime:
    """When the bar of a number opens."""
    return START + number * STEP


def bar(number: int, price: float = 100.05) -> Candle:
    """Its bar; some are corrected, and some have open interest."""
    state = CandleState.CORRECTED if number % 5 == 0 else CandleState.FINAL
    return Candle(
        at(number), price, price + 1.1, price - 1.2, price, 10 + number, number if number % 3 else None, state
    )


def span(first: float, end: float) -> CandleRange:
    """From one number up to but without another."""
    return CandleRange(at(first), at(end))


def known(first: float, end: float) -> Coverage:
    """What a fetch of a span made known."""
    return Coverage(span(first, end), DataSource.SANDBOX, START)


class CountingStore(MemoryCandleStore):
    """The store in memory, with a count of its calls by name."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    @property
    def reads(self) -> int:
        """Calls for bars or coverage; a look at the count of writes is none."""
        return sum(self.calls[name] for name in READS)

    async def bars(self, *args: Any, **kwargs: Any) -> list[Candle]:
        """Counted."""
        self.calls["bars"] += 1
        return await super().bars(*args, **kwargs)

    async def last_bars(self, *args: Any, **kwargs: Any) -> list[Candle]:
        """Counted."""
        self.calls["last_bars"] += 1
        return await super().last_bars(*args, **kwargs)

    async def coverage(self, *args: Any, **kwargs: Any) -> list[Coverage]:
        """Counted."""
        self.calls["coverage"] += 1
        return await super().coverage(*args, **kwargs)

    async def writes(self, *args: Any, **kwargs: Any) -> int:
        """Counted."""
        self.calls["writes"] += 1
        return await super().writes(*args, **kwargs)

    async def fill(self, first: int, end: int, price: float = 100.05) -> Sequence[Candle]:
        """Bars and the knowledge of them, as another process would store them."""
        bars = [bar(number, price) for number in range(first, end)]
        await self.save(*SERIES, bars, known(first, end))
        return bars
