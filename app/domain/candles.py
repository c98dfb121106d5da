"""Candles and their intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, runtime_checkable

from app.domain.instruments import Instrument
from app.domain.provenance import DataSource


class Interval(StrEnum):
    """The length of a bar. WEEK starts on Monday and MONTH on the 1st, IST."""

    MINUTE = "MINUTE"
    MINUTE_3 = "MINUTE_3"
    MINUTE_5 = "MINUTE_5"
    MINUTE_10 = "MINUTE_10"
    MINUTE_15 = "MINUTE_15"
    MINUTE_30 = "MINUTE_30"
    HOUR = "HOUR"
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"

    @property
    def minutes(self) -> int | None:
        """Length in minutes; None for DAY and longer, whose length the calendar decides."""
        return INTRADAY_MINUTES.get(self)


INTRADAY_MINUTES = {
    Interval.MINUTE: 1,
    Interval.MINUTE_3: 3,
    Interval.MINUTE_5: 5,
    Interval.MINUTE_10: 10,
    Interval.MINUTE_15: 15,
    Interval.MINUTE_30: 30,
    Interval.HOUR: 60,
}


class CandleState(StrEnum):
    """Whether a bar can still change."""

    FORMING = "FORMING"
    FINAL = "FINAL"
    CORRECTED = "CORRECTED"


@dataclass(frozen=True, slots=True)
class Candle:
    """One bar. Prices in the instrument's currency."""

    time: datetime
    """The instant the bar opens, inclusive, UTC."""
    open: float
    high: float
    low: float
    close: float
    volume: int
    """Units traded in the bar; 0 for indices, as the source sends it."""
    open_interest: int | None = None
    """Open contracts at the end of the bar, in units; None where there is none."""
    state: CandleState = CandleState.FINAL

    @property
    def epoch_seconds(self) -> int:
        """The opening instant in seconds since 1970."""
        return int(self.time.timestamp())


@dataclass(frozen=True, slots=True)
class CandleRange:
    """A half-open span of time, [start, end), both aware."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """End - start."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class CandleColumns:
    """Candles as columns of equal length."""

    epoch_seconds: Sequence[int]
    open: Sequence[float]
    high: Sequence[float]
    low: Sequence[float]
    close: Sequence[float]
    volume: Sequence[int]


@runtime_checkable
class Columnar(Protocol):
    """Bars that are kept as columns already."""

    def columns(self) -> CandleColumns:
        """The bars as columns of numbers."""
        ...


@dataclass(frozen=True, slots=True)
class SourceShare:
    """How many bars of a series one source gave."""

    source: DataSource
    candles: int


@dataclass(frozen=True, slots=True)
class CandleSeries:
    """Bars of one instrument, oldest first."""

    instrument: Instrument
    interval: Interval
    start: datetime | None
    """Beginning of the span, inclusive; None if only a number of bars was asked for and none came."""
    end: datetime | None
    """End of the span, exclusive."""
    candles: Sequence[Candle]
    sources: tuple[SourceShare, ...]
    upstream_calls: int
    """Requests to a source that this series took."""
    expected: int | None = None
    """Bars that the trading calendar expects in the span; None where it does not know."""
    missing: tuple[CandleRange, ...] = ()
    """Spans inside the span without a bar where there is or may be one. Sorted, apart."""
    problem: str | None = None
    """Why something could not be fetched, as `CODE: message`; None if all that was asked for is there."""
    fallback_reason: str | None = None
    """Why the first choice of source did not answer; None when it did."""

    @property
    def count(self) -> int:
        """Number of bars."""
        return len(self.candles)

    @property
    def columns(self) -> CandleColumns:
        """The same bars as columns."""
        bars = self.candles
        if isinstance(bars, Columnar):
            return bars.columns()
        return CandleColumns(
            epoch_seconds=[bar.epoch_seconds for bar in bars],
            open=[bar.open for bar in bars],
            high=[bar.high for bar in bars],
            low=[bar.low for bar in bars],
            close=[bar.close for bar in bars],
            volume=[bar.volume for bar in bars],
        )
