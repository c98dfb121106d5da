"""The one place where parts are chosen and joined.

Settings come in, a running service's parts go out, in an async context manager: what `open_runtime` starts, it ends.
Called by `app.main` for the server and by the commands that need a part of it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

import anyio
from anyio import to_thread

from app import __version__
from app.clock import SystemClock
from app.domain.calendar import TradingCalendar, always_open_calendar, load_calendar
from app.domain.jobs import JobKind
from app.domain.provenance import DataSource, QuoteOrigin
from app.domain.quotes import Quote
from app.logs import secrets_of
from app.metrics import Metrics
from app.ports import Clock, KiteAccess, SettingStore
from app.providers.kite.adapter import Kite, build_kite
from app.providers.kite.config import KiteConfig
from app.providers.kite.ticker import KiteTickSource
from app.providers.kite.ticker_settings import TickerSettings
from app.redaction import Secrets
from app.services.history.service import HistoryService
from app.services.instruments.service import InstrumentService
from app.services.jobs.backfill import CandleBackfill
from app.services.jobs.patience import Patience
from app.services.jobs.service import Jobs
from app.services.jobs.sync import MasterSync
from app.services.jobs.work import Work
from app.services.kite_login.sessions import KiteSessions
from app.services.phases import PhaseService
from app.services.providers import ProviderBoard
from app.services.quotes.service import QuoteService
from app.settings import Settings
from app.store.address import default_database_url
from app.store.candles import SqlCandleStore
from app.store.engine import Database, open_database
from app.store.instruments import SqlInstrumentStore
from app.store.jobs import SqlJobStore
from app.store.migrate import upgrade_database
from app.store.sealing import Sealer, open_sealer
from app.store.sessions import SqlSessionStore
from app.store.settings import SqlSettingStore
from app.streaming.bars import LiveCandles
from app.streaming.feed import HOT_S, LINGER_S, LiveFeed
from app.streaming.live import LiveQuotes, LiveTicks
from app.supervision import supervised

WORLD = "world"
"""Name of the setting that says whether a database holds real or simulated data."""


class MixedWorldsError(Exception):
    """The database holds data of the other kind: real where the source is the sandbox, or the reverse."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """The parts of a running service."""

    settings: Settings
    clock: Clock
    started_at: datetime
    metrics: Metrics
    database: Database
    kite: Kite
    instruments: InstrumentService
    quotes: QuoteService
    history: HistoryService
    phases: PhaseService
    sessions: KiteSessions
    jobs: Jobs
    providers: ProviderBoard
    feed: LiveFeed
    live_quotes: LiveQuotes
    live_ticks: LiveTicks
    live_candles: LiveCandles


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


@asynccontextmanager
async def open_runtime(
    settings: Settings,
    *,
    clock: Clock | None = None,
    secrets: Secrets | None = None,
    timing: Timing = DEFAULT_TIMING,
) -> AsyncIterator[Runtime]:
    """Everything of a service, migrated, restored and running until the context is left.

    `secrets` learns each token, so that no log shows it. Raises MixedWorldsError, SealingKeyError, CalendarError or
    what the database's driver raises: each says what to do.
    """
    clock = clock or SystemClock()
    secrets = secrets or secrets_of(settings)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(settings, clock))
        await require_world(store.settings, settings.source)
        runtime = await to_thread.run_sync(_join, settings, clock, store, secrets, timing)
        stack.callback(runtime.kite.close)
        await runtime.instruments.load()
        await runtime.sessions.restore()
        tasks = await stack.enter_async_context(anyio.create_task_group())
        stack.callback(tasks.cancel_scope.cancel)
        for name, run in _parts(runtime):
            tasks.start_soon(supervised, name, run, clock, name=name)
        yield runtime


@asynccontextmanager
async def open_store(settings: Settings, clock: Clock) -> AsyncIterator[Store]:
    """The database at the newest migration, with the sealer of its secrets."""
    sealer = await to_thread.run_sync(open_sealer, _secrets_key(settings), settings.data_dir)
    url = default_database_url(settings.database_url, settings.data_dir)
    await to_thread.run_sync(upgrade_database, url)
    async with open_database(url) as database:
        yield Store(database, sealer, SqlSettingStore(database, clock))


async def require_world(store: SettingStore, source: DataSource) -> None:
    """Mark a new database as real or simulated; raises MixedWorldsError if it is marked as the other."""
    world = "simulated" if source is DataSource.SANDBOX else "real"
    found = await store.get(WORLD)
    if found is None:
        await store.put(WORLD, world)
    elif found != world:
        msg = f"this database holds {found} data and the source is {source}: use another DATA_DIR or DATABASE_URL"
        raise MixedWorldsError(msg)


def load_configured_calendar(name: str) -> TradingCalendar:
    """The calendar of the setting: `indian`, `always-open` or the path of a file. Raises CalendarError."""
    if name == "always-open":
        return always_open_calendar()
    return load_calendar(None if name == "indian" else Path(name))


def kite_config(settings: Settings) -> KiteConfig:
    """Where Kite is, by the settings. Raises ValueError for an address that kiteconnect would bend."""
    return KiteConfig(
        api_key=settings.kite_api_key,
        api_secret=settings.kite_api_secret.get_secret_value(),
        api_url=settings.kite_api_url,
        login_page=settings.kite_login_url,
        login_url=settings.login_link,
        source=settings.source,
    )


class HiddenTokens:
    """A KiteAccess that tells the log's redaction of each token before anyone can use it."""

    def __init__(self, access: KiteAccess, secrets: Secrets) -> None:
        self._access = access
        self._secrets = secrets
        self.on_rejected = access.on_rejected

    @property
    def token(self) -> str | None:
        """The present token."""
        return self._access.token

    def replace(self, token: str | None) -> None:
        """Hide the token from the logs, then use it."""
        self._secrets.add(token)
        self._access.replace(token)


def _join(settings: Settings, clock: Clock, store: Store, secrets: Secrets, timing: Timing) -> Runtime:
    """Construct every part; blocking, since calendars, keys and certificates are read."""
    metrics = Metrics(version=__version__, environment=settings.environment)
    kite = build_kite(kite_config(settings), clock=clock, on_call=metrics.upstream_call)
    instruments = InstrumentService(
        SqlInstrumentStore(store.database, clock),
        kite.instruments,
        store.settings,
        clock,
        on_sync=metrics.sync_finished,
    )
    phases = PhaseService(load_configured_calendar(settings.calendar), instruments.has_derivatives)
    ticks = _ticks(settings, kite, phases, clock, timing.ticker)
    feed = LiveFeed(ticks, clock=clock, linger=timing.linger, hot_for=timing.hot_for)

    def remember(fetched: Sequence[Quote]) -> None:
        feed.remember(fetched)
        metrics.quotes(QuoteOrigin.UPSTREAM, len(fetched))

    quotes = QuoteService(kite.quotes, feed, clock, remember=remember)
    candles = SqlCandleStore(store.database, clock)
    history = HistoryService(kite.candles, candles, clock, phases, on_drift=metrics.candles_drifted)
    sessions = KiteSessions(
        kite.login,
        HiddenTokens(kite.tokens, secrets),
        SqlSessionStore(store.database, store.sealer, clock),
        clock,
        login_link=settings.login_link,
        secret=store.sealer.derive("kite-login-state"),
        configured=bool(settings.kite_api_key),
    )
    patience = Patience(sessions)
    works: dict[JobKind, Work] = {
        JobKind.CANDLE_BACKFILL: CandleBackfill(history, instruments, clock, patience),
        JobKind.INSTRUMENT_SYNC: MasterSync(instruments, patience),
    }
    return Runtime(
        settings=settings,
        clock=clock,
        started_at=clock.now(),
        metrics=metrics,
        database=store.database,
        kite=kite,
        instruments=instruments,
        quotes=quotes,
        history=history,
        phases=phases,
        sessions=sessions,
        jobs=Jobs(SqlJobStore(store.database, clock), clock, works),
        providers=ProviderBoard(settings.source, feed, sessions, kite.budgets, clock),
        feed=feed,
        live_quotes=LiveQuotes(feed, quotes, clock, on_merged=metrics.updates_merged),
        live_ticks=LiveTicks(feed, on_missed=metrics.ticks_missed),
        live_candles=LiveCandles(feed, history, phases, clock, source=settings.source),
    )


def _ticks(
    settings: Settings, kite: Kite, phases: PhaseService, clock: Clock, ticker: TickerSettings
) -> KiteTickSource | None:
    """Kite's stream; None without an api key."""
    if not settings.kite_api_key:
        return None
    return KiteTickSource(
        settings.kite_ticker_url,
        settings.kite_api_key,
        kite.tokens,
        source=settings.source,
        clock=clock,
        is_trading=lambda: phases.any_trading(clock.now()),
        settings=ticker,
    )


def _parts(runtime: Runtime) -> Iterable[tuple[str, Callable[[], Awaitable[None]]]]:
    """What runs in the background, by name."""
    return (
        ("feed", runtime.feed.run),
        ("listings", partial(runtime.feed.follow, runtime.instruments, runtime.instruments)),
        ("quotes", runtime.quotes.run),
        ("history", runtime.history.run),
        ("live_candles", runtime.live_candles.run),
        ("jobs", runtime.jobs.run),
        ("instruments", runtime.instruments.run),
        ("sessions", runtime.sessions.run),
        ("providers", runtime.providers.run),
    )


def _secrets_key(settings: Settings) -> str | None:
    return settings.secrets_key.get_secret_value() if settings.secrets_key else None
