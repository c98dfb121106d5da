"""A scripted Yahoo and the provider that talks to it."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from app.clock import SystemClock
from app.providers.budget import Allowance, SourceBudgets
from app.providers.yahoo.adapter import Yahoo, build_yahoo
from app.providers.yahoo.config import Patience, YahooConfig
from app.providers.yahoo.limits import Endpoint
from tests.kite_ticker.test_dial import self_signed
from tests.yahoo.fake_yahoo import FakeYahoo, running_fake_yahoo

__all__ = ["build", "calls", "fake", "self_signed", "yahoo"]

NO_LIMITS = {endpoint.value: Allowance(1000, 5.0) for endpoint in Endpoint}
LONG = Patience(connect=20.0, answer=20.0, first=60.0)
"""A machine with other work needs seconds to import yfinance."""


@pytest.fixture
async def fake() -> AsyncIterator[FakeYahoo]:
    """A Yahoo that answers what the test scripts."""
    async with running_fake_yahoo() as server:
        yield server


@pytest.fixture
def calls() -> list[tuple[str, str]]:
    """What the provider told its observer: endpoint and outcome."""
    return []


@pytest.fixture
def build(calls: list[tuple[str, str]]) -> Iterator[Callable[..., Yahoo]]:
    """Builds providers without request limits and closes them."""
    built: list[Yahoo] = []

    def observe(endpoint: str, seconds: float, outcome: str) -> None:
        assert seconds >= 0
        calls.append((endpoint, outcome))

    def build_one(url: str, *, patience: Patience = LONG) -> Yahoo:
        clock = SystemClock()
        config = YahooConfig(api_url=url, stream_url="ws://127.0.0.1:9/streamer", patience=patience)
        yahoo = build_yahoo(config, clock=clock, budgets=SourceBudgets(NO_LIMITS, clock), on_call=observe)
        built.append(yahoo)
        return yahoo

    yield build_one
    for yahoo in built:
        yahoo.close()


@pytest.fixture
def yahoo(fake: FakeYahoo, build: Callable[..., Yahoo]) -> Yahoo:
    """The provider, against the scripted Yahoo."""
    return build(fake.url)
