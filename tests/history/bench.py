"""A history service over a store in memory, and questions to it, for tests that count what its source is asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import anyio

from app.domain.candle_merge import bar_end
from app.domain.candles import CandleRange, CandleSeries, Interval
from app.domain.provenance import Cost
from app.ports import CandleSource, CandleStore, Clock
from app.services.history.expectation import TradingHours
from app.services.history.service import HistoryService
from tests.history.market import INFY, CalendarMarket
from tests.support.stores import MemoryCandleStore


@asynccontextmanager
async def running_history(
    source: CandleSource, clock: Clock, hours: TradingHours, *, store: CandleStore | None = None, **options: Any
) -> AsyncIterator[HistoryService]:
    """A service whose fetches are carried out until the block is left; keywords are those of HistoryService."""
    service = HistoryService(source, store or MemoryCandleStore(), clock, hours, **options)
    failures: list[Exception] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(service.run)
        try:
            yield service
        except Exception as failure:  # noqa: BLE001 - raised below, outside of the group that would wrap it
            failures.append(failure)
        finally:
            tasks.cancel_scope.cancel()
    if failures:
        raise failures[0]


class Chart:
    """A service, its parts, and short questions to it."""

    def __init__(self, service: HistoryService, market: CalendarMarket, store: MemoryCandleStore) -> None:
        self.service, self.market, self.store = service, market, store

    async def ask(self, interval: Interval, start: datetime | None = None, **options: Any) -> CandleSeries:
        """One question; keywords are those of `candles`."""
        question = {"end": None, "last": None, "include_forming": False, "cost": Cost()} | options
        return await self.service.candles(INFY, interval, start=start, **question)


def exact(series: CandleSeries, market: CalendarMarket) -> bool:
    """Whether the bars are those of the source that are over, and all of them."""
    assert series.start is not None
    assert series.end is not None
    now = market.clock.now()
    truth = market.truth(series.interval, CandleRange(series.start, series.end), now)
    return list(series.candles) == [bar for bar in truth if bar_end(bar.time, series.interval) <= now]
