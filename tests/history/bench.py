"""A history service over a store in memory, for tests that count what its source is asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio

from app.ports import CandleSource, CandleStore, Clock
from app.services.expectation import TradingHours
from app.services.history import HistoryService
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
