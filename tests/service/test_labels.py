"""Nothing simulated can call itself real (docs/decisions/0003)."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.domain.provenance import DataSource
from app.http.login import LOGIN_PATH
from app.runtime import WORLD, MixedWorldsError, open_runtime, open_store, require_world
from app.settings import EVERY_ADDRESS, Settings
from tests.service.sockets import subscribed
from tests.service.symbols import traded
from tests.support.clock import FixedClock
from tests.support.service import running_pair

KITE_API, KITE_TICKER = "https://api.kite.trade", "wss://ws.kite.trade"
PRICED = """query ($ids: [ID!]!, $age: Int) {
  quotes(ids: $ids, maxAgeMs: $age) { source instrument { quote { source } } }
  instruments(ids: $ids) { quote { source } candles(interval: DAY, last: 2) { sources { source candles } } }
  candles(id: "NSE:INFY", interval: MINUTE, last: 3) { count sources { source candles } }
  server { sources } providers { source } }"""


def sources_in(value: Any) -> set[str]:
    """Every value under a key `source` or `sources`, however deep."""
    if isinstance(value, list):
        return set().union(*map(sources_in, value))
    if not isinstance(value, dict):
        return set()
    found = set().union(*(sources_in(item) for item in value.values()))
    labels = [value["source"]] if "source" in value else []
    labels += [item for item in value.get("sources", []) if isinstance(item, str)]
    return found | set(labels)


async def test_whatever_comes_from_the_sandbox_says_so_at_every_step(tmp_path: Path) -> None:
    """Quotes from a call, from memory and from the stream, candles, ticks, providers, and the login's page."""
    async with running_pair(tmp_path, sandbox={"rate_limits": None}) as (service, sandbox):
        ids = traded(sandbox, 3)
        for age in (0, 1_000):
            response = await service.ask(PRICED, ids=ids, age=age)
            assert "errors" not in response
            assert sources_in(response["data"]) == {"SANDBOX"}
            assert response["data"]["candles"]["sources"] == [{"source": "SANDBOX", "candles": 3}]
        live = "subscription ($ids: [ID!]!) { quotes(ids: $ids) { quotes { source } } }"
        async with subscribed(service, live, ids=ids) as stream:
            assert [sources_in(await stream.data()) for _ in range(3)] == [{"SANDBOX"}] * 3
        ticks = "subscription ($ids: [ID!]!) { ticks(ids: $ids) { ticks { source } } }"
        async with subscribed(service, ticks, ids=ids) as stream:
            await stream.data()
            assert sources_in(await stream.data()) == {"SANDBOX"}
        page = await service.client.get(LOGIN_PATH.replace("login", "callback"))
        assert ">SANDBOX<" in page.text


@pytest.mark.parametrize(
    ("api", "ticker", "source"),
    [
        (KITE_API, KITE_TICKER, DataSource.KITE),
        (f"{KITE_API}:443", f"{KITE_TICKER}/", DataSource.KITE),
        ("http://127.0.0.1:18179", KITE_TICKER, DataSource.SANDBOX),
        (KITE_API, "ws://127.0.0.1:18179", DataSource.SANDBOX),
        ("http://127.0.0.1:18179", "ws://127.0.0.1:18179", DataSource.SANDBOX),
        ("https://api.kite.trade.example.com", KITE_TICKER, DataSource.SANDBOX),
        ("https://example.com/api.kite.trade", KITE_TICKER, DataSource.SANDBOX),
        ("https://api.kite.trade@example.com", KITE_TICKER, DataSource.SANDBOX),
        ("https://xapi.kite.trade", KITE_TICKER, DataSource.SANDBOX),
        ("", "", DataSource.SANDBOX),
    ],
)
def test_source_is_derived_from_both_addresses(api: str, ticker: str, source: DataSource) -> None:
    """KITE only if both are the broker's own hosts; nothing can set it."""
    assert Settings(kite_api_url=api, kite_ticker_url=ticker).source is source
    assert "source" not in Settings.model_fields


async def test_database_of_the_other_world_is_refused(tmp_path: Path, database_url: str) -> None:
    """Real and simulated data never stand in one database; the message says what to do, and nothing is changed."""
    sandbox = Settings(data_dir=tmp_path, database_url=database_url, kite_api_url="http://127.0.0.1:9")
    real = Settings(data_dir=tmp_path, database_url=database_url)
    clock = FixedClock()
    async with open_store(sandbox, clock) as store:
        await require_world(store.settings, sandbox.source)
        await require_world(store.settings, sandbox.source)
        with pytest.raises(
            MixedWorldsError, match=r"holds simulated data .* is KITE: use another DATA_DIR or DATABASE_URL"
        ):
            await require_world(store.settings, real.source)

    with pytest.raises(MixedWorldsError):
        async with open_runtime(real, clock=clock):
            pytest.fail("a service started on the other world's data")
    async with open_store(sandbox, clock) as store:
        assert await store.settings.get(WORLD) == "simulated"
        await store.settings.put(WORLD, "real")
        with pytest.raises(MixedWorldsError, match="holds real data and the source is SANDBOX"):
            await require_world(store.settings, sandbox.source)


@pytest.mark.parametrize(("host", "shown"), EVERY_ADDRESS.items())
def test_link_of_a_service_on_every_address_can_be_opened(host: str, shown: str) -> None:
    """The login link must lead somewhere, also in a container."""
    settings = Settings(service_host=host, admin_token=SecretStr("x" * 20))
    name = f"[{shown}]" if ":" in shown else shown
    assert settings.login_link == f"http://{name}:8179/auth/kite/login"
