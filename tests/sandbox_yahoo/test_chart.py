"""`/v8/finance/chart`: the bars of Kite's side in Yahoo's shape, with its quirks and limits."""

from datetime import datetime, timedelta

import httpx
import pytest

from app.domain.time import IST
from app.sandbox.market import SimulatedMarket
from app.sandbox.shapes import Bar
from tests.sandbox_yahoo.client import YahooClient, rows, yahoo_client
from tests.sandbox_yahoo.conftest import Opens
from tests.support.clock import MONDAY_MORNING
from tests.support.sandbox import RunningSandbox, plain_client

SEEN = MONDAY_MORNING - timedelta(minutes=15)
"""What Yahoo sees of India on Monday morning."""
EVENING = datetime(2026, 11, 23, 21, 0, tzinfo=IST)


def kite_rows(bars: list[Bar]) -> list[tuple[object, ...]]:
    """Kite's bars as rows of a chart."""
    return [(int(bar.time.timestamp()), *bar[1:6]) for bar in bars]


def stamp(at: datetime) -> int:
    """Seconds since the epoch."""
    return int(at.timestamp())


async def test_bars_are_those_that_kite_serves(sandbox: RunningSandbox, client: YahooClient) -> None:
    """The same open, high, low, close and volume, asked of both sides of the same sandbox over their own wires."""
    start, end = MONDAY_MORNING - timedelta(hours=3), MONDAY_MORNING - timedelta(hours=1)
    token = await sandbox.login()
    headers = {"X-Kite-Version": "3", "Authorization": f"token {sandbox.api_key}:{token}"}
    wanted = {"from": f"{start:%Y-%m-%d %H:%M:%S}", "to": f"{end - timedelta(minutes=5):%Y-%m-%d %H:%M:%S}"}
    async with plain_client(base_url=sandbox.url, headers=headers) as kite:
        answer = await kite.get("/instruments/historical/408065/5minute", params=wanted)
    candles = answer.raise_for_status().json()["data"]["candles"]

    chart = await client.chart("INFY.NS", interval="5m", period1=stamp(start), period2=stamp(end))

    assert len(candles) == 24
    assert rows(chart) == [(stamp(datetime.fromisoformat(time)), *numbers) for time, *numbers in candles]


@pytest.mark.parametrize(
    ("symbol", "key", "interval", "kites"),
    [
        ("M&M.NS", "NSE:M&M", "15m", "15minute"),
        ("500325.BO", "BSE:RELIANCE", "30m", "30minute"),
        ("^NSEBANK", "NSE:NIFTY BANK", "1h", "60minute"),
        ("^NSEI", "NSE:NIFTY 50", "1m", "minute"),
    ],
)
async def test_every_indian_symbol_has_kites_prices(
    client: YahooClient, market: SimulatedMarket, symbol: str, key: str, interval: str, kites: str
) -> None:
    """Shares of both exchanges and indices; 60m is answered as 1h."""
    start, end = MONDAY_MORNING - timedelta(hours=8), MONDAY_MORNING - timedelta(hours=2)
    token = market.by_key[key].instrument.instrument_token or 0

    chart = await client.chart(symbol, interval=interval, period1=stamp(start), period2=stamp(end))

    assert chart["meta"]["dataGranularity"] == interval
    assert rows(chart) == kite_rows(market.candles(token, kites, start, end, now=SEEN))


async def test_prices_are_widened_from_32_bits(client: YahooClient) -> None:
    """Yahoo sends 1412.949951171875 for 1412.95, so who does not round sees other prices."""
    chart = await client.chart("INFY.NS", interval="5m", range="1d")

    hint, closes = chart["meta"]["priceHint"], chart["indicators"]["quote"][0]["close"]
    assert any(close != round(close, hint) for close in closes)
    assert all(abs(close - round(close, hint)) < 1e-4 for close in closes)


async def test_a_share_has_minutes_without_a_trade_and_an_index_none(
    client: YahooClient, market: SimulatedMarket
) -> None:
    """Nulls in every column, and elsewhere Kite's numbers."""
    end = MONDAY_MORNING - timedelta(hours=1)
    query = {"interval": "1m", "period1": stamp(end - timedelta(hours=24)), "period2": stamp(end)}
    found = rows(await client.chart("INFY.NS", **query))
    bars = kite_rows(market.candles(408065, "minute", end - timedelta(hours=24), end, now=SEEN))

    gaps = [row for row in found if None in row]
    assert 0 < len(gaps) < len(found) / 50
    assert all(row[1:] == (None,) * 5 for row in gaps)
    assert [row for row in found if None not in row] == [
        bar for bar, row in zip(bars, found, strict=True) if None not in row
    ]
    assert not [row for row in rows(await client.chart("^NSEI", **query)) if None in row]


async def test_while_there_is_trading_the_last_row_is_live(client: YahooClient, market: SimulatedMarket) -> None:
    """After the bar that forms comes a point off the grid, without volume."""
    found = rows(await client.chart("INFY.NS", interval="5m", range="1d"))
    shown = market.snapshot(408065, SEEN)
    assert shown is not None

    price = shown.last_price
    assert found[-1] == (stamp(SEEN), price, price, price, price, 0)
    assert (found[-2][0], found[-2][4]) == (stamp(SEEN), price)


async def test_days_are_stamped_at_the_opening_and_today_at_its_last_trade(opens: Opens) -> None:
    """09:15 in India; only the day that goes on has another time."""
    async with opens(calendar="indian") as sandbox, yahoo_client(sandbox) as client:
        chart = await client.chart("INFY.NS", interval="1d", range="5d")
        meta = chart["meta"]

    times = [datetime.fromtimestamp(time, IST) for time in chart["timestamp"]]
    assert [f"{time:%d %H:%M}" for time in times] == ["17 09:15", "18 09:15", "19 09:15", "20 09:15", "23 09:45"]
    assert (meta["exchangeTimezoneName"], meta["gmtoffset"], meta["timezone"]) == ("Asia/Kolkata", 19_800, "IST")
    period = meta["currentTradingPeriod"]["regular"]
    assert (period["start"], period["end"]) == (
        stamp(SEEN.replace(hour=9, minute=15)),
        stamp(SEEN.replace(hour=15, minute=30)),
    )
    assert meta["chartPreviousClose"] is not None


@pytest.mark.parametrize(("interval", "first"), [("1wk", "2026-11-16"), ("1mo", "2026-11-01"), ("3mo", "2026-10-01")])
async def test_longer_bars_have_today_as_a_row_of_its_own(
    client: YahooClient, market: SimulatedMarket, interval: str, first: str
) -> None:
    """The bar before it is the merge of its days, from midnight of its first."""
    chart = await client.chart("INFY.NS", interval=interval, range="6mo")
    start = datetime.fromisoformat(first).replace(tzinfo=IST)
    days = market.candles(408065, "day", start, SEEN.replace(hour=0, minute=0), now=SEEN)
    whole, live = rows(chart)[-2:]

    assert live[0] == stamp(SEEN)
    assert whole == (
        stamp(start),
        days[0].open,
        max(day.high for day in days),
        min(day.low for day in days),
        days[-1].close,
        sum(day.volume for day in days),
    )


@pytest.mark.parametrize(("interval", "source", "parts"), [("2m", "minute", 2), ("90m", "30minute", 3)])
async def test_intervals_that_kite_lacks_are_merged_from_the_opening_on(
    opens: Opens, indian_market: SimulatedMarket, interval: str, source: str, parts: int
) -> None:
    """09:15, 09:17 ... and 09:15, 10:45 ...; the last of a day may be short."""
    day = datetime(2026, 11, 20, tzinfo=IST)
    async with opens(calendar="indian") as sandbox, yahoo_client(sandbox) as client:
        query = {"period1": stamp(day), "period2": stamp(day + timedelta(days=1))}
        found = rows(await client.chart("^NSEI", interval=interval, **query))
    token = indian_market.by_key["NSE:NIFTY 50"].instrument.instrument_token or 0
    bars = indian_market.candles(token, source, day, day + timedelta(days=1), now=SEEN)

    groups = [bars[at : at + parts] for at in range(0, len(bars), parts)]
    assert found == [
        (
            stamp(part[0].time),
            part[0].open,
            max(bar.high for bar in part),
            min(bar.low for bar in part),
            part[-1].close,
            0,
        )
        for part in groups
    ]


async def test_a_session_that_ends_after_midnight_in_india_is_one_day(opens: Opens) -> None:
    """New York's day is New York's; a day's bar is the merge of its hours."""
    async with opens(EVENING, calendar="indian") as sandbox, yahoo_client(sandbox) as client:
        days = await client.chart("^GSPC", interval="1d", range="5d")
        hours = rows(await client.chart("^GSPC", interval="1h", range="5d"))

    friday = rows(days)[-2]
    assert datetime.fromtimestamp(friday[0], IST).isoformat() == "2026-11-20T20:00:00+05:30"
    parts = [row for row in hours if friday[0] <= row[0] < friday[0] + 86_400]
    assert len(parts) == 7
    assert (friday[1], friday[4]) == (parts[0][1], parts[-1][4])
    assert (friday[2], friday[3]) == (max(row[2] for row in parts), min(row[3] for row in parts))
    assert days["meta"]["timezone"] == "EST"


async def test_dividends_are_events_and_lower_earlier_adjusted_closes(client: YahooClient) -> None:
    """Adjusted closes differ before the day without the dividend, and only there."""
    chart = await client.chart("INFY.NS", interval="1d", range="6mo", events="div,splits")
    [event] = chart["events"]["dividends"].values()
    adjusted = chart["indicators"]["adjclose"][0]["adjclose"]
    closes = chart["indicators"]["quote"][0]["close"]

    assert event["amount"] > 0
    for time, close, lowered in zip(chart["timestamp"], closes, adjusted, strict=True):
        assert (lowered < close - 0.01) is (time < event["date"])
    assert "events" not in await client.chart("INFY.NS", interval="1d", range="6mo")


async def test_intraday_charts_tell_their_days(client: YahooClient) -> None:
    """A period for each day, which days do not have; and no adjusted closes."""
    chart = await client.chart("AAPL", interval="1h", range="5d")

    assert len(chart["meta"]["tradingPeriods"]) == 5
    assert "adjclose" not in chart["indicators"]
    assert "tradingPeriods" not in (await client.chart("AAPL", range="5d", interval="1d"))["meta"]


async def test_a_span_without_bars_has_meta_data_alone(opens: Opens) -> None:
    """A Sunday."""
    sunday = datetime(2026, 11, 22, tzinfo=IST)
    async with opens(calendar="indian") as sandbox, yahoo_client(sandbox) as client:
        chart = await client.chart("INFY.NS", period1=stamp(sunday), period2=stamp(sunday + timedelta(hours=20)))

    assert "timestamp" not in chart
    assert chart["indicators"] == {"quote": [{}], "adjclose": [{}]}
    assert chart["meta"]["symbol"] == "INFY.NS"


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, code and description."""
    body = answer.json()["chart"]
    assert body["result"] is None
    return answer.status_code, body["error"]["code"], body["error"]["description"]


async def test_an_unknown_symbol_may_be_delisted(client: YahooClient) -> None:
    """404 in Yahoo's words."""
    assert refusal(await client.charted("NOSUCH.NS")) == (404, "Not Found", "No data found, symbol may be delisted")


def ago(**span: float) -> int:
    """An instant before Monday morning."""
    return stamp(MONDAY_MORNING - timedelta(**span))


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ({"interval": "1m", "period1": ago(days=9)}, 422, "Only 8 days worth of 1m granularity data"),
        ({"interval": "1m", "period1": ago(days=32), "period2": ago(days=30)}, 422, "within the last 30 days"),
        ({"interval": "1m", "range": "1mo"}, 422, "Only 8 days"),
        ({"interval": "2m", "period1": ago(days=62), "period2": ago(days=61)}, 422, "within the last 60 days"),
        ({"interval": "90m", "range": "6mo"}, 422, "within the last 60 days"),
        ({"interval": "1h", "period1": ago(days=732), "period2": ago(days=731)}, 422, "within the last 730 days"),
        ({"interval": "7m"}, 422, "interval=7m is not supported"),
        ({"range": "1x"}, 422, "range=1x is not supported"),
        ({"period1": "yesterday"}, 422, "period1=yesterday"),
        ({"period1": "9" * 30}, 422, "Invalid input"),
        ({"period1": ago(days=1), "period2": ago(days=2)}, 400, "start date cannot be after end date"),
        ({"period1": 0, "period2": 1_000_000}, 400, "Data doesn't exist"),
    ],
)
async def test_limits_are_yahoos(client: YahooClient, query: dict[str, object], status: int, words: str) -> None:
    """What goes too far back, is too long, or is no question."""
    found = refusal(await client.charted("INFY.NS", **query))

    assert found[0] == status
    assert words in found[2]


@pytest.mark.parametrize(
    "query",
    [
        {"interval": "1m", "period1": ago(days=8), "period2": ago(days=7)},
        {"interval": "1m", "range": "7d"},
        {"interval": "1m", "period1": ago(days=29.9), "period2": ago(days=29)},
        {"interval": "5m", "period1": ago(days=59.9), "period2": ago(days=59)},
        {"interval": "60m", "period1": ago(days=729.9), "period2": ago(days=729)},
        {"interval": "1d", "range": "ytd"},
    ],
)
async def test_what_lies_within_the_limits_is_answered(client: YahooClient, query: dict[str, object]) -> None:
    """Up to the edge."""
    assert rows(await client.chart("^NSEI", **query))
