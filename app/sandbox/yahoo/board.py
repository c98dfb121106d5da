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
from app.sandbox.yahoo.venues import AROUND_THE_CLOCK

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
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
        factor = 1.0 + self._faults.deviation(security.symbol) / BASIS
        bars = security.bars.candles(security.token, interval, start, end, now=self.seen_at(security))
        return [_moved(bar, factor, security.price_hint) for bar in bars] if factor != 1.0 else bars

    def reading(self, security: Security) -> Reading | None:
        """What it shows now; None if it never traded."""
        at = self.seen_at(security)
        midnight = at.replace(hour=0, minute=0, second=0)
        today = self.bars(security, "day", midnight, at + MINUTE)
        sessions = (*self._sessions_before(security, midnight), *today)
        if not sessions:
            return None
        last, before = sessions[-1], sessions[-2] if len(sessions) > 1 else None
        trading = bool(today) and self._trades(security, at)
        time = at if trading else self._end(security, last.time)
        close = before.close if before else last.open
        return Reading(last.close, last.open, last.high, last.low, close, last.volume, time, last.time, trading)

    def _trades(self, security: Security, at: datetime) -> bool:
        minute = at.replace(second=0)
        return bool(security.bars.candles(security.token, "minute", minute, minute + MINUTE, now=at))

    def _end(self, security: Security, session: datetime) -> datetime:
        """When a session's last minute ends, or ended so far."""
        minutes = security.bars.candles(security.token, "60minute", session, session + DAY, now=self.seen_at(security))
        last = security.bars.candles(
            security.token, "minute", minutes[-1].time, session + DAY, now=self.seen_at(security)
        )
        return (last[-1].time + MINUTE).astimezone(security.venue.zone)

    def _sessions_before(self, security: Security, midnight: datetime) -> Sequence[Bar]:
        """The last two day bars before a day, fewer if there are fewer."""
        key = (security.symbol, midnight)
        kept = self._before.get(key)
        if kept is None:
            kept = self._look_back(security, midnight)
            if len(self._before) >= MOST_REMEMBERED:
                self._before = {}
            self._before[key] = kept
        factor = 1.0 + self._faults.deviation(security.symbol) / BASIS
        return [_moved(bar, factor, security.price_hint) for bar in kept] if factor != 1.0 else kept

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
    opened, high, low, close = (round(price * factor, decimals) for price in bar[1:5])
    return Bar(bar.time, opened, high, low, close, bar.volume, bar.oi)
