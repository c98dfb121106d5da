"""Subscription: what stays live. Each generator ends with its client: its `with` blocks release the feed."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Annotated

import strawberry

from app.domain.candles import CandleSeries
from app.domain.errors import InvalidInput, MarketDataError
from app.domain.feeds import ProviderStatus
from app.domain.instruments import Exchange, Instrument
from app.domain.jobs import Job
from app.domain.market_context import MarketContext
from app.domain.options import OptionChain
from app.domain.phases import MarketPhase
from app.domain.ticks import Cursor
from app.domain.updates import QuoteUpdate, Rejection, TickBatch
from app.services.phase_changes import phase_changes
from schema.arguments import (
    MAX_SUBSCRIBED_IDS,
    ExchangeArgument,
    Expiry,
    Ids,
    InstrumentId,
    IntervalArgument,
    JobId,
    StrikesEachSide,
    ThrottleMs,
    Underlying,
    check_ids,
    check_throttle,
    find_each,
)
from schema.context import Info, RequestContext
from schema.selection import required_mode
from schema.types.candles import CandleSeriesType
from schema.types.jobs import JobType
from schema.types.market_context import MarketContextType
from schema.types.options import OptionChainType
from schema.types.phases import MarketPhaseType
from schema.types.providers import ProviderStatusType
from schema.types.updates import QuoteUpdateType, TickBatchType

MAX_SNAPSHOT = 1_000
"""Bars of a subscription's first update: some screens of a chart. A longer past is a query, page by page."""
Snapshot = Annotated[int, strawberry.argument(description="How many bars come first, 0 to 1000.")]


@strawberry.type(description="What stays live, over graphql-transport-ws or server-sent events.")
class Subscription:
    """What stays live."""

    @strawberry.subscription(
        graphql_type=AsyncGenerator[QuoteUpdateType, None],
        description="Newest state, merged to at most one update per `throttleMs`. The first update is a snapshot.",
    )
    async def quotes(self, info: Info, ids: Ids, throttle_ms: ThrottleMs = 200) -> AsyncGenerator[QuoteUpdate, None]:
        """Quotes as they change, until the client leaves."""
        check_throttle(throttle_ms)
        instruments, rejected = accept(info.context, ids)
        mode = required_mode(info.selected_fields[0].selections)
        updates = info.context.services.live_quotes.updates(
            instruments, mode=mode, throttle=throttle_ms / 1000, rejected=rejected, cost=info.context.cost
        )
        async with aclosing(updates):
            async for update in updates:
                yield update

    @strawberry.subscription(
        graphql_type=AsyncGenerator[TickBatchType, None],
        description="Each tick, nothing merged. `after` resumes where a lost connection ended, as far as the buffer "
        "reaches. The first batch is empty and tells the position.",
    )
    async def ticks(
        self,
        info: Info,
        ids: Ids,
        after: Annotated[
            Cursor | None, strawberry.argument(description="`cursor` of the last batch that was received.")
        ] = None,
    ) -> AsyncGenerator[TickBatch, None]:
        """Ticks as they come, until the client leaves."""
        instruments, rejected = accept(info.context, ids)
        batches = info.context.services.live_ticks.batches(instruments, after=after, rejected=rejected)
        async with aclosing(batches):
            async for batch in batches:
                yield batch

    @strawberry.subscription(
        graphql_type=AsyncGenerator[CandleSeriesType, None],
        description="The last `snapshot` bars first, then the forming bar as it changes and each bar as it becomes "
        "final or is corrected. After the first update `candles` holds the bars that changed, and nothing else.",
    )
    async def candles(
        self,
        info: Info,
        id: InstrumentId,  # noqa: A002 - the contract's name
        *,
        interval: IntervalArgument,
        snapshot: Snapshot = 0,
        throttle_ms: ThrottleMs = 200,
    ) -> AsyncGenerator[CandleSeries, None]:
        """Bars as they change, until the client leaves."""
        check_throttle(throttle_ms)
        _check_snapshot(snapshot)
        context = info.context
        updates = context.services.live_candles.updates(
            context.instrument(id), interval, snapshot=snapshot, throttle=throttle_ms / 1000, cost=context.cost
        )
        async with aclosing(updates):
            async for update in updates:
                yield update

    @strawberry.subscription(
        graphql_type=AsyncGenerator[list[ProviderStatusType], None],
        description="The state of every source: at once, upon each change of state, and figures once a second.",
    )
    async def providers(self, info: Info) -> AsyncGenerator[Sequence[ProviderStatus], None]:
        """Provider states as they change, until the client leaves."""
        updates = info.context.services.providers.updates()
        async with aclosing(updates):
            async for statuses in updates:
                yield statuses

    @strawberry.subscription(
        graphql_type=AsyncGenerator[MarketPhaseType, None],
        description="The exchange's present phase, then each one as it begins.",
    )
    async def market_phase(
        self, info: Info, exchange: ExchangeArgument = Exchange.NSE
    ) -> AsyncGenerator[MarketPhase, None]:
        """Phases as they change, until the client leaves."""
        services = info.context.services
        changes = phase_changes(services.phases, services.clock, exchange)
        async with aclosing(changes):
            async for phase in changes:
                yield phase

    @strawberry.subscription(
        graphql_type=AsyncGenerator[MarketContextType, None],
        description="The market's context: at once, then anew at most once in `throttleMs`, and once a second at most.",
    )
    async def market_context(self, info: Info, throttle_ms: ThrottleMs = 5_000) -> AsyncGenerator[MarketContext, None]:
        """Contexts as they are computed, until the client leaves."""
        check_throttle(throttle_ms)
        contexts = info.context.services.market.updates(throttle_ms / 1000, info.context.cost)
        async with aclosing(contexts):
            async for context in contexts:
                yield context

    @strawberry.subscription(
        graphql_type=AsyncGenerator[OptionChainType, None],
        description="The chain at once, then whenever one of its prices has changed, twice a second at most.",
    )
    async def option_chain(
        self,
        info: Info,
        underlying: Underlying,
        expiry: Expiry = None,
        strikes_each_side: StrikesEachSide = 15,
        throttle_ms: ThrottleMs = 1_000,
    ) -> AsyncGenerator[OptionChain, None]:
        """Chains as their prices change, until the client leaves."""
        check_throttle(throttle_ms)
        chains = info.context.services.options.updates(
            underlying,
            expiry=expiry,
            strikes_each_side=strikes_each_side,
            throttle=throttle_ms / 1000,
            cost=info.context.cost,
        )
        async with aclosing(chains):
            async for chain in chains:
                yield chain

    @strawberry.subscription(
        graphql_type=AsyncGenerator[JobType, None],
        description="The job as it is, then each change of it, merged for a slow client. Ends with its final state.",
    )
    async def job(self, info: Info, id: JobId) -> AsyncGenerator[Job, None]:  # noqa: A002 - the contract's name
        """A job as it goes on, until it has ended or the client leaves."""
        changes = info.context.services.jobs.changes(id)
        async with aclosing(changes):
            async for job in changes:
                yield job


def accept(context: RequestContext, ids: Sequence[str]) -> tuple[list[Instrument], list[Rejection]]:
    """The instruments of a subscription, each once, and what is not one. Raises InvalidInput for no or too many ids."""
    check_ids(ids, MAX_SUBSCRIBED_IDS)
    accepted: dict[str, Instrument] = {}
    rejected: list[Rejection] = []
    for instrument_id, found in zip(dict.fromkeys(ids), find_each(context, list(dict.fromkeys(ids))), strict=True):
        if isinstance(found, MarketDataError):
            rejected.append(Rejection.of(instrument_id, found, subscribed=False))
        else:
            accepted[found.id] = found
    return list(accepted.values()), rejected


def _check_snapshot(snapshot: int) -> None:
    if not 0 <= snapshot <= MAX_SNAPSHOT:
        msg = f"`snapshot` is {snapshot}; it must lie between 0 and {MAX_SNAPSHOT}. For more, query `candles`"
        raise InvalidInput(msg)
