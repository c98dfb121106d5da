"""One upstream request and what becomes of its bars: compared, stored, remembered.

Comes in: a fetch whose turn it is. Goes out: settled bars in the store, newer ones in the memory of tails. Called by
the fetch desk.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from app.domain.candles import INTRADAY_MINUTES, Candle, CandleRange, CandleState, Interval
from app.domain.instruments import Instrument
from app.ports import CandleSource, CandleStore, Clock, Coverage
from app.services.history.drift import FreshSpans, has_drifted
from app.services.history.expectation import TradingHours
from app.services.history.fetches import Fetch
from app.services.history.hours import over_until, settled_until
from app.services.history.tail import OpenBar, Tail, Tails

STORED = (*INTRADAY_MINUTES, Interval.DAY)
"""Intervals that are stored; weeks and months are made of days for each answer."""

OnDrift = Callable[[str, Interval], None]
"""Told of each stored series that was found to be out of date: instrument id, interval."""

log = structlog.get_logger()


class Intake:
    """From a source into a store."""

    def __init__(  # noqa: PLR0913 - what it joins
        self,
        source: CandleSource,
        store: CandleStore,
        hours: TradingHours,
        clock: Clock,
        *,
        tails: Tails,
        fresh: FreshSpans,
        on_drift: OnDrift,
    ) -> None:
        self._source = source
        self._store = store
        self._hours = hours
        self._clock = clock
        self._tails = tails
        self._fresh = fresh
        self._on_drift = on_drift

    async def perform(self, fetch: Fetch) -> None:
        """One request; its final bars are stored with the span that is known now. Raises what the source raises."""
        sent_at, monotonic = self._clock.now(), self._clock.monotonic()
        asked = self._asked(fetch)
        answer = await self._source.candles(fetch.instrument, fetch.interval, asked)
        fetch.calls = 1
        bars = _inside(answer, asked)
        if has_drifted(fetch.overlap, bars) and not self._fresh.was_dropped(fetch.instrument.series_id, sent_at):
            await self._forget(fetch.instrument, fetch.interval)
        by_the_clock = settled_until(self._hours, fetch.instrument, fetch.interval, sent_at)
        settled = _settled(bars, by_the_clock)
        if settled < by_the_clock:
            still_open = next(bar for bar in bars if bar.time == settled)
            self._tails.hold_open(fetch.key, OpenBar(still_open, sent_at, monotonic))
        known = CandleRange(asked.start, min(asked.end, settled))
        if known.start < known.end:
            final = [bar for bar in bars if bar.time < known.end]
            await self._store.save(*fetch.key, final, Coverage(known, self._source.source, sent_at))
            self._fresh.add(fetch.key, known, sent_at)
        if fetch.to_now:
            newest = tuple(bar for bar in bars if bar.time >= settled)
            over = over_until(self._hours, fetch.instrument, fetch.interval, sent_at)
            self._tails.put(fetch.key, Tail(newest, asked.start, sent_at, monotonic, over))

    def _asked(self, fetch: Fetch) -> CandleRange:
        """The span, up to this moment if it reaches to the newest bar: it may have waited."""
        longest = self._source.longest_span(fetch.interval)
        if not fetch.to_now or longest is None:
            return fetch.span
        return CandleRange(fetch.span.start, min(max(fetch.span.end, self._clock.now()), fetch.span.start + longest))

    async def _forget(self, instrument: Instrument, found_in: Interval) -> None:
        """Drops what is stored of an instrument: it is not what the source says today."""
        dropped = 0
        for interval in STORED:
            dropped += await self._store.drop(instrument.series_id, interval)
            self._tails.forget((instrument.series_id, interval))
        self._fresh.drop(instrument.series_id, self._clock.now())
        log.warning("candles_drifted", instrument=instrument.series_id, interval=found_in.value, dropped=dropped)
        self._on_drift(instrument.id, found_in)


def _settled(bars: Sequence[Candle], by_the_clock: datetime) -> datetime:
    """A source that is late says FORMING of a bar that the clock calls over: nothing from there on is known yet."""
    return min([by_the_clock, *(bar.time for bar in bars if bar.state is CandleState.FORMING)])


def _inside(bars: Sequence[Candle], span: CandleRange) -> list[Candle]:
    """The bars that open in the span, each once, oldest first: what a source sends beyond belongs to another fetch."""
    found = {bar.time: bar for bar in bars if span.start <= bar.time < span.end}
    return [found[time] for time in sorted(found)]
