"""A scripted Kite and the provider that talks to it."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from app.clock import SystemClock
from app.domain.provenance import DataSource
from app.providers.budget import Allowance, SourceBudgets
from app.providers.kite.adapter import Kite, build_kite
from app.providers.kite.config import KiteConfig, Patience
from app.providers.kite.session import KiteTokens
from tests.kite_rest.fake_kite import FakeKite, running_fake_kite

TOKEN = "access-token-of-a-test"
SECRET = "secret-of-a-test"
LOGIN_URL = "http://127.0.0.1:8179/auth/kite/login"
NO_LIMITS = {name: Allowance(1000, 5.0) for name in ("quote", "historical", "other")}


@pytest.fixture
async def fake() -> AsyncIterator[FakeKite]:
    """A Kite that answers what the test scripts."""
    async with running_fake_kite() as server:
        yield server


@pytest.fixture
def calls() -> list[tuple[str, str]]:
    """What the provider told its observer: endpoint and outcome."""
    return []


@pytest.fixture
def build(calls: list[tuple[str, str]]) -> Iterator[Callable[..., Kite]]:
    """Builds providers without request limits, logged in, and closes them."""
    built: list[Kite] = []

    def observe(endpoint: str, seconds: float, outcome: str) -> None:
        assert seconds >= 0
        calls.append((endpoint, outcome))

    def build_one(url: str, *, token: str | None = TOKEN, patience: Patience | None = None) -> Kite:
        clock = SystemClock()
        config = KiteConfig(
            api_key="key",
            api_secret=SECRET,
            api_url=url,
            login_page="https://kite.zerodha.com/connect/login",
            login_url=LOGIN_URL,
            source=DataSource.SANDBOX,
            patience=patience or Patience(),
        )
        kite = build_kite(
            config, clock=clock, tokens=KiteTokens(token), budgets=SourceBudgets(NO_LIMITS, clock), on_call=observe
        )
        built.append(kite)
        return kite

    yield build_one
    for kite in built:
        kite.close()


@pytest.fixture
def kite(fake: FakeKite, build: Callable[..., Kite]) -> Kite:
    """The provider, against the scripted Kite."""
    return build(fake.url)
