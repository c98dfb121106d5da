"""What is remembered of series of stored bars, and whether that is still so.

All that is remembered of a series is what the store held at one count of its writes. Our own writes are counted along,
and forget exactly the windows that they touch, before and after. Another process's writes show as a count that is not
ours: we look every CHECK_SECONDS, and after whatever is read to be remembered; then all of the series is forgotten.
Called by the remembering store.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count

from app.domain.candle_chunks import CandleChunk
from app.domain.candles import CandleRange
from app.domain.time import from_epoch
from app.ports import CandleStore, Clock, Coverage
from app.services.history.chunks import Chunks
from app.services.history.drift import SeriesKey
from app.services.history.windows import Windows

CHECK_SECONDS = 1.0
"""How long another process's write may stay unseen. A look takes a quarter of a millisecond."""
MAX_SERIES = 5_000
"""Series of which something is remembered besides their bars: a kilobyte each."""
BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)
"""Before the first bar of every exchange."""


@dataclass(eq=False, slots=True)
class SeriesRecord:
    """What is remembered of a series besides its bars."""

    generation: int
    """Under which its chunks are kept."""
    windows: Windows
    writes: int
    """The store's count of writes at which all this was so."""
    checked: float
    """When the count was last compared, on the clock that never jumps."""
    writing: int = 0
    """Our writes under way."""
    changes: int = 0
    """Grows as one of our writes begins and as it ends: what was read across is not remembered."""
    coverage: Sequence[Coverage] | None = None
    oldest: int | None = None
    """No window before this one has a bar; None if that is not known."""


class SeriesMemory:
    """Bounded: MAX_SERIES, and what `chunks` allows. For the event loop. Cancel-safe."""

    def __init__(self, store: CandleStore, clock: Clock, chunks: Chunks) -> None:
        self._store = store
        self._clock = clock
        self._chunks = chunks
        self._series: OrderedDict[SeriesKey, SeriesRecord] = OrderedDict()
        self._generations = count()

    async def current(self, key: SeriesKey) -> SeriesRecord:
        """What is remembered, as it was at most CHECK_SECONDS ago."""
        series = self._series.get(key)
        now = self._clock.monotonic()
        if series is None:
            return await self._begin(key)
        self._series.move_to_end(key)
        if not series.writing and now - series.checked >= CHECK_SECONDS:
            await self.is_so(key, series, series.changes)
            return await self._begin(key)
        return series

    async def is_so(self, key: SeriesKey, series: SeriesRecord, changes: int) -> bool:
        """Whether what was read since `changes` belongs to what is remembered. Forgets all of it if others wrote."""
        now = self._clock.monotonic()
        writes = await self._store.writes(*key)
        if self._series.get(key) is not series or series.writing or series.changes != changes:
            return False
        if series.writes != writes:
            self.forget(key)
            return False
        series.checked = now
        return True

    def find(self, series: SeriesRecord, window: int) -> CandleChunk | None:
        """The bars of a window; None if they are not remembered."""
        return self._chunks.find(series.generation, window)

    async def load(
        self, key: SeriesKey, series: SeriesRecord, first: int | None, last: int
    ) -> dict[int, CandleChunk] | None:
        """The bars of the windows from `first` (None: where the series begins) to `last`, remembered.

        None if others write at this moment: then only the store itself can answer.
        """
        changes, windows = series.changes, series.windows
        start = BEGINNING if first is None else from_epoch(windows.start(first))
        whole = await self._store.chunk(*key, CandleRange(start, from_epoch(windows.start(last + 1))))
        if not await self.is_so(key, series, changes):
            return None
        if first is None:
            first = series.oldest = windows.number(whole.epoch_seconds[0]) if len(whole) else last + 1
        loaded = windows.split(whole, range(first, last + 1))
        for window, chunk in loaded.items():
            self._chunks.put(series.generation, window, chunk)
        return loaded

    @asynccontextmanager
    async def write(self, key: SeriesKey, touched: Iterable[CandleRange]) -> AsyncIterator[None]:
        """One write of ours, which changes what lies in some spans. If it fails, nothing is remembered any more."""
        series = self._series.get(key)
        if series is not None:
            self._begin_write(series, touched)
        done = False
        try:
            yield
            done = True
        finally:
            if series is not None:
                series.writing -= 1
                series.changes += 1
                series.writes += 1
            if not done or self._series.get(key) is not series:
                self.forget(key)

    def forget(self, key: SeriesKey) -> None:
        """Remember nothing of a series."""
        series = self._series.pop(key, None)
        if series is not None:
            self._chunks.drop_all(series.generation)

    async def _begin(self, key: SeriesKey) -> SeriesRecord:
        """The series as it is remembered, or a new record of it."""
        now = self._clock.monotonic()
        if key not in self._series:
            writes = await self._store.writes(*key)
            if key not in self._series:
                self._series[key] = SeriesRecord(next(self._generations), Windows(key[1]), writes, now)
        series = self._series[key]
        if len(self._series) > MAX_SERIES:
            self.forget(next(iter(self._series)))
        return series

    def _begin_write(self, series: SeriesRecord, touched: Iterable[CandleRange]) -> None:
        series.writing += 1
        series.changes += 1
        series.coverage = None
        for span in touched:
            windows = series.windows.of(span)
            self._chunks.drop(series.generation, windows)
            if series.oldest is not None and windows and windows.start < series.oldest:
                series.oldest = None
