"""Splits: what is stored is compared with the source once a day, and dropped when it is not the same any more."""

from datetime import date, timedelta

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from app.domain.candles import Candle, Interval
from app.services.history.drift import OVERLAP_BARS, has_drifted
from tests.history.bench import Chart, exact, running_history
from tests.history.market import DAY, HOURS, INFY, NOW, CalendarMarket, at, between
from tests.services.fakes import SetClock
from tests.support.stores import MemoryCandleStore

WEDNESDAY = at("2026-11-25 10:02")
FIRST = at("2026-08-03")


def closes(*prices: float) -> list[Candle]:
    """Bars of which only the times and the closes matter."""
    return [Candle(NOW + number * DAY, 1, 1, 1, price, 1) for number, price in enumerate(prices)]


@pytest.mark.parametrize(
    ("stored", "fetched", "drifted"),
    [
        (closes(100, 102, 101), closes(100, 102, 101), False),
        (closes(100, 102, 101), closes(50, 51, 50.5), True),
        (closes(100, 102, 101), closes(90.91, 92.73, 91.82), True),
        (closes(100, 102, 101), closes(98, 99.96, 98.98), True),
        (closes(100, 102, 101), closes(100, 102, 99), False),
        (closes(100, 102, 101), closes(100.05, 102.05, 101.05), False),
        (closes(-37.63, -10), closes(-37.63, -10), False),
        (closes(0.0), closes(5.0), False),
        (closes(100), [], False),
    ],
)
def test_drift_is_a_proportion_that_most_bars_share(stored: list[Candle], fetched: list[Candle], drifted: bool) -> None:  # noqa: FBT001 - an expectation
    """A split, a bonus, a special dividend; not a corrected bar, a tick, or nothing to compare."""
    assert has_drifted(stored, fetched) is drifted


async def test_an_extension_over_a_day_compares_a_few_bars(chart: Chart, clock: SetClock) -> None:
    """They are asked for with the new ones in one request, and are the only ones that are fetched again."""
    await chart.ask(Interval.HOUR, at("2026-11-16"))
    known = (await chart.store.last_bars(INFY.id, Interval.HOUR, before=NOW, count=OVERLAP_BARS))[0].time
    clock.time = WEDNESDAY
    series = await chart.ask(Interval.HOUR, at("2026-11-16"))
    assert (series.upstream_calls, exact(series, chart.market)) == (1, True)
    assert chart.market.asked[-1].span.start == known


async def test_it_is_compared_once_a_day(chart: Chart, clock: SetClock) -> None:
    """The next bars of the day are fetched alone."""
    await chart.ask(Interval.HOUR, at("2026-11-16"))
    clock.time = WEDNESDAY
    for _ in range(3):
        await chart.ask(Interval.HOUR, at("2026-11-16"))
        clock.advance(3600)
    starts = [asked.span.start for asked in chart.market.asked[2:]]
    assert starts == [at("2026-11-25 09:15"), at("2026-11-25 10:15")]


async def test_within_a_day_nothing_is_compared(chart: Chart, clock: SetClock) -> None:
    """Corporate actions take effect before a day's session."""
    await chart.ask(Interval.HOUR, at("2026-11-16"))
    clock.advance(7200)
    await chart.ask(Interval.HOUR, at("2026-11-16"))
    assert chart.market.asked[-1].span.start == at("2026-11-23 11:15")


async def test_an_extension_backwards_compares_a_few_bars(chart: Chart, clock: SetClock) -> None:
    """Whoever scrolls back on a later day: the oldest bars that are stored come again, once, in the same request."""
    await chart.ask(Interval.HOUR, at("2026-11-16"))
    clock.time = WEDNESDAY
    series = await chart.ask(Interval.HOUR, at("2026-11-11"), end=at("2026-11-17"))
    assert (series.upstream_calls, exact(series, chart.market)) == (1, True)
    stored = await chart.store.bars(INFY.id, Interval.HOUR, between("2026-11-16", "2026-11-17"))
    again = [bar for bar in chart.market.asked[-1].bars if bar.time >= at("2026-11-16")]
    assert again == list(stored)[:OVERLAP_BARS]
    await chart.ask(Interval.HOUR, at("2026-11-05"), end=at("2026-11-17"))
    assert chart.market.asked[-1].bars[-1].time < at("2026-11-11"), "what was fetched today is not compared"


@pytest.mark.parametrize("interval", [Interval.DAY, Interval.HOUR])
async def test_a_split_is_found_by_who_scrolls_back(
    chart: Chart, clock: SetClock, drifted: list[tuple[str, str]], interval: Interval
) -> None:
    """Nobody looks at the newest bars; half of the chart would be wrong without a word."""
    await chart.ask(interval, at("2026-10-01"), end=at("2026-11-20"))
    chart.market.split_on = date(2026, 11, 25)
    clock.time = WEDNESDAY
    assert exact(await chart.ask(interval, at("2026-08-03"), end=at("2026-10-01")), chart.market)
    assert drifted == [(INFY.id, interval)]
    assert exact(await chart.ask(interval, at("2026-08-03"), end=at("2026-11-20")), chart.market)


async def test_a_split_is_found_where_a_hole_between_old_bars_is_filled(chart: Chart, clock: SetClock) -> None:
    """Both of its sides were fetched before."""
    await chart.ask(Interval.DAY, at("2026-08-03"), end=at("2026-09-01"))
    await chart.ask(Interval.DAY, at("2026-10-01"), end=at("2026-11-20"))
    chart.market.split_on = date(2026, 11, 25)
    clock.time = WEDNESDAY
    assert exact(await chart.ask(Interval.DAY, at("2026-08-03"), end=at("2026-11-20")), chart.market)


spans = st.tuples(st.integers(0, 110), st.integers(1, 60))


@settings(max_examples=100)
@given(
    interval=st.sampled_from([Interval.DAY, Interval.HOUR]),
    before=st.lists(spans, min_size=1, max_size=4),
    later=st.lists(spans, min_size=1, max_size=4),
)
def test_no_answer_ever_joins_prices_of_before_and_after_a_split(
    interval: Interval, before: list[tuple[int, int]], later: list[tuple[int, int]]
) -> None:
    """Whatever was looked at before it and is looked at after it: each chart is all of one kind."""

    async def play() -> None:
        clock = SetClock(NOW)
        market = CalendarMarket(clock)
        async with running_history(market, clock, HOURS) as service:
            chart = Chart(service, market, MemoryCandleStore())
            for start, days in before:
                await chart.ask(interval, FIRST + start * DAY, end=min(FIRST + (start + days) * DAY, NOW))
            clock.time, market.split_on = WEDNESDAY, date(2026, 11, 25)
            for start, days in later:
                series = await chart.ask(interval, FIRST + start * DAY, end=min(FIRST + (start + days) * DAY, NOW))
                market.split_on = None
                old = exact(series, market)
                market.split_on = date(2026, 11, 25)
                assert old or exact(series, market)

    anyio.run(play)


async def test_a_gap_that_adjoins_no_stored_bar_compares_nothing(chart: Chart, clock: SetClock) -> None:
    """There is nothing beside it that it could contradict."""
    await chart.ask(Interval.HOUR, at("2026-11-09"), end=at("2026-11-12"))
    clock.time = WEDNESDAY
    await chart.ask(Interval.HOUR, at("2026-11-18"), end=at("2026-11-20"))
    assert chart.market.asked[-1].span.start == at("2026-11-18 09:15")


async def test_a_split_is_found_and_the_series_fetched_anew(
    chart: Chart, clock: SetClock, drifted: list[tuple[str, str]]
) -> None:
    """The answer of that very question is adjusted throughout; it is logged and counted, once."""
    await chart.ask(Interval.HOUR, at("2026-08-01"))
    chart.market.split_on = date(2026, 11, 25)
    clock.time = WEDNESDAY
    with capture_logs() as logs:
        series = await chart.ask(Interval.HOUR, at("2026-11-02"))
    assert (series.upstream_calls, exact(series, chart.market)) == (2, True)
    assert max(bar.close for bar in series.candles if bar.time < WEDNESDAY - DAY) < 600
    assert [(line["event"], line["instrument"], line["interval"]) for line in logs] == [
        ("candles_drifted", INFY.id, "HOUR")
    ]
    assert drifted == [(INFY.id, Interval.HOUR)]
    warm = await chart.ask(Interval.HOUR, at("2026-11-02"))
    assert (warm.upstream_calls, warm.candles) == (0, series.candles)
    earlier = await chart.ask(Interval.HOUR, at("2026-08-01"))
    assert exact(earlier, chart.market)


async def test_a_split_is_found_by_the_last_bars_too(chart: Chart, clock: SetClock) -> None:
    """With the bar that forms, over as many pieces as the source needs."""
    chart.market.days[Interval.DAY] = 60
    await chart.ask(Interval.DAY, last=100)
    chart.market.split_on = date(2026, 11, 25)
    clock.time = WEDNESDAY
    series = await chart.ask(Interval.DAY, last=100, include_forming=True)
    assert series.start is not None
    truth = chart.market.truth(Interval.DAY, between("2026-05-01", "2026-11-26"), clock.now())
    assert [bar.close for bar in series.candles] == [bar.close for bar in truth[-100:]]


async def test_the_other_intervals_of_the_instrument_are_dropped_as_well(chart: Chart, clock: SetClock) -> None:
    """They went wrong on the same day, and would not be looked at until they grow."""
    await chart.ask(Interval.DAY, at("2026-10-01"))
    await chart.ask(Interval.HOUR, at("2026-10-01"), end=at("2026-11-07"))
    chart.market.split_on = date(2026, 11, 25)
    clock.time = WEDNESDAY
    await chart.ask(Interval.DAY, at("2026-10-01"))
    old = await chart.ask(Interval.HOUR, at("2026-10-01"), end=at("2026-11-07"))
    assert (old.upstream_calls, exact(old, chart.market)) == (1, True)


async def test_a_correction_of_the_last_bars_is_taken_over(chart: Chart, clock: SetClock) -> None:
    """What is compared is stored again, so the official close of yesterday replaces the one of its evening."""
    await chart.ask(Interval.HOUR, at("2026-11-16"))
    wrong = (await chart.store.last_bars(INFY.id, Interval.HOUR, before=NOW, count=2))[0]
    fixed = Candle(wrong.time, wrong.open, wrong.high, wrong.low, wrong.close + 1, wrong.volume)
    await chart.store.replace(INFY.id, Interval.HOUR, [fixed])
    clock.time = WEDNESDAY
    assert exact(await chart.ask(Interval.HOUR, at("2026-11-16")), chart.market)


async def test_a_night_before_the_adjustment_does_not_count_as_the_day(chart: Chart, clock: SetClock) -> None:
    """Whoever looks at midnight sees the prices of yesterday; the check of the day comes after nine."""
    await chart.ask(Interval.DAY, at("2026-10-01"))
    chart.market.split_on = date(2026, 11, 25)
    clock.time = at("2026-11-25 00:40")
    await chart.ask(Interval.DAY, at("2026-10-01"))
    clock.time = at("2026-11-26 08:00")
    assert exact(await chart.ask(Interval.DAY, at("2026-10-01")), chart.market)


async def test_a_job_that_finds_a_split_fetches_all_of_it_again(chart: Chart, clock: SetClock) -> None:
    """Also the pieces that it had fetched before."""
    chart.market.days[Interval.HOUR] = 30
    span = between("2026-08-01", "2026-11-21")
    await chart.service.ensure(INFY, Interval.HOUR, between("2026-08-01", "2026-09-01"))
    chart.market.split_on = date(2026, 11, 25)
    clock.time = WEDNESDAY
    await chart.service.ensure(INFY, Interval.HOUR, span)
    assert exact(await chart.ask(Interval.HOUR, span.start, end=span.end), chart.market)


async def test_a_gap_as_long_as_a_request_still_has_room_for_the_comparison(chart: Chart, clock: SetClock) -> None:
    """Then it takes one more request, and none is longer than the source allows."""
    chart.market.days[Interval.HOUR] = 10
    await chart.ask(Interval.HOUR, at("2026-10-01"), end=at("2026-10-12"))
    chart.market.split_on = date(2026, 11, 25)
    clock.time = WEDNESDAY
    series = await chart.ask(Interval.HOUR, at("2026-10-01"), end=at("2026-10-22"))
    assert exact(series, chart.market)


async def test_a_restart_compares_again_at_most_once(market: CalendarMarket, clock: SetClock) -> None:
    """What was compared is not written down: five bars are cheaper than a table."""
    store = MemoryCandleStore()
    for _ in range(2):
        async with running_history(market, clock, HOURS, store=store) as service:
            for _ in range(3):
                await Chart(service, market, store).ask(Interval.HOUR, at("2026-11-16"))
                clock.advance(3600)
        clock.time += timedelta(days=3)
    times = [bar.time for asked in market.asked for bar in asked.bars if bar.time < at("2026-11-23 14:00")]
    assert len(times) - len(set(times)) <= OVERLAP_BARS
