"""What each security shows at an instant, as late as its exchange's delay makes it.

Comes in: a security and the sandbox's clock. Goes out: readings and bars. Read by the quotes, the charts' meta data and
the stream. The prices are those of the bars that Kite's side serves, moved by `yahoo_deviation` if that fault holds.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from app.ports import Clock
from app.sandbox.shapes import Bar
from app.sandbox.yahoo.directory import Security
from app.sandbox.yahoo.faults import YahooFaults
from app.sandbox.yahoo.today import DAY, MINUTE, SessionsSoFar
from app.sandbox.yahoo.venues import AROUND_THE_CLOCK

LOOK_BACK = (4, 16, 64, 400)
"""Days in which the last two sessions are looked for: weekends, long holidays, everything."""
MOST_REMEMBERED = 20_000
"""Sessions before a day, one for each symbol and day: three days of all symbols, 5 MB."""
BASIS = 10_000.0


class Reading(NamedTuple):
    """A security at an instant. Prices in its currency."""

    price: float
    open: float
    high: float
    low: float
    previous_close: float
    volume: int
    time: datetime
    """When it traded last, whole seconds; local to its exchange."""
    session: datetime
    """Midnight, local, of the day of that session."""
    trading: bool

    @property
    def change(self) -> float:
        """Since the close of the session before."""
        return self.price - self.previous_close

    @property
    def change_percent(self) -> float:
        """The same in percent."""
        return self.change / self.previous_close * 100.0


class Board:
    """Readings of one sandbox. Safe to call from several threads."""

    def __init__(self, clock: Clock, faults: YahooFaults, *, delay_seconds: float | None, always_open: bool) -> None:
        self._clock = clock
        self._faults = faults
        self._delay_seconds = delay_seconds
        self._always_open = always_open
        self._so_far = SessionsSoFar()
        self._ends: dict[str, tuple[Bar, datetime]] = {}
        self._before: dict[tuple[str, datetime], tuple[Bar, ...]] = {}

    def delay(self, security: Security) -> timedelta:
        """How late its prices are."""
        if self._delay_seconds is not None:
            return timedelta(seconds=self._delay_seconds)
        return timedelta(minutes=security.venue.delay_minutes)

    def seen_at(self, security: Security) -> datetime:
        """The instant that its prices are of; local to its exchange, whole seconds."""
        now = self._clock.now() - self.delay(security)
        return now.astimezone(security.venue.zone).replace(microsecond=0)

    def hours(self, security: Security) -> tuple[timedelta, timedelta]:
        """When its ordinary day begins and ends, from local midnight."""
        opens, closes = AROUND_THE_CLOCK if self._always_open else security.venue.hours
        return opens * MINUTE, closes * MINUTE

    def bars(self, security: Security, interval: str, start: datetime, end: datetime) -> list[Bar]:
        """Kite's bars that open in [start, end), as far as they are seen yet; the newest may be forming."""
        factor = self._factor(security)
        bars = security.bars.candles(security.token, interval, start, end, now=self.seen_at(security))
        return [_moved(bar, factor, security.price_hint) for bar in bars]

    def reading(self, security: Security) -> Reading | None:
        """What it shows now; None if it never traded."""
        at = self.seen_at(security)
        today, trading = self._so_far.today(security, at)
        sessions = (*self._sessions_before(security, at.replace(hour=0, minute=0, second=0)), today)
        factor = self._factor(security)
        known = [_moved(bar, factor, security.price_hint) for bar in sessions if bar is not None]
        if not known:
            return None
        last, before = known[-1], known[-2] if len(known) > 1 else None
        time = at if trading else self._end(security, last)
        close = before.close if before else last.open
        return Reading(last.close, last.open, last.high, last.low, close, last.volume, time, last.time, trading)

    def _end(self, security: Security, last: Bar) -> datetime:
        """When the last minute of a session ended that ended with this bar."""
        kept = self._ends.get(security.symbol)
        if kept is None or kept[0] != last:
            bars, token, now = security.bars, security.token, self.seen_at(security)
            hours = bars.candles(token, "60minute", last.time, last.time + DAY, now=now)
            minutes = bars.candles(token, "minute", hours[-1].time, last.time + DAY, now=now)
            kept = last, (minutes[-1].time + MINUTE).astimezone(security.venue.zone)
            self._ends[security.symbol] = kept
        return kept[1]

    def _factor(self, security: Security) -> float:
        """What the prices are multiplied by."""
        return 1.0 + self._faults.deviation(security.symbol) / BASIS

    def _sessions_before(self, security: Security, midnight: datetime) -> Sequence[Bar]:
        """The last two day bars before a day, fewer if there are fewer."""
        key = (security.symbol, midnight)
        kept = self._before.get(key)
        if kept is None:
            kept = self._look_back(security, midnight)
            if len(self._before) >= MOST_REMEMBERED:
                self._before = {}
            self._before[key] = kept
        return kept

    def _look_back(self, security: Security, midnight: datetime) -> tuple[Bar, ...]:
        found: list[Bar] = []
        for days in LOOK_BACK:
            found = security.bars.candles(
                security.token, "day", midnight - timedelta(days=days), midnight, now=midnight
            )
            if len(found) > 1:
                break
        return tuple(found[-2:])


def _moved(bar: Bar, factor: float, decimals: int) -> Bar:
    if factor == 1.0:
        return bar
    opened, high, low, close = (round(price * factor, decimals) for price in bar[1:5])
    return Bar(bar.time, opened, high, low, close, bar.volume, bar.oi)
