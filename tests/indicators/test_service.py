"""IndicatorService: the bars before a series, what they cost, and what is said when they cannot be had."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from app.domain.candles import Candle, CandleRange, CandleSeries, Interval
from app.domain.errors import InvalidInput, InvalidRange, MarketDataError, SourceUnavailable
from app.domain.indicators import IndicatorKind, IndicatorSeries, IndicatorSpec, indicator_spec
from app.domain.instruments import Instrument
from app.domain.provenance import Cost
from app.services.indicators.bars import bar_columns
from app.services.indicators.catalogue import compute, warm_up
from app.services.indicators.series import SMALL, IndicatorService
from tests.indicators.walks import MINUTE, OPENS, walk
from tests.services.fakes import an_instrument

INFY = an_instrument("NSE:INFY")
SMA, RSI, VWAP = (indicator_spec(kind) for kind in (IndicatorKind.SMA, IndicatorKind.RSI, IndicatorKind.VWAP))


@dataclass
class WalkHistory:
    """A History over one walk; keeps what it was asked for."""

    bars: Sequence[Candle]
    missing: tuple[CandleRange, ...] = ()
    problem: str | None = None
    failure: MarketDataError | None = None
    fallback_reason: str | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def candles(self, instrument: Instrument, interval: Interval, *, cost: Cost, **question: Any) -> CandleSeries:
        """The last bars before an instant, but for those that are missing."""
        self.asked.append(question)
        cost.upstream_calls += 1
        if self.failure is not None:
            raise self.failure
        start, last = question["start"] or self.bars[0].time, question["last"] or 0
        before = [bar for bar in self.bars if start <= bar.time < question["end"]][-last:]
        return series(
            [bar for bar in before if not any(gap.start <= bar.time < gap.end for gap in self.missing)],
            interval,
            missing=self.missing,
            problem=self.problem,
            fallback_reason=self.fallback_reason,
        )


def series(bars: Sequence[Candle], interval: Interval = Interval.MINUTE, **rest: Any) -> CandleSeries:
    """A series of these bars."""
    return CandleSeries(INFY, interval, None, None, tuple(bars), (), 0, **rest)


async def ask(
    history: WalkHistory, bars: Sequence[Candle], *specs: IndicatorSpec, interval: Interval = Interval.MINUTE
) -> list[IndicatorSeries]:
    """Indicators over the bars."""
    return await IndicatorService(history).indicators(series(bars, interval), specs, cost=Cost())


def values(found: IndicatorSeries) -> list[float]:
    """The first line, nan for None."""
    return [float("nan") if value is None else value for value in found.lines[0].values]


async def test_the_first_value_is_that_of_the_whole_history() -> None:
    """One question for the bars before, as many as the greediest indicator needs."""
    bars = walk(5, 900)
    history, cost = WalkHistory(bars), Cost()
    sma, rsi = await IndicatorService(history).indicators(series(bars[800:]), [SMA, RSI], cost=cost)
    (asked,) = history.asked
    assert asked == {"start": None, "end": bars[800].time, "last": warm_up(RSI), "include_forming": False}
    assert (sma.label, rsi.label, cost.upstream_calls) == ("SMA 20", "RSI 14", 1)
    for found, spec in ((sma, SMA), (rsi, RSI)):
        (whole,) = compute(spec, bar_columns(bars)).values()
        np.testing.assert_allclose(values(found), whole[800:], rtol=1e-9)
        assert found.problem is None


async def test_where_history_begins_the_first_values_are_null() -> None:
    """Null until there are enough bars, and nothing is wrong."""
    bars = walk(5, 40)
    (found,) = await ask(WalkHistory(bars), bars[5:], SMA)
    assert [value is None for value in found.lines[0].values] == [True] * 14 + [False] * 21
    assert found.problem is None


async def test_a_series_from_the_very_beginning_of_history_is_no_error() -> None:
    """The history service refuses to look before it."""
    bars = walk(5, 40)
    (found,) = await ask(WalkHistory(bars, failure=InvalidRange("beyond the source's reach")), bars, SMA)
    assert np.isnan(values(found)).sum() == 19
    assert found.problem is None


async def test_values_that_would_be_wrong_are_null_and_say_why() -> None:
    """The source is down: what the series itself can tell is told."""
    bars = walk(5, 400)
    history = WalkHistory(bars, failure=SourceUnavailable("Kite is down"))
    sma, rsi = await ask(history, bars[100:200], SMA, RSI)
    assert [value is None for value in sma.lines[0].values] == [True] * 19 + [False] * 81
    assert set(rsi.lines[0].values) == {None}, "the RSI of 100 bars still knows where it began"
    assert sma.problem == rsi.problem == "SOURCE_UNAVAILABLE: Kite is down"


async def test_only_the_bars_after_a_hole_count() -> None:
    """An average over a hole would be one of other bars."""
    bars = walk(5, 400)
    hole = CandleRange(bars[180].time, bars[190].time)
    history = WalkHistory(bars, missing=(hole,), problem="SOURCE_TIMEOUT: too slow")
    (found,) = await ask(history, bars[200:230], SMA)
    assert [value is None for value in found.lines[0].values] == [True] * 9 + [False] * 21
    np.testing.assert_allclose(values(found)[9:], compute(SMA, bar_columns(bars))["sma"][209:230])
    assert found.problem == "SOURCE_TIMEOUT: too slow"


async def test_a_hole_that_does_not_matter_is_not_mentioned() -> None:
    """The average of 20 bars needs nothing of what is missing before them; no reason given is no riddle either."""
    bars = walk(5, 400)
    history = WalkHistory(bars, missing=(CandleRange(bars[100].time, bars[150].time),))
    sma, rsi = await ask(history, bars[200:230], SMA, RSI)
    assert sma.problem is None
    assert None not in sma.lines[0].values
    assert rsi.problem == f"bars before {bars[150].time.isoformat()} are missing"


async def test_vwap_asks_for_its_session_alone() -> None:
    """Minutes since midnight at most; the value is that of the whole session."""
    bars = walk(5, 100)
    history = WalkHistory(bars)
    (found,) = await ask(history, bars[60:], VWAP)
    assert history.asked[0]["last"] == 10 * 60 + 15
    np.testing.assert_allclose(values(found), compute(VWAP, bar_columns(bars))["vwap"][60:])


async def test_vwap_of_a_session_whose_beginning_is_missing_is_null() -> None:
    """Until the next session begins."""
    bars = [*walk(5, 100), *walk(6, 50, opens=OPENS + timedelta(days=1))]
    history = WalkHistory(bars, missing=(CandleRange(bars[10].time, bars[20].time),))
    (found,) = await ask(history, bars[60:], VWAP)
    assert set(found.lines[0].values[:40]) == {None}
    np.testing.assert_allclose(values(found)[40:], compute(VWAP, bar_columns(bars))["vwap"][100:])
    assert found.problem


async def test_vwap_does_not_mind_a_hole_in_the_day_before() -> None:
    """Its session is whole."""
    bars = [*walk(5, 100), *walk(6, 50, opens=OPENS + timedelta(days=1))]
    history = WalkHistory(bars, missing=(CandleRange(bars[10].time, bars[20].time),))
    (found,) = await ask(history, bars[120:], VWAP)
    np.testing.assert_allclose(values(found), compute(VWAP, bar_columns(bars))["vwap"][120:])
    assert found.problem is None


@pytest.mark.parametrize("interval", [Interval.DAY, Interval.WEEK, Interval.MONTH])
async def test_vwap_over_whole_days_is_refused(interval: Interval) -> None:
    """It would be nothing but the typical price."""
    with pytest.raises(InvalidInput, match="ask for shorter bars"):
        await ask(WalkHistory([]), walk(5, 10), VWAP, interval=interval)


async def test_at_most_ten_indicators_a_series() -> None:
    """The limit is named; ten are fine, none too."""
    bars = walk(5, 30)
    assert len(await ask(WalkHistory(bars), bars, *[SMA] * 10)) == 10
    assert await ask(WalkHistory(bars), bars) == []
    with pytest.raises(InvalidInput, match="11 entries and at most 10"):
        await ask(WalkHistory(bars), bars, *[SMA] * 11)


async def test_a_series_without_bars_asks_for_none() -> None:
    """Its lines are there, and empty."""
    history = WalkHistory([])
    (found,) = await ask(history, [], indicator_spec(IndicatorKind.MACD))
    assert [(line.name, list(line.values)) for line in found.lines] == [("macd", []), ("signal", []), ("histogram", [])]
    assert not history.asked


async def test_a_long_series_is_computed_aside() -> None:
    """The same values, from a thread; BlockBuster and the loop have nothing to say."""
    bars = walk(5, SMALL + 500)
    (found,) = await ask(WalkHistory(bars), bars[100:], SMA)
    np.testing.assert_allclose(values(found), compute(SMA, bar_columns(bars))["sma"][100:])


async def test_instants_of_any_zone_are_the_same_session() -> None:
    """Bars carry UTC; the session is India's."""
    bars = [Candle(bar.time.astimezone(UTC), *bar_prices(bar)) for bar in walk(5, 60)]
    assert bars[0].time == datetime(2026, 11, 16, 3, 45, tzinfo=UTC) == OPENS
    (found,) = await ask(WalkHistory(bars), bars[30:], VWAP)
    np.testing.assert_allclose(values(found), compute(VWAP, bar_columns(walk(5, 60)))["vwap"][30:])
    assert bars[1].time - bars[0].time == MINUTE


def bar_prices(bar: Candle) -> tuple[float, float, float, float, int]:
    """Everything but the time."""
    return bar.open, bar.high, bar.low, bar.close, bar.volume


async def test_a_live_update_takes_the_bars_between_into_account() -> None:
    """A corrected bar and the open one, with bars between that had changed before: they are not neighbours."""
    bars = walk(5, 400)
    history = WalkHistory(bars[:399])
    found, average = await ask(history, [bars[390], bars[399]], RSI, SMA)
    for series_found, spec in ((found, RSI), (average, SMA)):
        (whole,) = compute(spec, bar_columns(bars)).values()
        np.testing.assert_allclose(values(series_found), whole[[390, 399]], rtol=1e-9)
    assert len(history.asked) == 2


async def test_a_live_update_over_a_source_that_is_down_has_the_bars_it_has() -> None:
    """As long as the series, whatever happens."""
    bars = walk(5, 400)
    (found,) = await ask(WalkHistory(bars, failure=SourceUnavailable("down")), [bars[390], bars[399]], SMA)
    assert list(found.lines[0].values) == [None, None]
    assert found.problem == "SOURCE_UNAVAILABLE: down"


async def test_bars_of_another_source_warm_nothing_up() -> None:
    """Values that would need them are null, with the reason; a series of that source takes them."""
    bars = walk(1, 60)
    reason = "KITE: LOGIN_REQUIRED: nobody is logged in"
    history = WalkHistory(bars[:40], fallback_reason=reason)
    (found,) = await ask(history, bars[40:], SMA)
    assert found.problem == f"the bars before are another source's: {reason}"
    assert list(found.lines[0].values).count(None) == warm_up(SMA)
    second = series(bars[40:], fallback_reason=reason)
    (alike,) = await IndicatorService(history).indicators(second, [SMA], cost=Cost())
    assert (alike.problem, list(alike.lines[0].values).count(None)) == (None, 0)
