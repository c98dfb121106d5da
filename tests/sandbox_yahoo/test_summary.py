"""`/v10/finance/quoteSummary` and `/v1/finance/search`."""

from typing import Any

import pytest

from tests.sandbox_yahoo.client import YahooClient

MODULES = "summaryDetail,defaultKeyStatistics,assetProfile,price,financialData"
MANY = ("INFY.NS", "TCS.NS", "RELIANCE.NS", "SBIN.NS", "ITC.NS", "WIPRO.NS", "TITAN.NS", "NTPC.NS", "ONGC.NS",
        "CIPLA.NS", "LT.NS", "M&M.NS", "BEL.NS", "TRENT.NS", "AAPL", "MSFT")  # fmt: skip


async def summary(client: YahooClient, symbol: str, modules: str = MODULES) -> dict[str, Any]:
    """The one result."""
    answer = (await client.summarized(symbol, modules)).raise_for_status().json()["quoteSummary"]
    assert answer["error"] is None
    return dict(answer["result"][0])


async def test_a_company_has_every_module_and_agrees_with_its_quote(client: YahooClient) -> None:
    """Numbers are raw with a text; what is lacking is an empty object."""
    entry = (await client.quotes("RELIANCE.NS"))["RELIANCE.NS"]
    found = await summary(client, "RELIANCE.NS")

    assert list(found) == MODULES.split(",")
    assert found["price"]["regularMarketPrice"] == {
        "raw": entry["regularMarketPrice"],
        "fmt": f"{entry['regularMarketPrice']:,.2f}",
    }
    assert found["summaryDetail"]["fiftyTwoWeekHigh"]["raw"] == entry["fiftyTwoWeekHigh"]
    assert found["defaultKeyStatistics"]["sharesOutstanding"]["raw"] == entry["sharesOutstanding"]
    assert found["summaryDetail"]["marketCap"]["fmt"][-1] in "BT"
    assert found["financialData"]["currentPrice"] == found["price"]["regularMarketPrice"]
    assert found["assetProfile"]["sector"]
    assert await summary(client, "RELIANCE.NS") == found


async def test_some_companies_lack_some_numbers(client: YahooClient) -> None:
    """No dividend, no estimate, no earnings or a loss: then there is no ratio either, in quotes as in summaries."""
    quotes = await client.quotes(*MANY)
    details = {symbol: (await summary(client, symbol, "summaryDetail"))["summaryDetail"] for symbol in MANY}

    for field, name in (("trailingPE", "trailingPE"), ("dividendRate", "dividendRate"), ("forwardPE", "forwardPE")):
        has = {symbol for symbol in MANY if field in quotes[symbol]}
        assert has
        assert has == {symbol for symbol in MANY if details[symbol][name]}
    assert {symbol for symbol in MANY if "dividendRate" not in quotes[symbol]}
    assert {symbol for symbol in MANY if "trailingPE" not in quotes[symbol]}


async def test_an_index_is_no_company(client: YahooClient) -> None:
    """Price and detail alone; a question for the rest finds nothing."""
    assert list(await summary(client, "^NSEI")) == ["summaryDetail", "price"]
    answer = await client.summarized("^NSEI", "assetProfile,financialData")
    assert (answer.status_code, answer.json()["quoteSummary"]["error"]["code"]) == (404, "Not Found")


@pytest.mark.parametrize(("symbol", "modules", "status"), [("NOSUCH.NS", MODULES, 404), ("INFY.NS", "gossip", 404)])
async def test_what_is_unknown_is_refused(client: YahooClient, symbol: str, modules: str, status: int) -> None:
    """In Yahoo's envelope; a module that is not known is left out, and one alone finds nothing."""
    answer = await client.summarized(symbol, modules)

    assert answer.status_code == status
    assert answer.json()["quoteSummary"]["result"] is None


@pytest.mark.parametrize(
    ("text", "first"), [("infy", "INFY."), ("reliance indus", "RELIANCE."), ("^nse", "^NSE"), ("crude", "CL=F")]
)
async def test_symbols_are_found_by_symbol_and_by_name(client: YahooClient, text: str, first: str) -> None:
    """Best first, as many as asked for."""
    answer = (await client.http.get("/v1/finance/search", params={"q": text, "quotesCount": "3"})).json()

    assert answer["quotes"][0]["symbol"].startswith(first)
    assert answer["count"] == len(answer["quotes"]) <= 3
    assert answer["news"] == []


async def test_a_search_for_nothing_is_refused(client: YahooClient) -> None:
    """400; and what fits nothing finds nothing."""
    assert (await client.http.get("/v1/finance/search", params={"q": " "})).status_code == 400
    assert (await client.http.get("/v1/finance/search", params={"q": "zzzzqq"})).json()["quotes"] == []
