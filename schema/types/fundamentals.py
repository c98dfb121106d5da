"""Fundamentals: the fields of `app.domain.fundamentals`."""

from datetime import datetime

import strawberry

from app.domain.provenance import DataSource

field = strawberry.field


@strawberry.type(name="Fundamentals", description="What is known of a company beyond its price. Unknown is null.")
class FundamentalsType:
    """GraphQL's view of domain Fundamentals."""

    market_cap: float | None = field(description="All shares at the present price, in `currency`.")
    price_to_earnings: float | None = field(
        description="Price over the earnings a share of the last 12 months; null without earnings."
    )
    price_to_book: float | None = field(description="Price over the book value of a share.")
    dividend_yield: float | None = field(description="Yearly dividend over price, as a fraction: 0.024 is 2.4 percent.")
    earnings_per_share: float | None = field(description="Of the last 12 months, in `currency`; negative for a loss.")
    beta: float | None = field(description="Five years, monthly, against the index that the source chose.")
    fifty_two_week_high: float | None = field(description="Highest price of the last 52 weeks, in `currency`.")
    fifty_two_week_low: float | None = field(description="Lowest price of the last 52 weeks, in `currency`.")
    sector: str | None = field(description="The source's own word for its sector.")
    industry: str | None = field(description="The source's own word for its industry.")
    currency: str | None = field(description="Currency of the amounts, ISO 4217; null where the source does not say.")
    as_of: datetime = field(
        description="The price that the ratios refer to; where the source does not say, when it was received."
    )
    source: DataSource = field(description="Who said it.")
