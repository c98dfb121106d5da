"""OptionChain, OptionRow, OptionLeg: the fields of `app.domain.options`."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from schema.types.market_context import MissingInputType
from schema.types.quotes import QuoteType

if TYPE_CHECKING:
    from schema.types.instruments import InstrumentType

field = strawberry.field

LazyInstrument = Annotated["InstrumentType", strawberry.lazy("schema.types.instruments")]


@strawberry.type(
    name="OptionLeg",
    description="One option of a chain. Volatility and greeks by Black-76 on the chain's `forward`: European options, "
    "lognormal prices, a constant rate, years of 365 days. Null where the price is not above intrinsic value, is too "
    "old, or is not there.",
)
class OptionLegType:
    """GraphQL's view of a domain OptionLeg."""

    instrument: LazyInstrument = field(description="The option.")
    quote: QuoteType | None = field(description="Its price; null if it has none now.")
    implied_volatility: float | None = field(description="Annual, as a fraction: 0.15 is 15 percent.")
    delta: float | None = field(description="Change of its price for 1 of the forward.")
    gamma: float | None = field(description="Change of delta for 1 of the forward.")
    theta: float | None = field(description="Change of its price for one calendar day that passes.")
    vega: float | None = field(description="Change of its price for one point (0.01) of volatility.")


@strawberry.type(name="OptionRow", description="The call and the put of one strike.")
class OptionRowType:
    """GraphQL's view of a domain OptionRow."""

    strike: float = field(description="Strike price, in the instrument's currency.")
    call: OptionLegType | None = field(description="The call; null where none is listed.")
    put: OptionLegType | None = field(description="The put; null where none is listed.")


@strawberry.type(name="OptionChain", description="The options of one expiry, the lowest strike first.")
class OptionChainType:
    """GraphQL's view of a domain OptionChain."""

    underlying: LazyInstrument = field(description="What the options are written on.")
    spot: float | None = field(description="Last price of the underlying; null if it has none now.")
    expiry: date = field(description="Last trading day of the options.")
    expiries: list[date] = field(description="All expiries that are listed, the nearest first.")
    at_the_money_strike: float | None = field(
        description="The listed strike nearest to the forward, else to the spot; null without either."
    )
    put_call_ratio: float | None = field(
        description="Open interest of puts over that of calls, of the rows shown; null without any of calls, or where "
        "that of all puts or of all calls is not known. Single options without it are left out: `missing` names them."
    )
    max_pain: float | None = field(
        description="The strike at which writers would pay least at expiry, by the open interest of the rows shown; "
        "null without any, or where that of all puts or of all calls is not known."
    )
    rows: list[OptionRowType] = field(description="One row a strike.")
    as_of: datetime = field(description="When the oldest price that was used was received.")
    forward: float | None = field(
        description="What the options were priced on: the future of the same expiry, else spot plus carry."
    )
    forward_source: str | None = field(description="Which of the two it was, in words; null without a forward.")
    missing: list[MissingInputType] = field(
        description="The underlying, future and options that have no price that counts, each with the reason; and the "
        "options that have a price without open interest."
    )
