"""Long bars from shorter ones, and the bounds of every kind of bar.

Comes in: bars of one instrument, oldest first. Goes out: longer bars: WEEK and MONTH from DAY, which Kite does not
sell, and minutes from finer minutes, which spares a request. Pure; called by the history service. Weeks start on
Monday and months on the 1st, at midnight IST; bars of minutes count from the beginning of their session.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby

from app.domain.candles import INTRADAY_MINUTES, Candle, CandleRange, CandleState, Interval
from app.domain.time import ist_date, ist_datetime

MERGED = frozenset({Interval.WEEK, Interval.MONTH})
"""Intervals that are made of DAY bars."""
DAYS_OF_A_WEEK = 7
LONGEST_MONTH = timedelta(days=31)
FINER = {
    interval: tuple(
        finer for finer, length in reversed(INTRADAY_MINUTES.items()) if length < minutes and minutes % length == 0
    )
    for interval, minutes in INTRADAY_MINUTES.items()
}
"""Intervals whose bars fill those of another without a rest, the longest first."""


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


def merge_minutes(bars: Sequence[Candle], sessions: Sequence[CandleRange], interval: Interval) -> list[Candle]:
    """Bars of some minutes, oldest first, from finer ones. A stretch without a finer bar has no bar.

    `sessions` are sorted and apart, each begins where a bar opens. Raises ValueError for a bar outside of them, or an
    interval that has no minutes.
    """
    if interval.minutes is None:
        msg = f"{interval} has no minutes"
        raise ValueError(msg)
    step = timedelta(minutes=interval.minutes)
    merged: list[Candle] = []
    at = 0
    for session in sessions:
        first = at
        while at < len(bars) and session.start <= bars[at].time < session.end:
            at += 1
        groups = groupby(bars[first:at], key=lambda bar, opens=session.start: (bar.time - opens) // step)  # type: ignore[misc]  # the default binds this session
        merged.extend(_merge(session.start + number * step, list(members)) for number, members in groups)
    if at < len(bars):
        msg = f"the bar of {bars[at].time.isoformat()} lies outside of every session"
        raise ValueError(msg)
    return merged


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
