"""Yearly dividends of the simulated companies: events of a chart, and what they do to adjusted closes. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from app.sandbox.shapes import Bar
from app.sandbox.yahoo.today import DAY

EX_DAY = (7, 15)
"""Month and day from which a share trades without that year's dividend."""


def ex_dates(start: datetime, end: datetime) -> Iterator[datetime]:
    """The days in [start, end], at the time and in the zone of `start`."""
    for year in range(start.year, end.year + 1):
        day = start.replace(year=year, month=EX_DAY[0], day=EX_DAY[1])
        if start <= day <= end:
            yield day


def dividend_events(bars: list[Bar], stamps: list[int], amount: float) -> dict[str, Any]:
    """`events.dividends` of a chart, by the time of the bar at which each was paid."""
    found: dict[str, Any] = {}
    for day in ex_dates(bars[0].time, bars[-1].time):
        stamp = next(stamp for bar, stamp in zip(bars, stamps, strict=True) if bar.time >= day)
        found[str(stamp)] = {"amount": amount, "date": stamp}
    return found


def adjusted_closes(bars: list[Bar], now: datetime, fraction: float) -> list[float]:
    """Closes less all dividends that were paid after them. `fraction`: of the price, each."""
    return [bar.close * (1.0 - fraction) ** len(list(ex_dates(bar.time + DAY, now))) for bar in bars]
