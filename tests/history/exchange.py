"""The history service in front of the sandbox exchange, through Kite's provider, at a set time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from anyio import to_thread

from app.domain.calendar import TradingCalendar, always_open_calendar, load_calendar
from app.domain.candles import CandleSeries, Interval
from app.domain.instruments import Instrument
from app.domain.provenance import Cost, DataSource
from app.ports import CandleStore
from app.providers.budget import Allowance, SourceBudgets
from app.providers.kite.adapter import Kite, build_kite
from app.providers.kite.config import KiteConfig
from app.sandbox.market import SimulatedMarket
from app.services.history.service import HistoryService
from app.services.phases import PhaseService
from tests.history.bench import running_history
from tests.support.sandbox import RunningSandbox, running_sandbox

UNPACED = {name: Allowance(10_000, 5.0) for name in ("quote", "historical", "other")}
"""The clock stands still, so a budget by the second would never grow."""
TODAY = date(2026, 11, 23)


@cache
def calendar(*, always_open: bool) -> TradingCalendar:
    """Either of the two that the sandbox can trade by."""
    return always_open_calendar() if always_open else load_calendar()


@cache
def market(*, always_open: bool) -> SimulatedMarket:
    """Its prices are a function of time: one serves every test."""
    return SimulatedMarket(seed=3, calendar=calendar(always_open=always_open), today=TODAY)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A sandbox, Kite's provider at it, and a history service on top."""

    sandbox: RunningSandbox
    kite: Kite
    hours: PhaseService
    service: HistoryService
    listed: dict[str, Instrument]

    @property
    def requests(self) -> int:
        """Requests for history that the sandbox has counted."""
        return self.sandbox.count("historical")

    async def ask(self, key: str, interval: Interval, start: datetime | None = None, **options: Any) -> CandleSeries:
        """One question; keywords are those of `candles`."""
        question = {"end": None, "last": None, "include_forming": False, "cost": Cost()} | options
        return await self.service.candles(self.listed[key], interval, start=start, **question)


@asynccontextmanager
async def open_exchange(store: CandleStore, now: datetime, *, always_open: bool = False) -> AsyncIterator[Exchange]:
    """All of it, logged in; everybody's clock stands at `now`."""
    prices = await to_thread.run_sync(lambda: market(always_open=always_open))
    listed = {row.instrument.id: row for row in prices.listed}
    hours = PhaseService(calendar(always_open=always_open), lambda key: listed[key].has_derivatives)
    async with running_sandbox(market=prices, rate_limits=None) as sandbox:
        clock = sandbox.clock
        clock.freeze()
        clock.shift(seconds=(now - clock.now()).total_seconds())
        config = KiteConfig(
            api_key=sandbox.api_key,
            api_secret=sandbox.api_secret,
            api_url=sandbox.url,
            login_page=sandbox.login_url,
            login_url="http://127.0.0.1:8179/auth/kite/login",
            source=DataSource.SANDBOX,
        )
        kite = build_kite(config, clock=clock, budgets=SourceBudgets(UNPACED, clock))
        kite.tokens.replace(await sandbox.login())
        try:
            async with running_history(kite.candles, clock, hours, store=store) as service:
                instruments = {key: row.instrument for key, row in listed.items()}
                yield Exchange(sandbox, kite, hours, service, instruments)
        finally:
            kite.close()
