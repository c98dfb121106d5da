"""The `meta` of a chart. Pure; called by the chart endpoint."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from app.sandbox.yahoo.board import Reading
from app.sandbox.yahoo.directory import Security
from app.sandbox.yahoo.fundamentals import FIRST_TRADE, Fundamentals
from app.sandbox.yahoo.intervals import RANGES
from app.sandbox.yahoo.quote_fields import year_range
from app.sandbox.yahoo.span import Span
from app.sandbox.yahoo.today import DAY

Hours = tuple[timedelta, timedelta]
"""When the ordinary day begins and ends, from local midnight."""


def chart_meta(
    security: Security,
    span: Span,
    reading: Reading | None,
    *,
    facts: Fundamentals,
    hours: Hours,
    days: Iterable[datetime],
) -> dict[str, Any]:
    """Who is charted, what it shows now, and how the answer is to be read. `days`: local midnights, for intraday."""
    meta = {
        "currency": security.currency,
        "symbol": security.symbol,
        "exchangeName": security.venue.code,
        "fullExchangeName": security.venue.name,
        "instrumentType": security.quote_type,
        "firstTradeDate": int(FIRST_TRADE.timestamp()),
        "hasPrePostMarketData": security.venue.extended,
        "gmtoffset": _offset(span.end),
        "timezone": span.end.strftime("%Z"),
        "exchangeTimezoneName": str(security.venue.zone),
        "longName": security.name,
        "shortName": security.short_name,
        "priceHint": security.price_hint,
        "dataGranularity": span.grain.name,
        "range": span.range,
        "validRanges": [*list(RANGES), "ytd", "max"],
    }
    if reading is None:
        return meta
    low, high = year_range(security, reading, facts)
    meta |= {
        "regularMarketTime": int(reading.time.timestamp()),
        "regularMarketPrice": reading.price,
        "regularMarketDayHigh": reading.high,
        "regularMarketDayLow": reading.low,
        "regularMarketVolume": reading.volume,
        "fiftyTwoWeekHigh": high,
        "fiftyTwoWeekLow": low,
        "currentTradingPeriod": _current(security, reading, hours),
    }
    if span.grain.intraday:
        periods = [[_period(day + hours[0], day + hours[1])] for day in days]
        meta |= {"previousClose": reading.previous_close, "scale": 3, "tradingPeriods": periods}
    return meta


def _current(security: Security, reading: Reading, hours: Hours) -> dict[str, Any]:
    opens, closes = reading.session + hours[0], reading.session + hours[1]
    before, after = opens, closes
    if security.venue.extended and closes - opens < DAY:
        before, after = opens - timedelta(hours=5, minutes=30), closes + timedelta(hours=4)
    return {"pre": _period(before, opens), "regular": _period(opens, closes), "post": _period(closes, after)}


def _period(start: datetime, end: datetime) -> dict[str, Any]:
    return {
        "timezone": start.strftime("%Z"),
        "start": int(start.timestamp()),
        "end": int(end.timestamp()),
        "gmtoffset": _offset(start),
    }


def _offset(at: datetime) -> int:
    offset = at.utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0
