"""What a chart request asks for: an interval and a span of time, within Yahoo's limits.

Comes in: the query. Goes out: a `Span`, or Yahoo's complaint. Called by the chart endpoint.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.time import from_epoch
from app.sandbox.yahoo.directory import Security
from app.sandbox.yahoo.errors import YahooError
from app.sandbox.yahoo.fundamentals import FIRST_TRADE
from app.sandbox.yahoo.intervals import DAYS_A_REQUEST, GRAINS, RANGES, Grain, range_start

ENVELOPE = "chart"
TOLERANCE = timedelta(minutes=5)
"""Clients count back from their own clock, so the limits are a little wider than they say."""
TRADING_DAYS = {"1d": 1, "5d": 5}
"""Ranges that count days of trading, not days."""
MAX_EPOCH = 253_402_300_799


@dataclass(frozen=True, slots=True)
class Span:
    """Bars that open in [start, end)."""

    grain: Grain
    start: datetime
    end: datetime
    """Both local to the exchange."""
    range: str
    """As it was asked for; empty with period1 and period2."""


def read_span(query: Mapping[str, str], security: Security, now: datetime) -> Span:
    """The span of a query. `now`: local to the exchange. Raises YahooError 400 or 422."""
    grain = GRAINS.get(query.get("interval", "1d"))
    if grain is None:
        raise _invalid(f"interval={query['interval'][:20]} is not supported. Valid intervals: [{', '.join(GRAINS)}]")
    if "period1" in query or "period2" in query:
        span = _periods(query, grain, security, now)
    else:
        span = _range(query.get("range", "1d"), grain, now)
    _check_reach(span, now)
    return span


def _invalid(text: str) -> YahooError:
    return YahooError(422, ENVELOPE, "Unprocessable Entity", f"Invalid input - {text}")


def _periods(query: Mapping[str, str], grain: Grain, security: Security, now: datetime) -> Span:
    start = _epoch(query, "period1", int(FIRST_TRADE.timestamp()))
    end = _epoch(query, "period2", int(now.timestamp()))
    stamps = f"startDate = {start}, endDate = {end}"
    if start > end:
        raise YahooError(400, ENVELOPE, "Bad Request", f"Invalid input - start date cannot be after end date. {stamps}")
    if end <= FIRST_TRADE.timestamp():
        raise YahooError(400, ENVELOPE, "Bad Request", f"Data doesn't exist for {stamps}")
    zone = security.venue.zone
    first = max(from_epoch(start), FIRST_TRADE).astimezone(zone)
    if not grain.intraday:
        first = first.replace(hour=0, minute=0, second=0)
    return Span(grain, first, from_epoch(end).astimezone(zone), "")


def _epoch(query: Mapping[str, str], name: str, otherwise: int) -> int:
    text = query.get(name, str(otherwise))
    try:
        value = int(text)
    except ValueError:
        raise _invalid(f"{name}={text[:20]}") from None
    if abs(value) > MAX_EPOCH:
        raise _invalid(f"{name}={text[:20]}")
    return max(value, 0)


def _range(name: str, grain: Grain, now: datetime) -> Span:
    try:
        start = range_start(name, now)
    except KeyError:
        raise _invalid(
            f"range={name[:20]} is not supported. Valid ranges: [{', '.join((*RANGES, 'ytd', 'max'))}]"
        ) from None
    first = FIRST_TRADE.astimezone(now.tzinfo)
    return Span(grain, max(start, first) if start else first, now + timedelta(minutes=1), name)


def _check_reach(span: Span, now: datetime) -> None:
    grain = span.grain
    if grain.reach_days is None:
        return
    asked = f"{grain.name} data not available for startTime={int(span.start.timestamp())}"
    asked = f"{asked} and endTime={int(span.end.timestamp())}."
    too_long = grain.name == "1m" and span.end - span.start > timedelta(days=DAYS_A_REQUEST) + TOLERANCE
    if too_long and now - span.start <= timedelta(days=grain.reach_days) + TOLERANCE:
        text = f"Only {DAYS_A_REQUEST} days worth of 1m granularity data are allowed to be fetched per request."
        raise YahooError(422, ENVELOPE, "Unprocessable Entity", f"{asked} {text}")
    if now - span.start > timedelta(days=grain.reach_days) + TOLERANCE:
        text = f"The requested range must be within the last {grain.reach_days} days."
        raise YahooError(422, ENVELOPE, "Unprocessable Entity", f"{asked} {text}")
