"""One entry of `quoteResponse.result`: the fields that Yahoo sends, by the type of what is quoted.

Comes in: a security, its reading and its fundamentals. Goes out: a JSON object. Pure; called by the quote endpoint and,
for the price module, by the summaries.
"""

from datetime import datetime
from typing import Any

from app.sandbox.yahoo.board import Reading
from app.sandbox.yahoo.directory import Security
from app.sandbox.yahoo.fundamentals import FIRST_TRADE, Fundamentals

TYPE_NAMES = {
    "EQUITY": "Equity",
    "ETF": "ETF",
    "INDEX": "Index",
    "CURRENCY": "Currency",
    "FUTURE": "Futures",
    "CRYPTOCURRENCY": "Cryptocurrency",
}
TRADED = frozenset({"EQUITY", "ETF", "FUTURE", "CRYPTOCURRENCY"})
"""What has a volume of its own."""
INDIA = "in_market"
_FLAGS = {"language": "en-US", "region": "US", "triggerable": True, "customPriceAlertConfidence": "HIGH"}


def quote_fields(
    security: Security, reading: Reading, facts: Fundamentals, *, delay_minutes: int, state: str
) -> dict[str, Any]:
    """The whole entry. Prices in the security's currency, `...Percent` in percent, times in seconds."""
    fields = _naming(security) | _market(security, reading, delay_minutes, state) | _year(security, reading, facts)
    if security.quote_type in TRADED:
        fields |= _book(security, reading, facts)
    if security.quote_type in {"EQUITY", "ETF"}:
        fields |= {"longName": security.name, "financialCurrency": security.currency}
    if security.quote_type == "EQUITY":
        fields |= _company(security, reading, facts)
    elif security.quote_type == "INDEX":
        fields |= {"longName": security.name}
    elif security.quote_type == "FUTURE":
        fields |= _future(security, reading)
    elif security.quote_type == "CRYPTOCURRENCY":
        fields |= _coin(security, reading, facts)
    return fields


def delisted_fields(security: Security) -> dict[str, Any]:
    """What Yahoo still says of something that trades no more: who it was, and no price."""
    return _FLAGS | {
        "quoteType": "MUTUALFUND",
        "typeDisp": "Fund",
        "exchange": "YHD",
        "fullExchangeName": "YHD",
        "market": "us_market",
        "marketState": "CLOSED",
        "tradeable": False,
        "priceHint": 2,
        "symbol": security.symbol,
    }


def _naming(security: Security) -> dict[str, Any]:
    return _FLAGS | {
        "symbol": security.symbol,
        "quoteType": security.quote_type,
        "typeDisp": TYPE_NAMES[security.quote_type],
        "shortName": security.short_name,
        "currency": security.currency,
        "exchange": security.venue.code,
        "fullExchangeName": security.venue.name,
        "market": security.venue.market,
        "priceHint": security.price_hint,
        "firstTradeDateMilliseconds": int(FIRST_TRADE.timestamp()) * 1000,
        "hasPrePostMarketData": security.venue.extended,
        "esgPopulated": False,
        "tradeable": False,
        "cryptoTradeable": security.quote_type == "CRYPTOCURRENCY",
        "corporateActions": [],
    }


def _market(security: Security, reading: Reading, delay_minutes: int, state: str) -> dict[str, Any]:
    low, high = reading.low, reading.high
    return {
        "marketState": state,
        "regularMarketPrice": reading.price,
        "regularMarketChange": reading.change,
        "regularMarketChangePercent": reading.change_percent,
        "regularMarketTime": int(reading.time.timestamp()),
        "regularMarketOpen": reading.open,
        "regularMarketDayHigh": high,
        "regularMarketDayLow": low,
        "regularMarketDayRange": f"{low} - {high}",
        "regularMarketVolume": reading.volume if security.quote_type in TRADED else 0,
        "regularMarketPreviousClose": reading.previous_close,
        "quoteSourceName": "Delayed Quote" if delay_minutes else "Free Realtime Quote",
        "sourceInterval": 15,
        "exchangeDataDelayedBy": delay_minutes,
        "exchangeTimezoneName": str(security.venue.zone),
        "exchangeTimezoneShortName": reading.time.strftime("%Z"),
        "gmtOffSetMilliseconds": milliseconds_east(reading.time),
    }


def milliseconds_east(at: datetime) -> int:
    """The offset from UTC of a local time."""
    offset = at.utcoffset()
    return int(offset.total_seconds() * 1000) if offset is not None else 0


def year_range(security: Security, reading: Reading, facts: Fundamentals) -> tuple[float, float]:
    """Low and high of 52 weeks; the day's own lie within."""
    decimals = security.price_hint
    return round(min(facts.year_low, reading.low), decimals), round(max(facts.year_high, reading.high), decimals)


def _year(security: Security, reading: Reading, facts: Fundamentals) -> dict[str, Any]:
    price, (low, high) = reading.price, year_range(security, reading, facts)
    fields = {
        "fiftyTwoWeekLow": low,
        "fiftyTwoWeekLowChange": price - low,
        "fiftyTwoWeekLowChangePercent": price / low - 1.0,
        "fiftyTwoWeekHigh": high,
        "fiftyTwoWeekHighChange": price - high,
        "fiftyTwoWeekHighChangePercent": price / high - 1.0,
        "fiftyTwoWeekRange": f"{low} - {high}",
        "fiftyTwoWeekChangePercent": (price / security.base_price - 1.0) * 100.0,
    }
    for name, average in (("fiftyDayAverage", 0.98), ("twoHundredDayAverage", 0.95)):
        mean = security.base_price * average
        fields |= {name: mean, f"{name}Change": price - mean, f"{name}ChangePercent": price / mean - 1.0}
    return fields


def _book(security: Security, reading: Reading, facts: Fundamentals) -> dict[str, Any]:
    """India's books have prices and no sizes at Yahoo."""
    decimals = security.price_hint
    sizes = 0 if security.venue.market == INDIA else 1 + reading.volume % 30
    return {
        "bid": round(reading.price - security.tick, decimals),
        "ask": round(reading.price + security.tick, decimals),
        "bidSize": sizes,
        "askSize": sizes,
        "averageDailyVolume3Month": facts.average_volume,
        "averageDailyVolume10Day": facts.average_volume * 9 // 10,
    }


def _company(security: Security, reading: Reading, facts: Fundamentals) -> dict[str, Any]:
    price = reading.price
    fields: dict[str, Any] = {
        "sharesOutstanding": facts.shares,
        "marketCap": int(facts.shares * price),
        "bookValue": facts.book_value,
        "priceToBook": price / facts.book_value,
        "earningsTimestamp": _days_from(reading.time, -40),
        "earningsTimestampStart": _days_from(reading.time, 52),
        "earningsTimestampEnd": _days_from(reading.time, 52),
        "isEarningsDateEstimate": True,
        "displayName": security.short_name.title(),
    }
    if facts.eps is not None:
        fields["epsTrailingTwelveMonths"] = facts.eps
        fields |= {"trailingPE": price / facts.eps} if facts.eps > 0 else {}
    if facts.eps_forward is not None:
        fields |= {"epsForward": facts.eps_forward, "forwardPE": price / facts.eps_forward}
    if facts.dividend is not None:
        rate = facts.dividend
        fields |= {"trailingAnnualDividendRate": rate, "trailingAnnualDividendYield": rate / reading.previous_close}
        fields |= {"dividendRate": rate, "dividendYield": round(rate / price * 100.0, 2)}
        fields["dividendDate"] = _days_from(reading.time, -120)
    if facts.analyst_mean is not None:
        fields["averageAnalystRating"] = f"{facts.analyst_mean} - {_rating(facts.analyst_mean)}"
    return fields


def _rating(mean: float) -> str:
    return next(name for above, name in ((3.5, "Underperform"), (2.5, "Hold"), (1.5, "Buy"), (0.0, "Strong Buy"))
                if mean >= above)  # fmt: skip


def _future(security: Security, reading: Reading) -> dict[str, Any]:
    head = security.symbol.partition("=")[0]
    return {
        "underlyingSymbol": f"{head}Z{reading.time:%y}.{security.venue.code}",
        "headSymbolAsString": security.symbol,
        "contractSymbol": False,
        "openInterest": 1_000 * (1 + int(reading.time.timestamp()) // 86_400 % 400),
        "expireDate": _days_from(reading.time, 30),
    }


def _coin(security: Security, reading: Reading, facts: Fundamentals) -> dict[str, Any]:
    coin, _, money = security.symbol.partition("-")
    return {
        "longName": security.name,
        "fromCurrency": coin,
        "toCurrency": f"{money}=X",
        "lastMarket": "CoinMarketCap",
        "circulatingSupply": facts.shares,
        "marketCap": int(facts.shares * reading.price),
        "volume24Hr": reading.volume,
        "volumeAllCurrencies": reading.volume,
    }


def _days_from(at: datetime, days: int) -> int:
    """An instant in whole days from midnight, UTC."""
    return (int(at.timestamp()) // 86_400 + days) * 86_400
