"""Quote, Depth: the fields of `app.domain.quotes`, handed over as they are."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import strawberry

from app.domain.instruments import Instrument
from app.domain.provenance import DataSource, Freshness
from app.domain.quotes import Quote, QuoteLimits, freshness_of
from schema.context import Info
from schema.types.scalars import BigInt

if TYPE_CHECKING:
    from schema.types.instruments import InstrumentType

field = strawberry.field

LIMITS = QuoteLimits()


@strawberry.type(name="DepthLevel", description="One price of the order book.")
class DepthLevelType:
    """GraphQL's view of a domain DepthLevel."""

    price: float = field(description="Price, in the instrument's currency.")
    quantity: BigInt = field(description="Units offered or wanted at this price.")
    orders: int | None = field(description="Number of orders; null where the source does not count them.")


@strawberry.type(name="Depth", description="The order book, best price first, at most five levels a side.")
class DepthType:
    """GraphQL's view of a domain Depth."""

    bids: list[DepthLevelType] = field(description="Buyers, highest price first.")
    asks: list[DepthLevelType] = field(description="Sellers, lowest price first.")


def instrument_of(quote: strawberry.Parent[Quote], info: Info) -> Instrument:
    """The instrument that a quote prices; also one that expired while it was streamed. Raises UnknownInstrument."""
    instruments = info.context.services.instruments
    return instruments.catalogue.find(quote.id) or instruments.require(quote.id)


def age_ms(quote: strawberry.Parent[Quote], info: Info) -> int:
    """Milliseconds since the quote was received, by the service's clock."""
    age = info.context.services.clock.now() - quote.received_at
    return max(0, age // timedelta(milliseconds=1))


def freshness(quote: strawberry.Parent[Quote], info: Info) -> Freshness:
    """How far the price may be trusted as the present one, judged at this moment."""
    services = info.context.services
    # Not `require`: a contract that expired while it was streamed must not cost a stream all its other quotes.
    instrument = services.instruments.catalogue.find(quote.id)
    return freshness_of(
        age_ms(quote, info),
        streaming=services.feed.latest(quote.id, quote.mode) is not None,
        market_open=None if instrument is None else services.phases.is_open(instrument, services.clock.now()),
        limits=LIMITS,
    )


@strawberry.type(
    name="Quote",
    description="The state of one instrument's price, with its time and source. `id` equals the instrument's id, so a "
    "normalising client cache merges live updates into every view of the same instrument by itself.",
)
class QuoteType:
    """GraphQL's view of a domain Quote."""

    id: strawberry.ID = field(description="The instrument's id.")
    instrument: Instrument = field(
        resolver=instrument_of,
        graphql_type=Annotated["InstrumentType", strawberry.lazy("schema.types.instruments")],
        description="What is priced.",
    )
    last_price: float = field(description="Price of the last trade, in the instrument's currency.")
    open: float | None = field(description="Today's first price; null where the source does not tell.")
    high: float | None = field(description="Today's highest price.")
    low: float | None = field(description="Today's lowest price.")
    previous_close: float | None = field(description="Closing price of the previous session.")
    change: float | None = field(description="lastPrice - previousClose.")
    change_percent: float | None = field(description="change in percent of previousClose.")
    volume: BigInt | None = field(description="Units traded today; null for indices.")
    average_price: float | None = field(description="Volume weighted average price of today's trades.")
    last_quantity: BigInt | None = field(description="Units of the last trade.")
    last_trade_time: datetime | None = field(description="When the last trade happened, by the exchange's clock.")
    buy_quantity: BigInt | None = field(description="All pending buy orders, units.")
    sell_quantity: BigInt | None = field(description="All pending sell orders, units.")
    open_interest: BigInt | None = field(description="Open interest, units; null where the instrument has none.")
    open_interest_day_high: BigInt | None = field(description="Today's highest open interest, units.")
    open_interest_day_low: BigInt | None = field(description="Today's lowest open interest, units.")
    lower_circuit_limit: float | None = field(description="Lowest price allowed today; null until a REST quote told.")
    upper_circuit_limit: float | None = field(description="Highest price allowed today; null until a REST quote told.")
    depth: DepthType | None = field(description="The order book; null for indices.")
    exchange_time: datetime | None = field(description="The source's own clock for this value.")
    received_at: datetime = field(description="When this service received it.")
    age_ms: int = field(resolver=age_ms, description="Milliseconds since receivedAt.")
    freshness: Freshness = field(
        resolver=freshness, description="How far it may be trusted as the present price, judged when answered."
    )
    source: DataSource = field(description="Who said it.")
    fallback_reason: str | None = field(
        description="Set where the first choice of source could not answer: why; else null."
    )
