"""What can be wrong with Yahoo on demand, over the control endpoint."""

from datetime import timedelta
from typing import Any

import anyio
import pytest

from app.sandbox.faults import KINDS, YAHOO
from app.sandbox.market import SimulatedMarket
from tests.sandbox_yahoo.client import YahooClient, rows
from tests.support.clock import MONDAY_MORNING
from tests.support.sandbox import RunningSandbox


async def inflict(client: YahooClient, kind: str, **fields: Any) -> int:
    """Cause a fault over the wire; the status."""
    return (await client.http.post("/sandbox/faults", json={"kind": kind, **fields})).status_code


@pytest.mark.parametrize(
    ("kind", "fields", "status", "words"),
    [
        ("yahoo_429", {}, 429, "Too Many Requests"),
        ("yahoo_html", {"status": 502}, 502, "Will be right back"),
        ("yahoo_html", {"status": 200}, 200, "<html>"),
        ("yahoo_down", {}, 503, "upstream connect error"),
        ("yahoo_down", {"status": 504}, 504, "upstream connect error"),
    ],
)
async def test_each_bad_answer_takes_the_place_of_yahoos(
    client: YahooClient, kind: str, fields: dict[str, int], status: int, words: str
) -> None:
    """No JSON, whatever the path; the next request is sound again."""
    assert await inflict(client, kind, count=1, **fields) == 200
    answer = await client.quote("INFY.NS")

    assert answer.status_code == status
    assert words in answer.text
    assert "json" not in answer.headers["content-type"]
    assert (await client.quote("INFY.NS")).status_code == 200


async def test_yahoos_faults_spare_kite_and_kites_spare_yahoo(sandbox: RunningSandbox, client: YahooClient) -> None:
    """Each side fails alone; a path narrows."""
    await inflict(client, "yahoo_down")
    assert (await client.quote("INFY.NS")).status_code == 503
    assert (await client.http.get("/fc")).status_code == 503
    assert (await client.http.get("/")).status_code == 200

    sandbox.heal()
    await inflict(client, "html_502")
    assert (await client.quote("INFY.NS")).status_code == 200
    assert (await client.http.get("/instruments")).status_code == 502

    sandbox.heal()
    await inflict(client, "yahoo_429", path="/v8/")
    assert (await client.charted("INFY.NS")).status_code == 429
    assert (await client.quote("INFY.NS")).status_code == 200


async def test_slowness_delays_and_then_answers(client: YahooClient) -> None:
    """`seconds` is the delay."""
    await inflict(client, "yahoo_slow", seconds=0.15, count=1)
    before = anyio.current_time()
    assert (await client.quote("INFY.NS")).status_code == 200
    assert anyio.current_time() - before >= 0.15


async def test_a_missing_symbol_is_absent_from_quotes_alone(client: YahooClient) -> None:
    """One symbol or all of them; charts go on."""
    await inflict(client, "yahoo_missing", instrument="INFY.NS")
    assert list(await client.quotes("INFY.NS", "TCS.NS")) == ["TCS.NS"]
    assert rows(await client.chart("INFY.NS"))
    assert (await client.summarized("INFY.NS", "price")).status_code == 404

    await inflict(client, "yahoo_missing")
    assert await client.quotes("INFY.NS", "TCS.NS") == {}


async def test_a_delisted_symbol_has_an_entry_without_a_price(client: YahooClient) -> None:
    """Yahoo still knows the name; charts and summaries answer 404, and the search forgets it."""
    await inflict(client, "yahoo_delisted", instrument="INFY.NS")
    entry = (await client.quotes("INFY.NS"))["INFY.NS"]
    found = (await client.http.get("/v1/finance/search", params={"q": "INFY"})).json()["quotes"]

    assert "regularMarketPrice" not in entry
    assert (entry["exchange"], entry["quoteType"]) == ("YHD", "MUTUALFUND")
    assert (await client.charted("INFY.NS")).status_code == 404
    assert (await client.summarized("INFY.NS", "price")).status_code == 404
    assert [quote["symbol"] for quote in found] == ["INFY.BO"]


async def test_prices_can_differ_from_kites(client: YahooClient, market: SimulatedMarket) -> None:
    """By so many basis points, in quotes and charts, and of one symbol."""
    await inflict(client, "yahoo_deviation", instrument="INFY.NS", basis_points=100)
    quotes = await client.quotes("INFY.NS", "TCS.NS")
    chart = await client.chart("INFY.NS", interval="5m", range="1d")
    shown = {
        name: market.snapshot(market.by_key[f"NSE:{name}"].instrument.instrument_token or 0, _seen())
        for name in ("INFY", "TCS")
    }

    infosys, tata = shown["INFY"], shown["TCS"]
    assert infosys is not None
    assert tata is not None
    assert quotes["INFY.NS"]["regularMarketPrice"] == round(infosys.last_price * 1.01, 2)
    assert quotes["INFY.NS"]["regularMarketPreviousClose"] == round(infosys.close * 1.01, 2)
    assert quotes["TCS.NS"]["regularMarketPrice"] == tata.last_price
    assert rows(chart)[-1][4] == round(infosys.last_price * 1.01, 2)


def _seen() -> Any:
    return MONDAY_MORNING - timedelta(minutes=15)


async def test_faults_can_be_listed_and_removed(client: YahooClient) -> None:
    """Beside Kite's."""
    await inflict(client, "yahoo_deviation", basis_points=-50)
    [listed] = (await client.http.get("/sandbox/faults")).json()["data"]["faults"]
    assert (listed["kind"], listed["basis_points"]) == ("yahoo_deviation", -50)

    await client.http.delete("/sandbox/faults")
    assert (await client.http.get("/sandbox/faults")).json()["data"]["faults"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "yahoo_missing", "instrument": "NSE:INFY"},
        {"kind": "negative_price", "instrument": "INFY.NS"},
        {"kind": "yahoo_deviation", "basis_points": 10_000},
        {"kind": "yahoo_deviation", "basis_points": "1"},
        {"kind": "yahoo_down", "status": 200},
        {"kind": "yahoo_teapot"},
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused(client: YahooClient, body: dict[str, Any]) -> None:
    """400 with the reason; Yahoo's kinds want Yahoo's symbols and Kite's kinds Kite's."""
    answer = await client.http.post("/sandbox/faults", json=body)

    assert answer.status_code == 400
    assert len(answer.json()["message"]) > 20


async def test_every_kind_of_yahoos_can_be_inflicted(sandbox: RunningSandbox) -> None:
    """None is only a name."""
    kinds = sorted(kind for kind in KINDS if kind.startswith(YAHOO))

    assert len(kinds) == 11
    for kind in kinds:
        await sandbox.fault(kind)
