"""Bars that last and what is known of them. Satisfies ports.CandleStore; for the history service."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import anyio
import anyio.to_thread

from app.domain.candle_chunks import CandleChunk
from app.domain.candles import Candle, CandleRange, Interval
from app.domain.time import from_epoch
from app.ports import Clock, Coverage
from app.store import candle_sql as sql
from app.store.candle_postgresql import PostgresqlCandles
from app.store.candle_rows import BarRow, encode_bars, microseconds, opening_second
from app.store.candle_sqlite import SqliteCandles
from app.store.coverage import check_known
from app.store.engine import Database

READERS = 4
"""Reads at a time: more threads would fight for the interpreter, more connections would empty the pool."""
WRITERS = 1
"""Writes at a time: SQLite has one writer, and a source sends bars far slower than either database takes them."""


class CandleRows(Protocol):
    """What the store needs from a database. Times are epoch seconds for bars and microseconds for the rest."""

    async def bars(self, query: str, values: Sequence[object]) -> list[Candle]:
        """What one of the queries for bars finds, in its order."""
        ...

    async def chunk(self, query: str, values: Sequence[object]) -> CandleChunk:
        """The same as columns."""
        ...

    async def number(self, query: str, values: Sequence[object]) -> int | None:
        """The one number that a query finds; None if it finds none."""
        ...

    async def coverage(self, values: Sequence[object]) -> list[Coverage]:
        """What COVERAGE finds."""
        ...

    async def write(self, key: tuple[str, str], rows: Sequence[BarRow], known: Coverage | None, at: int) -> None:
        """Upsert bars and join a known span in, all or nothing."""
        ...

    async def drop(self, key: tuple[str, str], at: int) -> int:
        """Delete the bars and the coverage of a series; how many bars there were."""
        ...


class SqlCandleStore:
    """Bars and known spans of all series.

    Reads see whole writes only. Writes of one series follow each other, from other tasks and processes too, so no
    coverage is lost; once begun they run to their end when they are cancelled. The event loop is held for a few
    milliseconds at a time, however many bars there are. Bars open at whole seconds; spans are exact to the microsecond.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        path = database.address.path
        self._rows: CandleRows = PostgresqlCandles(database) if path is None else SqliteCandles(path)
        self._clock = clock
        self._reading, self._writing = anyio.CapacityLimiter(READERS), anyio.CapacityLimiter(WRITERS)

    async def bars(self, instrument_id: str, interval: Interval, span: CandleRange) -> list[Candle]:
        """The stored bars that open in [start, end), oldest first."""
        within = opening_second(span.start), opening_second(span.end)
        async with self._reading:
            return await self._rows.bars(sql.BARS, (instrument_id, interval.value, *within))

    async def last_bars(self, instrument_id: str, interval: Interval, *, before: datetime, count: int) -> list[Candle]:
        """The newest `count` stored bars that open before an instant, oldest first."""
        if count < 1:
            return []
        async with self._reading:
            values = instrument_id, interval.value, opening_second(before), count
            found = await self._rows.bars(sql.LAST_BARS, values)
        return found[::-1]

    async def chunk(self, instrument_id: str, interval: Interval, span: CandleRange) -> CandleChunk:
        """The stored bars that open in [start, end), oldest first, as columns."""
        within = opening_second(span.start), opening_second(span.end)
        async with self._reading:
            return await self._rows.chunk(sql.BARS, (instrument_id, interval.value, *within))

    async def opening(self, instrument_id: str, interval: Interval, *, before: datetime, count: int) -> datetime | None:
        """When the first of the newest `count` stored bars before an instant opens; None if there are fewer."""
        values = instrument_id, interval.value, opening_second(before), count - 1
        async with self._reading:
            found = await self._rows.number(sql.OPENING, values)
        return None if found is None else from_epoch(found)

    async def writes(self, instrument_id: str, interval: Interval) -> int:
        """How often the series was written, by any process."""
        async with self._reading:
            return await self._rows.number(sql.WRITES, (instrument_id, interval.value)) or 0

    async def coverage(self, instrument_id: str, interval: Interval, within: CandleRange) -> list[Coverage]:
        """Known spans that overlap or touch `within`, whole, oldest first, never overlapping."""
        values = instrument_id, interval.value, microseconds(within.start), microseconds(within.end)
        async with self._reading:
            return await self._rows.coverage(values)

    async def save(self, instrument_id: str, interval: Interval, bars: Sequence[Candle], known: Coverage) -> None:
        """Store bars and mark the span as known, in one transaction. Bars that are there are replaced.

        How spans join, and what their `fetched_at` becomes, says `coverage.with_known`. Raises ValueError for bars
        that are forming, naive, out of order or there twice, and for an empty or naive span; nothing is stored then.
        """
        check_known(known)
        await self._write(instrument_id, interval, bars, known)

    async def replace(self, instrument_id: str, interval: Interval, bars: Sequence[Candle]) -> None:
        """Store corrected bars without a word on coverage. Raises ValueError as `save` does."""
        await self._write(instrument_id, interval, bars, None)

    async def drop(self, instrument_id: str, interval: Interval) -> int:
        """Forget bars and coverage of one series; how many bars there were."""
        async with self._writing:
            return await self._rows.drop((instrument_id, interval.value), microseconds(self._clock.now()))

    async def _write(
        self, instrument_id: str, interval: Interval, bars: Sequence[Candle], known: Coverage | None
    ) -> None:
        rows = await anyio.to_thread.run_sync(encode_bars, bars)
        async with self._writing:
            await self._rows.write((instrument_id, interval.value), rows, known, microseconds(self._clock.now()))
