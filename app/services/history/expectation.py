"""What the trading calendar expects of a series, and what the series lacks.

Comes in: an instrument's hours, a span, the bars that are there, and the spans that are known whole from the source.
Goes out: an Expectation. Called by the history service for `expected` and `missing`. Pure but for the calendar; the
work grows with the sessions of the span and with the bars that were not fetched, not with those that were.

What is decided here:
- Bars open in continuous trading alone. Nobody has said whether Kite's minutes hold the closing auction (15:15 to
  15:35 since 2026-08-03), so a bar that opens there is welcome and never expected. The pre-open is no bar.
- In a known span a minute without a bar is a minute without a trade: expected, and not missing.
- Where the calendar ends, `expected` is None. What was not fetched there is missing all the same: it may hold bars.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Protocol

from app.domain.bar_runs import BarRun, session_runs
from app.domain.candle_merge import MERGED, bar_end, period_start
from app.domain.candles import Candle, CandleRange, Interval
from app.domain.instruments import Instrument
from app.domain.phases import Phase
from app.domain.spans import intersect, subtract, union
from app.ports import PhaseSource
from app.services.history.bar_states import is_over

TRADED = frozenset({Phase.OPEN})
NOT_KNOWN = frozenset({Phase.UNKNOWN})
TIME = attrgetter("time")
LAST = attrgetter("last")
INSTANT = timedelta(microseconds=1)
"""The shortest time: a bar that opens at `now` itself is there to be looked at."""


class TradingHours(PhaseSource, Protocol):
    """Phases over time, as `app.services.phases.PhaseService` has them."""

    def spans_of(self, instrument: Instrument, within: CandleRange, phases: frozenset[Phase]) -> Sequence[CandleRange]:
        """Where one of the phases holds, oldest first, joined where they touch."""
        ...


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a series should have, and what of it is not there."""

    expected: int | None
    """Bars that open in the span by the calendar, and are over or in the series; None where it does not know."""
    missing: tuple[CandleRange, ...]
    """Spans of bars that are expected, not in the series, and not known to be empty. Sorted, apart, inside the span.

    One span never reaches over the end of a session, but days in a row are one.
    """


def expectation(  # noqa: PLR0913 - a series has that many sides, by keyword
    hours: TradingHours,
    instrument: Instrument,
    interval: Interval,
    *,
    span: CandleRange,
    bars: Sequence[Candle],
    known: Sequence[CandleRange],
    now: datetime,
) -> Expectation:
    """What the calendar expects to open in `span` up to `now`, and what is missing of it.

    `bars` are the series, oldest first, each opening once; `known` the spans that were fetched whole, in any order,
    of DAY bars for WEEK and MONTH. A bar that is still forming at `now` counts only if it is among `bars`.
    """
    seen = CandleRange(span.start, min(span.end, now + INSTANT))
    if seen.start >= seen.end:
        return Expectation(0, ())
    unit = Interval.DAY if interval.minutes else interval
    whole = CandleRange(period_start(seen.start, unit), bar_end(seen.end - INSTANT, unit))
    sessions = hours.spans_of(instrument, whole, TRADED)
    unknown = hours.spans_of(instrument, whole, NOT_KNOWN)
    runs = _opening(session_runs(sessions, interval), seen)
    certain = not _openings_unknown(unknown, runs, seen, interval)
    if runs and not is_over(runs[-1].last, instrument=instrument, interval=interval, now=now, phases=hours):
        runs = _without_forming(runs, bars)
    unfetched = subtract(whole, known)
    doubtful = _missing(runs, _widened(unfetched, sessions, interval), bars)
    blind = _unasked(intersect(unknown, _over_by(seen, interval, now)), known, bars, interval)
    return Expectation(
        expected=sum(run.bars for run in runs) if certain else None,
        missing=tuple(intersect([*doubtful, *blind], span)),
    )


def _opening(runs: Iterable[BarRun], within: CandleRange) -> list[BarRun]:
    parts = (run.between(within.start, within.end) for run in runs)
    return [part for part in parts if part is not None]


def _without_forming(runs: list[BarRun], bars: Sequence[Candle]) -> list[BarRun]:
    """The runs without their very last bar, unless it is among the bars."""
    last = runs[-1].last
    if _bars_in(bars, last, last + INSTANT):
        return runs
    rest = runs[-1].between(runs[-1].opens, last)
    return runs[:-1] if rest is None else [*runs[:-1], rest]


def _widened(unfetched: list[CandleRange], sessions: Sequence[CandleRange], interval: Interval) -> list[CandleRange]:
    """The spans; for WEEK and MONTH the whole periods of which a trading day is in the spans."""
    if interval not in MERGED or not unfetched:
        return unfetched
    days = _parts(list(session_runs(sessions, Interval.DAY)), unfetched)
    starts = (period_start(day.opens, interval) for day in days)
    return union(CandleRange(start, bar_end(start, interval)) for start in starts)


def _missing(runs: Sequence[BarRun], unfetched: Sequence[CandleRange], bars: Sequence[Candle]) -> Iterator[CandleRange]:
    """The bars of the runs that open in unfetched spans and are not there, neighbours as one span."""
    for part in _parts(runs, unfetched):
        there = _bars_in(bars, part.opens, part.last + INSTANT)
        if len(there) == part.bars:
            continue
        at = part.opens
        for bar in there:
            if at < bar.time:
                yield CandleRange(at, bar.time)
            at = bar.time + part.step
        if at < part.ends:
            yield CandleRange(at, part.ends)


def _parts(runs: Sequence[BarRun], spans: Sequence[CandleRange]) -> Iterator[BarRun]:
    """The bars that open in the spans, as runs. Runs and spans are sorted, spans apart."""
    for span in spans:
        for index in range(bisect_left(runs, span.start, key=LAST), len(runs)):
            if runs[index].opens >= span.end:
                break
            part = runs[index].between(span.start, span.end)
            if part is not None:
                yield part


def _bars_in(bars: Sequence[Candle], start: datetime, end: datetime) -> Sequence[Candle]:
    return bars[bisect_left(bars, start, key=TIME) : bisect_left(bars, end, key=TIME)]


def _over_by(seen: CandleRange, interval: Interval, now: datetime) -> CandleRange:
    """The part in which any bar that opened is over by now, whatever the hours are."""
    if interval.minutes:
        return CandleRange(seen.start, min(seen.end, now - timedelta(minutes=interval.minutes)))
    return CandleRange(seen.start, min(seen.end, period_start(now, interval)))


def _unasked(
    unknown: Sequence[CandleRange], known: Sequence[CandleRange], bars: Sequence[Candle], interval: Interval
) -> Iterator[CandleRange]:
    """What of the spans beyond the calendar was neither fetched nor has a bar."""
    for span in unknown:
        for gap in subtract(span, known):
            own = (CandleRange(bar.time, bar_end(bar.time, interval)) for bar in _bars_in(bars, gap.start, gap.end))
            yield from subtract(gap, own)


def _openings_unknown(
    unknown: Sequence[CandleRange], runs: Sequence[BarRun], seen: CandleRange, interval: Interval
) -> bool:
    """Whether more bars may open than the runs have: of a period in which there is trading, there is one anyway."""
    if interval.minutes:
        return bool(intersect(unknown, seen))
    expected = {run.opens for run in runs}
    return any(run.opens not in expected for run in _opening(session_runs(unknown, interval), seen))
