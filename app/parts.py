"""What a running service consists of, and the times that tests shorten.

Made by `app.joining`, owned by `app.runtime`; read by `app.main`, the health checks and the metrics.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.provenance import DataSource
from app.metrics import Metrics
from app.ports import Clock
from app.providers.kite.adapter import Kite
from app.providers.kite.ticker_settings import TickerSettings
from app.providers.yahoo.adapter import Yahoo
from app.services.fundamentals import FundamentalsService
from app.services.history.routed import RoutedHistory
from app.services.index_members import IndexMembers
from app.services.instruments.service import InstrumentService
from app.services.jobs.service import Jobs
from app.services.kite_login.sessions import KiteSessions
from app.services.market_context.service import MarketContexts
from app.services.options.chain import OptionChains
from app.services.phases import PhaseService
from app.services.providers import ProviderBoard
from app.services.quotes.service import QuoteService
from app.settings import Settings
from app.store.engine import Database
from app.store.sealing import Sealer
from app.store.settings import SqlSettingStore
from app.streaming.bars import LiveCandles
from app.streaming.feed import HOT_S, LINGER_S, LiveFeed
from app.streaming.live import LiveQuotes, LiveTicks


@dataclass(frozen=True, slots=True)
class Runtime:
    """The parts of a running service."""

    settings: Settings
    clock: Clock
    started_at: datetime
    metrics: Metrics
    database: Database
    kite: Kite
    yahoo: Yahoo | None
    instruments: InstrumentService
    quotes: QuoteService
    quotes_of: Mapping[DataSource, QuoteService]
    """Prices of one source alone, by its name."""
    history: RoutedHistory
    phases: PhaseService
    sessions: KiteSessions
    jobs: Jobs
    providers: ProviderBoard
    feed: LiveFeed
    live_quotes: LiveQuotes
    live_ticks: LiveTicks
    live_candles: LiveCandles
    members: IndexMembers
    market: MarketContexts
    options: OptionChains
    fundamentals: FundamentalsService


@dataclass(frozen=True, slots=True)
class Timing:
    """Times that nobody has to set; tests shorten them."""

    ticker: TickerSettings = field(default_factory=TickerSettings)
    """When a socket counts as dead, and when the next one is dialled."""
    linger: float = LINGER_S
    """Seconds that an instrument streams on after its last subscriber left."""
    hot_for: float = HOT_S
    """Seconds that an instrument streams after a query asked for it."""


DEFAULT_TIMING = Timing()


@dataclass(frozen=True, slots=True)
class Store:
    """What lasts: the database, the key that seals its secrets, and the service's own settings."""

    database: Database
    sealer: Sealer
    settings: SqlSettingStore
