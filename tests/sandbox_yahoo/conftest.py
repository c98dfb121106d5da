"""Sandboxes of one market, and a client that went through Yahoo's cookie and crumb."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any

import pytest

from app.domain.calendar import always_open_calendar, load_calendar
from app.sandbox.market import SimulatedMarket
from tests.sandbox_yahoo.client import YahooClient, yahoo_client
from tests.support.clock import MONDAY_MORNING
from tests.support.sandbox import RunningSandbox, running_sandbox

Opens = Callable[..., AbstractAsyncContextManager[RunningSandbox]]


@pytest.fixture(scope="session")
def market() -> SimulatedMarket:
    """Open around the clock."""
    return SimulatedMarket(seed=1, calendar=always_open_calendar(), today=MONDAY_MORNING.date())


@pytest.fixture(scope="session")
def indian_market() -> SimulatedMarket:
    """Open when the exchanges are."""
    return SimulatedMarket(seed=1, calendar=load_calendar(), today=MONDAY_MORNING.date())


@pytest.fixture
def opens(market: SimulatedMarket, indian_market: SimulatedMarket) -> Opens:
    """Opens a sandbox in which it is one and the same instant, Monday morning unless given."""

    @asynccontextmanager
    async def opened(at: datetime = MONDAY_MORNING, **settings: Any) -> AsyncIterator[RunningSandbox]:
        of = indian_market if settings.get("calendar") == "indian" else market
        async with running_sandbox(market=of, rate_limits=None, **settings) as running:
            running.clock.freeze(at)
            yield running

    return opened


@pytest.fixture
async def sandbox(opens: Opens) -> AsyncIterator[RunningSandbox]:
    """Always open, on Monday morning, and quick to look at the market."""
    async with opens(yahoo_stream_seconds=0.02) as running:
        yield running


@pytest.fixture
async def client(sandbox: RunningSandbox) -> AsyncIterator[YahooClient]:
    """With cookie and crumb."""
    async with yahoo_client(sandbox) as ready:
        yield ready
