"""From what is stored to an answer: states, weeks and months, what is missing, who said it.

Comes in: the bars of a request's base interval and what is known of them. Goes out: a CandleSeries. Pure but for the
calendar. Called by HistoryService.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.candle_merge import MERGED, bar_end, merge_days
from app.domain.candles import Candle, CandleRange, CandleSeries, Interval, SourceShare
from app.domain.chunked_candles import ChunkedCandles
from app.domain.errors import MarketDataError, RateLimited
from app.domain.provenance import DataSource
from app.domain.spans import subtract
from app.ports import Coverage
from app.services.history.bar_states import mark_forming
from app.services.history.expectation import Expectation, TradingHours, expectation
from app.services.history.fetches import FOREVER
from app.services.history.hours import shut_spans
from app.services.history.request import HistoryRequest
from app.services.history.spans import base_span
from app.services.history.tail import Tail


@dataclass(frozen=True, slots=True)
class Findings:
    """What there is to answer with."""

    stored: Sequence[Candle]
    coverage: Sequence[Coverage]
    tail: Tail | None
    """The bars that are not settled; None if they do not count or could not be had."""
    problem: MarketDataError | None
    upstream_calls: int

    @property
    def known(self) -> list[CandleRange]:
        """Spans of the base interval of which every bar is here."""
        spans = [known.span for known in self.coverage]
        if self.tail is not None:
            spans.append(CandleRange(self.tail.start, FOREVER))
        return spans


class Answers:
    """Answers by one calendar, with one source for what is not stored."""

    def __init__(self, hours: TradingHours, source: DataSource) -> None:
        self._hours = hours
        self._source = source

    def bars(self, request: HistoryRequest, found: Findings, *, include_forming: bool) -> Sequence[Candle]:
        """The bars of the request's interval, with states; a week or month of which a day is not known is left out."""
        if request.interval not in MERGED:
            return _joined(found.stored, self._unsettled(request, found, include_forming=include_forming))
        # With the day that is open: the week or month that holds it is open too, whatever the clock says.
        base = _joined(found.stored, self._unsettled(request, found, include_forming=True))
        merged = merge_days(base, request.interval)
        if found.problem is not None:
            merged = self._whole(merged, request, found)
        return mark_forming(
            merged,
            instrument=request.instrument,
            interval=request.interval,
            now=request.now,
            phases=self._hours,
            include=include_forming,
        )

    def series(
        self, request: HistoryRequest, found: Findings, bars: Sequence[Candle], *, start: datetime | None
    ) -> CandleSeries:
        """The answer. `start`: the beginning of the span that it speaks of."""
        judged = Expectation(None, ())
        if start is not None and start < request.end:
            before_the_first = CandleRange(start, base_span(request, start).start)
            judged = expectation(
                self._hours,
                request.instrument,
                request.interval,
                span=CandleRange(start, request.end),
                bars=bars,
                known=[*found.known, before_the_first],
                now=request.now,
            )
        return CandleSeries(
            instrument=request.instrument,
            interval=request.interval,
            start=start,
            end=request.end,
            candles=bars if isinstance(bars, ChunkedCandles) else tuple(bars),
            sources=self._shares(bars, found.coverage),
            upstream_calls=found.upstream_calls,
            expected=judged.expected,
            missing=judged.missing,
            problem=None if found.problem is None else described(found.problem),
        )

    def _unsettled(self, request: HistoryRequest, found: Findings, *, include_forming: bool) -> list[Candle]:
        """The bars that are not in the store, in the state that they had when they were asked for."""
        if found.tail is None:
            return []
        after = found.stored[-1].time if found.stored else None
        newer = [bar for bar in found.tail.bars if bar.time < request.base_end and (after is None or bar.time > after)]
        return mark_forming(
            newer,
            instrument=request.instrument,
            interval=request.base,
            now=found.tail.sent_at,
            phases=self._hours,
            include=include_forming,
        )

    def _whole(self, merged: Sequence[Candle], request: HistoryRequest, found: Findings) -> list[Candle]:
        """The weeks or months of which every day is known that is over."""
        if not merged:
            return []
        reach = CandleRange(merged[0].time, bar_end(merged[-1].time, request.interval))
        shut = shut_spans(self._hours, request.instrument, Interval.DAY, reach)
        known = [*found.known, *shut, CandleRange(max(request.now, reach.start), max(request.now, reach.end))]
        return [
            bar for bar in merged if not subtract(CandleRange(bar.time, bar_end(bar.time, request.interval)), known)
        ]

    def _shares(self, bars: Sequence[Candle], coverage: Sequence[Coverage]) -> tuple[SourceShare, ...]:
        """Who said how many of the bars: the source of the span in which a bar opens, or which follows."""
        if not bars:
            return ()
        if all(known.source is self._source for known in coverage):
            return (SourceShare(self._source, len(bars)),)
        counts: Counter[DataSource] = Counter()
        spans = iter(coverage)
        known = next(spans, None)
        for bar in bars:
            while known is not None and known.span.end <= bar.time:
                known = next(spans, None)
            counts[self._source if known is None else known.source] += 1
        return tuple(SourceShare(source, count) for source, count in counts.items())


def _joined(stored: Sequence[Candle], newer: Sequence[Candle]) -> Sequence[Candle]:
    """All of them; in chunks still, if they were."""
    return stored.followed_by(newer) if isinstance(stored, ChunkedCandles) else [*stored, *newer]


def described(problem: MarketDataError) -> str:
    """The problem in a line for a person, beginning with its code."""
    retry = f", retry in {problem.retry_after_ms} ms" if isinstance(problem, RateLimited) else ""
    return f"{problem.code}: {problem.message}{retry}"
