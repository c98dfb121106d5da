"""Weeks and months from days: facts, and laws for any days."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.candle_merge import FINER, bar_end, ceil_period, merge_days, merge_minutes, period_start
from app.domain.candles import Candle, CandleRange, CandleState, Interval
from app.domain.time import ist_datetime, to_ist

merged = st.sampled_from([Interval.WEEK, Interval.MONTH])
instants = st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


def a_day(day: date, *, price: float = 100.0, volume: int = 1, state: CandleState = CandleState.FINAL) -> Candle:
    opens = ist_datetime(day).astimezone(UTC)
    return Candle(opens, price, price + 3, price - 3, price + 1, volume, open_interest=volume, state=state)


@st.composite
def days(draw: st.DrawFn) -> list[Candle]:
    """Any days of four months, in order, some missing."""
    offsets = sorted(draw(st.sets(st.integers(0, 120), max_size=60)))
    return [
        a_day(date(2026, 1, 1) + timedelta(days=n), price=draw(st.integers(1, 999)), volume=draw(st.integers(0, 10**9)))
        for n in offsets
    ]


def test_a_week_is_monday_to_sunday() -> None:
    """Open of Monday, extremes of all, close and open interest of the last day, volumes added."""
    week = [a_day(date(2026, 11, 16 + n), price=100 + n, volume=10) for n in range(5)]
    bars = merge_days([*week, a_day(date(2026, 11, 23), price=50)], Interval.WEEK)
    assert bars[0] == Candle(week[0].time, 100, 107, 97, 105, 50, open_interest=10)
    assert [to_ist(bar.time).date() for bar in bars] == [date(2026, 11, 16), date(2026, 11, 23)]


def test_a_month_begins_on_the_first_even_without_trading() -> None:
    """A month's bar is stamped with the 1st, a Sunday or not."""
    bars = merge_days([a_day(date(2026, 11, 2)), a_day(date(2026, 11, 30)), a_day(date(2026, 12, 1))], Interval.MONTH)
    assert [to_ist(bar.time).date() for bar in bars] == [date(2026, 11, 1), date(2026, 12, 1)]


def test_a_period_with_a_forming_day_is_forming() -> None:
    """A week whose Friday can change can change."""
    week = [a_day(date(2026, 11, 19)), a_day(date(2026, 11, 20), state=CandleState.FORMING)]
    assert [bar.state for bar in merge_days(week, Interval.WEEK)] == [CandleState.FORMING]


@pytest.mark.parametrize(
    ("interval", "opens", "ends"),
    [
        (Interval.MINUTE_5, ist_datetime(date(2026, 11, 23), 9, 15), ist_datetime(date(2026, 11, 23), 9, 20)),
        (Interval.DAY, ist_datetime(date(2026, 11, 23)), ist_datetime(date(2026, 11, 24))),
        (Interval.WEEK, ist_datetime(date(2026, 12, 28)), ist_datetime(date(2027, 1, 4))),
        (Interval.MONTH, ist_datetime(date(2026, 12, 1)), ist_datetime(date(2027, 1, 1))),
        (Interval.MONTH, ist_datetime(date(2028, 2, 1)), ist_datetime(date(2028, 3, 1))),
    ],
)
def test_a_bar_ends_where_the_next_begins(interval: Interval, opens: datetime, ends: datetime) -> None:
    """Also over the ends of years and in leap years."""
    assert bar_end(opens, interval) == ends


@given(instants, st.sampled_from([Interval.DAY, Interval.WEEK, Interval.MONTH]))
def test_periods_cover_time_without_gap_or_overlap(instant: datetime, interval: Interval) -> None:
    """Every instant is in exactly one period, and its bounds are their own."""
    start = period_start(instant, interval)
    end = bar_end(start, interval)
    assert start <= instant < end
    assert period_start(start, interval) == start == ceil_period(start, interval)
    assert period_start(end, interval) == end
    assert period_start(end - timedelta(microseconds=1), interval) == start
    assert ceil_period(instant, interval) in {start, end}


@given(days(), merged)
def test_merging_keeps_what_must_be_kept(bars: list[Candle], interval: Interval) -> None:
    """Volume, extremes, first open and last close survive; bars ascend, and each holds its days' range."""
    out = merge_days(bars, interval)
    assert sum(bar.volume for bar in out) == sum(bar.volume for bar in bars)
    assert all(one.time < other.time for one, other in pairwise(out))
    assert {bar.time for bar in out} == {period_start(bar.time, interval) for bar in bars}
    for bar in out:
        members = [day for day in bars if bar.time <= day.time < bar_end(bar.time, interval)]
        assert (bar.open, bar.close) == (members[0].open, members[-1].close)
        assert (bar.high, bar.low) == (max(day.high for day in members), min(day.low for day in members))


@given(days(), merged, st.integers(0, 120))
def test_merging_in_two_parts_cut_between_periods_is_merging_at_once(
    bars: list[Candle], interval: Interval, cut_after: int
) -> None:
    """So pieces may be fetched apart, as long as they are cut between periods."""
    cut = period_start(ist_datetime(date(2026, 1, 1) + timedelta(days=cut_after)), interval)
    parts = [[bar for bar in bars if bar.time < cut], [bar for bar in bars if bar.time >= cut]]
    assert [bar for part in parts for bar in merge_days(part, interval)] == merge_days(bars, interval)


SESSIONS = [
    CandleRange(ist_datetime(date(2026, 11, day), 9, 15), ist_datetime(date(2026, 11, day), 15, 15)) for day in (20, 23)
]


@st.composite
def minutes(draw: st.DrawFn) -> list[Candle]:
    """Minutes of two sessions, some without a trade."""
    offsets = sorted(draw(st.sets(st.tuples(st.integers(0, 1), st.integers(0, 359)), max_size=200)))
    prices = st.integers(1, 999)
    return [
        Candle(
            SESSIONS[day].start + timedelta(minutes=n), draw(prices), 1000, 0, draw(prices), draw(st.integers(0, 99))
        )
        for day, n in offsets
    ]


@given(minutes(), st.sampled_from([(i, finer) for i, all_finer in FINER.items() for finer in all_finer]))
def test_merging_minutes_in_two_steps_is_merging_at_once(bars: list[Candle], pair: tuple[Interval, Interval]) -> None:
    """So it does not matter which finer bars are stored; each bar opens a whole number of steps after its session."""
    interval, finer = pair
    whole = merge_minutes(bars, SESSIONS, interval)
    assert merge_minutes(merge_minutes(bars, SESSIONS, finer), SESSIONS, interval) == whole
    assert sum(bar.volume for bar in whole) == sum(bar.volume for bar in bars)
    for bar in whole:
        session = next(session for session in SESSIONS if session.start <= bar.time < session.end)
        assert (bar.time - session.start) % timedelta(minutes=interval.minutes or 0) == timedelta()
        members = [each for each in bars if bar.time <= each.time < bar_end(bar.time, interval)]
        assert (bar.open, bar.close) == (members[0].open, members[-1].close)


def test_hours_count_from_the_beginning_of_the_session() -> None:
    """09:15, 10:15 ... with a short last one, as Kite has them."""
    bars = merge_minutes(
        [a_minute(9, 15), a_minute(10, 14), a_minute(10, 15), a_minute(15, 14)], SESSIONS, Interval.HOUR
    )
    assert [f"{to_ist(bar.time):%H:%M}" for bar in bars] == ["09:15", "10:15", "14:15"]


def test_a_bar_outside_of_every_session_is_not_counted_in_silently() -> None:
    """An auction's trade may belong to the bar before, or to none: whoever merges must not decide."""
    with pytest.raises(ValueError, match="outside of every session"):
        merge_minutes([a_minute(15, 14), a_minute(15, 30)], SESSIONS, Interval.HOUR)
    with pytest.raises(ValueError, match="has no minutes"):
        merge_minutes([], SESSIONS, Interval.DAY)


def a_minute(hour: int, minute: int) -> Candle:
    return Candle(ist_datetime(date(2026, 11, 20), hour, minute), 1, 2, 0, 1, 1)
