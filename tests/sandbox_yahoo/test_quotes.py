"""`/v7/finance/quote`: who is known, what it shows, and how late."""

from datetime import datetime, timedelta

import pytest

from app.domain.time import IST
from app.sandbox.market import SimulatedMarket
from tests.sandbox_yahoo.client import YahooClient, yahoo_client
from tests.sandbox_yahoo.conftest import Opens
from tests.support.clock import MONDAY_MORNING

ALWAYS = {
    "symbol", "quoteType", "shortName", "currency", "exchange", "fullExchangeName", "market", "marketState",
    "priceHint",     "regularMarketPrice", "regularMarketPreviousClose", "regularMarketTime", "regularMarketOpen",
    "regularMarketDayHigh", "regularMarketDayLow", "regularMarketVolume", "regularMarketChange",
    "regularMarketChangePercent", "exchangeDataDelayedBy", "exchangeTimezoneName", "gmtOffSetMilliseconds",
    "fiftyTwoWeekHigh", "fiftyTwoWeekLow", "firstTradeDateMilliseconds",
}  # fmt: skip
"""What every kind of entry has."""
EXAMPLES = [
    ("INFY.NS", "EQUITY", "INR", "NSI", 15),
    ("500209.BO", "EQUITY", "INR", "BSE", 15),
    ("NIFTYBEES.NS", "ETF", "INR", "NSI", 15),
    ("^NSEI", "INDEX", "INR", "NSI", 15),
    ("^BSESN", "INDEX", "INR", "BSE", 15),
    ("^GSPC", "INDEX", "USD", "SNP", 0),
    ("^N225", "INDEX", "JPY", "OSA", 20),
    ("000001.SS", "INDEX", "CNY", "SHH", 30),
    ("INR=X", "CURRENCY", "INR", "CCY", 0),
    ("GC=F", "FUTURE", "USD", "CMX", 10),
    ("AAPL", "EQUITY", "USD", "NMS", 0),
    ("BTC-USD", "CRYPTOCURRENCY", "USD", "CCC", 0),
]


@pytest.mark.parametrize(("symbol", "kind", "currency", "exchange", "delay"), EXAMPLES)
async def test_each_kind_has_its_fields(
    client: YahooClient, symbol: str, kind: str, currency: str, exchange: str, delay: int
) -> None:
    """Common fields, prices in order, and what only its kind has."""
    entry = (await client.quotes(symbol))[symbol]

    assert entry.keys() >= ALWAYS
    assert (entry["quoteType"], entry["currency"], entry["exchange"]) == (kind, currency, exchange)
    assert entry["exchangeDataDelayedBy"] == delay
    assert entry["regularMarketTime"] == int(MONDAY_MORNING.timestamp()) - 60 * delay
    assert entry["fiftyTwoWeekLow"] <= entry["regularMarketDayLow"] <= entry["regularMarketPrice"]
    assert entry["regularMarketPrice"] <= entry["regularMarketDayHigh"] <= entry["fiftyTwoWeekHigh"]
    assert ("bid" in entry) is (kind not in {"INDEX", "CURRENCY"})
    assert ("marketCap" in entry) is (kind in {"EQUITY", "CRYPTOCURRENCY"})
    assert (entry["regularMarketVolume"] > 0) is (kind not in {"INDEX", "CURRENCY"})


async def test_a_quote_is_kites_of_fifteen_minutes_ago(client: YahooClient, market: SimulatedMarket) -> None:
    """The same market, only late."""
    entry = (await client.quotes("RELIANCE.NS"))["RELIANCE.NS"]

    token = market.by_key["NSE:RELIANCE"].instrument.instrument_token or 0
    shown = market.snapshot(token, MONDAY_MORNING - timedelta(minutes=15))
    assert shown is not None
    assert (entry["regularMarketPrice"], entry["regularMarketPreviousClose"]) == (shown.last_price, shown.close)
    assert (entry["regularMarketOpen"], entry["regularMarketVolume"]) == (shown.open, shown.volume)
    assert (entry["regularMarketDayHigh"], entry["regularMarketDayLow"]) == (shown.high, shown.low)


async def test_quotes_follow_the_clock_minute_by_minute(opens: Opens, market: SimulatedMarket) -> None:
    """What is remembered of a session changes nothing: after seconds, minutes, hours and back."""
    token = market.by_key["NSE:TCS"].instrument.instrument_token or 0
    async with opens(yahoo_delay_seconds=0.0) as sandbox, yahoo_client(sandbox) as client:
        for seconds in (0, 7, 61, 180, 4_000, 90_000, -90_300):
            sandbox.clock.shift(seconds=seconds)
            entry = (await client.quotes("TCS.NS"))["TCS.NS"]
            shown = market.snapshot(token, sandbox.clock.now())
            assert shown is not None
            assert entry["regularMarketPrice"] == shown.last_price
            assert (entry["regularMarketDayHigh"], entry["regularMarketDayLow"]) == (shown.high, shown.low)
            assert (entry["regularMarketVolume"], entry["regularMarketPreviousClose"]) == (shown.volume, shown.close)


async def test_the_unknown_is_absent_and_the_rest_in_the_order_asked(client: YahooClient) -> None:
    """No error for it; doubles come once; series of Kite's are left out of names."""
    asked = (
        "M&M.NS",
        "NOSUCH.NS",
        "BAJAJ-AUTO.NS",
        "HATHWAY.NS",
        "HATHWAY-BE.NS",
        "M&M.NS",
        "INFY",
        "925IIFL32A-N0.NS",
    )

    assert list(await client.quotes(*asked)) == ["M&M.NS", "BAJAJ-AUTO.NS", "HATHWAY.NS"]
    assert await client.quotes("NOSUCH.NS") == {}


async def test_at_most_99_symbols(client: YahooClient) -> None:
    """One more is an error of Yahoo's machines, and none at all a complaint."""
    assert len(await client.quotes(*["INFY.NS"] * 99)) == 1
    answer = await client.quote(*["INFY.NS"] * 100)
    assert (answer.status_code, answer.json()["quoteResponse"]["error"]["code"]) == (500, "internal-error")
    assert (await client.quote()).status_code == 400


async def test_requests_are_counted_with_their_symbols(client: YahooClient, sandbox) -> None:
    """By class, path and number."""
    await client.quotes("INFY.NS", "TCS.NS")
    await client.chart("INFY.NS", range="1d")

    seen = [(request.endpoint, request.instruments) for request in sandbox.requests]
    assert ("yahoo_quote", 2) in seen
    assert (sandbox.count("yahoo_chart"), sandbox.parts.traffic.by_path["/v8/finance/chart"]) == (1, 1)


CLOSED = [
    (datetime(2026, 11, 22, 12, 0, tzinfo=IST), "^NSEI", datetime(2026, 11, 20, 15, 30, tzinfo=IST)),
    (datetime(2026, 11, 22, 12, 0, tzinfo=IST), "^GSPC", datetime(2026, 11, 21, 2, 30, tzinfo=IST)),
    (datetime(2026, 11, 23, 9, 20, tzinfo=IST), "^NSEI", datetime(2026, 11, 20, 15, 30, tzinfo=IST)),
]
"""Instants, symbols, and when they traded last: New York closes at 02:30 in India; at 09:20 Yahoo sees 09:05."""


@pytest.mark.parametrize(("at", "symbol", "last"), CLOSED)
async def test_a_closed_market_shows_its_last_session(opens: Opens, at: datetime, symbol: str, last: datetime) -> None:
    """CLOSED, the time of the last trade, and the change of that session."""
    async with opens(at, calendar="indian") as sandbox, yahoo_client(sandbox) as client:
        entry = (await client.quotes(symbol))[symbol]
        chart = await client.chart(symbol, range="5d", interval="1d")

    assert (entry["marketState"], entry["regularMarketTime"]) == ("CLOSED", int(last.timestamp()))
    closes = chart["indicators"]["quote"][0]["close"]
    hint = entry["priceHint"]
    assert (entry["regularMarketPreviousClose"], entry["regularMarketPrice"]) == (
        round(closes[-2], hint),
        round(closes[-1], hint),
    )


async def test_an_exchange_is_open_by_its_own_clock(opens: Opens) -> None:
    """At 20:30 in India it is ten in the morning in New York, and Bombay sleeps; before the bell it is PRE."""
    at = datetime(2026, 11, 23, 20, 30, tzinfo=IST)
    async with opens(at, calendar="indian") as sandbox, yahoo_client(sandbox) as client:
        open_now = await client.quotes("AAPL", "^NSEI", "BTC-USD", "^FTSE")
        sandbox.clock.shift(hours=-1)
        before = await client.quotes("AAPL")

    states = {symbol: entry["marketState"] for symbol, entry in open_now.items()}
    assert states == {"AAPL": "REGULAR", "^NSEI": "CLOSED", "BTC-USD": "REGULAR", "^FTSE": "REGULAR"}
    assert before["AAPL"]["marketState"] == "PRE"
