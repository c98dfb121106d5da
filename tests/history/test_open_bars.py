"""A bar that its source calls open after the clock called it over: New York trades on when the day ends in India."""

from datetime import timedelta

import pytest

from app.domain.candles import CandleState, Interval
from app.services.history.tail import TAIL_SECONDS
from tests.history.bench import Chart
from tests.history.market import INFY, CalendarMarket, between
from tests.history.market import at as at_ist
from tests.services.fakes import SetClock

WEDNESDAY = at_ist("2026-11-25 00:00")
WEEK = between("2026-11-19", "2026-11-26")


@pytest.fixture(autouse=True)
def abroad(market: CalendarMarket, clock: SetClock) -> None:
    """Half past midnight: Wednesday is over by the clock, and for two more hours not by its source."""
    market.goes_on = timedelta(hours=2, minutes=30)
    clock.time = at_ist("2026-11-26 00:30")


async def test_it_is_believed_after_one_request(chart: Chart) -> None:
    """The bar is left out, and no bar is missing: the source has said all that there is."""
    series = await chart.ask(Interval.DAY, WEEK.start)
    assert series.upstream_calls == 1
    assert (series.problem, series.missing) == (None, ())
    assert {bar.state for bar in series.candles} == {CandleState.FINAL}
    assert series.candles[-1].time < WEDNESDAY


async def test_it_is_shown_as_forming_to_who_wants_it(chart: Chart) -> None:
    """And not stored."""
    series = await chart.ask(Interval.DAY, last=3, include_forming=True)
    assert series.upstream_calls == 1
    assert (series.candles[-1].time, series.candles[-1].state) == (WEDNESDAY, CandleState.FORMING)
    assert (await chart.store.bars(INFY.id, Interval.DAY, WEEK))[-1].time < WEDNESDAY


@pytest.mark.parametrize("include_forming", [False, True])
async def test_pages_that_poll_share_a_request_every_few_seconds(
    chart: Chart, clock: SetClock, *, include_forming: bool
) -> None:
    """Four questions a second for a minute, from any number of pages."""
    for _ in range(240):
        await chart.ask(Interval.DAY, last=10, include_forming=include_forming)
        clock.advance(0.25)
    assert chart.market.sent <= 60 / TAIL_SECONDS + 1


async def test_it_is_stored_once_its_source_calls_it_over(chart: Chart, clock: SetClock) -> None:
    """With what came after our midnight."""
    await chart.ask(Interval.DAY, last=3)
    clock.time = at_ist("2026-11-26 02:31")
    series = await chart.ask(Interval.DAY, last=3)
    assert (series.candles[-1].time, series.candles[-1].state) == (WEDNESDAY, CandleState.FINAL)
    assert (await chart.store.bars(INFY.id, Interval.DAY, WEEK))[-1] == series.candles[-1]
    assert (await chart.ask(Interval.DAY, last=3)).upstream_calls == 0


async def test_a_backfill_leaves_it_alone(chart: Chart) -> None:
    """One request, however often the source says the same; asked again it costs nothing for what is stored."""
    assert await chart.service.ensure(INFY, Interval.DAY, WEEK) == 1
    assert (await chart.store.bars(INFY.id, Interval.DAY, WEEK))[-1].time < WEDNESDAY
    assert await chart.service.requests_for(INFY, Interval.DAY, WEEK) == 0


async def test_the_month_that_holds_it_is_open_too(chart: Chart, clock: SetClock) -> None:
    """Its last day is not over, so a month without that day is not the month."""
    clock.time = at_ist("2026-12-01 00:30")
    november = at_ist("2026-11-01 00:00")
    months = (await chart.ask(Interval.MONTH, last=2)).candles
    assert november not in {bar.time for bar in months}
    shown = (await chart.ask(Interval.MONTH, last=2, include_forming=True)).candles[-1]
    assert (shown.time, shown.state) == (november, CandleState.FORMING)


async def test_prices_that_come_late_are_asked_for_once(chart: Chart, clock: SetClock) -> None:
    """A source that is a quarter of an hour behind calls its newest bars open: that is no gap."""
    chart.market.goes_on = timedelta(minutes=15)
    clock.time = at_ist("2026-11-25 12:02:30")
    series = await chart.ask(Interval.MINUTE_5, last=50)
    assert series.upstream_calls == 1
    assert series.candles[-1].time == at_ist("2026-11-25 11:40")
