"""Bars of minutes from finer ones that are stored already: no request for what is known.

Comes in: a gap of a series. Goes out: the gap filled in the store, where finer bars cover it. Called by the archive
before it asks the source.
"""

from collections.abc import Sequence
from datetime import timedelta

from anyio import to_thread

from app.domain.bar_runs import BarRun, session_runs
from app.domain.candle_merge import FINER, bar_end, ceil_period, merge_minutes, period_start
from app.domain.candles import Candle, CandleRange, Interval
from app.domain.instruments import Instrument
from app.domain.phases import Phase
from app.domain.spans import subtract
from app.ports import CandleStore, Coverage
from app.services.history.expectation import INSTANT, TRADED, TradingHours
from app.services.history.hours import shut_spans

MOST_FINER_BARS = 50_000
"""Beyond that reading the finer bars takes longer than one request, which brings a hundred days at least."""
UNKNOWN = frozenset({Phase.UNKNOWN})


class Derivation:
    """Fills gaps from finer series of the same store, with the source that those came from."""

    def __init__(self, store: CandleStore, hours: TradingHours) -> None:
        self._store = store
        self._hours = hours

    async def fill(self, instrument: Instrument, interval: Interval, gap: CandleRange) -> bool:
        """Whether a part of the gap is known now: of the days of which the calendar says where bars begin.

        Every bar in the gap must be over.
        """
        if not FINER.get(interval):
            return False
        days = CandleRange(period_start(gap.start, Interval.DAY), bar_end(gap.end - INSTANT, Interval.DAY))
        unknown = self._hours.spans_of(instrument, days, UNKNOWN)
        filled = False
        for part in subtract(gap, map(_whole_days, unknown)):
            filled |= await self._fill(instrument, interval, part)
        return filled

    async def _fill(self, instrument: Instrument, interval: Interval, gap: CandleRange) -> bool:
        runs = self._runs(instrument, interval, gap)
        if not runs:
            return False
        needed = CandleRange(gap.start, max(gap.end, runs[-1].ends))
        for finer in FINER[interval]:
            known = await self._known(instrument, finer, needed)
            if known is None or _bars(runs, finer) > MOST_FINER_BARS:
                continue
            bars = await self._store.bars(instrument.series_id, finer, CandleRange(runs[0].opens, runs[-1].ends))
            merged = await to_thread.run_sync(_merged, bars, runs, interval)
            if merged is not None:
                await self._store.save(
                    instrument.series_id, interval, merged, Coverage(gap, known.source, known.fetched_at)
                )
                return True
        return False

    def _runs(self, instrument: Instrument, interval: Interval, gap: CandleRange) -> list[BarRun]:
        """The bars that open in the gap."""
        days = CandleRange(period_start(gap.start, Interval.DAY), bar_end(gap.end - INSTANT, Interval.DAY))
        runs = session_runs(self._hours.spans_of(instrument, days, TRADED), interval)
        return [part for run in runs if (part := run.between(gap.start, gap.end)) is not None]

    async def _known(self, instrument: Instrument, finer: Interval, needed: CandleRange) -> Coverage | None:
        """What is known of the finer series, if that is all of it and from one source."""
        coverage = await self._store.coverage(instrument.series_id, finer, needed)
        if not coverage or len({known.source for known in coverage}) > 1:
            return None
        unknown = subtract(needed, [known.span for known in coverage])
        shut = shut_spans(self._hours, instrument, finer, needed) if unknown else []
        if any(subtract(span, shut) for span in unknown):
            return None
        return Coverage(needed, coverage[0].source, min(known.fetched_at for known in coverage))


def _whole_days(span: CandleRange) -> CandleRange:
    return CandleRange(period_start(span.start, Interval.DAY), ceil_period(span.end, Interval.DAY))


def _bars(runs: Sequence[BarRun], finer: Interval) -> float:
    length = sum((run.ends - run.opens for run in runs), timedelta())
    return length / timedelta(minutes=finer.minutes or 1)


def _merged(bars: Sequence[Candle], runs: Sequence[BarRun], interval: Interval) -> list[Candle] | None:
    """The longer bars; None if a finer one lies where no session is, as in an auction: the source may count it in."""
    try:
        return merge_minutes(list(bars), [CandleRange(run.opens, run.ends) for run in runs], interval)
    except ValueError:
        return None
