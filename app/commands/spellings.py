"""How people write intervals and instants on a command line. Pure; text comes in, domain values go out."""

from datetime import datetime

from app.domain.candles import Interval
from app.domain.time import IST

INTERVALS = {
    "minute": Interval.MINUTE,
    "1m": Interval.MINUTE,
    "3m": Interval.MINUTE_3,
    "5m": Interval.MINUTE_5,
    "10m": Interval.MINUTE_10,
    "15m": Interval.MINUTE_15,
    "30m": Interval.MINUTE_30,
    "60m": Interval.HOUR,
    "1h": Interval.HOUR,
    "hour": Interval.HOUR,
    "day": Interval.DAY,
    "1d": Interval.DAY,
    "week": Interval.WEEK,
    "1w": Interval.WEEK,
    "month": Interval.MONTH,
}
SPELLINGS = "minute or 1m, 3m, 5m, 10m, 15m, 30m, hour or 60m, day, week, month"


def parse_interval(text: str) -> Interval:
    """The interval of a word, or of GraphQL's name for it. Raises ValueError that says what there is."""
    found = INTERVALS.get(text.lower()) or next((each for each in Interval if each.value == text.upper()), None)
    if found is None:
        msg = f"--interval {text}: write {SPELLINGS}"
        raise ValueError(msg)
    return found


def parse_instant(option: str, text: str) -> datetime:
    """The instant, aware: a date is its midnight, and without an offset it is India's time. Raises ValueError."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        msg = (
            f"{option} {text}: write a date as 2015-01-31 or 2015-01-31T09:15, in India's time unless it has an offset"
        )
        raise ValueError(msg) from None
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=IST)
