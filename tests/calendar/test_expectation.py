"""What the calendar expects of a series, case by case, and against minutes counted one by one."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.calendar import TradingCalendar, always_open_calendar, load_calendar
from app.domain.candle_merge import MERGED, bar_end, ceil_period, period_start
from app.domain.candles import Candle, CandleRange, Interval
from app.domain.instruments import Exchange, Instrument, InstrumentKind
from app.domain.phases import MarketPhase, Phase
from app.domain.spans import union
from app.domain.time import IST
from app.services.history.bar_states import is_over
from app.services.history.expectation import Expectation, expectation
from app.services.phases import PhaseService
from tests.calendar.builders import CALL, DOLLAR, FUTURE, GOLD, INDEX, STOCK, instrument

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
LATER = datetime(2026, 12, 30, tzinfo=IST)
HOURS = PhaseService(load_calendar(), lambda instrument_id: instrument_id == "NSE:INFY")
ALWAYS = PhaseService(always_open_calendar(), lambda _: True)
SMALL = instrument(Exchange.NSE, InstrumentKind.EQUITY, "SMALL")


def at(text: str) -> datetime:
    """An instant in IST."""
    return datetime.fromisoformat(text).replace(tzinfo=IST)


def between(start: str, end: str) -> CandleRange:
    """A span of IST."""
    return CandleRange(at(start), at(end))


def bar(time: datetime) -> Candle:
    """A bar of which only the time matters."""
    return Candle(time, 1, 1, 1, 1, 1)


def ask(  # noqa: PLR0913 - what a question can vary, by keyword
    one: Instrument,
    interval: Interval,
    span: CandleRange,
    *,
    bars: Sequence[datetime] = (),
    known: Sequence[CandleRange] = (),
    now: datetime = LATER,
    hours: PhaseService = HOURS,
) -> Expectation:
    """One question, with bars by their times."""
    return expectation(hours, one, interval, span=span, bars=[bar(time) for time in bars], known=known, now=now)


@pytest.mark.parametrize(
    ("one", "interval", "span", "expected"),
    [
        (SMALL, Interval.MINUTE, between("2026-11-23", "2026-11-24"), 375),
        (STOCK, Interval.MINUTE, between("2026-11-23", "2026-11-24"), 360),
        (STOCK, Interval.MINUTE, between("2026-07-31", "2026-08-01"), 375),
        (INDEX, Interval.MINUTE, between("2026-11-23", "2026-11-24"), 375),
        (FUTURE, Interval.MINUTE, between("2026-11-23", "2026-11-24"), 385),
        (CALL, Interval.MINUTE, between("2026-07-31", "2026-08-01"), 375),
        (DOLLAR, Interval.MINUTE, between("2026-11-23", "2026-11-24"), 480),
        (GOLD, Interval.MINUTE, between("2026-11-23", "2026-11-24"), 895),
        (GOLD, Interval.MINUTE, between("2026-06-01", "2026-06-02"), 870),
        (GOLD, Interval.MINUTE, between("2026-06-26", "2026-06-27"), 390),
        (SMALL, Interval.MINUTE, between("2026-11-24", "2026-11-25"), 0),
        (SMALL, Interval.MINUTE, between("2026-11-21", "2026-11-23"), 0),
        (SMALL, Interval.MINUTE, between("2026-02-01", "2026-02-02"), 375),
        (SMALL, Interval.MINUTE, between("2025-10-21", "2025-10-22"), 60),
        (SMALL, Interval.MINUTE_10, between("2026-11-23", "2026-11-24"), 38),
        (SMALL, Interval.HOUR, between("2026-11-23", "2026-11-24"), 7),
        (STOCK, Interval.HOUR, between("2026-11-23", "2026-11-24"), 6),
        (SMALL, Interval.HOUR, between("2026-11-23 09:16", "2026-11-23 10:15"), 0),
        (SMALL, Interval.HOUR, between("2026-11-23 10:15", "2026-11-23 10:15:01"), 1),
        (SMALL, Interval.DAY, between("2026-11-23", "2026-11-30"), 4),
        (GOLD, Interval.DAY, between("2026-11-23", "2026-11-30"), 5),
        (SMALL, Interval.DAY, between("2026-11-23 09:15", "2026-11-25"), 0),
        (SMALL, Interval.WEEK, between("2026-11-09", "2026-12-07"), 4),
        (SMALL, Interval.WEEK, between("2026-11-10", "2026-12-07"), 3),
        (SMALL, Interval.MONTH, between("2025-01-01", "2026-12-01"), 23),
    ],
)
def test_expected_bars(*, one: Instrument, interval: Interval, span: CandleRange, expected: int) -> None:
    """Hours by class and date, holidays, special sessions; the pre-open and the closing auction have no bar."""
    assert ask(one, interval, span).expected == expected


@pytest.mark.parametrize("days", [1, 3, 365])
def test_the_sandbox_has_1440_minutes_a_day(days: int) -> None:
    """Around the clock, every day; and without bars the whole span is one hole."""
    span = CandleRange(at("2026-11-21"), at("2026-11-21") + days * DAY)
    assert ask(STOCK, Interval.MINUTE, span, hours=ALWAYS, now=span.end) == Expectation(1440 * days, (span,))
    assert ask(STOCK, Interval.DAY, span, hours=ALWAYS, now=span.end) == Expectation(days, (span,))


def test_a_hole_in_a_session_is_missing() -> None:
    """Neighbouring minutes are one span, and bars on its sides stay out of it."""
    there = [at("2026-11-23 09:15") + n * MINUTE for n in range(375) if n not in {3, 4, 5, 100, 374}]
    found = ask(SMALL, Interval.MINUTE, between("2026-11-23", "2026-11-24"), bars=there)
    assert found.missing == (
        between("2026-11-23 09:18", "2026-11-23 09:21"),
        between("2026-11-23 10:55", "2026-11-23 10:56"),
        between("2026-11-23 15:29", "2026-11-23 15:30"),
    )


def test_missing_ends_with_the_session() -> None:
    """The night and the weekend between are missed by nobody; the last hour ends at the close."""
    found = ask(SMALL, Interval.HOUR, between("2026-11-20 14:15", "2026-11-23 10:00"))
    assert found.missing == (
        between("2026-11-20 14:15", "2026-11-20 15:30"),
        between("2026-11-23 09:15", "2026-11-23 10:00"),
    )


def test_missing_days_in_a_row_are_one_span() -> None:
    """From midnight to midnight, cut by the holiday on Tuesday and the weekend."""
    found = ask(SMALL, Interval.DAY, between("2026-11-19", "2026-11-27"), bars=[at("2026-11-26")])
    assert found == Expectation(
        5,
        (
            between("2026-11-19", "2026-11-21"),
            between("2026-11-23", "2026-11-24"),
            between("2026-11-25", "2026-11-26"),
        ),
    )


def test_a_minute_without_a_trade_is_expected_and_not_missing() -> None:
    """The source was asked for the whole span and had no bar: only what was not asked for can be missing."""
    span = between("2026-11-23", "2026-11-24")
    known = [between("2026-11-23 10:00", "2026-11-24"), between("2026-11-22", "2026-11-23 09:20")]
    found = ask(SMALL, Interval.MINUTE, span, bars=[at("2026-11-23 09:16"), at("2026-11-23 11:00")], known=known)
    assert found == Expectation(375, (between("2026-11-23 09:20", "2026-11-23 10:00"),))


def test_a_bar_in_the_closing_auction_changes_nothing() -> None:
    """Nobody knows whether Kite sends one: it is not expected, and no reason for a hole."""
    there = [at("2026-11-23 09:15") + n * MINUTE for n in range(360)]
    span = between("2026-11-23", "2026-11-24")
    assert ask(STOCK, Interval.MINUTE, span, bars=[*there, at("2026-11-23 15:30")]) == Expectation(360, ())


@pytest.mark.parametrize(
    ("interval", "before", "forming"),
    [
        (Interval.MINUTE, 45, "2026-11-23 10:00"),
        (Interval.HOUR, 0, "2026-11-23 09:15"),
        (Interval.DAY, 0, "2026-11-23"),
        (Interval.WEEK, 0, "2026-11-23"),
        (Interval.MONTH, 0, "2026-11-01"),
    ],
)
def test_the_forming_bar_counts_only_if_it_is_there(*, interval: Interval, before: int, forming: str) -> None:
    """It is never missing: its time is not over."""
    span = CandleRange(period_start(at(forming), Interval.DAY), at("2026-12-24"))
    known, now = [CandleRange(span.start, at(forming))], at("2026-11-23 10:00:30")
    assert ask(SMALL, interval, span, known=known, now=now) == Expectation(before, ())
    assert ask(SMALL, interval, span, bars=[at(forming)], known=known, now=now) == Expectation(before + 1, ())


def test_a_bar_is_expected_once_its_market_is_shut() -> None:
    """The day, and the last hour of it, after the close; the week on Friday evening."""
    span, now = between("2026-11-23", "2026-11-28"), at("2026-11-27 15:31")
    assert ask(SMALL, Interval.DAY, span, now=now).expected == 4
    assert ask(SMALL, Interval.HOUR, between("2026-11-27", "2026-11-28"), now=now).expected == 7
    assert ask(SMALL, Interval.WEEK, span, now=now).expected == 1
    assert ask(STOCK, Interval.WEEK, span, now=now).expected == 0, "in the closing auction it is still open"


def test_nothing_is_expected_of_the_future() -> None:
    """A span that begins after now."""
    assert ask(SMALL, Interval.MINUTE, between("2026-11-24", "2026-11-26"), now=at("2026-11-23")) == Expectation(0, ())


@pytest.mark.parametrize(
    ("one", "interval", "span"),
    [
        (SMALL, Interval.MINUTE, between("2024-12-30", "2025-01-05")),
        (SMALL, Interval.MINUTE, between("2026-11-06", "2026-11-10")),
        (SMALL, Interval.DAY, between("2026-11-06", "2026-11-10")),
        (DOLLAR, Interval.DAY, between("2025-06-01", "2025-06-10")),
        (instrument(Exchange.YAHOO, InstrumentKind.INDEX), Interval.DAY, between("2026-11-06", "2026-11-10")),
    ],
)
def test_beyond_the_calendar_nothing_is_expected_or_missing(
    *, one: Instrument, interval: Interval, span: CandleRange
) -> None:
    """What was fetched there is whole, whatever it has."""
    assert ask(one, interval, span, known=[span]) == Expectation(None, ())


def test_what_was_not_fetched_beyond_the_calendar_is_missing() -> None:
    """Nobody knows whether it holds bars; that nobody has asked is a fact. Known sessions are judged as ever."""
    span = between("2024-12-27", "2025-01-03")
    found = ask(SMALL, Interval.DAY, span, known=[between("2024-12-27", "2024-12-30")], bars=[at("2024-12-31")])
    assert found.expected is None
    assert found.missing == (
        between("2024-12-30", "2024-12-31"),
        CandleRange(at("2025-01-01"), at("2025-01-03")),
    )


def test_a_week_with_trading_is_expected_even_if_one_of_its_days_is_unknown() -> None:
    """The hours of the Muhurat session on a Sunday are not known; the week has a bar without it."""
    assert ask(SMALL, Interval.WEEK, between("2026-11-02", "2026-11-09")).expected == 1


def test_a_week_of_which_a_day_was_not_fetched_is_missing_unless_it_has_a_bar() -> None:
    """`known` are spans of days."""
    span = between("2026-11-09", "2026-11-30")
    known = [between("2026-11-09", "2026-11-20"), between("2026-11-21", "2026-11-30")]
    week = CandleRange(at("2026-11-16"), at("2026-11-23"))
    assert ask(SMALL, Interval.WEEK, span, known=known) == Expectation(3, (week,))
    assert ask(SMALL, Interval.WEEK, span, known=known, bars=[week.start]) == Expectation(3, ())


def naive(  # noqa: PLR0913 - the arguments of what it stands for
    hours: PhaseService,
    one: Instrument,
    interval: Interval,
    *,
    span: CandleRange,
    bars: frozenset[datetime],
    known: Sequence[CandleRange],
    now: datetime,
) -> Expectation:
    """The same by looking at every single minute; of spans that the calendar knows."""
    over = [
        slot
        for slot in slots(hours, one, interval, span)
        if slot.start <= now
        and (slot.start in bars or is_over(slot.start, instrument=one, interval=interval, now=now, phases=hours))
    ]
    missing = [slot for slot in over if slot.start not in bars and unknown_to(hours, one, interval, slot, known)]
    cut = (CandleRange(slot.start, min(slot.end, span.end)) for slot in missing)
    return Expectation(len(over), tuple(union(cut)))


def unknown_to(
    hours: PhaseService, one: Instrument, interval: Interval, slot: CandleRange, known: Sequence[CandleRange]
) -> bool:
    """Whether the source was not asked for the bar, or for a trading day of it."""
    opens = [slot.start]
    if interval in MERGED:
        opens = [day.start for day in slots(hours, one, Interval.DAY, slot)]
    return any(not any(each.start <= instant < each.end for each in known) for instant in opens)


def slots(hours: PhaseService, one: Instrument, interval: Interval, span: CandleRange) -> list[CandleRange]:
    """Every bar that opens in the span, found minute by minute."""
    unit = Interval.DAY if interval.minutes else interval
    end = ceil_period(span.end, unit)
    found: list[CandleRange] = []
    for minute in open_minutes(hours, one, period_start(span.start, unit), end):
        opens = minute if interval.minutes else period_start(minute, interval)
        if found and opens < found[-1].end:
            continue
        found.append(CandleRange(opens, slot_end(hours, one, interval, opens)))
    return [slot for slot in found if span.start <= slot.start < span.end]


def slot_end(hours: PhaseService, one: Instrument, interval: Interval, opens: datetime) -> datetime:
    """When a bar is over: after its minutes, or when the session or the day ends."""
    if interval.minutes is None:
        return bar_end(opens, interval)
    end = opens
    while end < opens + timedelta(minutes=interval.minutes) and is_open(hours, one, end):
        end += MINUTE
        if end == bar_end(opens, Interval.DAY):
            break
    return end


def open_minutes(hours: PhaseService, one: Instrument, start: datetime, end: datetime) -> Iterator[datetime]:
    """The minutes of continuous trading."""
    while start < end:
        if is_open(hours, one, start):
            yield start
        start += MINUTE


def is_open(hours: PhaseService, one: Instrument, minute: datetime) -> bool:
    """One minute."""
    return hours.phase_of(one, minute).phase is Phase.OPEN


INTERESTING = [at("2026-02-01"), at("2026-08-03"), at("2026-06-26"), at("2026-11-23"), at("2026-03-09")]


@st.composite
def questions(draw: st.DrawFn) -> dict[str, Any]:
    """A few days around something special, some bars there, some spans known."""
    hours = draw(st.sampled_from([HOURS, HOURS, ALWAYS]))
    one = draw(st.sampled_from([STOCK, SMALL, INDEX, FUTURE, CALL, DOLLAR, GOLD]))
    interval = draw(st.sampled_from([each for each in Interval if each is not Interval.MONTH]))
    origin = draw(st.sampled_from(INTERESTING)) - 3 * DAY
    minutes = st.integers(0, 6 * 1440)
    instants = minutes.map(lambda count: (origin + count * MINUTE).astimezone(UTC))
    edges = sorted((draw(instants), draw(instants)))
    span = CandleRange(edges[0], edges[1] + MINUTE)
    known = [
        CandleRange(start, start + length * MINUTE)
        for start, length in draw(st.lists(st.tuples(instants, st.integers(1, 3000)), max_size=3))
    ]
    now = draw(instants.map(lambda instant: instant + timedelta(seconds=7)) | st.just(origin + 30 * DAY))
    every = [slot.start for slot in slots(hours, one, interval, span) if slot.start <= now]
    holes = draw(st.lists(st.tuples(st.integers(0, len(every)), st.integers(1, 400)), max_size=3))
    lost = {index for start, length in holes for index in range(start, start + length)}
    bars = [time for index, time in enumerate(every) if index not in lost]
    return {"hours": hours, "one": one, "interval": interval, "span": span, "bars": bars, "known": known, "now": now}


@settings(max_examples=60)
@given(questions())
def test_arithmetic_counts_what_a_loop_over_minutes_counts(question: dict[str, Any]) -> None:
    """Whatever the hours, the interval, the holes and the instant."""
    counted = naive(**{**question, "bars": frozenset(question["bars"])})
    assert ask(**question) == counted


def test_a_long_series_asks_the_calendar_no_more_than_a_short_one() -> None:
    """Two spans of phases, and the phase of now: nothing a minute or a day."""

    class Counting(PhaseService):
        asked = 0

        def phase_of(self, instrument: Instrument, at: datetime) -> MarketPhase:
            self.asked += 1
            return super().phase_of(instrument, at)

        def spans_of(
            self, instrument: Instrument, within: CandleRange, phases: frozenset[Phase]
        ) -> tuple[CandleRange, ...]:
            self.asked += 1
            return super().spans_of(instrument, within, phases)

    hours = Counting(always_open_calendar(), lambda _: True)
    span = CandleRange(LATER - 5 * 365 * DAY, LATER)
    assert ask(STOCK, Interval.MINUTE, span, hours=hours).expected == 5 * 365 * 1440
    assert hours.asked <= 3


def test_the_calendar_is_the_shipped_one(shipped: TradingCalendar) -> None:
    """The numbers above stand on its dates."""
    assert HOURS.calendar.valid_until == shipped.valid_until
