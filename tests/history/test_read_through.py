"""The store answers what it knows, and the source is asked for the rest, once."""

import pytest

from app.domain.candles import CandleState, Interval
from app.domain.errors import InvalidRange, LoginRequired, RateLimited, SourceUnavailable
from app.domain.provenance import Cost, DataSource
from app.domain.spans import subtract
from app.ports import Coverage
from tests.history.bench import Chart, exact, running_history
from tests.history.market import DAY, HOURS, INFY, NOW, CalendarMarket, at, between
from tests.services.fakes import SetClock
from tests.support.stores import MemoryCandleStore


async def test_a_year_of_five_minute_bars_takes_four_calls_and_then_none(chart: Chart) -> None:
    """The first answer is paid for, the second comes from the store; both say so, and are the same."""
    start, cost = NOW - 365 * DAY, Cost()
    cold = await chart.ask(Interval.MINUTE_5, start, cost=cost)
    assert (cold.upstream_calls, cost.upstream_calls, chart.market.sent) == (4, 4, 4)
    warm = await chart.ask(Interval.MINUTE_5, start, cost=cost)
    assert (warm.upstream_calls, cost.upstream_calls, chart.market.sent) == (0, 4, 4)
    assert warm.candles == cold.candles
    assert cold.count > 18_000
    assert (cold.missing, cold.problem, warm.missing) == ((), None, ())


async def test_only_the_gap_is_fetched(chart: Chart) -> None:
    """Between two known spans, exactly what lies between their bars."""
    await chart.ask(Interval.HOUR, at("2026-11-10"), end=at("2026-11-12"))
    await chart.ask(Interval.HOUR, at("2026-11-18"), end=at("2026-11-20"))
    series = await chart.ask(Interval.HOUR, at("2026-11-11"), end=at("2026-11-19"))
    assert series.upstream_calls == 1
    assert chart.market.asked[-1].span == between("2026-11-12 09:15", "2026-11-17 15:35")
    assert exact(series, chart.market)


async def test_two_gaps_are_two_requests(chart: Chart) -> None:
    """What is known between them is not fetched again, and the newer one comes first."""
    await chart.ask(Interval.HOUR, at("2026-11-12"), end=at("2026-11-13"))
    series = await chart.ask(Interval.HOUR, at("2026-11-11"), end=at("2026-11-18"))
    assert [asked.span.start for asked in chart.market.asked[1:]] == [at("2026-11-13 09:15"), at("2026-11-11 09:15")]
    assert exact(series, chart.market)


async def test_what_is_known_only_to_be_shut_divides_nothing(chart: Chart) -> None:
    """Gaps around a weekend that another request ran over are one request."""
    shut = Coverage(between("2026-11-13 20:00", "2026-11-16 08:00"), DataSource.SANDBOX, NOW - DAY)
    await chart.store.save(INFY.id, Interval.HOUR, [], shut)
    series = await chart.ask(Interval.HOUR, at("2026-11-12"), end=at("2026-11-18"))
    assert (series.upstream_calls, exact(series, chart.market)) == (1, True)


@pytest.mark.parametrize(
    ("interval", "start", "end"),
    [
        (Interval.MINUTE_5, "2026-11-20 16:00", "2026-11-23 09:15"),
        (Interval.MINUTE_5, "2026-11-10 00:00", "2026-11-11 09:00"),
        (Interval.DAY, "2026-11-21 00:00", "2026-11-23 00:00"),
        (Interval.DAY, "2026-11-20 00:00:01", "2026-11-22 12:00"),
        (Interval.WEEK, "2026-11-17 00:00", "2026-11-22 00:00"),
    ],
)
async def test_shut_hours_are_known_to_be_empty(chart: Chart, interval: Interval, start: str, end: str) -> None:
    """Nights, weekends and holidays are never asked for, nor a week that does not begin in the range."""
    series = await chart.ask(interval, at(start), end=at(end))
    assert (series.candles, series.expected, chart.market.sent) == ((), 0, 0)


async def test_a_day_whose_hours_are_not_known_is_asked_for_once(chart: Chart) -> None:
    """Muhurat: the calendar does not know when, so the source says; then it is known."""
    for calls in (1, 0):
        series = await chart.ask(Interval.MINUTE_5, at("2026-11-07"), end=at("2026-11-09"))
        assert (series.upstream_calls, series.count, series.expected) == (calls, 12, None)


@pytest.mark.parametrize("interval", [Interval.DAY, Interval.WEEK, Interval.MONTH])
async def test_where_no_bar_can_open_none_is_missing(chart: Chart, interval: Interval) -> None:
    """Not even on a day whose hours are not known: its bar opened at midnight, before the range."""
    series = await chart.ask(interval, at("2026-11-08 10:00"), end=at("2026-11-08 20:00"))
    assert (series.candles, series.missing, series.upstream_calls) == ((), (), 0)


async def test_before_the_listing_there_is_nothing_once(chart: Chart) -> None:
    """An empty answer is knowledge as well."""
    chart.market.listed = at("2026-11-20")
    for calls in (1, 0):
        series = await chart.ask(Interval.HOUR, at("2026-11-02"), end=at("2026-11-06"))
        assert (series.candles, series.upstream_calls, series.missing) == ((), calls, ())


async def test_the_last_bars_come_from_the_store_when_it_has_them(chart: Chart, clock: SetClock) -> None:
    """However many look backs would have been needed; a minute later only the new bar is fetched."""
    assert (await chart.ask(Interval.MINUTE_5, last=100)).upstream_calls == 1
    assert (await chart.ask(Interval.MINUTE_5, last=120)).upstream_calls == 0
    clock.advance(300)
    series = await chart.ask(Interval.MINUTE_5, last=100)
    assert series.upstream_calls == 1
    assert chart.market.asked[-1].span.start == at("2026-11-23 12:00")
    assert (series.count, exact(series, chart.market)) == (100, True)


async def test_the_last_bars_have_no_hole(chart: Chart) -> None:
    """Stored bars that are enough in number, but with a gap among them, are not an answer."""
    await chart.ask(Interval.HOUR, at("2026-11-02"), end=at("2026-11-06"))
    await chart.ask(Interval.HOUR, at("2026-11-18"), end=at("2026-11-20"))
    series = await chart.ask(Interval.HOUR, last=20, end=at("2026-11-20"))
    assert (series.count, series.upstream_calls, exact(series, chart.market)) == (20, 1, True)


async def test_weeks_and_months_come_from_stored_days(chart: Chart) -> None:
    """The days of both are the same, and fetched once."""
    weeks = await chart.ask(Interval.WEEK, at("2026-06-01"))
    assert (weeks.upstream_calls, weeks.count) == (1, 25)
    for interval in (Interval.MONTH, Interval.WEEK, Interval.DAY):
        assert (await chart.ask(interval, at("2026-06-01"))).upstream_calls == 0
    assert await chart.store.coverage(INFY.id, Interval.WEEK, between("2026-01-01", "2027-01-01")) == []


@pytest.mark.parametrize("interval", [Interval.MINUTE_15, Interval.MINUTE_30, Interval.HOUR])
async def test_longer_bars_come_from_stored_finer_ones(chart: Chart, interval: Interval) -> None:
    """Without a request, equal to what the source says, and then stored themselves."""
    await chart.ask(Interval.MINUTE_5, at("2026-11-16"))
    derived = await chart.ask(interval, at("2026-11-16"))
    assert (derived.upstream_calls, derived.missing) == (0, ())
    assert exact(derived, chart.market)
    known = await chart.store.coverage(INFY.id, interval, between("2026-11-16", "2026-11-23"))
    assert [each.source for each in known] == [DataSource.SANDBOX]


async def test_finer_bars_with_a_hole_are_not_enough(chart: Chart) -> None:
    """Nor are those that end before the last bar does; then the source is asked for all of it."""
    await chart.ask(Interval.MINUTE_5, at("2026-11-16"), end=at("2026-11-18 10:00"))
    series = await chart.ask(Interval.HOUR, at("2026-11-16"), end=at("2026-11-18 10:00"))
    assert (series.upstream_calls, exact(series, chart.market)) == (1, True)


async def test_days_whose_hours_are_not_known_are_not_derived(chart: Chart) -> None:
    """Nobody knows where their bars begin: they are asked for, and the days around them are derived."""
    await chart.ask(Interval.MINUTE_5, at("2026-11-02"), end=at("2026-11-14"))
    series = await chart.ask(Interval.HOUR, at("2026-11-02"), end=at("2026-11-14"))
    assert (series.upstream_calls, exact(series, chart.market)) == (1, True)
    muhurat = between("2026-11-08", "2026-11-09")
    assert subtract(chart.market.asked[-1].span, [muhurat]) == []


async def test_a_failure_half_way_keeps_what_came(chart: Chart) -> None:
    """The newest pieces are there and stored, the others are missing; asked again, only those are fetched."""
    chart.market.days[Interval.HOUR] = 30
    chart.market.failures = [None, None, SourceUnavailable("HTTP 503")]
    half = await chart.ask(Interval.HOUR, at("2026-08-01"), end=at("2026-11-06"))
    assert half.problem == "SOURCE_UNAVAILABLE: HTTP 503"
    assert half.missing[0].start == at("2026-08-03 09:15")
    assert half.missing[-1].end <= half.candles[0].time
    assert half.expected is not None
    assert half.count < half.expected
    sent = chart.market.sent
    whole = await chart.ask(Interval.HOUR, at("2026-08-01"), end=at("2026-11-06"))
    assert (whole.problem, whole.missing, exact(whole, chart.market)) == (None, (), True)
    assert whole.upstream_calls == chart.market.sent - sent
    assert all(asked.span.end <= half.missing[-1].end + DAY for asked in chart.market.asked[sent:])


async def test_without_a_login_what_is_stored_is_served(chart: Chart, clock: SetClock) -> None:
    """With the rest named; and the error where there is nothing at all."""
    await chart.ask(Interval.MINUTE_5, at("2026-11-20"))
    clock.advance(3600)
    chart.market.always = LoginRequired("nobody is logged in to Kite", login_url="http://here/auth/kite/login")
    series = await chart.ask(Interval.MINUTE_5, at("2026-11-20"))
    assert (series.candles[-1].time, series.upstream_calls) == (at("2026-11-23 11:55"), 0)
    assert series.missing == (between("2026-11-23 12:00", "2026-11-23 13:00"),)
    assert series.problem == "LOGIN_REQUIRED: nobody is logged in to Kite"
    newest = await chart.ask(Interval.MINUTE_5, last=10, include_forming=True)
    assert (newest.count, newest.candles[-1].time) == (10, at("2026-11-23 11:55"))
    with pytest.raises(LoginRequired):
        await chart.ask(Interval.HOUR, at("2026-11-02"), end=at("2026-11-03"))


async def test_fewer_last_bars_than_asked_for_are_explained(chart: Chart) -> None:
    """What is stored is served; where the others would be is missing."""
    await chart.ask(Interval.HOUR, at("2026-11-19"), end=at("2026-11-21"))
    chart.market.always = RateLimited("the budget is spent", retry_after_ms=900)
    series = await chart.ask(Interval.HOUR, last=50, end=at("2026-11-21"))
    assert series.count == 12
    assert series.start is not None
    assert series.start < at("2026-11-10")
    assert series.missing[-1].end == at("2026-11-18 15:15")
    assert series.problem == "RATE_LIMITED: the budget is spent, retry in 900 ms"


async def test_a_week_of_which_a_day_is_not_known_is_left_out(chart: Chart) -> None:
    """A bar of half its days would be a wrong bar."""
    await chart.ask(Interval.DAY, at("2026-11-12"), end=at("2026-11-21"))
    chart.market.always = SourceUnavailable("HTTP 503")
    series = await chart.ask(Interval.WEEK, at("2026-11-02"), end=at("2026-11-21"))
    assert [bar.time for bar in series.candles] == [at("2026-11-16")]
    assert series.missing == (between("2026-11-02", "2026-11-16"),)
    assert series.problem is not None


async def test_each_bar_has_its_source(chart: Chart) -> None:
    """Bars that another source gave are counted for it."""
    span = between("2026-11-18", "2026-11-19")
    yahoo = Coverage(span, DataSource.YAHOO, NOW)
    await chart.store.save(INFY.id, Interval.HOUR, chart.market.truth(Interval.HOUR, span, NOW), yahoo)
    series = await chart.ask(Interval.HOUR, at("2026-11-17"), end=at("2026-11-20"))
    assert {share.source: share.candles for share in series.sources} == {DataSource.SANDBOX: 12, DataSource.YAHOO: 6}


async def test_too_many_bars_are_refused_before_any_request(chart: Chart) -> None:
    """By the calendar, with the way to page in the message."""
    with pytest.raises(InvalidRange, match="page by page"):
        await chart.ask(Interval.MINUTE_5, at("2022-01-01"))
    assert chart.market.sent == 0


async def test_a_restart_loses_nothing(market: CalendarMarket, clock: SetClock) -> None:
    """Another service over the same store knows what the first one knew."""
    store = MemoryCandleStore()
    for calls in (1, 0):
        async with running_history(market, clock, HOURS, store=store) as service:
            series = await Chart(service, market, store).ask(Interval.MINUTE_5, at("2026-11-16"))
            assert (series.upstream_calls, series.candles[-1].state) == (calls, CandleState.FINAL)
