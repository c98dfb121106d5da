"""The modules of a summary: numbers as `{"raw": .., "fmt": ..}`, and `{}` where there is none.

Comes in: a subject. Goes out: a JSON object, or None for what has no such module. Pure; called by the summaries.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from app.sandbox.yahoo.board import Reading
from app.sandbox.yahoo.directory import Security
from app.sandbox.yahoo.fundamentals import FIRST_TRADE, Fundamentals
from app.sandbox.yahoo.quote_fields import INDIA, milliseconds_east, year_range

DAY_SECONDS = 86_400
_UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
MAX_AGE = {"maxAge": 1}


class Subject(NamedTuple):
    """Whom a summary is about."""

    security: Security
    reading: Reading
    facts: Fundamentals
    state: str
    """marketState, as in quotes."""


def number(value: float | None, decimals: int = 2) -> dict[str, Any]:
    """A plain number."""
    return {} if value is None else {"raw": value, "fmt": f"{value:,.{decimals}f}"}


def percent(fraction: float | None) -> dict[str, Any]:
    """A fraction, shown as percent."""
    return {} if fraction is None else {"raw": fraction, "fmt": f"{fraction * 100:.2f}%"}


def large(value: float | None) -> dict[str, Any]:
    """A large number, shown in thousands, millions, billions or trillions."""
    if value is None:
        return {}
    size, unit = next(((size, unit) for size, unit in _UNITS if abs(value) >= size), (1.0, ""))
    whole = int(value)
    return {"raw": whole, "fmt": f"{value / size:.2f}{unit}", "longFmt": f"{whole:,}"}


def day(subject: Subject, days: int) -> dict[str, Any]:
    """A date in days from the session's."""
    at = (int(subject.reading.time.timestamp()) // DAY_SECONDS + days) * DAY_SECONDS
    return {"raw": at, "fmt": f"{subject.reading.time:%Y-%m-%d}"}


def _is_company(subject: Subject) -> bool:
    return subject.security.quote_type == "EQUITY"


def _ratio(price: float, earnings: float | None) -> float | None:
    return price / earnings if earnings is not None and earnings > 0 else None


def _summary_detail(subject: Subject) -> dict[str, Any]:
    security, reading, facts, _ = subject
    low, high = year_range(security, reading, facts)
    company = _is_company(subject)
    return MAX_AGE | {
        "priceHint": number(security.price_hint, 0) | {"longFmt": str(security.price_hint)},
        "previousClose": number(reading.previous_close),
        "open": number(reading.open),
        "dayLow": number(reading.low),
        "dayHigh": number(reading.high),
        "regularMarketPreviousClose": number(reading.previous_close),
        "volume": large(reading.volume),
        "averageVolume": large(facts.average_volume),
        "fiftyTwoWeekLow": number(low),
        "fiftyTwoWeekHigh": number(high),
        "dividendRate": number(facts.dividend if company else None),
        "dividendYield": percent(facts.dividend / reading.price if company and facts.dividend else None),
        "payoutRatio": percent(_payout(facts) if company else None),
        "beta": number(facts.beta if company else None, 3),
        "trailingPE": number(_ratio(reading.price, facts.eps) if company else None),
        "forwardPE": number(_ratio(reading.price, facts.eps_forward) if company else None),
        "marketCap": large(facts.shares * reading.price if company else None),
        "priceToSalesTrailing12Months": number(_sales_ratio(facts, reading) if company else None),
        "currency": security.currency,
        "tradeable": False,
    }


def _payout(facts: Fundamentals) -> float | None:
    return facts.dividend / facts.eps if facts.dividend and facts.eps and facts.eps > 0 else None


def _margin(facts: Fundamentals) -> float:
    """Of profit, tied to the company's other draws."""
    return 0.05 + facts.beta / 10.0


def _revenue(facts: Fundamentals) -> float:
    earnings = abs(facts.eps if facts.eps is not None else facts.book_value / 10.0)
    return facts.shares * earnings / _margin(facts)


def _sales_ratio(facts: Fundamentals, reading: Reading) -> float:
    return facts.shares * reading.price / _revenue(facts)


def _key_statistics(subject: Subject) -> dict[str, Any] | None:
    if not _is_company(subject):
        return None
    facts, price = subject.facts, subject.reading.price
    return MAX_AGE | {
        "enterpriseValue": large(facts.shares * price * 1.08),
        "forwardPE": number(_ratio(price, facts.eps_forward)),
        "profitMargins": percent(_margin(facts)),
        "floatShares": large(facts.shares * 0.55),
        "sharesOutstanding": large(facts.shares),
        "heldPercentInsiders": percent(0.45),
        "heldPercentInstitutions": percent(0.31),
        "beta": number(facts.beta, 3),
        "bookValue": number(facts.book_value, 3),
        "priceToBook": number(price / facts.book_value),
        "lastFiscalYearEnd": day(subject, -236),
        "mostRecentQuarter": day(subject, -53),
        "netIncomeToCommon": large(None if facts.eps is None else facts.eps * facts.shares),
        "trailingEps": number(facts.eps),
        "forwardEps": number(facts.eps_forward),
        "lastDividendValue": number(facts.dividend),
        "52WeekChange": percent(price / subject.security.base_price - 1.0),
    }


def _asset_profile(subject: Subject) -> dict[str, Any] | None:
    if not _is_company(subject):
        return None
    security, facts = subject.security, subject.facts
    indian = security.venue.market == INDIA
    return {
        "maxAge": DAY_SECONDS,
        "address1": "1 Simulation Road",
        "city": "Mumbai" if indian else "New York",
        "country": "India" if indian else "United States",
        "website": "https://www.example.com",
        "industry": facts.industry,
        "sector": facts.sector,
        "longBusinessSummary": f"{security.name} is simulated by the sandbox; nothing of this is true.",
        "fullTimeEmployees": facts.employees,
        "companyOfficers": [],
    }


def _price(subject: Subject) -> dict[str, Any]:
    security, reading, facts, state = subject
    return MAX_AGE | {
        "regularMarketChangePercent": percent(reading.change_percent / 100.0),
        "regularMarketChange": number(reading.change),
        "regularMarketTime": int(reading.time.timestamp()),
        "priceHint": number(security.price_hint, 0),
        "regularMarketPrice": number(reading.price),
        "regularMarketDayHigh": number(reading.high),
        "regularMarketDayLow": number(reading.low),
        "regularMarketVolume": large(reading.volume),
        "regularMarketPreviousClose": number(reading.previous_close),
        "regularMarketOpen": number(reading.open),
        "exchange": security.venue.code,
        "exchangeName": security.venue.name,
        "marketState": state,
        "quoteType": security.quote_type,
        "symbol": security.symbol,
        "shortName": security.short_name,
        "longName": security.name,
        "currency": security.currency,
        "marketCap": large(facts.shares * reading.price if _is_company(subject) else None),
    }


def _quote_type(subject: Subject) -> dict[str, Any]:
    security = subject.security
    return MAX_AGE | {
        "exchange": security.venue.code,
        "quoteType": security.quote_type,
        "symbol": security.symbol,
        "underlyingSymbol": security.symbol,
        "shortName": security.short_name,
        "longName": security.name,
        "firstTradeDateEpochUtc": int(FIRST_TRADE.timestamp()),
        "timeZoneFullName": str(security.venue.zone),
        "timeZoneShortName": subject.reading.time.strftime("%Z"),
        "gmtOffSetMilliseconds": milliseconds_east(subject.reading.time),
    }


def _financial_data(subject: Subject) -> dict[str, Any] | None:
    if not _is_company(subject):
        return None
    facts, price = subject.facts, subject.reading.price
    revenue = _revenue(facts)
    return {
        "maxAge": DAY_SECONDS,
        "currentPrice": number(price),
        "targetMeanPrice": number(price * 1.1 if facts.analyst_mean is not None else None),
        "recommendationMean": number(facts.analyst_mean, 1),
        "recommendationKey": "none" if facts.analyst_mean is None else "buy",
        "totalRevenue": large(revenue),
        "revenuePerShare": number(revenue / facts.shares),
        "returnOnEquity": percent(None if facts.eps is None else facts.eps / facts.book_value),
        "debtToEquity": number(facts.beta * 40.0),
        "profitMargins": percent(_margin(facts)),
        "operatingMargins": percent(_margin(facts) * 1.4),
        "revenueGrowth": percent(facts.beta / 8.0),
        "earningsGrowth": percent(None if facts.eps is None else facts.beta / 6.0),
        "financialCurrency": subject.security.currency,
    }


MODULES: Mapping[str, Callable[[Subject], dict[str, Any] | None]] = MappingProxyType(
    {
        "summaryDetail": _summary_detail,
        "defaultKeyStatistics": _key_statistics,
        "assetProfile": _asset_profile,
        "price": _price,
        "financialData": _financial_data,
        "quoteType": _quote_type,
    }
)
"""By the name that a client sends."""
