"""SourceComparison: the fields of `app.domain.comparison`."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from app.domain.provenance import DataSource
from schema.types.quotes import QuoteType
from schema.types.scalars import BigInt

if TYPE_CHECKING:
    from schema.types.instruments import InstrumentType

field = strawberry.field


@strawberry.type(name="SourcePrice", description="What one source says of an instrument.")
class SourcePriceType:
    """GraphQL's view of a domain SourcePrice."""

    name: DataSource = field(description="KITE or YAHOO, also where it is simulated.")
    quote: QuoteType | None = field(description="Its price, with its times; null if it has none.")
    problem: str | None = field(description="Why it has none, as `CODE: message`.")


@strawberry.type(name="SourceComparison", description="One instrument's price at every source.")
class SourceComparisonType:
    """GraphQL's view of a domain SourceComparison."""

    instrument: Annotated["InstrumentType", strawberry.lazy("schema.types.instruments")] = field(
        description="What is priced."
    )
    prices: list[SourcePriceType] = field(description="One entry a source, KITE first.")
    difference_bps: float | None = field(
        description="How far the second price lies above the first, in basis points of the first; null without both."
    )
    apart_ms: BigInt | None = field(
        description="How much later the exchange's time of the first price is than that of the second, in "
        "milliseconds; null without both times."
    )
