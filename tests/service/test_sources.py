"""Two sources before one service: whose price it is, what each says of the other's, and what has none."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.service.both import QUOTE, both_sources, codes
from tests.service.symbols import NEVER_TRADED
from tests.support.sandbox import RunningSandbox

DELAY = timedelta(minutes=15)
"""How late the sandbox's Yahoo is for India."""
ONE_SOURCE = f"""{{ world: quote(id: "YAHOO:^GSPC") {{ {QUOTE} }}
  kite: quote(id: "NSE:INFY", source: KITE) {{ {QUOTE} }}
  yahoo: quote(id: "NSE:INFY", source: YAHOO) {{ {QUOTE} }}
  nobody: quote(id: "NSE:INFY", source: SANDBOX) {{ id }}
  elsewhere: quote(id: "YAHOO:^GSPC", source: KITE) {{ id }} }}"""
COMPARED = """query ($id: ID!) { compareSources(id: $id) { differenceBps apartMs instrument { id }
  prices { name problem quote { lastPrice source freshness exchangeTime } } } }"""
ODD_ONES = """query ($ids: [ID!]!) { quotes(ids: $ids) { id lastPrice source instrument { currency kind name } } }"""


def behind(quote: dict[str, Any]) -> timedelta:
    """How far a price is behind its receipt, by the clock of its source."""
    return datetime.fromisoformat(quote["receivedAt"]) - datetime.fromisoformat(quote["exchangeTime"])


async def test_each_source_can_be_asked_alone_and_every_price_says_what_it_is(tmp_path: Path) -> None:
    """Both of the sandbox; Yahoo's of India DELAYED; a source that is not there is an error with those that are."""
    async with both_sources(tmp_path) as (service, sandbox):
        response = await service.ask(ONE_SOURCE)
        data = response["data"]
        assert codes(response) == {"nobody": "NOT_SUPPORTED", "elsewhere": "NOT_SUPPORTED"}
        messages = {error["path"][0]: error["message"] for error in response["errors"]}
        assert messages["nobody"] == "there is no source SANDBOX here; `source` may be KITE, YAHOO"
        assert "YAHOO:^GSPC" in messages["elsewhere"]
        prices = [data["world"], data["kite"], data["yahoo"]]
        assert {price["source"] for price in prices} == {"SANDBOX"}
        assert {price["fallbackReason"] for price in prices} == {None}
        assert [price["freshness"] for price in prices] == ["LIVE", "LIVE", "DELAYED"]
        assert behind(data["kite"]) < timedelta(seconds=5)
        assert DELAY <= behind(data["yahoo"]) < DELAY + timedelta(seconds=5)
        assert (sandbox.count("quote"), sandbox.count("yahoo_quote")) == (1, 2)

        labels = await service.ask("{ server { sources } providers { name source } }")
        assert labels["data"]["server"]["sources"] == ["SANDBOX"]
        assert labels["data"]["providers"] == [
            {"name": "KITE", "source": "SANDBOX"},
            {"name": "YAHOO", "source": "SANDBOX"},
        ]


async def test_two_sources_compared_tell_how_far_and_how_long_they_lie_apart(tmp_path: Path) -> None:
    """In basis points of Kite's price; where one has none it says why, and there is nothing to compare."""
    async with both_sources(tmp_path, sandbox={"yahoo_delay_seconds": 60.0}) as (service, sandbox):
        await sandbox.fault("yahoo_deviation", instrument="INFY.NS", basis_points=500)
        found = (await service.ask(COMPARED, id="NSE:INFY"))["data"]["compareSources"]
        kite, yahoo = found["prices"]
        assert [(price["name"], price["problem"]) for price in (kite, yahoo)] == [("KITE", None), ("YAHOO", None)]
        first, second = kite["quote"], yahoo["quote"]
        assert (first["freshness"], second["freshness"]) == ("LIVE", "DELAYED")
        apart = (second["lastPrice"] - first["lastPrice"]) / first["lastPrice"] * 10_000
        assert found["differenceBps"] == pytest.approx(apart, abs=1e-4)
        assert found["differenceBps"] == pytest.approx(500, abs=50), (
            "five percent, and what the price moved in a minute"
        )
        times = [datetime.fromisoformat(quote["exchangeTime"]) for quote in (first, second)]
        assert found["apartMs"] == (times[0] - times[1]) / timedelta(milliseconds=1)
        assert found["apartMs"] == pytest.approx(60_000, abs=3_000)
        assert (sandbox.count("quote"), sandbox.count("yahoo_quote")) == (1, 1)

        sandbox.clock.shift(seconds=5)
        future = next(key for key in all_ids(sandbox) if key.startswith("NFO:NIFTY") and key.endswith("FUT"))
        found = (await service.ask(COMPARED, id=future))["data"]["compareSources"]
        assert found["prices"][0]["quote"]["lastPrice"] > 0
        assert found["prices"][1]["quote"] is None
        assert found["prices"][1]["problem"].startswith("NOT_SUPPORTED: ")
        assert (found["differenceBps"], found["apartMs"]) == (None, None)
        assert sandbox.count("yahoo_quote") == 1, "Yahoo is not asked for what it cannot have"

        await sandbox.fault("dead_token")
        sandbox.clock.shift(seconds=5)
        found = (await service.ask(COMPARED, id="NSE:INFY"))["data"]["compareSources"]
        assert found["prices"][0]["quote"] is None
        assert found["prices"][0]["problem"].startswith("LOGIN_REQUIRED: ")
        assert found["prices"][1]["quote"]["lastPrice"] > 0
        assert found["differenceBps"] is None


def all_ids(sandbox: RunningSandbox) -> list[str]:
    """Every instrument of Kite's."""
    return [row.instrument.id for row in sandbox.parts.control._prices._market.listed]


async def test_each_odd_one_has_its_answer(tmp_path: Path) -> None:
    """Another currency, a delisted share, one that never traded, one that nobody knows: in one call of each source."""
    async with both_sources(tmp_path) as (service, sandbox):
        await sandbox.fault("yahoo_delisted", instrument="MSFT")
        await sandbox.fault("yahoo_missing", instrument="^RUT")
        ids = ["YAHOO:AAPL", "YAHOO:MSFT", "YAHOO:^RUT", "YAHOO:NOSUCH", "YAHOO:a,b", NEVER_TRADED, "NSE:INFYY"]
        response = await service.ask(ODD_ONES, ids=[*ids, "YAHOO:INR=X"])
        apple, *odd, rupee = response["data"]["quotes"]
        assert apple["instrument"] == {"currency": "USD", "kind": "EQUITY", "name": None}, "dollars, by its form"
        assert rupee["instrument"]["kind"] == "CURRENCY"
        assert apple["lastPrice"] > 0
        assert odd == [None] * 6
        assert codes(response) == {
            "quotes.1": "NOT_PRICED",
            "quotes.2": "NOT_PRICED",
            "quotes.3": "NOT_PRICED",
            "quotes.4": "INVALID_INPUT",
            "quotes.5": "NOT_PRICED",
            "quotes.6": "UNKNOWN_INSTRUMENT",
        }
        assert (sandbox.count("quote"), sandbox.count("yahoo_quote")) == (1, 1), (
            "what Kite knows is not asked elsewhere"
        )
        for path, error in ((error["path"], error) for error in response["errors"]):
            assert ids[path[1]][6:].split(",")[0][:4] in error["message"], "the message names the instrument"


ALONE = """{ world: quote(id: "YAHOO:^GSPC") { id } yahoo: quote(id: "NSE:INFY", source: YAHOO) { id }
  instrument(id: "NSE:INFY") { quote { lastPrice fallbackReason } fundamentals { marketCap } }
  compareSources(id: "NSE:INFY") { differenceBps prices { name problem } }
  marketContext { confidence global { quote { id } } indices { quote { id } } missing { input reason } }
  providers { name } }"""


async def test_kite_alone_answers_what_it_has(tmp_path: Path) -> None:
    """Without Yahoo nothing is asked of it; what only it has is an error, or missing with the reason."""
    async with both_sources(tmp_path, yahoo=False) as (service, sandbox):
        response = await service.ask(ALONE)
        data = response["data"]
        assert codes(response) == {
            "world": "UNKNOWN_INSTRUMENT",
            "yahoo": "NOT_SUPPORTED",
            "instrument.fundamentals": "NOT_SUPPORTED",
        }
        assert data["instrument"]["quote"]["lastPrice"] > 0
        assert data["compareSources"] == {"differenceBps": None, "prices": [{"name": "KITE", "problem": None}]}
        assert data["providers"] == [{"name": "KITE"}]
        context = data["marketContext"]
        assert (len(context["indices"]), context["global"]) == (6, [])
        reasons = {each["input"]: each["reason"] for each in context["missing"]}
        assert reasons["YAHOO:^GSPC"].startswith("UNKNOWN_INSTRUMENT: ")
        assert not [kind for kind in sandbox.parts.traffic.by_class if kind.startswith("yahoo")]
