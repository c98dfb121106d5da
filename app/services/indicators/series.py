"""Indicators of a series, right from its first bar.

Comes in: a CandleSeries and specs. Goes out: an IndicatorSeries each, a value for each bar. Called by the resolver of
`CandleSeries.indicators`. The bars before the series come from the history service: stored ones cost no upstream call.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import isnan

import anyio
import numpy as np
from anyio import to_thread
from numpy.typing import NDArray

from app.domain.candle_merge import period_start
from app.domain.candles import Candle, CandleSeries, Interval
from app.domain.errors import InvalidInput, InvalidRange, MarketDataError
from app.domain.indicators import IndicatorKind, IndicatorLine, IndicatorSeries, IndicatorSpec
from app.domain.provenance import Cost
from app.domain.time import ist_date
from app.ports import CandleHistory
from app.services.history.answer import described
from app.services.indicators.bars import Bars, Floats, bar_columns
from app.services.indicators.catalogue import compute, session_bars, warm_up

FEW = 50
"""Bars of a live update, and more: it holds only what changed, which need not be neighbours."""
MAX_INDICATORS = 10
"""Of one series; more lines than that nobody reads on one chart."""
SMALL = 1_000
"""Bars that are computed on the loop, all indicators in a few milliseconds; for more, no tick must wait."""
THREADS = 1
"""Long series at a time: it is Python that computes most of them, and two would only take turns."""


@dataclass(frozen=True, slots=True)
class _Earlier:
    """The bars right before a series, without a hole."""

    bars: Sequence[Candle] = ()
    begins: datetime | None = None
    """Set where bars before this instant may exist and could not be had."""
    problem: str | None = None


class IndicatorService:
    """Indicators over series of the history service. Cancel-safe; at most THREADS long series at a time."""

    def __init__(self, history: CandleHistory) -> None:
        self._history = history
        self._threads = anyio.CapacityLimiter(THREADS)

    async def indicators(
        self, series: CandleSeries, specs: Sequence[IndicatorSpec], *, cost: Cost
    ) -> list[IndicatorSeries]:
        """The indicators, in order, each with one value for each bar of the series.

        Bars before the series are asked for, so that the first value is that of an indicator which saw the whole
        history. If they cannot be had, values that would need them are None, and `problem` says why. Raises
        InvalidInput for too many, and for VWAP over bars of whole days.
        """
        if len(specs) > MAX_INDICATORS:
            msg = f"`of` has {len(specs)} entries and at most {MAX_INDICATORS} are allowed for one series"
            raise InvalidInput(msg)
        if not series.candles:
            return _all(specs, series, _Earlier(), ())
        own = await self._with_bars_between(series, cost)
        first = series.candles[0].time
        count = max((max(warm_up(spec), session_bars(spec, series.interval, first)) for spec in specs), default=0)
        earlier = await self._before(series, first, count, cost) if count else _Earlier()
        bars = [*earlier.bars, *own]
        if len(bars) <= SMALL:
            return _all(specs, series, earlier, bars)
        return await to_thread.run_sync(_all, specs, series, earlier, bars, limiter=self._threads)

    async def _with_bars_between(self, series: CandleSeries, cost: Cost) -> Sequence[Candle]:
        """The bars of the series; of a live update, which has only those that changed, also those between."""
        bars = series.candles
        if not _may_lack_neighbours(series):
            return bars
        start, end = bars[0].time, bars[-1].time
        try:
            found = await self._history.candles(
                series.instrument, series.interval, start=start, end=end, last=None, include_forming=False, cost=cost
            )
        except MarketDataError:
            return bars
        if not _is_of_one_source(found, series):
            return bars
        whole = {bar.time: bar for bar in (*found.candles, *bars)}
        return [whole[time] for time in sorted(whole)]

    async def _before(self, series: CandleSeries, first: datetime, count: int, cost: Cost) -> _Earlier:
        try:
            found = await self._history.candles(
                series.instrument, series.interval, start=None, end=first, last=count, include_forming=False, cost=cost
            )
        except InvalidRange:
            return _Earlier()  # the series begins where history does
        except MarketDataError as error:
            return _Earlier(begins=first, problem=described(error))
        if not _is_of_one_source(found, series):
            reason = found.fallback_reason or "the first choice of source is back"
            return _Earlier(begins=first, problem=f"the bars before are another source's: {reason}")
        if not found.missing:
            return _Earlier(found.candles)
        begins = found.missing[-1].end
        problem = found.problem or f"bars before {begins.isoformat()} are missing"
        return _Earlier([bar for bar in found.candles if bar.time >= begins], begins, problem)


def _is_of_one_source(found: CandleSeries, series: CandleSeries) -> bool:
    """Whether both are of the first choice, or neither: bars of two sources do not make one indicator."""
    return not found.candles or (found.fallback_reason is None) is (series.fallback_reason is None)


def _may_lack_neighbours(series: CandleSeries) -> bool:
    """Whether a short series leaves out bars of the same day, or an instrument did not trade in them."""
    if series.interval.minutes is None or series.count > FEW:
        return False
    step = timedelta(minutes=series.interval.minutes)
    return any(
        after.time - before.time > step and ist_date(after.time) == ist_date(before.time)
        for before, after in pairwise(series.candles)
    )


def _all(
    specs: Sequence[IndicatorSpec], series: CandleSeries, earlier: _Earlier, bars: Sequence[Candle]
) -> list[IndicatorSeries]:
    columns = bar_columns(bars)
    wanted = {bar.time for bar in series.candles}
    shown = np.array([bar.time in wanted for bar in bars], dtype=np.bool_)
    return [_measured(spec, columns, shown, series, earlier) for spec in specs]


def _measured(
    spec: IndicatorSpec, bars: Bars, at: NDArray[np.bool_], series: CandleSeries, earlier: _Earlier
) -> IndicatorSeries:
    unsure = _unsure(spec, series, earlier)
    shown = {name: line[at] for name, line in compute(spec, bars).items()}
    return IndicatorSeries(
        kind=spec.kind,
        label=spec.label,
        lines=tuple(IndicatorLine(name, _values(line, unsure)) for name, line in shown.items()),
        problem=earlier.problem if unsure else None,
    )


def _unsure(spec: IndicatorSpec, series: CandleSeries, earlier: _Earlier) -> int:
    """How many of the series' first values would be wrong for want of the bars before."""
    if earlier.begins is None:
        return 0
    if spec.kind is not IndicatorKind.VWAP:
        return min(max(0, warm_up(spec) - len(earlier.bars)), series.count)
    day = period_start(series.candles[0].time, Interval.DAY)
    if earlier.begins <= day:
        return 0
    return sum(period_start(bar.time, Interval.DAY) == day for bar in series.candles)


def _values(line: Floats, unsure: int) -> list[float | None]:
    values: list[float | None] = [None] * unsure
    values.extend(None if isnan(value) else value for value in line[unsure:].tolist())
    return values
