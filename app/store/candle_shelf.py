"""A part of the candle store of its own: the bars that another source gave. Satisfies ports.CandleStore.

Bars of two sources never lie in one series: their volumes and closes differ, and a chart would show the seams.
"""

from collections.abc import Sequence
from datetime import datetime

from app.domain.candle_chunks import CandleChunk
from app.domain.candles import Candle, CandleRange, Interval
from app.domain.provenance import DataSource
from app.ports import CandleStore, Coverage


class CandleShelf:
    """The series of one source, under keys that have its name: `YAHOO|NSE:INFY`. YAHOO:^GSPC has it already."""

    def __init__(self, store: CandleStore, source: DataSource) -> None:
        self._store = store
        self._source = source

    async def bars(self, instrument_id: str, interval: Interval, span: CandleRange) -> Sequence[Candle]:
        """As the store."""
        return await self._store.bars(self._key(instrument_id), interval, span)

    async def last_bars(
        self, instrument_id: str, interval: Interval, *, before: datetime, count: int
    ) -> Sequence[Candle]:
        """As the store."""
        return await self._store.last_bars(self._key(instrument_id), interval, before=before, count=count)

    async def chunk(self, instrument_id: str, interval: Interval, span: CandleRange) -> CandleChunk:
        """As the store."""
        return await self._store.chunk(self._key(instrument_id), interval, span)

    async def opening(self, instrument_id: str, interval: Interval, *, before: datetime, count: int) -> datetime | None:
        """As the store."""
        return await self._store.opening(self._key(instrument_id), interval, before=before, count=count)

    async def writes(self, instrument_id: str, interval: Interval) -> int:
        """As the store."""
        return await self._store.writes(self._key(instrument_id), interval)

    async def coverage(self, instrument_id: str, interval: Interval, within: CandleRange) -> list[Coverage]:
        """As the store."""
        return await self._store.coverage(self._key(instrument_id), interval, within)

    async def save(self, instrument_id: str, interval: Interval, bars: Sequence[Candle], known: Coverage) -> None:
        """As the store."""
        await self._store.save(self._key(instrument_id), interval, bars, known)

    async def replace(self, instrument_id: str, interval: Interval, bars: Sequence[Candle]) -> None:
        """As the store."""
        await self._store.replace(self._key(instrument_id), interval, bars)

    async def drop(self, instrument_id: str, interval: Interval) -> int:
        """As the store."""
        return await self._store.drop(self._key(instrument_id), interval)

    def _key(self, instrument_id: str) -> str:
        return instrument_id if instrument_id.startswith(f"{self._source}:") else f"{self._source}|{instrument_id}"
