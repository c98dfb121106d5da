"""What the REST cards need of a provider under test, and Kite's bench: the real provider against the sandbox."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import cache

from anyio import to_thread

from app.clock import SystemClock
from app.domain.instruments import Instrument, InstrumentKind
from app.domain.provenance import DataSource
from app.ports import CandleSource, InstrumentSource, QuoteSource
from app.providers.budget import Allowance, SourceBudgets
from app.providers.kite.adapter import Kite, build_kite
from app.providers.kite.config import KiteConfig, Patience
from app.providers.kite.session import KiteTokens
from app.sandbox.prices import Market
from app.sandbox.serve import build_market
from app.sandbox.settings import SandboxSettings
from tests.support.sandbox import REDIRECT_URL, RunningSandbox, running_sandbox

LOGIN_URL = "http://127.0.0.1:8179/auth/kite/login"
LONG = Patience(connect=20.0, read=20.0, answer=20.0, master=30.0)
"""A machine with other work needs seconds for a large answer."""
SHORT = Patience(connect=20.0, read=1.0, answer=1.0, master=30.0)
UNPACED = {name: Allowance(1000, 5.0) for name in ("quote", "historical", "other")}


@dataclass(frozen=True, slots=True)
class Bench:
    """One provider, its upstream, and instruments by their part in the cards."""

    quotes: QuoteSource
    candles: CandleSource
    listed: dict[str, Instrument]
    """What the upstream knows."""
    share: Instrument
    ampersand: Instrument
    """One whose symbol must be escaped in an address."""
    index: Instrument
    batch_limit: int
    """Instruments of one upstream request."""
    sent: Callable[[str], int]
    """Upstream requests so far: quote, historical, instruments."""
    fault: Callable[..., Awaitable[int]]
    """Cause a fault of the sandbox."""
    attempts: int
    """How often the provider asks when it gets a 429."""
    has_depth: bool

    def many(self, count: int) -> list[Instrument]:
        """That many instruments that have a price."""
        priced = (one for one in self.listed.values() if one.kind is not InstrumentKind.OTHER)
        return [one for one, _ in zip(priced, range(count), strict=False)]


@dataclass(frozen=True, slots=True)
class BrokerBench(Bench):
    """A provider that also has a login, an instrument master and contracts."""

    instruments: InstrumentSource
    contract: Instrument
    end_sessions: Callable[[], Awaitable[int]]
    log_in: Callable[[], Awaitable[None]]
    log_out: Callable[[], None]
    rejected: list[str]
    """Tokens that the upstream refused, as the provider told."""


OpenBench = Callable[..., AbstractAsyncContextManager[Bench]]
OpenBrokerBench = Callable[..., AbstractAsyncContextManager[BrokerBench]]


@cache
def sandbox_market() -> Market:
    """The sandbox's own market, whose prices are a function of the time alone: one is enough for all cards."""
    return build_market(SandboxSettings(redirect_url=REDIRECT_URL), SystemClock())


@asynccontextmanager
async def open_kite_bench(*, paced: bool = False, hurried: bool = False) -> AsyncIterator[BrokerBench]:
    """Kite's provider, logged in at a sandbox. `paced`: both keep Kite's own limits; else neither has any.

    `hurried`: it waits a second for an answer.
    """
    limits = {} if paced else {"rate_limits": None}
    market = await to_thread.run_sync(sandbox_market)
    async with running_sandbox(market=market, **limits) as sandbox:
        kite = _provider(sandbox, paced=paced, patience=SHORT if hurried else LONG)
        kite.tokens.replace(await sandbox.login())
        try:
            yield _bench(kite, sandbox, market)
        finally:
            kite.close()


def _provider(sandbox: RunningSandbox, *, paced: bool, patience: Patience) -> Kite:
    config = KiteConfig(
        api_key=sandbox.api_key,
        api_secret=sandbox.api_secret,
        api_url=sandbox.url,
        login_page=sandbox.login_url,
        login_url=LOGIN_URL,
        source=DataSource.SANDBOX,
        patience=patience,
    )
    clock = SystemClock()
    return build_kite(
        config, clock=clock, tokens=KiteTokens(), budgets=None if paced else SourceBudgets(UNPACED, clock)
    )


def _bench(kite: Kite, sandbox: RunningSandbox, market: Market) -> BrokerBench:
    listed = {row.instrument.id: row.instrument for row in market.listed}
    rejected: list[str] = []
    kite.tokens.on_rejected(rejected.append)

    async def log_in() -> None:
        kite.tokens.replace((await kite.login.exchange(await sandbox.request_token())).access_token)

    async def end_sessions() -> int:
        return await sandbox.fault("dead_token")

    return BrokerBench(
        quotes=kite.quotes,
        candles=kite.candles,
        instruments=kite.instruments,
        listed=listed,
        share=listed["NSE:INFY"],
        ampersand=listed["NSE:M&M"],
        index=listed["NSE:NIFTY 50"],
        contract=next(one for one in listed.values() if one.kind is InstrumentKind.FUTURE),
        batch_limit=500,
        sent=sandbox.count,
        fault=sandbox.fault,
        attempts=2,
        has_depth=True,
        end_sessions=end_sessions,
        log_in=log_in,
        log_out=lambda: kite.tokens.replace(None),
        rejected=rejected,
    )
