"""What holds for every calendar, at every instant."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.calendar import TradingCalendar, always_open_calendar, load_calendar
from app.domain.instruments import Exchange, Instrument
from app.domain.phases import MarketPhase, Phase
from app.domain.time import IST, ist_date, ist_datetime
from tests.calendar.builders import CALL, DOLLAR, FUTURE, GOLD, INDEX, STOCK

SHIPPED = load_calendar()
ALWAYS = always_open_calendar()
INSTRUMENTS = st.sampled_from([STOCK, INDEX, FUTURE, CALL, DOLLAR, GOLD])
INSTANTS = st.datetimes(datetime(2024, 12, 25), datetime(2027, 1, 8), timezones=st.just(IST))  # noqa: DTZ001 # hypothesis adds the zone
MOMENT = timedelta(microseconds=1)


def ask(instrument: Instrument, at: datetime, *, derivatives: bool) -> MarketPhase:
    return SHIPPED.phase_of(instrument, at, has_derivatives=derivatives)


@given(instrument=INSTRUMENTS, at=INSTANTS, derivatives=st.booleans())
def test_phases_partition_time(*, instrument: Instrument, at: datetime, derivatives: bool) -> None:
    """A phase holds from `since` up to `next_transition`, and there `next_phase` begins."""
    found = ask(instrument, at, derivatives=derivatives)
    if found.next_transition is not None:
        assert found.next_transition > at
        assert ask(instrument, found.next_transition - MOMENT, derivatives=derivatives).phase is found.phase
        following = ask(instrument, found.next_transition, derivatives=derivatives)
        assert following.phase is found.next_phase
        assert following.phase is not found.phase
        assert following.since == (None if found.phase is Phase.UNKNOWN else found.next_transition)
    if found.since is not None:
        assert found.since <= at
        assert ask(instrument, found.since, derivatives=derivatives).phase is found.phase
        assert ask(instrument, found.since - MOMENT, derivatives=derivatives).phase is not found.phase


@given(instrument=INSTRUMENTS, at=INSTANTS, share=st.floats(0, 1), derivatives=st.booleans())
def test_nothing_changes_between_two_transitions(
    *, instrument: Instrument, at: datetime, share: float, derivatives: bool
) -> None:
    """Anywhere before `next_transition` the same phase is told, with the same beginning and end."""
    found = ask(instrument, at, derivatives=derivatives)
    if found.next_transition is None:
        return
    between = ask(
        instrument,
        min(at + share * (found.next_transition - at), found.next_transition - MOMENT),
        derivatives=derivatives,
    )
    assert (between.phase, between.since, between.next_transition) == (found.phase, found.since, found.next_transition)


@given(instrument=INSTRUMENTS, at=INSTANTS, derivatives=st.booleans())
def test_spans_are_where_the_phase_is_open(*, instrument: Instrument, at: datetime, derivatives: bool) -> None:
    """An instant lies in a trading span of its IST day exactly when the phase is OPEN."""
    spans = SHIPPED.trading_spans(instrument, ist_date(at), has_derivatives=derivatives)
    inside = any(span.start <= at < span.end for span in spans)
    assert inside == (ask(instrument, at, derivatives=derivatives).phase is Phase.OPEN)


@given(instrument=INSTRUMENTS, day=st.dates(date(2024, 12, 25), date(2027, 1, 8)), derivatives=st.booleans())
def test_spans_stay_inside_their_day(*, instrument: Instrument, day: date, derivatives: bool) -> None:
    """Ordered, apart from one another, within the day; and the session ends where the last price is made."""
    spans = SHIPPED.trading_spans(instrument, day, has_derivatives=derivatives)
    edges = [edge for span in spans for edge in (span.start, span.end)]
    assert edges == sorted(set(edges))
    assert all(ist_datetime(day) <= edge <= ist_datetime(day) + timedelta(days=1) for edge in edges)
    end = SHIPPED.session_end(instrument, day, has_derivatives=derivatives)
    assert (end is None) == (not spans)
    assert end is None or end >= spans[-1].end


@given(st.sampled_from(list(Exchange)), st.dates(date(1990, 1, 1), date(2100, 1, 1)))
def test_the_sandbox_is_always_open(exchange: Exchange, day: date) -> None:
    """Every exchange, every day, all day; and the text says that it is simulated."""
    stock = STOCK
    (span,) = ALWAYS.trading_spans(stock, day, has_derivatives=True)
    assert (span.start, span.end) == (ist_datetime(day), ist_datetime(day) + timedelta(days=1))
    phase = ALWAYS.phase(exchange, ist_datetime(day, 3))
    assert (phase.phase, phase.next_transition) == (Phase.OPEN, None)
    assert "simulated" in phase.calendar
    assert ALWAYS.knows(exchange, day)


@pytest.mark.parametrize("calendar", [SHIPPED, ALWAYS], ids=["shipped", "always-open"])
def test_the_days_that_are_known_are_told(calendar: TradingCalendar) -> None:
    """`known_from` and `valid_until` enclose every known day."""
    assert calendar.known_from <= calendar.valid_until
    assert calendar.source
    assert calendar.name
