"""Quote, Depth: the fields of `app.domain.quotes`, handed over as they are."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import strawberry

from app.domain.instruments import Instrument
from app.domain.provenance import DataSource, Freshness
from app.domain.quotes import Quote, QuoteLimits, freshness_of
from schema.context import Info, RequestContext
from schema.execution.compiled.computed import computed
from schema.types.scalars import BigInt

if TYPE_CHECKING:
    from schema.types.instruments import InstrumentType

field = strawberry.field

LIMITS = QuoteLimits()
MILLISECOND = timedelta(milliseconds=1)


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


def instruments_of(context: RequestContext) -> Callable[[Quote], Instrument]:
    """The instrument that a quote prices; also one that expired while it was streamed. Raises UnknownInstrument."""
    instruments = context.services.instruments
    find = instruments.catalogue.find
    return lambda quote: find(quote.id) or instruments.require(quote.id)


def ages(context: RequestContext) -> Callable[[Quote], int]:
    """Milliseconds since a quote was received, at this moment by the service's clock."""
    now = context.services.clock.now()
    return lambda quote: max(0, (now - quote.received_at) // MILLISECOND)


def freshnesses(context: RequestContext) -> Callable[[Quote], Freshness]:
    """How far a price may be trusted as the present one, judged at this moment."""
    services = context.services
    find, latest = services.instruments.catalogue.find, services.feed.latest
    is_open, age_ms = services.phases.open_at(services.clock.now()), ages(context)

    def freshness_of_quote(quote: Quote) -> Freshness:
        # Not `require`: a contract that expired while it was streamed must not cost a stream all its other quotes.
        instrument = find(quote.id)
        market_open = None if instrument is None else is_open(instrument)
        return freshness_of(
            age_ms(quote),
            streaming=latest(quote.id, quote.mode) is not None,
            market_open=quote.in_session if market_open is None else market_open,
            limits=LIMITS,
            delayed=quote.delayed_by is not None,
        )

    return freshness_of_quote


def instrument_of(quote: strawberry.Parent[Quote], info: Info) -> Instrument:
    """As `instruments_of` says."""
    return instruments_of(info.context)(quote)


def age_ms(quote: strawberry.Parent[Quote], info: Info) -> int:
    """As `ages` says."""
    return ages(info.context)(quote)


def freshness(quote: strawberry.Parent[Quote], info: Info) -> Freshness:
    """As `freshnesses` says."""
    return freshnesses(info.context)(quote)


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
        metadata=computed(instruments_of),
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
    age_ms: int = field(resolver=age_ms, metadata=computed(ages), description="Milliseconds since receivedAt.")
    freshness: Freshness = field(
        resolver=freshness,
        metadata=computed(freshnesses),
        description="How far it may be trusted as the present price, judged when answered.",
    )
    source: DataSource = field(description="Who said it.")
    fallback_reason: str | None = field(
        description="Set where the first choice of source could not answer: why; else null."
    )
