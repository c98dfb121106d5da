"""A tiny market of known prices, and sandboxes that serve it."""

from collections.abc import AsyncIterator

import pytest

from tests.sandbox_server.tiny_market import TinyMarket
from tests.support.sandbox import RunningSandbox, running_sandbox


@pytest.fixture
def market() -> TinyMarket:
    """Seven instruments whose prices a test sets."""
    return TinyMarket()


@pytest.fixture
async def sandbox(market: TinyMarket) -> AsyncIterator[RunningSandbox]:
    """The tiny market served fast: no request limits, ticks each 20 ms."""
    async with running_sandbox(market=market, rate_limits=None, tick_seconds=0.02, heartbeat_seconds=0.05) as running:
        yield running


@pytest.fixture
async def limited(market: TinyMarket) -> AsyncIterator[RunningSandbox]:
    """The tiny market served with Kite's own limits, in one and the same instant."""
    async with running_sandbox(market=market) as running:
        running.clock.freeze()
        yield running
