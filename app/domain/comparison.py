"""One instrument's price at each source, and how far they lie apart."""

from dataclasses import dataclass
from datetime import timedelta

from app.domain.instruments import Instrument
from app.domain.provenance import DataSource
from app.domain.quotes import Quote


@dataclass(frozen=True, slots=True)
class SourcePrice:
    """What one source says."""

    name: DataSource
    """KITE or YAHOO, also where it is simulated."""
    quote: Quote | None
    problem: str | None
    """Why there is no price, as `CODE: message`; None if there is one."""


@dataclass(frozen=True, slots=True)
class SourceComparison:
    """The prices of all sources, the first choice first."""

    instrument: Instrument
    prices: tuple[SourcePrice, ...]
    difference_bps: float | None
    """How far the second price lies above the first, in hundredths of a percent of the first; None without both."""
    apart_ms: int | None
    """How much later the exchange's time of the first price is than that of the second; None without both times."""


def compared(instrument: Instrument, prices: tuple[SourcePrice, ...]) -> SourceComparison:
    """The comparison of the first two prices that are there."""
    quotes = [price.quote for price in prices if price.quote is not None]
    if len(quotes) < 2:  # noqa: PLR2004 - it takes two to compare
        return SourceComparison(instrument, prices, None, None)
    first, second = quotes[:2]
    difference = (second.last_price - first.last_price) / first.last_price * 10_000 if first.last_price else None
    apart = None
    if first.exchange_time is not None and second.exchange_time is not None:
        apart = (first.exchange_time - second.exchange_time) // timedelta(milliseconds=1)
    return SourceComparison(instrument, prices, None if difference is None else round(difference, 4), apart)
