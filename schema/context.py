"""What resolvers find in `info.context`: the services, the caller, and the loaders of one operation.

A RequestContext lives for one operation and, in a subscription, for one event: `fresh()` makes the
next one. Loaders that lived longer would answer the first price for hours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import strawberry

from app.domain.candles import CandleSeries
from app.domain.errors import Forbidden, InvalidRange, NotSupported
from app.domain.instruments import Instrument
from app.domain.provenance import Cost, DataSource
from app.ports import CandleHistory, Clock
from app.services.fundamentals import FundamentalsService
from app.services.history.request import MAX_BARS
from app.services.index_members import IndexMembers
from app.services.indicators.series import IndicatorService
from app.services.instruments.service import InstrumentService
from app.services.jobs.service import Jobs
from app.services.kite_login.sessions import KiteSessions
from app.services.market_context.service import MarketContexts
from app.services.options.chain import OptionChains
from app.services.phases import PhaseService
from app.services.providers import ProviderBoard
from app.services.quotes.service import QuoteService
from app.streaming.bars import LiveCandles
from app.streaming.feed import LiveFeed
from app.streaming.live import LiveQuotes, LiveTicks
from schema.loaders import Prices
from schema.types.providers import ServerInfo


class Role(StrEnum):
    """What a caller may do: READER asks, ADMIN also changes things."""

    READER = "READER"
    ADMIN = "ADMIN"


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that resolvers may use; built once by `app.main`."""

    clock: Clock
    server: ServerInfo
    instruments: InstrumentService
    quotes: QuoteService
    history: CandleHistory
    indicators: IndicatorService
    phases: PhaseService
    sessions: KiteSessions
    jobs: Jobs
    providers: ProviderBoard
    feed: LiveFeed
    live_quotes: LiveQuotes
    live_ticks: LiveTicks
    live_candles: LiveCandles
    quotes_of: Mapping[DataSource, QuoteService]
    """Prices of one source alone, by its name: KITE or YAHOO, also where both are simulated."""
    members: IndexMembers
    market: MarketContexts
    options: OptionChains
    fundamentals: FundamentalsService


class RequestContext:
    """One operation's context. Not shared between operations; used on the event loop only."""

    __slots__ = ("_bars_left", "_prices_of", "cost", "prices", "role", "services")

    def __init__(self, services: Services, role: Role, cost: Cost | None = None) -> None:
        self.services = services
        self.role = role
        self.cost = Cost() if cost is None else cost
        self.prices = Prices(services.quotes, self.cost)
        self._prices_of: dict[DataSource, Prices] = {}
        self._bars_left = MAX_BARS

    def fresh(self) -> "RequestContext":
        """The context of the next event: same caller, new loaders, and what the stream spent to make the event."""
        return RequestContext(self.services, self.role, self.cost.take())

    def extensions(self) -> dict[str, object]:
        """`extensions.cost` of the response."""
        cost = self.cost
        return {
            "cost": {
                "upstreamCalls": cost.upstream_calls,
                "fromStream": cost.from_stream,
                "fromCache": cost.from_cache,
            }
        }

    def deliver(self, series: CandleSeries) -> CandleSeries:
        """The series, counted: nothing else knows before the execution how many bars a range brings.

        Raises InvalidRange when those of one operation are more than MAX_BARS together.
        """
        if series.count > self._bars_left:
            msg = f"the candles of one operation have at most {MAX_BARS} bars together: ask in several operations"
            raise InvalidRange(msg)
        self._bars_left -= series.count
        return series

    def prices_of(self, source: DataSource | None) -> Prices:
        """The prices of one source alone; without one, of the first that can. Raises NotSupported for one unknown."""
        if source is None:
            return self.prices
        quotes = self.services.quotes_of.get(source)
        if quotes is None:
            have = ", ".join(self.services.quotes_of)
            msg = f"there is no source {source} here; `source` may be {have}"
            raise NotSupported(msg)
        found = self._prices_of.get(source)
        if found is None:
            found = self._prices_of[source] = Prices(quotes, self.cost)
        return found

    def require_admin(self) -> None:
        """Raises Forbidden unless the caller is ADMIN."""
        if self.role is not Role.ADMIN:
            msg = "this needs the role ADMIN: send the header `Authorization: Bearer ADMIN_TOKEN`"
            raise Forbidden(msg)

    def instrument(self, instrument_id: str) -> Instrument:
        """The instrument with this id. Raises InvalidInput or UnknownInstrument."""
        return self.services.instruments.require(instrument_id)


Info = strawberry.Info[RequestContext, None]
