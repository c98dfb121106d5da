"""Query: what can be asked. Each resolver names its service and hands the domain object over."""

from collections.abc import Awaitable
from datetime import date
from typing import Annotated

import strawberry

from app.domain.candles import CandleSeries
from app.domain.comparison import SourceComparison
from app.domain.errors import MarketDataError
from app.domain.feeds import KiteSession, ProviderStatus
from app.domain.instruments import Exchange, Instrument, bare_instrument, parse_instrument_id
from app.domain.jobs import Job
from app.domain.market_context import MarketContext
from app.domain.options import OptionChain
from app.domain.phases import MarketPhase
from app.domain.provenance import DataSource
from app.domain.quotes import Quote
from schema.arguments import (
    Continuous,
    ExchangeArgument,
    Expiry,
    From,
    Ids,
    IncludeForming,
    InstrumentId,
    IntervalArgument,
    JobId,
    Last,
    MaxAgeMs,
    StrikesEachSide,
    To,
    Underlying,
    check_ids,
    check_max_age,
    find_each,
)
from schema.comparison import compare
from schema.context import Info
from schema.search import InstrumentConnection, search
from schema.types.candles import CandleSeriesType
from schema.types.comparison import SourceComparisonType
from schema.types.instruments import InstrumentConnectionType, InstrumentFilterInput, InstrumentType
from schema.types.instruments import candles as candles_of
from schema.types.jobs import JobType
from schema.types.market_context import MarketContextType
from schema.types.options import OptionChainType
from schema.types.phases import MarketPhaseType
from schema.types.providers import KiteSessionType, ProviderStatusType, ServerInfo, ServerInfoType
from schema.types.quotes import QuoteType


@strawberry.type(description="What can be asked.")
class Query:
    """What can be asked."""

    @strawberry.field(graphql_type=ServerInfoType, description="The service itself.")
    def server(self, info: Info) -> ServerInfo:
        """What the server says of itself."""
        return info.context.services.server

    @strawberry.field(
        graphql_type=InstrumentType | None, description="One instrument; null with an error for an id that is unknown."
    )
    def instrument(self, info: Info, id: InstrumentId) -> Instrument:  # noqa: A002 - the contract's name
        """The instrument with this id."""
        return info.context.instrument(id)

    @strawberry.field(
        graphql_type=list[InstrumentType | None],
        description="In the order asked; null, with an error at that index, for an id that does not exist.",
    )
    def instruments(self, info: Info, ids: Ids) -> list[Instrument | MarketDataError]:
        """The instruments with these ids; an error stands in the place of an unknown one."""
        check_ids(ids)
        return find_each(info.context, ids)

    @strawberry.field(
        graphql_type=InstrumentConnectionType,
        description="Ranked search in the instrument master: symbols, names, and for derivatives what a trader types, "
        "such as `nifty 24500 ce`. With an empty text and a filter: all that the filter leaves, in natural order.",
    )
    def search_instruments(
        self,
        info: Info,
        text: Annotated[str, strawberry.argument(description="What to look for, at most 100 characters.")],
        filter: Annotated[  # noqa: A002 - the contract's name
            InstrumentFilterInput | None, strawberry.argument(description="Narrows the search.")
        ] = None,
        first: Annotated[int, strawberry.argument(description="Results on this page, 1 to 100.")] = 20,
        after: Annotated[str | None, strawberry.argument(description="`endCursor` of the page before.")] = None,
    ) -> InstrumentConnection:
        """A page of search results, best first."""
        narrow = None if filter is None else filter.to_domain()
        return search(info.context.services.instruments, text, narrow, first=first, after=after)

    @strawberry.field(
        graphql_type=QuoteType | None, description="The price of one instrument; null with an error if it has none."
    )
    def quote(
        self,
        info: Info,
        id: InstrumentId,  # noqa: A002 - the contract's name
        max_age_ms: MaxAgeMs = None,
        source: Annotated[
            DataSource | None,
            strawberry.argument(description="Ask this source alone: KITE or YAHOO, also where both are simulated."),
        ] = None,
    ) -> Quote | Awaitable[Quote]:
        """The price of one instrument, batched with every other of the operation."""
        check_max_age(max_age_ms)
        return info.context.prices_of(source).one(info.context.instrument(id), max_age_ms)

    @strawberry.field(
        graphql_type=list[QuoteType | None],
        description="In the order asked; null, with an error at that index, for each id that could not be priced.",
    )
    def quotes(
        self, info: Info, ids: Ids, max_age_ms: MaxAgeMs = None
    ) -> list[Quote | Exception] | Awaitable[list[Quote | Exception]]:
        """The prices of many instruments; an error stands in the place of one that has none."""
        check_ids(ids)
        check_max_age(max_age_ms)
        return info.context.prices.each(find_each(info.context, ids), max_age_ms)

    @strawberry.field(
        graphql_type=CandleSeriesType,
        description="With `last` and `to`: the last N bars before `to`. With `from`: the bars in [from, to). With "
        "neither: the last 100.",
    )
    async def candles(  # noqa: PLR0913 - the contract's arguments
        self,
        info: Info,
        id: InstrumentId,  # noqa: A002 - the contract's name
        *,
        interval: IntervalArgument,
        start: From = None,
        end: To = None,
        last: Last = None,
        include_forming: IncludeForming = False,
        continuous: Continuous = False,
    ) -> CandleSeries:
        """The bars of one instrument."""
        return await candles_of(
            info.context.instrument(id),
            info,
            interval=interval,
            start=start,
            end=end,
            last=last,
            include_forming=include_forming,
            continuous=continuous,
        )

    @strawberry.field(
        graphql_type=SourceComparisonType,
        description="The price of one instrument at every source that has it, and how far they lie apart.",
    )
    async def compare_sources(self, info: Info, id: InstrumentId) -> SourceComparison:  # noqa: A002 - as everywhere
        """What each source says of one instrument."""
        return await compare(info.context, info.context.instrument(id))

    @strawberry.field(
        graphql_type=OptionChainType,
        description="The options of one expiry around the strike at the money, with volatilities and greeks.",
    )
    async def option_chain(
        self, info: Info, underlying: Underlying, expiry: Expiry = None, strikes_each_side: StrikesEachSide = 15
    ) -> OptionChain:
        """The chain of an underlying."""
        context = info.context
        return await context.services.options.chain(
            underlying, expiry=expiry, strikes_each_side=strikes_each_side, cost=context.cost
        )

    @strawberry.field(
        graphql_type=MarketContextType,
        description="What the market is doing, with its evidence; the same for everybody within a second.",
    )
    async def market_context(self, info: Info) -> MarketContext:
        """The context of this second."""
        return await info.context.services.market.context(info.context.cost)

    @strawberry.field(
        graphql_type=list[InstrumentType],
        description="The members of an index on a day, in the order of the dated list that holds then. Of a member "
        "that is not listed any more only id, exchange and symbol are known.",
    )
    async def index_constituents(
        self,
        info: Info,
        index: Annotated[strawberry.ID, strawberry.argument(description="The index, as NSE:NIFTY 50.")],
        as_of: Annotated[date | None, strawberry.argument(description="The day; default today, in India.")] = None,
    ) -> list[Instrument]:
        """The members of an index on a day."""
        services = info.context.services
        membership = await services.members.membership(index, as_of)
        found = ((member, services.instruments.find(member)) for member in membership.members)
        return [known or bare_instrument(*parse_instrument_id(member)) for member, known in found]

    @strawberry.field(graphql_type=MarketPhaseType, description="What an exchange is doing now, by the calendar.")
    def market_phase(self, info: Info, exchange: ExchangeArgument = Exchange.NSE) -> MarketPhase:
        """The exchange's present phase."""
        services = info.context.services
        return services.phases.exchange_phase(exchange, services.clock.now())

    @strawberry.field(graphql_type=list[ProviderStatusType], description="The state of every configured source.")
    def providers(self, info: Info) -> list[ProviderStatus]:
        """Streams, sessions and budgets of the sources."""
        return list(info.context.services.providers.providers())

    @strawberry.field(graphql_type=KiteSessionType, description="Whether someone is logged in to Kite, and where to.")
    def kite_session(self, info: Info) -> KiteSession:
        """The Kite login."""
        return info.context.services.sessions.current()

    @strawberry.field(graphql_type=JobType | None, description="A job as it is now; null if there is none of this id.")
    async def job(self, info: Info, id: JobId) -> Job | None:  # noqa: A002 - the contract's name
        """The job with this id."""
        return await info.context.services.jobs.find(id)

    @strawberry.field(graphql_type=list[JobType], description="The newest jobs, the newest first.")
    async def jobs(
        self, info: Info, first: Annotated[int, strawberry.argument(description="How many, 1 to 100.")] = 20
    ) -> list[Job]:
        """The newest jobs."""
        return await info.context.services.jobs.newest(first)
