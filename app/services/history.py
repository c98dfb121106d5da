"""Candles on request, passed through from the source within its caps.

Comes in: an instrument, an interval, and a range or a number of bars. Goes out: a CandleSeries. Called by the
resolvers of `candles`. Nothing is stored here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

import anyio

from app.domain.candle_merge import merge_days
from app.domain.candles import Candle, CandleRange, CandleSeries, Interval, SourceShare
from app.domain.errors import InvalidRange, MarketDataError, NotSupported, SourceTimeout
from app.domain.instruments import Instrument
from app.domain.provenance import Cost
from app.ports import CandleSource, Clock, PhaseSource
from app.services.bar_states import mark_forming
from app.services.history_request import MAX_BARS, HistoryRequest, check_request, too_many_bars
from app.services.history_spans import backward_spans, ranged_spans
from app.services.spending import requests_spent

MAX_PIECES = 24
"""Upstream requests of one answer, 8 s of Kite's 3 a second: enough for 50,000 bars of any interval in its reach."""
PARALLEL = 3
"""Requests of one answer at a time: what Kite takes in a second, so that none of them waits long for the budget."""
DEADLINE = 30.0
"""Seconds for one answer: MAX_PIECES at Kite's rate, three times over; after that nobody is waiting any more."""


@dataclass
class _Fetched:
    """The bars of one answer so far, and what they cost."""

    request: HistoryRequest
    cost: Cost
    bars: dict[datetime, Candle] = field(default_factory=dict)
    upstream_calls: int = 0

    def spend(self, calls: int) -> None:
        self.upstream_calls += calls
        self.cost.upstream_calls += calls

    def add(self, bars: Sequence[Candle], span: CandleRange) -> int:
        """How many of the bars are inside the span; they are kept. Raises InvalidRange if they become too many."""
        inside = {bar.time: bar for bar in bars if span.start <= bar.time < span.end}
        self.bars.update(inside)
        return len(inside)


class HistoryService:
    """Bars from the source, cut to its caps and joined: all of an answer, or its error.

    At most MAX_PIECES upstream requests an answer, PARALLEL at a time. Cancel-safe.
    """

    def __init__(self, source: CandleSource, clock: Clock, phases: PhaseSource, *, deadline: float = DEADLINE) -> None:
        self._source = source
        self._clock = clock
        self._phases = phases
        self._deadline = deadline

    async def candles(  # noqa: PLR0913 - the arguments of the GraphQL field, by keyword
        self,
        instrument: Instrument,
        interval: Interval,
        *,
        start: datetime | None,
        end: datetime | None,
        last: int | None,
        include_forming: bool,
        cost: Cost,
    ) -> CandleSeries:
        """Bars that open in [start, end), or the `last` ones that open before `end`; oldest first.

        `end` None or in the future is now; neither `start` nor `last` means the last 100. WEEK and MONTH bars are
        made of DAY bars, and are whole even where `end` falls inside one. The series' start and end are the span
        that was looked at. Raises InvalidInput, InvalidRange, NotSupported, SourceError.
        """
        request = check_request(instrument, interval, start=start, end=end, last=last, now=self._clock.now())
        longest = self._longest_span(instrument, request)
        fetched = _Fetched(request, cost)
        with anyio.move_on_after(self._deadline) as scope:
            if request.start is None:
                bars = await self._walk_back(fetched, longest, include_forming=include_forming)
            else:
                await self._fetch_all(fetched, _bounded(ranged_spans(request, request.start, longest), request))
                bars = self._bars(fetched, include_forming=include_forming)
        if scope.cancelled_caught:
            source = self._source.source
            msg = f"{instrument.id}: {source} did not send all bars within {self._deadline:g} s; ask for fewer"
            raise SourceTimeout(msg)
        return self._series(fetched, bars)

    def _longest_span(self, instrument: Instrument, request: HistoryRequest) -> timedelta:
        longest = self._source.longest_span(request.base)
        if longest is None:
            have = ", ".join(each for each in Interval if self._source.longest_span(each) is not None)
            msg = f"{self._source.source} has no {request.interval} bars of {instrument.id}; it has {have}"
            raise NotSupported(msg)
        return longest

    async def _walk_back(self, fetched: _Fetched, longest: timedelta, *, include_forming: bool) -> list[Candle]:
        """The last bars: piece by piece back, until there are enough or a whole piece is empty."""
        request = fetched.request
        bars: list[Candle] = []
        for span in islice(backward_spans(request, longest), MAX_PIECES):
            found = await self._fetch(fetched, span)
            bars = self._bars(fetched, include_forming=include_forming)
            if len(bars) >= request.last or (not found and span.length >= longest):
                break
        return bars[-request.last :]

    async def _fetch_all(self, fetched: _Fetched, spans: Sequence[CandleRange]) -> None:
        """All pieces, newest first, a few at a time. The first failure ends the others and is raised."""
        remaining = iter(spans)
        failures: list[MarketDataError] = []

        async def work() -> None:
            try:
                for span in remaining:
                    await self._fetch(fetched, span)
                    if len(fetched.bars) > MAX_BARS:
                        raise too_many_bars(fetched.request.interval)
            except MarketDataError as error:
                failures.append(error)
                tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            for _ in range(min(PARALLEL, len(spans))):
                tasks.start_soon(work)
        if failures:
            raise failures[0]

    async def _fetch(self, fetched: _Fetched, span: CandleRange) -> int:
        """How many bars one upstream request brought."""
        request = fetched.request
        try:
            bars = await self._source.candles(request.instrument, request.base, span)
        except MarketDataError as error:
            fetched.spend(requests_spent(error))
            raise
        fetched.spend(1)
        return fetched.add(bars, span)

    def _bars(self, fetched: _Fetched, *, include_forming: bool) -> list[Candle]:
        """What was asked for, from what was fetched: in order, merged, with states."""
        request = fetched.request
        bars = [fetched.bars[time] for time in sorted(fetched.bars)]
        if request.base is not request.interval:
            bars = merge_days(bars, request.interval)
        return mark_forming(
            bars,
            instrument=request.instrument,
            interval=request.interval,
            now=request.now,
            phases=self._phases,
            include=include_forming,
        )

    def _series(self, fetched: _Fetched, bars: Sequence[Candle]) -> CandleSeries:
        request = fetched.request
        first = bars[0].time if bars else None
        return CandleSeries(
            instrument=request.instrument,
            interval=request.interval,
            start=request.start or first,
            end=request.end,
            candles=tuple(bars),
            sources=(SourceShare(self._source.source, len(bars)),) if bars else (),
            upstream_calls=fetched.upstream_calls,
        )


def _bounded(spans: Iterator[CandleRange], request: HistoryRequest) -> list[CandleRange]:
    """The pieces. Raises InvalidRange if they are too many."""
    pieces = list(islice(spans, MAX_PIECES + 1))
    if len(pieces) > MAX_PIECES:
        reach = (pieces[0].end - pieces[MAX_PIECES - 1].start).days
        msg = (
            f"the range takes more than {MAX_PIECES} upstream requests for {request.interval} bars; "
            f"ask for at most {reach} days at a time"
        )
        raise InvalidRange(msg)
    return pieces
