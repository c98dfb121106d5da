"""A candle store that remembers what it was asked for: a warm chart needs no database.

Comes in: any CandleStore. Goes out: the same answers, from memory where it can, which cost no read as long as
`series_memory` need not look whether another process wrote. The history service puts it before its store, and is the
only writer of the process.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from app.domain.candle_chunks import CandleChunk, ChunkPart, chunk_of
from app.domain.candles import Candle, CandleRange, Interval
from app.domain.chunked_candles import ChunkedCandles
from app.ports import CandleStore, Clock, Coverage
from app.services.history.chunks import MAX_BARS_KEPT, Chunks
from app.services.history.expectation import INSTANT
from app.services.history.series_memory import BEGINNING, SeriesMemory, SeriesRecord
from app.services.history.windows import opening_second

ALL_TIME = CandleRange(BEGINNING, datetime.max.replace(tzinfo=UTC))
EMPTY = chunk_of(())


class RememberingStore:
    """Satisfies ports.CandleStore, in front of another one. For the event loop. Cancel-safe."""

    def __init__(self, store: CandleStore, clock: Clock, *, most_bars: int = MAX_BARS_KEPT) -> None:
        self._store = store
        self._memory = SeriesMemory(store, clock, Chunks(most_bars))

    async def bars(self, instrument_id: str, interval: Interval, span: CandleRange) -> Sequence[Candle]:
        """The stored bars that open in [start, end), oldest first."""
        key = instrument_id, interval
        series = await self._memory.current(key)
        windows = series.windows.of(span)
        if series.oldest is not None:
            windows = range(max(windows.start, series.oldest), windows.stop)
        found = {window: chunk for window in windows if (chunk := self._memory.find(series, window)) is not None}
        if len(found) < len(windows):
            missing = [window for window in windows if window not in found]
            loaded = await self._memory.load(key, series, missing[0], missing[-1])
            if loaded is None:
                return await self._store.bars(*key, span)
            found |= loaded
        return _between((found[window] for window in windows), span.start, span.end)

    async def last_bars(
        self, instrument_id: str, interval: Interval, *, before: datetime, count: int
    ) -> Sequence[Candle]:
        """The newest `count` stored bars that open before an instant, oldest first."""
        key = instrument_id, interval
        series = await self._memory.current(key)
        found, missing = self._back(series, before, count)
        if missing is not None:
            opening = await self._store.opening(*key, before=before, count=count)
            first = None if opening is None else series.windows.number(opening_second(opening))
            loaded = await self._memory.load(key, series, first, missing)
            if loaded is None:
                return await self._store.last_bars(*key, before=before, count=count)
            found = [*loaded.values(), *found]
        bars = _between(found, BEGINNING, before)
        return bars[max(len(bars) - count, 0) :]

    async def coverage(self, instrument_id: str, interval: Interval, within: CandleRange) -> list[Coverage]:
        """Known spans that overlap or touch `within`, whole, oldest first, never overlapping."""
        key = instrument_id, interval
        series = await self._memory.current(key)
        known = series.coverage
        if known is None:
            changes = series.changes
            known = await self._store.coverage(*key, ALL_TIME)
            if await self._memory.is_so(key, series, changes):
                series.coverage = known
        return [each for each in known if each.span.start <= within.end and within.start <= each.span.end]

    async def chunk(self, instrument_id: str, interval: Interval, span: CandleRange) -> CandleChunk:
        """As the store has it."""
        return await self._store.chunk(instrument_id, interval, span)

    async def opening(self, instrument_id: str, interval: Interval, *, before: datetime, count: int) -> datetime | None:
        """As the store has it."""
        return await self._store.opening(instrument_id, interval, before=before, count=count)

    async def writes(self, instrument_id: str, interval: Interval) -> int:
        """As the store has it."""
        return await self._store.writes(instrument_id, interval)

    async def save(self, instrument_id: str, interval: Interval, bars: Sequence[Candle], known: Coverage) -> None:
        """Store bars and mark the span as known. What was remembered of their time is forgotten."""
        async with self._memory.write((instrument_id, interval), [known.span, *_reach(bars)]):
            await self._store.save(instrument_id, interval, bars, known)

    async def replace(self, instrument_id: str, interval: Interval, bars: Sequence[Candle]) -> None:
        """Store corrected bars. What was remembered of their time is forgotten."""
        async with self._memory.write((instrument_id, interval), _reach(bars)):
            await self._store.replace(instrument_id, interval, bars)

    async def drop(self, instrument_id: str, interval: Interval) -> int:
        """Forget bars and coverage of one series, here and there; how many bars there were."""
        key = instrument_id, interval
        self._memory.forget(key)
        try:
            return await self._store.drop(*key)
        finally:
            self._memory.forget(key)

    def _back(self, series: SeriesRecord, before: datetime, count: int) -> tuple[list[CandleChunk], int | None]:
        """Chunks back from an instant, oldest first; the window where memory ends before there are enough bars."""
        end = opening_second(before)
        window, there = series.windows.number(end - 1), 0
        chunks: list[CandleChunk] = []
        while there < count and (series.oldest is None or window >= series.oldest):
            chunk = self._memory.find(series, window)
            if chunk is None:
                return chunks[::-1], window
            chunks.append(chunk)
            there += chunk.position(end)
            window -= 1
        return chunks[::-1], None


def _reach(bars: Sequence[Candle]) -> list[CandleRange]:
    """The span of some bars, oldest first."""
    return [CandleRange(bars[0].time, bars[-1].time + INSTANT)] if bars else []


def _between(chunks: Iterable[CandleChunk], start: datetime, end: datetime) -> ChunkedCandles:
    """The bars of some chunks that open in [start, end)."""
    first, stop = opening_second(start), opening_second(end)
    return ChunkedCandles(ChunkPart(chunk, chunk.position(first), chunk.position(stop)) for chunk in chunks)
