"""Bars and spans for the tests of the candle store."""

from datetime import UTC, datetime, timedelta

from app.domain.candles import Candle, CandleRange, CandleState
from app.domain.provenance import DataSource
from app.ports import Coverage

START = datetime(2026, 1, 5, 3, 45, tzinfo=UTC)
"""A Monday, 09:15 in India."""
MINUTE = timedelta(minutes=1)
FETCHED = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)


def at(minute: float) -> datetime:
    """Minutes after START."""
    return START + minute * MINUTE


def bar(
    minute: int, price: float = 100.05, *, state: CandleState = CandleState.FINAL, interest: int | None = None
) -> Candle:
    """The bar of one minute."""
    return Candle(at(minute), price, price + 1.1, price - 1.2, price + 0.35, 1_000 + minute, interest, state)


def bars(first: int, end: int, price: float = 100.05) -> list[Candle]:
    """One bar a minute, from `first` up to but without `end`."""
    return [bar(minute, price) for minute in range(first, end)]


def span(first: float, end: float) -> CandleRange:
    """From one minute up to but without another."""
    return CandleRange(at(first), at(end))


def known(first: float, end: float, *, source: DataSource = DataSource.KITE, age: int = 0) -> Coverage:
    """A span that was fetched `age` hours before FETCHED."""
    return Coverage(span(first, end), source, FETCHED - timedelta(hours=age))
