"""Which bar an instant belongs to, by the calendar of its exchange."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.bar_slots import BarHours, BarSlot, BarSlots
from app.domain.candle_merge import bar_end
from app.domain.candles import INTRADAY_MINUTES, Interval
from app.domain.instruments import Exchange, Instrument
from app.domain.time import ist_datetime, to_ist
from tests.live_candles.played import INFY, indian_hours, on, open_hours

MONDAY = date(2026, 11, 23)
"""An ordinary day of the shipped calendar; the day after is a holiday."""
OPEN, INDIAN, DERIVATIVES = open_hours(), indian_hours(), indian_hours(derivatives=True)


def at(hour: int, minute: int = 0, *, day: date = MONDAY) -> datetime:
    return ist_datetime(day, hour, minute).astimezone(UTC)


def slot(
    instant: datetime, interval: Interval, hours: BarHours = INDIAN, instrument: Instrument = INFY
) -> BarSlot | None:
    return BarSlots(instrument, interval, hours).at(instant)


def clock(found: BarSlot | None) -> tuple[str, str, str] | None:
    """A slot as an Indian clock shows it."""
    if found is None:
        return None
    opens, closes, settles = (f"{to_ist(each):%H:%M}" for each in (found.opens, found.closes, found.settles))
    return opens, closes, settles


@pytest.mark.parametrize(
    ("instant", "interval", "expected"),
    [
        (at(9, 15), Interval.MINUTE, ("09:15", "09:16", "09:16")),
        (at(10, 14), Interval.HOUR, ("09:15", "10:15", "10:15")),
        (at(10, 15), Interval.HOUR, ("10:15", "11:15", "11:15")),
        (at(9, 24), Interval.MINUTE_10, ("09:15", "09:25", "09:25")),
        (at(15, 29), Interval.HOUR, ("15:15", "15:30", "15:30")),
        (at(9, 10), Interval.MINUTE, None),
        (at(15, 30), Interval.MINUTE, None),
        (at(9, 10), Interval.DAY, ("00:00", "15:30", "15:30")),
        (at(15, 45), Interval.DAY, None),
        (at(11, day=date(2026, 11, 22)), Interval.MINUTE, None),
        (at(11, day=date(2026, 11, 24)), Interval.DAY, None),
    ],
)
def test_bars_of_the_nse_count_from_the_beginning_of_its_session(
    instant: datetime, interval: Interval, expected: tuple[str, str, str] | None
) -> None:
    assert clock(slot(instant, interval)) == expected


def test_the_last_bar_before_a_closing_auction_settles_after_it() -> None:
    """And a day is over when the auction is; in the auction no bar of minutes is open."""
    assert clock(slot(at(15, 14), Interval.MINUTE, DERIVATIVES)) == ("15:14", "15:15", "15:35")
    assert clock(slot(at(15, 13), Interval.MINUTE, DERIVATIVES)) == ("15:13", "15:14", "15:14")
    assert slot(at(15, 20), Interval.MINUTE, DERIVATIVES) is None
    assert clock(slot(at(15, 20), Interval.DAY, DERIVATIVES)) == ("00:00", "15:35", "15:35")


def test_a_week_and_a_month_end_with_their_last_session() -> None:
    week, month = slot(at(11), Interval.WEEK), slot(at(11), Interval.MONTH)
    assert week is not None
    assert month is not None
    assert (week.opens, week.closes) == (at(0), at(15, 30, day=date(2026, 11, 27)))
    assert (month.opens, month.closes) == (at(0, day=date(2026, 11, 1)), at(15, 30, day=date(2026, 11, 30)))
    assert slot(at(18, day=date(2026, 11, 27)), Interval.WEEK) is None


def test_evenings_of_the_mcx_are_its_session() -> None:
    assert clock(slot(at(22, 10), Interval.HOUR, instrument=on(Exchange.MCX))) == ("22:00", "23:00", "23:00")


def test_around_the_clock_bars_count_from_midnight() -> None:
    assert clock(slot(at(23, 59), Interval.HOUR, OPEN)) == ("23:00", "00:00", "00:00")
    assert clock(slot(at(9, 20), Interval.MINUTE_30, OPEN)) == ("09:00", "09:30", "09:30")
    assert clock(slot(at(9, 20), Interval.DAY, OPEN)) == ("00:00", "00:00", "00:00")


def test_beyond_the_calendar_bars_count_from_the_usual_opening() -> None:
    later = date(2031, 11, 24)
    assert clock(slot(at(10, day=later), Interval.HOUR)) == ("09:15", "10:15", "10:15")
    assert clock(slot(at(10, day=later), Interval.HOUR, instrument=on(Exchange.MCX))) == ("10:00", "11:00", "11:00")
    assert clock(slot(at(10, day=later), Interval.DAY)) == ("00:00", "00:00", "00:00")


def test_a_bar_that_the_calendar_does_not_expect_has_its_full_length() -> None:
    opens = at(15, 15)
    found = BarSlots(INFY, Interval.MINUTE, DERIVATIVES).of_bar(opens)
    assert found == BarSlot(opens, opens + timedelta(minutes=1), opens + timedelta(minutes=1))


@given(
    st.datetimes(datetime(2026, 8, 1), datetime(2026, 12, 31)).map(lambda naive: naive.replace(tzinfo=UTC)),  # noqa: DTZ001 - hypothesis wants naive bounds
    st.sampled_from(list(Interval)),
    st.sampled_from([OPEN, INDIAN, DERIVATIVES]),
)
def test_a_slot_holds_its_instants_and_is_the_slot_of_its_opening(
    instant: datetime, interval: Interval, hours: BarHours
) -> None:
    """Whatever was asked before, and long bars hold whole short ones."""
    slots = BarSlots(INFY, interval, hours)
    found = slots.at(instant)
    if found is None:
        return
    assert found.opens <= instant < found.closes <= min(found.settles, bar_end(found.opens, interval))
    assert slots.of_bar(found.opens) == found == slots.at(instant)
    if interval in INTRADAY_MINUTES:
        minute = slot(instant, Interval.MINUTE, hours)
        assert minute is not None
        assert found.opens <= minute.opens < minute.closes <= found.closes
