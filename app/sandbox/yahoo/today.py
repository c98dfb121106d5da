"""A session so far, minute by minute: what a day's bar says, at the cost of a minute's.

Comes in: a security and an instant. Goes out: the bar of its local day up to then. A day's bar is the merge of its
minutes, so it is enough to add the newest to what is remembered; forgetting it changes no answer. Asked by the board.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from app.sandbox.shapes import Bar
from app.sandbox.yahoo.directory import Security

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
LAST_SLOT = timedelta(milliseconds=500)
"""Before a minute's end, by which the minute is whole."""
LONGEST_ADDED = timedelta(minutes=30)
"""A longer gap costs less as a new day's bar."""


class Today(NamedTuple):
    """A local day up to an instant."""

    bar: Bar | None
    """None before the first trade of the day."""
    trading: bool
    """Whether the instant lies in continuous trading."""


class _Kept(NamedTuple):
    upto: datetime
    """The minute that is not in the bar any more."""
    bar: Bar | None


class SessionsSoFar:
    """The sessions of one board; an entry a symbol. Safe to call from several threads."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def today(self, security: Security, at: datetime) -> Today:
        """The day of an instant that is local to the security's exchange, in whole seconds."""
        minute = at.replace(second=0)
        kept = self._upto(security, minute)
        now = security.bars.candles(security.token, "minute", minute, minute + MINUTE, now=at)
        return Today(_joined(kept, now), trading=bool(now))

    def _upto(self, security: Security, minute: datetime) -> Bar | None:
        """The day's bar without the minute, which is remembered."""
        kept, midnight = self._kept.get(security.symbol), minute.replace(hour=0, minute=0)
        if kept is not None and kept.upto == minute:
            return kept.bar
        bars, end = security.bars, minute - LAST_SLOT
        if kept is None or not midnight <= kept.upto < minute <= kept.upto + LONGEST_ADDED:
            bar = next(iter(bars.candles(security.token, "day", midnight, minute, now=end)), None)
        else:
            bar = _joined(kept.bar, bars.candles(security.token, "minute", kept.upto, minute, now=end))
        self._kept[security.symbol] = _Kept(minute, bar)
        return bar


def _joined(day: Bar | None, minutes: Iterable[Bar]) -> Bar | None:
    for bar in minutes:
        if day is None:
            day = bar._replace(time=bar.time.replace(hour=0, minute=0))
        else:
            low, high = min(day.low, bar.low), max(day.high, bar.high)
            day = Bar(day.time, day.open, high, low, bar.close, day.volume + bar.volume, None)
    return day
