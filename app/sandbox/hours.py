"""When an instrument trades, in whole minutes since the epoch, and where an instant falls.

`TradingHours` is what the simulated market needs of a calendar; `Sessions` remembers its answers, which changes
nothing but the time they take.
"""

import math
from datetime import date, datetime, timedelta
from typing import NamedTuple, Protocol

from app.domain.candles import CandleRange
from app.domain.instruments import Instrument
from app.sandbox.rules import IST_MINUTES, MINUTES_A_DAY
from app.sandbox.spots import SLOTS
from app.sandbox.universe import Listed

SLOTS_A_SECOND = 2
SECONDS_A_MINUTE = 60
EPOCH = date(1970, 1, 1)
ONE_DAY = timedelta(days=1)
LONGEST_CLOSURE = 400
"""Days to look back for a session; a calendar without trading for longer has none."""
MOST_REMEMBERED = 50_000
"""Answers of the calendar: four days of a full universe, or 25 full histories of days; 10 MB."""

Spans = tuple[tuple[int, int], ...]
"""Half-open spans of minutes since the epoch, in order."""


class TradingHours(Protocol):
    """The one question that the simulated market has for a trading calendar."""

    def trading_spans(self, instrument: Instrument, day: date, *, has_derivatives: bool) -> tuple[CandleRange, ...]:
        """Continuous trading of that IST day, in order, in whole minutes; empty on a day without any."""
        ...


class Place(NamedTuple):
    """An instant in an instrument's trading: the last slot at or before it in which it traded."""

    day: int
    """Number of the IST day, 0 is 1970-01-01."""
    spans: Spans
    slot: int
    """Half seconds since the epoch."""
    trading: bool
    """Whether the instant itself lies in that slot."""


def slot_at(instant: datetime) -> int:
    """Half seconds since the epoch. Raises ValueError for a naive instant."""
    if instant.tzinfo is None:
        msg = f"{instant.isoformat()} has no time zone"
        raise ValueError(msg)
    return math.floor(instant.timestamp() * SLOTS_A_SECOND)


def minute_from(instant: datetime) -> int:
    """The first minute that begins at the instant or after it. Raises ValueError for a naive instant."""
    if instant.tzinfo is None:
        msg = f"{instant.isoformat()} has no time zone"
        raise ValueError(msg)
    return math.ceil(instant.timestamp() / SECONDS_A_MINUTE)


def day_of(minute: int) -> int:
    """Number of the IST day of a minute."""
    return (minute + IST_MINUTES) // MINUTES_A_DAY


def first_minute(day: int) -> int:
    """The minute at which an IST day begins."""
    return day * MINUTES_A_DAY - IST_MINUTES


class Sessions:
    """Trading hours of listed instruments. Safe to share between threads; bounded memory."""

    def __init__(self, calendar: TradingHours) -> None:
        self._calendar = calendar
        self._spans: dict[tuple[str, int], Spans] = {}

    def spans(self, listed: Listed, day: int) -> Spans:
        """Trading of an IST day; empty after expiry."""
        key = (listed.instrument.id, day)
        found = self._spans.get(key)
        if found is None:
            found = self._ask(listed, day)
            if len(self._spans) >= MOST_REMEMBERED:
                self._spans = {}
            self._spans[key] = found
        return found

    def place(self, listed: Listed, slot: int) -> Place | None:
        """Where a slot falls; None if the instrument never traded up to then."""
        day = day_of(slot // SLOTS)
        for start, end in reversed(self.spans(listed, day)):
            if slot >= start * SLOTS:
                trading = slot < end * SLOTS
                return Place(day, self.spans(listed, day), slot if trading else end * SLOTS - 1, trading)
        return self.close_before(listed, day)

    def close_before(self, listed: Listed, day: int) -> Place | None:
        """The last slot of the last session before a day."""
        expiry = listed.instrument.expiry
        latest = day - 1 if expiry is None else min(day - 1, (expiry - EPOCH).days)
        for earlier in range(latest, latest - LONGEST_CLOSURE, -1):
            spans = self.spans(listed, earlier)
            if spans:
                return Place(earlier, spans, spans[-1][1] * SLOTS - 1, trading=False)
        return None

    def _ask(self, listed: Listed, day: int) -> Spans:
        instrument, date_of_day = listed.instrument, EPOCH + day * ONE_DAY
        if instrument.expiry is not None and date_of_day > instrument.expiry:
            return ()
        ranges = self._calendar.trading_spans(instrument, date_of_day, has_derivatives=listed.has_derivatives)
        spans = ((minute_from(span.start), slot_at(span.end) // SLOTS) for span in ranges)
        return tuple((start, end) for start, end in spans if start < end)
