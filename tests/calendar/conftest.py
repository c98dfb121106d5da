"""The shipped calendar, loaded once: it is immutable."""

import pytest

from app.domain.calendar import TradingCalendar, load_calendar


@pytest.fixture(scope="session")
def shipped() -> TradingCalendar:
    """The Indian calendar."""
    return load_calendar()
