"""What is known of the Indian exchanges, held against the shipped file."""

from datetime import date, datetime, time, timedelta

import pytest

from app.domain.calendar import TradingCalendar
from app.domain.instruments import Exchange, Instrument
from app.domain.phases import Phase
from app.domain.time import IST, ist_date, to_ist
from tests.calendar.builders import CALL, DOLLAR, FUTURE, GOLD, INDEX, STOCK

HOLIDAYS_2026 = "1-15 1-26 3-3 3-26 3-31 4-3 4-14 5-1 5-28 6-26 9-14 10-2 10-20 11-10 11-24 12-25"
"""upstream.md 4: the sixteen weekdays on which NSE is closed."""


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=IST)


def spans(calendar: TradingCalendar, instrument: Instrument, day: str, *, derivatives: bool = False) -> list[str]:
    found = calendar.trading_spans(instrument, date.fromisoformat(day), has_derivatives=derivatives)
    return [f"{to_ist(span.start):%H:%M}-{to_ist(span.end):%H:%M}" for span in found]


def test_the_sixteen_holidays_of_2026_and_no_other_weekday_are_closed(shipped: TradingCalendar) -> None:
    """NSE trades on every other weekday, and on the Sunday of the budget."""
    closed = {
        day
        for day in (date(2026, 1, 1) + timedelta(days=n) for n in range(365))
        if not shipped.trading_spans(STOCK, day, has_derivatives=False)
    }
    expected = {date(2026, *map(int, pair.split("-"))) for pair in HOLIDAYS_2026.split()}
    assert {day for day in closed if day.weekday() < 5} == expected
    assert date(2026, 2, 1) not in closed
    for day in expected:
        assert shipped.phase(Exchange.NSE, datetime.combine(day, time(11), IST)).phase is Phase.HOLIDAY


@pytest.mark.parametrize(
    ("instrument", "derivatives", "before", "after"),
    [
        (STOCK, False, "09:15-15:30", "09:15-15:30"),
        (STOCK, True, "09:15-15:30", "09:15-15:15"),
        (INDEX, True, "09:15-15:30", "09:15-15:30"),
        (FUTURE, False, "09:15-15:30", "09:15-15:40"),
        (CALL, False, "09:15-15:30", "09:15-15:40"),
        (DOLLAR, False, "09:00-17:00", "09:00-17:00"),
    ],
)
def test_hours_change_on_the_day_of_the_closing_auction(
    shipped: TradingCalendar, *, instrument: Instrument, derivatives: bool, before: str, after: str
) -> None:
    """Friday 31 July 2026 keeps the old hours, Monday 3 August has the new ones."""
    assert spans(shipped, instrument, "2026-07-31", derivatives=derivatives) == [before]
    assert spans(shipped, instrument, "2026-08-03", derivatives=derivatives) == [after]


@pytest.mark.parametrize(
    ("clock", "phase", "following"),
    [
        ("08:59", Phase.CLOSED, "09:00"),
        ("09:00", Phase.PRE_OPEN, "09:15"),
        ("09:15", Phase.OPEN, "15:15"),
        ("15:15", Phase.CLOSING_AUCTION, "15:35"),
        ("15:35", Phase.CLOSED, "15:40"),
        ("15:40", Phase.POST_CLOSE, "16:00"),
    ],
)
def test_a_stock_with_derivatives_goes_through_every_phase(
    shipped: TradingCalendar, clock: str, phase: Phase, following: str
) -> None:
    """Boundaries belong to the phase that begins."""
    found = shipped.phase_of(STOCK, at(f"2026-11-23T{clock}"), has_derivatives=True)
    assert found.phase is phase
    assert found.next_transition == at(f"2026-11-23T{following}")


def test_the_last_price_of_a_day_is_the_auctions(shipped: TradingCalendar) -> None:
    """`session_end` has the closing auction in it, `trading_spans` has not."""
    day = date(2026, 11, 23)
    assert shipped.session_end(STOCK, day, has_derivatives=True) == at("2026-11-23T15:35")
    assert shipped.session_end(STOCK, day, has_derivatives=False) == at("2026-11-23T15:30")
    assert shipped.session_end(STOCK, date(2026, 11, 24), has_derivatives=True) is None


def test_a_long_weekend_is_crossed_in_one_step(shipped: TradingCalendar) -> None:
    """Thursday evening before Good Friday: the holiday comes at midnight; on Saturday, Monday's pre-open."""
    evening = shipped.phase(Exchange.NSE, at("2026-04-02T18:00"))
    assert (evening.phase, evening.since) == (Phase.CLOSED, at("2026-04-02T16:00"))
    assert (evening.next_phase, evening.next_transition) == (Phase.HOLIDAY, at("2026-04-03T00:00"))
    friday = shipped.phase(Exchange.NSE, at("2026-04-03T12:00"))
    assert (friday.phase, friday.reason) == (Phase.HOLIDAY, "Good Friday")
    saturday = shipped.phase(Exchange.NSE, at("2026-04-04T12:00"))
    assert (saturday.phase, saturday.since, saturday.reason) == (Phase.CLOSED, at("2026-04-04T00:00"), None)
    assert (saturday.next_phase, saturday.next_transition) == (Phase.PRE_OPEN, at("2026-04-06T09:00"))


def test_the_budget_sunday_trades_and_says_why(shipped: TradingCalendar) -> None:
    """A whole session on Sunday 1 February 2026; commodities until 17:00; no source says that currencies did."""
    phase = shipped.phase(Exchange.NSE, at("2026-02-01T11:00"))
    assert phase.phase is Phase.OPEN
    assert phase.reason is not None
    assert "Budget" in phase.reason
    assert spans(shipped, GOLD, "2026-02-01") == ["09:00-17:00"]
    assert spans(shipped, DOLLAR, "2026-02-01") == []


def test_muhurat_hours_that_nobody_confirmed_are_unknown(shipped: TradingCalendar) -> None:
    """Sunday 8 November 2026 is announced, its hours are not in the file: no guess, and the reason says so."""
    phase = shipped.phase(Exchange.NSE, at("2026-11-08T18:30"))
    assert phase.phase is Phase.UNKNOWN
    assert phase.reason == "Diwali Laxmi Pujan, Muhurat trading: its hours are not in the calendar"
    assert not shipped.knows(Exchange.NSE, date(2026, 11, 8))
    assert shipped.phase(Exchange.NSE, at("2026-11-09T08:00")).since is None


def test_muhurat_2025_traded_for_an_hour(shipped: TradingCalendar) -> None:
    """Tuesday 21 October 2025, 13:45 to 14:45."""
    assert spans(shipped, STOCK, "2025-10-21") == ["13:45-14:45"]
    assert spans(shipped, CALL, "2025-10-21") == ["13:45-14:45"]


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        ("2026-01-01", "09:00-17:00"),
        ("2026-03-06", "09:00-23:55"),
        ("2026-03-09", "09:00-23:30"),
        ("2026-10-30", "09:00-23:30"),
        ("2026-11-02", "09:00-23:55"),
        ("2026-11-10", "17:00-23:55"),
    ],
)
def test_commodities_follow_american_clocks_and_half_holidays(shipped: TradingCalendar, day: str, hours: str) -> None:
    """23:30 in American summer, 23:55 in winter; most holidays close the morning alone."""
    assert spans(shipped, GOLD, day) == [hours]


def test_half_a_holiday_has_both_phases(shipped: TradingCalendar) -> None:
    """HOLIDAY until the evening session opens, and the name all day."""
    morning = shipped.phase(Exchange.MCX, at("2026-11-10T10:00"))
    evening = shipped.phase(Exchange.MCX, at("2026-11-10T20:00"))
    assert (morning.phase, morning.next_phase) == (Phase.HOLIDAY, Phase.OPEN)
    assert (evening.phase, evening.reason) == (Phase.OPEN, "Diwali Balipratipada")


@pytest.mark.parametrize("moment", ["2024-12-31T11:00", "2027-01-01T11:00"])
def test_beyond_its_days_the_calendar_knows_nothing(shipped: TradingCalendar, moment: str) -> None:
    """UNKNOWN before the first day and after the last, with the reason, and no span to trade in."""
    phase = shipped.phase(Exchange.NSE, at(moment))
    assert phase.phase is Phase.UNKNOWN
    assert phase.reason == "the calendar does not cover this day"
    assert "known until 2026-12-31" in phase.calendar
    assert shipped.trading_spans(STOCK, ist_date(at(moment)), has_derivatives=False) == ()


def test_the_last_known_evening_leads_into_the_unknown(shipped: TradingCalendar) -> None:
    """The end of the list is a transition like any other."""
    phase = shipped.phase(Exchange.NSE, at("2026-12-31T20:00"))
    assert (phase.next_phase, phase.next_transition) == (Phase.UNKNOWN, at("2027-01-01T00:00"))


@pytest.mark.parametrize("exchange", [Exchange.NCO, Exchange.NSEIX, Exchange.GLOBAL, Exchange.YAHOO])
def test_an_exchange_without_hours_is_unknown_and_says_so(shipped: TradingCalendar, exchange: Exchange) -> None:
    """No hours are borrowed from another exchange."""
    phase = shipped.phase(exchange, at("2026-11-23T11:00"))
    assert (phase.phase, phase.reason) == (Phase.UNKNOWN, "this calendar does not cover the exchange")


def test_currencies_keep_more_holidays_than_stocks(shipped: TradingCalendar) -> None:
    """Bank holidays close CDS while NSE trades."""
    noon = at("2026-04-01T12:00")
    assert shipped.phase(Exchange.CDS, noon).reason == "Annual Bank Closing"
    assert shipped.phase(Exchange.NSE, noon).phase is Phase.OPEN


def test_a_naive_instant_is_refused(shipped: TradingCalendar) -> None:
    """Which clock would it be on?"""
    with pytest.raises(ValueError, match="no time zone"):
        shipped.phase(Exchange.NSE, datetime(2026, 1, 1))  # noqa: DTZ001 # the case under test
