"""Every part of a service, constructed complete and joined. Settings and the store come in, a Runtime goes out.

Called by `app.runtime`, in a thread: calendars, keys and certificates are read here. Nothing is sent.
"""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from app import __version__
from app.domain.calendar import TradingCalendar, always_open_calendar, load_calendar
from app.domain.changes import ChangeSignal
from app.domain.instruments import Exchange, Instrument
from app.domain.jobs import JobKind
from app.domain.market_trend import TrendWeights
from app.domain.provenance import DataSource, QuoteOrigin
from app.domain.quotes import Quote, StreamMode
from app.metrics import Metrics
from app.parts import Runtime, Store, Timing
from app.ports import Clock, KiteAccess
from app.providers.kite.adapter import Kite, build_kite
from app.providers.kite.config import KiteConfig
from app.providers.kite.ticker import KiteTickSource
from app.providers.kite.ticker_settings import TickerSettings
from app.providers.yahoo.adapter import Yahoo, build_yahoo
from app.providers.yahoo.config import YahooConfig
from app.providers.yahoo.stream import YahooTicker
from app.providers.yahoo.symbols import unlisted_instrument
from app.redaction import Secrets
from app.services.freshness import FreshnessJudge
from app.services.fundamentals import FundamentalsService
from app.services.history.intake import OnDrift
from app.services.history.routed import RoutedHistory, Shelf
from app.services.history.service import DEADLINE, HistoryService, unheard
from app.services.index_members import IndexMembers
from app.services.instruments.service import NOTHING_BESIDE, Beside, InstrumentService
from app.services.jobs.backfill import CandleBackfill
from app.services.jobs.patience import Patience
from app.services.jobs.service import Jobs
from app.services.jobs.sync import MasterSync
from app.services.jobs.work import Work
from app.services.kite_login.sessions import KiteSessions
from app.services.market_context.closes import SessionCloses
from app.services.market_context.inputs import load_inputs
from app.services.market_context.service import ContextParts, MarketContexts
from app.services.options.chain import OptionChains
from app.services.phases import PhaseService
from app.services.providers import ProviderBoard, RatedStream, SecondSource
from app.services.quotes.service import QuoteService
from app.settings import Settings
from app.sources import Sources, join_sources
from app.store.candle_shelf import CandleShelf
from app.store.candles import SqlCandleStore
from app.store.index_members import SqlMembershipStore
from app.store.instruments import SqlInstrumentStore
from app.store.jobs import SqlJobStore
from app.store.sessions import SqlSessionStore
from app.streaming.bars import LiveCandles
from app.streaming.feed import LiveFeed
from app.streaming.interest import has_token
from app.streaming.live import LiveQuotes, LiveTicks

SHARED_DEADLINE = 20.0
"""Seconds for the bars of one source where there are two: both together must end within an operation's 60."""


class NoStream:
    """The stream of a service that asks one source alone: it has nothing."""

    def latest(self, _: str, mode: StreamMode = StreamMode.FULL) -> None:
        """Nothing is streamed."""
        del mode

    def latest_of(self, instrument_ids: Collection[str], mode: StreamMode = StreamMode.FULL) -> list[Quote | None]:
        """Nothing of each."""
        del mode
        return [None] * len(instrument_ids)

    def keep_hot(self, _: Sequence[Instrument]) -> None:
        """Nobody streams for it."""


def load_configured_calendar(name: str) -> TradingCalendar:
    """The calendar of the setting: `indian`, `always-open` or the path of a file. Raises CalendarError."""
    if name == "always-open":
        return always_open_calendar()
    return load_calendar(None if name == "indian" else Path(name))


def yahoo_config(settings: Settings) -> YahooConfig:
    """Where Yahoo is, by the settings. Raises ValueError for an address that nothing can be sent to."""
    return YahooConfig(settings.yahoo_api_url, settings.yahoo_stream_url)


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


def join(settings: Settings, clock: Clock, store: Store, secrets: Secrets, timing: Timing) -> Runtime:
    """Construct every part; blocking, since calendars, keys and certificates are read."""
    metrics = Metrics(version=__version__, environment=settings.environment)
    kite = build_kite(kite_config(settings), clock=clock, on_call=metrics.upstream_call)
    yahoo = (
        build_yahoo(yahoo_config(settings), clock=clock, on_call=metrics.upstream_call) if settings.has_yahoo else None
    )
    instruments = join_instruments(store, kite, yahoo, clock, metrics.sync_finished)
    phases = PhaseService(load_configured_calendar(settings.calendar), instruments.has_derivatives)
    changed = ChangeSignal()
    sources = join_sources(
        settings,
        kite=kite,
        kite_ticks=_kite_ticks(settings, kite, phases, clock, timing.ticker),
        yahoo=yahoo,
        yahoo_ticks=_yahoo_ticks(settings, yahoo, phases, clock),
        clock=clock,
        on_change=changed.fire,
    )
    streams = sources.streams
    feed = LiveFeed(
        sources.ticks,
        clock=clock,
        linger=timing.linger,
        hot_for=timing.hot_for,
        is_live=None if streams is None else streams.is_live,
        carries=has_token if streams is None else streams.carries,
    )

    def remember(fetched: Sequence[Quote]) -> None:
        feed.remember(fetched)
        metrics.quotes(QuoteOrigin.UPSTREAM, len(fetched))

    by_fallback = sources.quotes
    quotes = QuoteService(
        by_fallback, feed, clock, remember=remember, lanes=by_fallback.lanes, lane_of=by_fallback.lane_of
    )
    history = join_history(store, sources, phases, clock, metrics.candles_drifted)
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
    judge = FreshnessJudge(feed, phases, clock)
    inputs = load_inputs()
    members = IndexMembers(SqlMembershipStore(store.database, clock), clock, require=instruments.require)
    return Runtime(
        settings=settings,
        clock=clock,
        started_at=clock.now(),
        metrics=metrics,
        database=store.database,
        kite=kite,
        yahoo=yahoo,
        instruments=instruments,
        quotes=quotes,
        quotes_of={name: QuoteService(source, NoStream(), clock) for name, source in sources.quotes_of.items()},
        history=history,
        phases=phases,
        sessions=sessions,
        jobs=Jobs(SqlJobStore(store.database, clock), clock, works),
        providers=_board(
            settings,
            feed=feed,
            sources=sources,
            sessions=sessions,
            kite=kite,
            yahoo=yahoo,
            circuits=changed,
            clock=clock,
        ),
        feed=feed,
        live_quotes=LiveQuotes(feed, quotes, clock, on_merged=metrics.updates_merged),
        live_ticks=LiveTicks(feed, on_missed=metrics.ticks_missed),
        live_candles=LiveCandles(
            feed,
            history,
            phases,
            clock,
            source=settings.source,
            elsewhere={Exchange.YAHOO: settings.yahoo_source} if settings.has_yahoo else {},
        ),
        members=members,
        market=MarketContexts(
            ContextParts(
                quotes=quotes,
                closes=SessionCloses(
                    history, instruments.require, clock, phases, inputs.sessions_of, ready=instruments.ready.wait
                ),
                members=members,
                find=instruments.require,
                freshness=judge,
                phase=phases.exchange_phase,
                clock=clock,
                inputs=inputs,
                weights=TrendWeights(*settings.trend_weights),
            )
        ),
        options=OptionChains(instruments, quotes, judge, clock, feed, rate=settings.risk_free_rate),
        fundamentals=FundamentalsService(sources.fundamentals, clock),
    )


def join_instruments(
    store: Store, kite: Kite, yahoo: Yahoo | None, clock: Clock, on_sync: Callable[[str], None] = unheard
) -> InstrumentService:
    """Kite's master, with what Yahoo has beside it."""
    return InstrumentService(
        SqlInstrumentStore(store.database, clock),
        kite.instruments,
        store.settings,
        clock,
        on_sync=on_sync,
        beside=NOTHING_BESIDE if yahoo is None else Beside(yahoo.currencies.own_instrument, unlisted_instrument),
    )


def join_history(
    store: Store, sources: Sources, phases: PhaseService, clock: Clock, on_drift: OnDrift = unheard
) -> RoutedHistory:
    """One history a source, in the order of the settings, each with bars of its own."""
    candles = SqlCandleStore(store.database, clock)
    shelves = []
    deadline = DEADLINE if len(sources.candles) == 1 else SHARED_DEADLINE
    for name, (source, carries) in sources.candles.items():
        own = candles if name is DataSource.KITE else CandleShelf(candles, name)
        history = HistoryService(source, own, clock, phases, deadline=deadline, on_drift=on_drift)
        shelves.append(Shelf(name, history, carries))
    return RoutedHistory(shelves)


def _kite_ticks(
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


def _yahoo_ticks(settings: Settings, yahoo: Yahoo | None, phases: PhaseService, clock: Clock) -> YahooTicker | None:
    """Yahoo's stream; None without Yahoo."""
    if yahoo is None:
        return None
    return YahooTicker(
        yahoo_config(settings),
        clock=clock,
        open_now=lambda: phases.open_at(clock.now()),
        learn=yahoo.currencies.learn,
    )


def _board(  # noqa: PLR0913 - what is shown of both sources, by keyword
    settings: Settings,
    *,
    feed: LiveFeed,
    sources: Sources,
    sessions: KiteSessions,
    kite: Kite,
    yahoo: Yahoo | None,
    circuits: ChangeSignal,
    clock: Clock,
) -> ProviderBoard:
    """The board of sources; where there are two, each is shown with the figures of its own stream."""
    streams, second = sources.streams, None
    rated: list[RatedStream] = []
    if streams is not None and yahoo is not None:
        rated = [RatedStream(streams.view(name), clock) for name in (DataSource.KITE, DataSource.YAHOO)]
        second = SecondSource(DataSource.YAHOO, settings.yahoo_source, rated[1], yahoo.budgets)
    return ProviderBoard(
        settings.source,
        rated[0] if rated else feed,
        sessions,
        kite.budgets,
        clock,
        second=second,
        breakers=sources.breaker_states,
        circuits=circuits,
        rated=rated,
    )
