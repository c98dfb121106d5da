"""Bars of weeks and months from bars of days, and the bounds of every kind of bar.

Comes in: DAY bars of one instrument, oldest first. Goes out: WEEK or MONTH bars. Pure. Kite sells neither, so the
history service makes them. Weeks start on Monday and months on the 1st, at midnight IST.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby

from app.domain.candles import Candle, CandleState, Interval
from app.domain.time import ist_date, ist_datetime

MERGED = frozenset({Interval.WEEK, Interval.MONTH})
"""Intervals that are made of DAY bars."""
DAYS_OF_A_WEEK = 7
LONGEST_MONTH = timedelta(days=31)


def period_start(instant: datetime, interval: Interval) -> datetime:
    """When the day, week or month that holds the instant begins, UTC."""
    day = ist_date(instant)
    if interval is Interval.WEEK:
        day -= timedelta(days=day.weekday())
    elif interval is Interval.MONTH:
        day = day.replace(day=1)
    return ist_datetime(day).astimezone(UTC)


def bar_end(opens: datetime, interval: Interval) -> datetime:
    """The end, exclusive, of the bar that opens at an instant: its full length, whether or not the market is open."""
    if interval.minutes is not None:
        return opens + timedelta(minutes=interval.minutes)
    start = period_start(opens, interval)
    if interval is Interval.MONTH:
        return period_start(start + LONGEST_MONTH, interval)
    return start + timedelta(days=DAYS_OF_A_WEEK if interval is Interval.WEEK else 1)


def ceil_period(instant: datetime, interval: Interval) -> datetime:
    """The first beginning of a day, week or month at or after an instant, UTC."""
    start = period_start(instant, interval)
    return start if start == instant else bar_end(start, interval)


def merge_days(days: Sequence[Candle], interval: Interval) -> list[Candle]:
    """WEEK or MONTH bars, oldest first, each stamped with the beginning of its period.

    `days` are oldest first. A period without a day has no bar. FORMING if one of its days is.
    """
    periods = groupby(days, key=lambda day: period_start(day.time, interval))
    return [_merge(start, list(members)) for start, members in periods]


def _merge(start: datetime, days: Sequence[Candle]) -> Candle:
    forming = any(day.state is CandleState.FORMING for day in days)
    return Candle(
        time=start,
        open=days[0].open,
        high=max(day.high for day in days),
        low=min(day.low for day in days),
        close=days[-1].close,
        volume=sum(day.volume for day in days),
        open_interest=days[-1].open_interest,
        state=CandleState.FORMING if forming else CandleState.FINAL,
    )
