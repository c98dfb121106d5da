"""A service in front of a market by the real calendar."""

from collections.abc import AsyncIterator

import pytest

from tests.history.bench import Chart, running_history
from tests.history.market import HOURS, NOW, CalendarMarket
from tests.services.fakes import SetClock
from tests.support.databases import database_url, postgresql, sqlite_template
from tests.support.stores import MemoryCandleStore

__all__ = ["chart", "clock", "database_url", "drifted", "market", "postgresql", "sqlite_template", "store"]


@pytest.fixture
def clock() -> SetClock:
    """Monday noon, in session; Tuesday is a holiday."""
    return SetClock(NOW)


@pytest.fixture
def market(clock: SetClock) -> CalendarMarket:
    """The source."""
    return CalendarMarket(clock)


@pytest.fixture
def store() -> MemoryCandleStore:
    """Empty."""
    return MemoryCandleStore()


@pytest.fixture
def drifted() -> list[tuple[str, str]]:
    """The series that were found to be out of date."""
    return []


@pytest.fixture
async def chart(
    market: CalendarMarket, clock: SetClock, store: MemoryCandleStore, drifted: list[tuple[str, str]]
) -> AsyncIterator[Chart]:
    """A running service over an empty store."""
    async with running_history(market, clock, HOURS, store=store, on_drift=lambda *key: drifted.append(key)) as service:
        yield Chart(service, market, store)
