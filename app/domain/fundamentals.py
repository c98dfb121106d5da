"""What is known of a company beyond its price."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.provenance import DataSource


@dataclass(frozen=True, slots=True)
class Fundamentals:
    """One instrument's fundamentals, as the source has them. Unknown is None, never 0."""

    id: str
    """The instrument's id."""
    source: DataSource
    as_of: datetime
    """The price that the ratios refer to, UTC; where the source does not say, when it was received."""
    currency: str | None = None
    """ISO 4217, of every amount below; None where the source does not say."""
    market_cap: float | None = None
    """All shares at the present price, in the currency."""
    price_to_earnings: float | None = None
    """Price over the earnings a share of the last 12 months; None without earnings."""
    price_to_book: float | None = None
    dividend_yield: float | None = None
    """Yearly dividend over price, as a fraction: 0.024 is 2.4 percent."""
    earnings_per_share: float | None = None
    """Of the last 12 months, in the currency; negative for a loss."""
    beta: float | None = None
    """Five years, monthly, against the index that the source chose."""
    fifty_two_week_high: float | None = None
    fifty_two_week_low: float | None = None
    sector: str | None = None
    """The source's own word."""
    industry: str | None = None
