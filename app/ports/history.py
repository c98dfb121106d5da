"""Bars that last, and bars on request. Satisfied by `app.store` and `app.services.history`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.domain.candle_chunks import CandleChunk
from app.domain.candles import Candle, CandleRange, CandleSeries, Interval
from app.domain.instruments import Instrument
from app.domain.provenance import Cost, DataSource


@dataclass(frozen=True, slots=True)
class Coverage:
    """A span of one series that is known whole: every bar that the source has of it is stored."""

    span: CandleRange
    source: DataSource
    fetched_at: datetime


class CandleStore(Protocol):
    """Final bars that last, and which spans of them are known. Series are named by our instrument id and interval.

    The broker's token is never part of a key: exchanges reuse tokens.
    """

    async def bars(self, instrument_id: str, interval: Interval, span: CandleRange) -> Sequence[Candle]:
        """The stored bars that open in [start, end), oldest first."""
        ...

    async def last_bars(
        self, instrument_id: str, interval: Interval, *, before: datetime, count: int
    ) -> Sequence[Candle]:
        """The newest `count` stored bars that open before an instant, oldest first."""
        ...

    async def chunk(self, instrument_id: str, interval: Interval, span: CandleRange) -> CandleChunk:
        """The bars that `bars` gives, as columns: no object is made for each of them."""
        ...

    async def opening(self, instrument_id: str, interval: Interval, *, before: datetime, count: int) -> datetime | None:
        """When the first of the bars opens that `last_bars` gives; None if there are fewer than `count`."""
        ...

    async def writes(self, instrument_id: str, interval: Interval) -> int:
        """How often the series was written, by any process: each `save`, `replace` and `drop` counts one.

        As long as it stays the same, so does everything else. A series that was never written may count nothing.
        """
        ...

    async def coverage(self, instrument_id: str, interval: Interval, within: CandleRange) -> list[Coverage]:
        """Known spans that touch `within`, oldest first, never overlapping."""
        ...

    async def save(self, instrument_id: str, interval: Interval, bars: Sequence[Candle], known: Coverage) -> None:
        """Store bars and mark the span as known, in one transaction. Bars that are there are replaced."""
        ...

    async def replace(self, instrument_id: str, interval: Interval, bars: Sequence[Candle]) -> None:
        """Store corrected bars without a word on coverage."""
        ...

    async def drop(self, instrument_id: str, interval: Interval) -> int:
        """Forget bars and coverage of one series; how many bars there were."""
        ...


class CandleHistory(Protocol):
    """Bars on request, from the store and the source, as `app.services.history` has them."""

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
        """Bars that open in [start, end), or the `last` ones that open before `end`. Raises MarketDataError."""
        ...
