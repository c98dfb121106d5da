"""Instrument, with what hangs on it, and the pages of a search."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated

import strawberry

from app.domain.candles import CandleSeries
from app.domain.continuous import continuous_future
from app.domain.fundamentals import Fundamentals
from app.domain.instruments import Exchange, Instrument, InstrumentFilter, InstrumentKind
from app.domain.phases import MarketPhase
from app.domain.quotes import Quote
from schema.arguments import Continuous, From, IncludeForming, IntervalArgument, Last, MaxAgeMs, To, check_max_age
from schema.context import Info, RequestContext
from schema.execution.compiled.computed import computed
from schema.types.candles import CandleSeriesType
from schema.types.fundamentals import FundamentalsType
from schema.types.phases import MarketPhaseType
from schema.types.quotes import QuoteType
from schema.types.scalars import BigInt

field = strawberry.field


def underlyings(context: RequestContext) -> Callable[[Instrument], Instrument | None]:
    """The instrument that a derivative is written on."""
    find = context.services.instruments.find
    return lambda instrument: None if instrument.underlying_id is None else find(instrument.underlying_id)


def underlying(instrument: strawberry.Parent[Instrument], info: Info) -> Instrument | None:
    """As `underlyings` says."""
    return underlyings(info.context)(instrument)


def quote(
    instrument: strawberry.Parent[Instrument], info: Info, max_age_ms: MaxAgeMs = None
) -> Quote | Awaitable[Quote]:
    """Its price, batched with every other price of the operation."""
    check_max_age(max_age_ms)
    return info.context.prices.one(instrument, max_age_ms)


async def fundamentals(instrument: strawberry.Parent[Instrument], info: Info) -> Fundamentals:
    """What is known of the company."""
    return await info.context.services.fundamentals.fundamentals(instrument, info.context.cost)


async def candles(  # noqa: PLR0913 - the contract's arguments
    instrument: strawberry.Parent[Instrument],
    info: Info,
    *,
    interval: IntervalArgument,
    start: From = None,
    end: To = None,
    last: Last = None,
    include_forming: IncludeForming = False,
    continuous: Continuous = False,
) -> CandleSeries:
    """Its bars."""
    context = info.context
    series = await context.services.history.candles(
        continuous_future(instrument, interval) if continuous else instrument,
        interval,
        start=start,
        end=end,
        last=last,
        include_forming=include_forming,
        cost=context.cost,
    )
    return context.deliver(series)


def phases(context: RequestContext) -> Callable[[Instrument], MarketPhase]:
    """What an instrument's market is doing now."""
    services = context.services
    now, phase_of = services.clock.now(), services.phases.phase_of
    return lambda instrument: phase_of(instrument, now)


def phase(instrument: strawberry.Parent[Instrument], info: Info) -> MarketPhase:
    """As `phases` says."""
    return phases(info.context)(instrument)


@strawberry.type(
    name="Instrument",
    description="A thing with a price. `id` is EXCHANGE:SYMBOL exactly as the exchange writes it: NSE:INFY, "
    "NSE:NIFTY 50, NFO:NIFTY26DECFUT, YAHOO:^GSPC.",
)
class InstrumentType:
    """GraphQL's view of a domain Instrument."""

    id: strawberry.ID = field(description="EXCHANGE:SYMBOL.")
    exchange: Exchange = field(description="Where it trades.")
    symbol: str = field(description="The exchange's own symbol.")
    name: str | None = field(description="Name of the company or index; null where the master leaves it empty.")
    kind: InstrumentKind = field(description="What it is.")
    segment: str | None = field(description="The master's own word for its segment, such as NFO-OPT.")
    instrument_token: BigInt | None = field(description="The broker's number for it; reused after expiry.")
    exchange_token: BigInt | None = field(description="The exchange's number for it.")
    tick_size: float | None = field(description="Smallest price step, in the currency; null for indices.")
    lot_size: int | None = field(description="Units per lot; null for indices.")
    expiry: date | None = field(description="Last trading day of a derivative; else null.")
    strike: float | None = field(description="Strike price of an option; else null.")
    underlying: Instrument | None = field(
        resolver=underlying,
        metadata=computed(underlyings),
        graphql_type=Annotated["InstrumentType", strawberry.lazy("schema.types.instruments")] | None,
        description="The instrument a derivative is written on, where it is known.",
    )
    currency: str = field(
        description="Currency of its prices, ISO 4217; XXX (no currency) for a symbol of Yahoo's own until its first "
        "price tells."
    )
    quote: Quote | Awaitable[Quote] = field(
        resolver=quote, graphql_type=QuoteType | None, description="Its price; null with an error if it has none."
    )
    candles: CandleSeries = field(
        resolver=candles, graphql_type=CandleSeriesType, description="Its bars: the last N, or those of a span."
    )
    fundamentals: Fundamentals | None = field(
        resolver=fundamentals,
        graphql_type=FundamentalsType | None,
        description="What is known of the company; null with an error for what is neither share nor fund.",
    )
    phase: MarketPhase = field(
        resolver=phase,
        metadata=computed(phases),
        graphql_type=MarketPhaseType,
        description="What its market is doing now.",
    )


@strawberry.type(name="PageInfo", description="Where a page stands in the whole result.")
class PageInfoType:
    """Relay's PageInfo."""

    has_next_page: bool = field(description="Whether more follows.")
    has_previous_page: bool = field(description="Whether something comes before.")
    start_cursor: str | None = field(description="Cursor of the first edge; null on an empty page.")
    end_cursor: str | None = field(description="Cursor of the last edge: send it as `after` for the next page.")


@strawberry.type(name="InstrumentEdge", description="One search result.")
class InstrumentEdgeType:
    """GraphQL's view of an InstrumentEdge."""

    cursor: str = field(description="Its position.")
    node: InstrumentType = field(description="The instrument.")
    score: float = field(description="Why it matched, best first: 1 is the very symbol, 0 the loosest match.")


@strawberry.type(name="InstrumentConnection", description="A page of search results, best first.")
class InstrumentConnectionType:
    """GraphQL's view of an InstrumentConnection."""

    edges: list[InstrumentEdgeType] = field(description="The results of this page.")
    page_info: PageInfoType = field(description="Where the page stands.")
    total_count: int = field(description="Results on all pages.")


@strawberry.input(name="InstrumentFilter", description="Narrows a search; what is left out means any.")
class InstrumentFilterInput:
    """Arguments of a search, as the contract has them."""

    exchanges: list[Exchange] | None = field(default=None, description="On one of these exchanges.")
    kinds: list[InstrumentKind] | None = field(default=None, description="Of one of these kinds.")
    underlying: strawberry.ID | None = field(default=None, description="Derivatives on this instrument's id.")
    expiry: date | None = field(default=None, description="Expiring on this day.")
    expiry_from: date | None = field(default=None, description="Expiring on this day or later.")
    expiry_to: date | None = field(default=None, description="Expiring on this day or earlier.")
    strike_from: float | None = field(default=None, description="With this strike or a higher one.")
    strike_to: float | None = field(default=None, description="With this strike or a lower one.")

    def to_domain(self) -> InstrumentFilter:
        """The same filter in the domain's words."""
        return InstrumentFilter(
            exchanges=None if self.exchanges is None else frozenset(self.exchanges),
            kinds=None if self.kinds is None else frozenset(self.kinds),
            underlying=self.underlying,
            expiry=self.expiry,
            expiry_from=self.expiry_from,
            expiry_to=self.expiry_to,
            strike_from=self.strike_from,
            strike_to=self.strike_to,
        )
