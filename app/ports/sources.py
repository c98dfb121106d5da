"""What gives prices, bars, fundamentals and the instrument master on request. Satisfied by the providers.

The budget of a source stands here too: each of its requests is paid from it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from app.domain.candles import Candle, CandleRange, Interval
from app.domain.errors import MarketDataError
from app.domain.feeds import RequestBudget
from app.domain.fundamentals import Fundamentals
from app.domain.instruments import Instrument
from app.domain.provenance import DataSource
from app.domain.quotes import Quote


@dataclass(frozen=True, slots=True)
class QuoteBatch:
    """What a source said about many instruments at once. An id in neither mapping has no price there."""

    quotes: Mapping[str, Quote]
    errors: Mapping[str, MarketDataError] = field(default_factory=dict)
    """Ids whose request failed, when only a part of the batch did."""
    upstream_calls: int = 1


class QuoteSource(Protocol):
    """Prices on request."""

    source: DataSource

    async def quotes(self, instruments: Sequence[Instrument]) -> QuoteBatch:
        """Any number of instruments, cut by the source to its own limits.

        Raises SourceError if nothing at all could be had.
        """
        ...


class CandleSource(Protocol):
    """Bars on request."""

    source: DataSource

    def longest_span(self, interval: Interval) -> timedelta | None:
        """The longest span of one request; None if the source has no bars of this interval."""
        ...

    async def candles(self, instrument: Instrument, interval: Interval, span: CandleRange) -> list[Candle]:
        """Bars that open in [start, end), oldest first, in one upstream request.

        Raises InvalidRange beyond `longest_span`, NotSupported for an interval it has not, SourceError.
        """
        ...


class FundamentalsSource(Protocol):
    """What is known of a company beyond its price."""

    source: DataSource

    async def fundamentals(self, instrument: Instrument) -> Fundamentals:
        """One instrument, in one upstream request.

        Raises NotPriced if the source has nothing on it, NotSupported for a kind that it has not, SourceError.
        """
        ...


@dataclass(frozen=True, slots=True)
class InstrumentDump:
    """A whole instrument master."""

    instruments: Sequence[Instrument]
    digest: str
    """Hash of the raw master: two dumps with the same digest are the same."""
    skipped_rows: int = 0
    """Rows that could not be read; they are logged, and never stop the others."""


class InstrumentSource(Protocol):
    """The instrument master."""

    source: DataSource

    async def instruments(self) -> InstrumentDump:
        """Today's master. Raises SourceError; parsing never holds the event loop."""
        ...


class RequestBudgets(Protocol):
    """The requests that a source allows, by endpoint class."""

    async def acquire(self, endpoint: str, *, within: float | None = None) -> None:
        """Wait for the right to send one request, at most `within` seconds. Raises RateLimited."""
        ...

    def refused(self, endpoint: str) -> None:
        """The source said 429 all the same: hold back this class for a while."""
        ...

    def status(self) -> tuple[RequestBudget, ...]:
        """The state of every class."""
        ...
