"""Markets that the tests share: building one costs 150 ms, and they hold no state that a test could see."""

from datetime import date

import pytest

from app.domain.calendar import TradingCalendar, always_open_calendar, load_calendar
from app.sandbox.market import SimulatedMarket

SEED = 11
TODAY = date(2026, 11, 20)


@pytest.fixture(scope="session")
def nse_calendar() -> TradingCalendar:
    return load_calendar()


@pytest.fixture(scope="session")
def market() -> SimulatedMarket:
    """Open around the clock."""
    return SimulatedMarket(seed=SEED, calendar=always_open_calendar(), today=TODAY)


@pytest.fixture(scope="session")
def nse_market(nse_calendar: TradingCalendar) -> SimulatedMarket:
    """Open when the exchanges are."""
    return SimulatedMarket(seed=SEED, calendar=nse_calendar, today=TODAY)
