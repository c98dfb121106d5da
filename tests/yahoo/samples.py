"""Instruments and payloads with the shapes that Yahoo sends."""

from datetime import UTC, datetime

from app.domain.instruments import Exchange, Instrument, InstrumentKind
from app.domain.time import ist_datetime


def instrument(
    instrument_id: str, kind: InstrumentKind = InstrumentKind.EQUITY, *, tick_size: float | None = 0.05
) -> Instrument:
    """A row of Kite's master."""
    exchange, symbol = instrument_id.split(":", 1)
    return Instrument(
        id=instrument_id,
        exchange=Exchange(exchange),
        symbol=symbol,
        name=None,
        kind=kind,
        segment=None,
        instrument_token=1,
        exchange_token=1,
        tick_size=tick_size,
        lot_size=1,
        expiry=None,
        strike=None,
        underlying_id=None,
        currency="INR",
    )


INFY = instrument("NSE:INFY")
RELIANCE = instrument("NSE:RELIANCE")
NIFTY = instrument("NSE:NIFTY 50", InstrumentKind.INDEX, tick_size=None)
FUTURE = instrument("NFO:NIFTY26NOVFUT", InstrumentKind.FUTURE)
NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
"""10:30 IST on a Monday."""
DAY_OPENS = ist_datetime(NOW.date(), 9, 15)


def epoch(hour: int, minute: int, second: int = 0) -> int:
    """Seconds since 1970 of an Indian wall clock on that Monday."""
    return int(ist_datetime(NOW.date(), hour, minute).timestamp()) + second


def chart(times: list[int], **changed: object) -> dict[str, object]:
    """v8's envelope: bars of 100, 101, 99, 100.5 and volume 10, unless `changed` says otherwise."""
    size = len(times)
    columns: dict[str, object] = {
        "open": [100.0] * size,
        "high": [101.0] * size,
        "low": [99.0] * size,
        "close": [100.5] * size,
        "volume": [10] * size,
    }
    meta = {
        "currency": "INR",
        "symbol": "INFY.NS",
        "exchangeName": "NSI",
        "instrumentType": "EQUITY",
        "regularMarketTime": epoch(10, 29, 58),
        "gmtoffset": 19800,
        "timezone": "IST",
        "exchangeTimezoneName": "Asia/Kolkata",
        "priceHint": 2,
        "currentTradingPeriod": {
            "regular": {"timezone": "IST", "start": epoch(9, 15), "end": epoch(15, 30), "gmtoffset": 19800}
        },
    }
    meta |= {key: value for key, value in changed.items() if key not in columns}
    columns |= {key: value for key, value in changed.items() if key in columns}
    result = {"meta": meta, "timestamp": times, "indicators": {"quote": [columns], "adjclose": [{"adjclose": [1.0]}]}}
    return {"chart": {"result": [result], "error": None}}


SUMMARY = {
    "quoteSummary": {
        "result": [
            {
                "summaryDetail": {
                    "maxAge": 1,
                    "currency": "INR",
                    "trailingPE": 23.5,
                    "dividendYield": 0.0245,
                    "beta": 0.35,
                    "fiftyTwoWeekHigh": 2006.449951171875,
                    "fiftyTwoWeekLow": 1307.0,
                    "marketCap": 6_300_000_000_000,
                },
                "defaultKeyStatistics": {"priceToBook": 7.4, "trailingEps": 64.5},
                "assetProfile": {"sector": "Technology", "industry": "Information Technology Services"},
                "price": {"regularMarketTime": 1795405500, "currency": "INR", "marketCap": 6_300_000_000_000},
            }
        ],
        "error": None,
    }
}
