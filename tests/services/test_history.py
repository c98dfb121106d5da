"""HistoryService: ranges, last bars, caps of the source, states, and messages for nonsense."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.candle_merge import period_start
from app.domain.candles import Candle, CandleRange, CandleSeries, CandleState, Interval
from app.domain.errors import (
    InvalidInput,
    InvalidRange,
    LoginRequired,
    MarketDataError,
    NotSupported,
    SourceTimeout,
    SourceUnavailable,
)
from app.domain.instruments import Instrument
from app.domain.provenance import Cost
from app.domain.time import IST
from app.services.history import fetches
from app.services.history import service as history
from app.services.history.bar_states import is_over
from tests.history.bench import running_history
from tests.services.fakes import DAY, MONDAY_NOON, SetClock, SetPhases, SteadyCandles, an_instrument, steady_bars
from tests.support.virtual_time import VIRTUAL_TIME

NOW = MONDAY_NOON + timedelta(seconds=30)
INFY = an_instrument("NSE:INFY")
WEEKDAYS = SetPhases(always_open=False)


def at(text: str) -> datetime:
    """An instant in IST."""
    return datetime.fromisoformat(text).replace(tzinfo=IST)


async def ask(  # noqa: PLR0913 - everything a question can vary, by keyword
    interval: Interval,
    *,
    source: SteadyCandles | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    last: int | None = None,
    include_forming: bool = False,
    instrument: Instrument = INFY,
    cost: Cost | None = None,
    hours: SetPhases | None = None,
    now: datetime = NOW,
    deadline: float = 5,
) -> CandleSeries:
    """One question to a new service."""
    source = source or SteadyCandles()
    async with running_history(source, SetClock(now), hours or SetPhases(), deadline=deadline) as service:
        return await service.candles(
            instrument, interval, start=start, end=end, last=last, include_forming=include_forming, cost=cost or Cost()
        )


async def test_a_range_holds_exactly_its_bars() -> None:
    """Bars that open in [from, to), oldest first, in one call."""
    cost = Cost()
    series = await ask(Interval.MINUTE, start=at("2026-11-20 10:00"), end=at("2026-11-20 10:03"), cost=cost)
    assert [bar.time for bar in series.candles] == [at(f"2026-11-20 10:0{n}") for n in range(3)]
    assert (series.start, series.end) == (at("2026-11-20 10:00"), at("2026-11-20 10:03"))
    assert (series.upstream_calls, cost.upstream_calls, series.sources[0].candles) == (1, 1, 3)


async def test_a_source_that_sends_more_than_was_asked_changes_nothing() -> None:
    """Kite's range includes its end; the bar that opens there belongs to the next piece, or to nobody."""

    class Generous(SteadyCandles):
        async def candles(self, instrument: Instrument, interval: Interval, span: CandleRange) -> list[Candle]:
            bars = await super().candles(instrument, interval, span)
            return [*bars, *steady_bars(interval, CandleRange(span.end, span.end + DAY))]

    start, end = at("2026-11-20 10:00"), at("2026-11-20 10:03")
    series = await ask(Interval.MINUTE, source=Generous(), start=start, end=end)
    assert [bar.time for bar in series.candles] == [at(f"2026-11-20 10:0{n}") for n in range(3)]


async def test_a_year_of_five_minute_bars_takes_four_calls() -> None:
    """365 days in pieces of 100 days, newest first."""
    source = SteadyCandles(listed=at("2026-11-01"))
    series = await ask(Interval.MINUTE_5, source=source, start=NOW - 365 * DAY, hours=WEEKDAYS)
    assert series.upstream_calls == 4
    assert [span.end for span in source.asked] == sorted((span.end for span in source.asked), reverse=True)


async def test_pieces_join_without_gap_or_overlap() -> None:
    """Bars of several pieces are one series."""
    start, end = at("2026-05-01"), at("2026-11-01")
    series = await ask(Interval.MINUTE_30, start=start - 300 * DAY, end=end)
    assert list(series.candles) == steady_bars(Interval.MINUTE_30, CandleRange(start - 300 * DAY, end))


async def test_pieces_are_fetched_a_few_at_a_time() -> None:
    """Never more requests at once than Kite takes in a second."""
    source = SteadyCandles(latency=0.01, listed=at("2026-11-01"))
    await ask(Interval.MINUTE_5, source=source, start=NOW - 900 * DAY, hours=WEEKDAYS)
    assert (len(source.asked), source.most_running) == (9, fetches.PARALLEL)


async def test_the_last_bars_before_now() -> None:
    """`last` alone counts back from now, without the bar that is open."""
    series = await ask(Interval.MINUTE, last=3)
    assert [bar.time for bar in series.candles] == [at(f"2026-11-23 11:5{n}") for n in (7, 8, 9)]
    assert (series.start, series.end) == (series.candles[0].time, NOW)


async def test_the_last_bars_before_an_instant() -> None:
    """`last` with `to`: the bars that open before it."""
    series = await ask(Interval.DAY, last=2, end=at("2026-11-20 00:00"))
    assert [bar.time for bar in series.candles] == [at("2026-11-18"), at("2026-11-19")]


async def test_without_from_and_last_a_hundred_bars_come() -> None:
    """The default is a screen of a chart."""
    assert (await ask(Interval.DAY)).count == 100


async def test_walking_back_takes_as_many_calls_as_it_needs() -> None:
    """A source with few bars is asked piece by piece until there are enough."""
    source = SteadyCandles(spans={Interval.DAY: 20 * DAY})
    series = await ask(Interval.DAY, source=source, last=90)
    assert series.count == 90
    assert series.upstream_calls == 5


async def test_walking_back_ends_before_the_listing() -> None:
    """Once a whole piece is empty there is nothing older; what there is is the answer."""
    source = SteadyCandles(listed=at("2026-11-01"))
    series = await ask(Interval.MINUTE_30, source=source, last=40_000)
    assert series.candles[0].time == at("2026-11-01")
    assert series.upstream_calls == 2


async def test_an_answer_takes_a_bounded_number_of_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """However far there would be to go."""
    monkeypatch.setattr(history, "MAX_PIECES", 3)
    source = SteadyCandles(spans={Interval.DAY: 10 * DAY})
    assert (await ask(Interval.DAY, source=source, last=90)).upstream_calls == 3
    with pytest.raises(InvalidRange, match="ask for at most 30 days at a time"):
        await ask(Interval.DAY, source=source, start=NOW - 40 * DAY)


async def test_no_bars_are_an_empty_series() -> None:
    """An instrument without history has no start, no source, and no error."""
    series = await ask(Interval.DAY, source=SteadyCandles(listed=NOW + DAY), last=5)
    assert (series.candles, series.start, series.sources) == ((), None, ())


async def test_the_open_bar_is_left_out_or_marked() -> None:
    """FORMING only on demand, and only the bar that is open at this moment."""
    final = await ask(Interval.HOUR, start=at("2026-11-23 10:00"))
    formed = await ask(Interval.HOUR, start=at("2026-11-23 10:00"), include_forming=True)
    assert [bar.time.astimezone(IST).hour for bar in final.candles] == [10, 11]
    assert [bar.state for bar in formed.candles] == [CandleState.FINAL, CandleState.FINAL, CandleState.FORMING]
    assert formed.candles[:2] == final.candles


@pytest.mark.parametrize(
    ("interval", "opens", "now", "over"),
    [
        (Interval.MINUTE, "2026-11-20 15:29", "2026-11-20 15:29:59", False),
        (Interval.MINUTE, "2026-11-20 15:29", "2026-11-20 15:30", True),
        (Interval.HOUR, "2026-11-20 15:15", "2026-11-20 15:29", False),
        (Interval.HOUR, "2026-11-20 15:15", "2026-11-20 15:31", True),
        (Interval.DAY, "2026-11-20", "2026-11-20 12:00", False),
        (Interval.DAY, "2026-11-20", "2026-11-20 16:00", True),
        (Interval.DAY, "2026-11-20", "2026-11-20 08:00", False),
        (Interval.WEEK, "2026-11-16", "2026-11-19 20:00", False),
        (Interval.WEEK, "2026-11-16", "2026-11-20 20:00", True),
        (Interval.MONTH, "2026-11-01", "2026-11-20 20:00", False),
        (Interval.MONTH, "2026-11-01", "2026-11-30 15:31", True),
    ],
)
def test_a_bar_is_over_when_nothing_more_can_trade_in_it(interval: Interval, opens: str, now: str, over: bool) -> None:  # noqa: FBT001 - an expectation
    """On a market of weekdays from 09:15 to 15:30."""
    phases = SetPhases(always_open=False)
    assert is_over(at(opens), instrument=INFY, interval=interval, now=at(now), phases=phases) is over


async def test_weeks_are_made_of_days() -> None:
    """Weeks that begin in the range, whole, from one call for days."""
    source = SteadyCandles()
    series = await ask(Interval.WEEK, source=source, start=at("2026-11-04"), end=at("2026-11-18"))
    assert [bar.time for bar in series.candles] == [at("2026-11-09"), at("2026-11-16")]
    assert [bar.volume for bar in series.candles] == [70, 70]
    assert [(span.start, span.end) for span in source.asked] == [(at("2026-11-09"), at("2026-11-23"))]


async def test_the_last_months_are_whole() -> None:
    """Pieces are cut between months, so that no bar lacks its first days; the month of now is FORMING."""
    source = SteadyCandles(spans={Interval.DAY: 50 * DAY})
    series = await ask(Interval.MONTH, source=source, last=4, include_forming=True)
    assert [bar.volume for bar in series.candles] == [310, 300, 310, 230]
    assert [bar.state for bar in series.candles] == [CandleState.FINAL] * 3 + [CandleState.FORMING]


async def test_a_range_without_the_beginning_of_a_period_is_empty() -> None:
    """Nothing opens in it, so nothing is asked for."""
    series = await ask(Interval.MONTH, start=at("2026-11-02"), end=at("2026-11-20"))
    assert (series.candles, series.upstream_calls) == ((), 0)


async def test_a_range_into_the_future_ends_now() -> None:
    """The series says up to when it looked."""
    series = await ask(Interval.HOUR, start=at("2026-11-23 10:00"), end=datetime.max.replace(tzinfo=UTC))
    assert series.end == NOW


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"last": 0}, InvalidInput, "`last` is 0; it must lie between 1 and 50000"),
        ({"last": -5}, InvalidInput, "`last` is -5"),
        ({"last": 50_001}, InvalidInput, "page by page"),
        ({"last": 5, "start": NOW - DAY}, InvalidInput, "exclude each other"),
        ({"start": NOW, "end": NOW - DAY}, InvalidRange, "is not before `to`"),
        ({"start": NOW - DAY, "end": NOW - DAY}, InvalidRange, "is not before `to`"),
        ({"start": NOW + DAY}, InvalidRange, "lies in the future"),
        ({"start": NOW.replace(tzinfo=None)}, InvalidRange, "`from` .* has no time zone; .*05:30"),
        ({"end": NOW.replace(tzinfo=None)}, InvalidRange, "`to` .* has no time zone"),
        ({"start": at("2014-12-31")}, InvalidRange, "it has MINUTE bars from 2015-01-01"),
        ({"start": datetime.min.replace(tzinfo=UTC)}, InvalidRange, "beyond the source's reach"),
        ({"end": at("2015-01-01"), "last": 5}, InvalidRange, "`to` .* beyond the source's reach"),
        ({"start": NOW - 300 * DAY}, InvalidRange, "more than 50000 MINUTE bars.*page by page"),
        ({"start": NOW - 40 * DAY}, InvalidRange, "more than 50000 MINUTE bars.*page by page"),
    ],
)
async def test_nonsense_is_named(arguments: dict[str, datetime | int], error: type[Exception], message: str) -> None:
    """Every bad argument has its code and a message with the remedy."""
    with pytest.raises(error, match=message):
        await ask(Interval.MINUTE, **arguments)  # type: ignore[arg-type]  # each names one of the keywords


async def test_an_interval_the_source_has_not() -> None:
    """The error names the intervals that it has."""
    with pytest.raises(NotSupported, match="no MINUTE_3 bars of NSE:INFY; it has MINUTE, MINUTE_5"):
        await ask(Interval.MINUTE_3)


async def test_an_expired_contract_has_no_history() -> None:
    """Its token may be another contract's by now, so nothing is asked."""
    source = SteadyCandles()
    old = an_instrument("NFO:NIFTY26OCTFUT", expiry=date(2026, 10, 27))
    with pytest.raises(NotSupported, match="NFO:NIFTY26OCTFUT expired on 2026-10-27"):
        await ask(Interval.DAY, instrument=old, source=source)
    assert source.asked == []


async def test_a_failed_piece_is_named() -> None:
    """Part of a range is never passed off as all of it: what is not there is missing, and why is told."""
    source = SteadyCandles(failure=SourceUnavailable("HTTP 503"), fail_before=NOW - 450 * DAY)
    cost = Cost()
    series = await ask(Interval.HOUR, source=source, start=NOW - 700 * DAY, cost=cost)
    assert series.candles[0].time > NOW - 401 * DAY
    assert [span.end for span in series.missing] == [series.candles[0].time]
    assert series.problem == "SOURCE_UNAVAILABLE: HTTP 503"
    assert series.upstream_calls == cost.upstream_calls == 2


@pytest.mark.parametrize(
    ("failure", "calls"),
    [(LoginRequired("log in", login_url="http://here/auth/kite/login"), 0), (SourceUnavailable("HTTP 503"), 1)],
)
async def test_the_sources_error_passes_through(failure: MarketDataError, calls: int) -> None:
    """With its login address, and counted if a request went out."""
    cost = Cost()
    with pytest.raises(type(failure)) as caught:
        await ask(Interval.DAY, source=SteadyCandles(failure=failure), last=5, cost=cost)
    assert caught.value is failure
    assert cost.upstream_calls == calls


async def test_the_deadline_is_a_timeout() -> None:
    """A source that takes too long is a SourceTimeout, not a half answer."""
    with anyio.fail_after(1), pytest.raises(SourceTimeout, match="NSE:INFY"):
        await ask(Interval.DAY, source=SteadyCandles(latency=5), start=NOW - 3 * DAY, deadline=0.02)


@settings(max_examples=60)
@given(
    interval=st.sampled_from([Interval.HOUR, Interval.DAY, Interval.WEEK, Interval.MONTH]),
    span=st.tuples(st.integers(1, 4000), st.integers(1, 4000)).filter(lambda hours: hours[0] != hours[1]),
    longest=st.integers(3, 90),
)
def test_a_range_is_what_one_big_request_would_give(interval: Interval, span: tuple[int, int], longest: int) -> None:
    """However the source's cap cuts it; and `last` of the same end gives the tail of it."""
    start, end = (NOW - timedelta(hours=hours) for hours in sorted(span, reverse=True))
    cap = timedelta(days=longest + 31)

    async def play() -> tuple[Sequence[Candle], Sequence[Candle]]:
        source = SteadyCandles(spans={Interval.HOUR: cap, Interval.DAY: cap})
        ranged = await ask(interval, source=source, start=start, end=end)
        counted = await ask(interval, source=source, last=7, end=end)
        return ranged.candles, counted.candles

    ranged, counted = anyio.run(play, backend_options=VIRTUAL_TIME[1])
    if interval in {Interval.HOUR, Interval.DAY}:
        assert list(ranged) == [bar for bar in steady_bars(interval, CandleRange(start, end)) if _closed(bar, interval)]
    days = steady_bars(Interval.DAY, CandleRange(start - 40 * DAY, end))
    if interval in {Interval.WEEK, Interval.MONTH}:
        starts = {period_start(day.time, interval) for day in days}
        assert {bar.time for bar in ranged} == {
            time for time in starts if start <= time < end and time != period_start(NOW, interval)
        }
    assert counted[-len(ranged) :][-7:] == ranged[-7:] if ranged else True


def _closed(bar: Candle, interval: Interval) -> bool:
    return bar.time + timedelta(minutes=interval.minutes or 24 * 60) <= NOW
