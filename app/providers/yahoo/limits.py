"""What Yahoo is asked for and what it may cost, each number with its reason. Read by the whole provider.

Yahoo publishes no limit of this interface; what is not seen or measured is caution.
"""

from datetime import timedelta
from enum import StrEnum

from app.domain.candles import Interval
from app.ports import Clock
from app.providers.budget import Allowance, SourceBudgets


class Endpoint(StrEnum):
    """What a request is for: its budget, and the label of its metrics."""

    QUOTE = "yahoo_quote"
    CHART = "yahoo_chart"
    SUMMARY = "yahoo_summary"
    SESSION = "yahoo_session"
    """Cookie, consent and crumb, which yfinance asks for by itself."""


ALLOWANCES = {
    # One a second each: nobody was blocked at that pace (ranaroussi/yfinance, threads on 429). Waits as for Kite.
    Endpoint.QUOTE.value: Allowance(per_second=1, default_wait=5.0),
    Endpoint.CHART.value: Allowance(per_second=1, default_wait=10.0),
    Endpoint.SUMMARY.value: Allowance(per_second=1, default_wait=5.0),
    # A first call needs two of them before its own request, a refused crumb up to six.
    Endpoint.SESSION.value: Allowance(per_second=6, default_wait=3.0),
}

MAX_SYMBOLS = 90
"""Symbols of one quote request: it fails above 99 (joshuaulrich/quantmod 433, gadicc/yahoo-finance2 901)."""
MAX_URL_BYTES = 8_000
"""Proxies on the way commonly stop at 8 KB; 90 symbols have 2."""

INTERVAL_WORDS = {
    Interval.MINUTE: "1m",
    Interval.MINUTE_5: "5m",
    Interval.MINUTE_15: "15m",
    Interval.MINUTE_30: "15m",
    Interval.HOUR: "60m",
    Interval.DAY: "1d",
}
"""Yahoo's words. Half hours are joined from quarters: Yahoo answers 30m with hours (yfinance, scrapers/history.py).
It has no 3 and no 10 minutes; weeks and months are joined from days by the calendar, as Kite's are."""

_INTRADAY = timedelta(days=60)
LONGEST_SPANS = {
    Interval.MINUTE: timedelta(days=7),
    Interval.MINUTE_5: _INTRADAY,
    Interval.MINUTE_15: _INTRADAY,
    Interval.MINUTE_30: _INTRADAY,
    Interval.HOUR: timedelta(days=730),
    Interval.DAY: timedelta(days=99 * 365),
}
"""The longest span of one request (yfinance, scrapers/history.py; 1m: `only 8 days are allowed per request`)."""
REACHES = {**LONGEST_SPANS, Interval.MINUTE: timedelta(days=30)}
"""How far back from now there are bars at all (Yahoo: `must be within the last 30 days`, `the last 60 days` ...)."""

SETTLING = timedelta(minutes=30)
"""After its end a bar may still change for so long where Yahoo is delayed: its own longest delay."""

CONNECT_SECONDS = 3.05
"""One lost SYN is sent again after 3 s."""
ANSWER_SECONDS = 10.0
"""A whole call with cookie, crumb and retry; Yahoo answers in 0.3 s or not at all."""
GRACE_SECONDS = 1.0
"""What a caller waits beyond the thread's own deadline, so that the thread ends first and is not abandoned."""
IMPORT_SECONDS = 20.0
"""The first call also waits for the import of yfinance: 0.7 s, and many times that on a machine with other work."""
RETRY_AFTER_REFUSAL_MS = 10_000
"""Yahoo names no time; the budgets hold back for 1 to 10 s (app.providers.budget)."""

MAX_ANSWER_BYTES = 8 << 20
"""90 quotes are 0.2 MB, 99 years of days 3 MB; what is larger is no answer of Yahoo's."""
MAX_THREADS = 8
"""Answers that may be outstanding: three classes at 1 a second, most of them back within 2 s."""
MAX_REDIRECTS = 5
"""The way to the consent page has three."""


def yahoo_budgets(clock: Clock) -> SourceBudgets:
    """The request budgets of this process."""
    return SourceBudgets(ALLOWANCES, clock)
