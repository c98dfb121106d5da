"""Candles on request, read through the store: what is known is never asked for again.

Comes in: an instrument, an interval, and a range or a number of bars. Goes out: a CandleSeries, with what is missing in
it and why. Called by the resolvers of `candles`, and by jobs that fill the store; the runtime owns `run()`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

import anyio

from app.domain.candle_merge import MERGED
from app.domain.candles import Candle, CandleRange, CandleSeries, Interval
from app.domain.errors import InvalidRange, NotSupported, SourceTimeout
from app.domain.instruments import Instrument
from app.domain.provenance import Cost
from app.ports import CandleSource, CandleStore, Clock, Coverage
from app.services.history.answer import Answers, Findings
from app.services.history.archive import Archive
from app.services.history.expectation import TRADED, TradingHours
from app.services.history.fetches import Priority
from app.services.history.hours import settled_until
from app.services.history.intake import OnDrift
from app.services.history.remembering import RememberingStore
from app.services.history.request import MAX_BARS, HistoryRequest, check_request, too_many_bars
from app.services.history.spans import base_span, look_backs
from app.services.history.want import Effort, Want

MAX_PIECES = 24
"""Upstream requests of one answer, 8 s of Kite's 3 a second: enough for 50,000 bars of any interval in its reach."""
DEADLINE = 30.0
"""Seconds for one answer: MAX_PIECES at Kite's rate, three times over; after that nobody is waiting any more."""
ENSURE_ROUNDS = 3
"""Plans of one `ensure`: a split that is found on the way drops what was fetched before."""


def unheard(*_: object) -> None:
    """The hook of those who do not listen."""


@dataclass(frozen=True, slots=True)
class _Question:
    """One answer in the making."""

    request: HistoryRequest
    forming: bool
    effort: Effort
    deadline: float
    """On the event loop's clock."""
    longest: timedelta
    """The longest span of one upstream request."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What a question found from `start` on."""

    start: datetime
    findings: Findings
    bars: Sequence[Candle]


class HistoryService:
    """Bars from the store, and what it lacks from the source, stored on the way.

    Callers share their upstream requests. A failure half way leaves an answer that names what is missing. At most
    MAX_PIECES upstream requests an answer. Cancel-safe. What is not stored waits unless `run()` runs.
    """

    def __init__(
        self,
        source: CandleSource,
        store: CandleStore,
        clock: Clock,
        hours: TradingHours,
        *,
        deadline: float = DEADLINE,
        on_drift: OnDrift = unheard,
    ) -> None:
        self._source = source
        self._store = store = RememberingStore(store, clock)
        self._clock = clock
        self._hours = hours
        self._deadline = deadline
        self._archive = Archive(source, store, hours, clock, on_drift=on_drift)
        self._answers = Answers(hours, source.source)

    async def run(self) -> None:
        """Carry the upstream requests until cancelled."""
        await self._archive.run()

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
        """The bars that open in [start, end), or the `last` ones before `end`, oldest first.

        The bar that is open now comes only with `include_forming`. `cost` grows by the upstream requests this waited
        for. What could not be had is in `missing`, and the reason in `problem`. Raises InvalidInput, InvalidRange,
        NotSupported, and SourceError if there is no bar at all.
        """
        request = check_request(instrument, interval, start=start, end=end, last=last, now=self._clock.now())
        deadline = anyio.current_time() + self._deadline
        question = _Question(request, include_forming, Effort(cost), deadline, self._longest_span(request))
        if request.start is None:
            found = await self._by_count(question)
        else:
            found = await self._by_range(question, request.start)
        if question.effort.problem is not None and not found.bars:
            raise question.effort.problem
        return self._answers.series(request, found.findings, found.bars, start=_spoken_of(question, found))

    async def stored(self, instrument: Instrument, interval: Interval, span: CandleRange) -> list[Coverage]:
        """Spans of the series that are in the store whole and touch `span`, oldest first; of an interval it stores."""
        return await self._store.coverage(instrument.series_id, interval, span)

    async def requests_for(self, instrument: Instrument, interval: Interval, span: CandleRange) -> int:
        """How many upstream requests `ensure` of the same span would take now. Raises as it does."""
        return len(await self._archive.requests_for(self._lasting(instrument, interval, span, Priority.BACKGROUND)))

    async def ensure(
        self,
        instrument: Instrument,
        interval: Interval,
        span: CandleRange,
        *,
        priority: Priority = Priority.BACKGROUND,
        progress: Callable[[int], None] = unheard,
    ) -> int:
        """Every bar of the span that is settled is in the store; how many upstream requests that took.

        `progress` is told of the requests so far, after each one in the background. Raises the first failure; what was
        fetched before it is kept, so that asking again goes on from there. InvalidRange, NotSupported as `candles`.
        """
        effort = Effort(Cost())
        want = self._lasting(instrument, interval, span, priority)
        for _ in range(ENSURE_ROUNDS):
            spans = await self._archive.requests_for(want)
            for each in spans if priority is Priority.BACKGROUND else [want.span] if spans else []:
                await self._archive.make_known(replace(want, span=each), effort)
                if effort.problem is not None:
                    raise effort.problem
                progress(effort.upstream_calls)
            if not spans:
                break
        return effort.upstream_calls

    def _lasting(self, instrument: Instrument, interval: Interval, span: CandleRange, priority: Priority) -> Want:
        """The settled part of a span."""
        now = self._clock.now()
        request = check_request(
            instrument, interval, start=span.start, end=span.end, last=None, now=now, answered=False
        )
        self._longest_span(request)
        whole = base_span(request, span.start)
        settled = settled_until(self._hours, instrument, request.base, now)
        lasting = CandleRange(whole.start, min(whole.end, settled))
        return Want(instrument, request.base, lasting, now, priority=priority, settled_only=True)

    def _longest_span(self, request: HistoryRequest) -> timedelta:
        longest = self._source.longest_span(request.base)
        if longest is None:
            have = ", ".join(each for each in Interval if self._source.longest_span(each) is not None)
            msg = f"{self._source.source} has no {request.interval} bars of {request.instrument.id}; it has {have}"
            raise NotSupported(msg)
        return longest

    async def _by_range(self, question: _Question, start: datetime) -> _Found:
        """The bars from an instant on. Raises InvalidRange if they are too many."""
        span = base_span(question.request, start)
        self._check_size(question, span)
        if span.start < span.end:
            await self._reach(question, span)
        found = await self._look(question, span)
        if len(found.bars) > MAX_BARS:
            raise too_many_bars(question.request.interval)
        return found

    async def _by_count(self, question: _Question) -> _Found:
        """The last bars: those that are stored, without holes, or piece by piece back."""
        request = question.request
        stored: Sequence[Candle] = ()
        seen: Sequence[Coverage] = ()
        if request.interval not in MERGED:
            ever = CandleRange(request.earliest, request.end)
            seen = await self._store.coverage(request.instrument.series_id, request.interval, ever)
            stored = await self._store.last_bars(
                request.instrument.series_id, request.interval, before=request.end, count=request.last
            )
        if len(stored) == request.last:
            span = base_span(request, stored[0].time)
            await self._reach(question, span)
            unchanged = question.effort.coverage is not None and set(question.effort.coverage) <= set(seen)
            found = await self._look(question, span, stored if unchanged else None)
        else:
            found = await self._walk_back(question)
            if question.effort.problem is not None and stored and stored[0].time < found.start:
                found = await self._look(question, base_span(request, stored[0].time))
        return replace(found, bars=found.bars[-request.last :])

    async def _walk_back(self, question: _Question) -> _Found:
        """Further back until there are enough bars, or a whole piece is empty: before the listing there is nothing."""
        request = question.request
        found = _Found(request.base_end, Findings((), (), None, None, 0), [])
        for start in islice(look_backs(request, question.longest), MAX_PIECES):
            piece = CandleRange(start, found.start)
            span = base_span(request, start)
            await self._reach(question, span)
            found = await self._look(question, span)
            empty = not found.bars or found.bars[0].time >= piece.end
            if (
                len(found.bars) >= request.last
                or question.effort.problem
                or (empty and piece.length >= question.longest)
            ):
                break
        return found

    async def _reach(self, question: _Question, span: CandleRange) -> None:
        """Make a span known, as far as that goes until the deadline."""
        request, effort = question.request, question.effort
        want = Want(request.instrument, request.base, span, request.now, forming=question.forming)
        with anyio.CancelScope(deadline=question.deadline) as scope:
            await self._archive.make_known(want, effort)
        if scope.cancelled_caught:
            effort.coverage = None
            effort.problem = SourceTimeout(f"{request.instrument.id}: {self._why_late(effort)}")

    def _why_late(self, effort: Effort) -> str:
        if effort.unsent:
            return (
                f"after {self._deadline:g} s {effort.unsent} of its requests still waited behind other charts; "
                "what came is kept, ask again to go on"
            )
        return f"{self._source.source} did not send all bars within {self._deadline:g} s; ask again, or for fewer"

    async def _look(self, question: _Question, span: CandleRange, stored: Sequence[Candle] | None = None) -> _Found:
        """What there is of a span. `stored`: its bars, if they were read after what is known of it."""
        request, effort = question.request, question.effort
        coverage = effort.coverage
        if coverage is None:
            coverage = await self._store.coverage(request.instrument.series_id, request.base, span)
        if stored is None:
            stored = await self._store.bars(request.instrument.series_id, request.base, span)
        findings = Findings(stored, coverage, effort.tail, effort.problem, effort.upstream_calls)
        return _Found(span.start, findings, self._answers.bars(request, findings, include_forming=question.forming))

    def _check_size(self, question: _Question, span: CandleRange) -> None:
        """Raises InvalidRange for more bars or more requests than an answer may take, before any is made."""
        request = question.request
        reach = MAX_PIECES * question.longest
        if span.length > reach:
            msg = (
                f"the range takes more than {MAX_PIECES} upstream requests for {request.interval} bars; "
                f"ask for at most {reach.days} days at a time"
            )
            raise InvalidRange(msg)
        if request.interval.minutes is None or span.length <= MAX_BARS * timedelta(minutes=request.interval.minutes):
            return
        sessions = self._hours.spans_of(request.instrument, span, TRADED)
        traded = sum((session.length for session in sessions), timedelta())
        if traded > MAX_BARS * timedelta(minutes=request.interval.minutes):
            raise too_many_bars(request.interval)


def _spoken_of(question: _Question, found: _Found) -> datetime | None:
    """The beginning of the span that an answer speaks of; None without a bar."""
    request = question.request
    if request.start is not None:
        return request.start
    if question.effort.problem is not None and len(found.bars) < request.last:
        return found.start
    return found.bars[0].time if found.bars else None
