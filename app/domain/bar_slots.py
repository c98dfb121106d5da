"""Which bar an instant belongs to, and when that bar is over.

Comes in: an instrument, an interval and the calendar's spans. Goes out: BarSlot. Called by the builder of forming
bars and by the live candles. Pure but for the calendar; remembers one slot and one day, which changes no answer.

What is decided here:
- Bars of minutes count from the beginning of each session: 09:15, 10:15 ...; around the clock from midnight IST.
- Outside continuous trading no bar of minutes opens. What is traded in the pre-open belongs to the first bar of the
  day, and the one trade of the closing auction is for the exchange's official bar to tell: `settles` waits for it.
- DAY, WEEK and MONTH are over when nothing trades in them any more, the closing auction included.
- Where the calendar does not know, bars count from 09:15 on the exchanges that open then, else from midnight, and
  end with their full length.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from app.domain.bar_runs import session_runs
from app.domain.candle_merge import bar_end, period_start
from app.domain.candles import CandleRange, Interval
from app.domain.instruments import Exchange, Instrument
from app.domain.phases import TRADING_PHASES, Phase

CONTINUOUS = frozenset({Phase.OPEN})
CLOSING = frozenset({Phase.OPEN, Phase.CLOSING_AUCTION})
NOT_KNOWN = frozenset({Phase.UNKNOWN})
NOT_OVER = TRADING_PHASES | NOT_KNOWN
OPENS_AT_QUARTER_PAST = frozenset({Exchange.NSE, Exchange.BSE, Exchange.NFO, Exchange.BFO})
"""They open at 09:15, so their bars of 10, 30 and 60 minutes do not begin at full hours."""
QUARTER = timedelta(minutes=15)


class BarHours(Protocol):
    """Phases over time, as `app.services.phases.PhaseService` has them."""

    def spans_of(self, instrument: Instrument, within: CandleRange, phases: frozenset[Phase]) -> Sequence[CandleRange]:
        """Where one of the phases holds, oldest first, joined where they touch."""
        ...


@dataclass(frozen=True, slots=True)
class BarSlot:
    """The time of one bar."""

    opens: datetime
    """Its first instant, UTC: the bar's `time`."""
    closes: datetime
    """When it is over, exclusive: its full length, or earlier with its session."""
    settles: datetime
    """When its last trade is known to the exchange: `closes`, or the end of the closing auction that follows."""


class BarSlots:
    """The slots of one instrument and interval."""

    def __init__(self, instrument: Instrument, interval: Interval, hours: BarHours) -> None:
        self._instrument = instrument
        self._interval = interval
        self._hours = hours
        self._slot: BarSlot | None = None
        self._day: CandleRange | None = None
        self._sessions: list[CandleRange] = []
        self._settles = datetime.min.replace(tzinfo=UTC)

    def at(self, instant: datetime) -> BarSlot | None:
        """The bar that an instant belongs to; None where no bar is open."""
        found = self._slot
        if found is None or not found.opens <= instant < found.closes:
            found = self._minutes(instant) if self._interval.minutes else self._period(instant)
            self._slot = found or self._slot
        return found

    def of_bar(self, opens: datetime) -> BarSlot:
        """The slot of a bar that the source has, also where the calendar expects none."""
        found = self.at(opens)
        if found is not None and found.opens == opens:
            return found
        end = bar_end(opens, self._interval)
        return BarSlot(opens, end, end)

    def _period(self, instant: datetime) -> BarSlot | None:
        opens = period_start(instant, self._interval)
        whole = CandleRange(opens, bar_end(opens, self._interval))
        spans = self._hours.spans_of(self._instrument, whole, NOT_OVER)
        if not spans or instant >= spans[-1].end:
            return None
        return BarSlot(opens, spans[-1].end, spans[-1].end)

    def _minutes(self, instant: datetime) -> BarSlot | None:
        if self._day is None or not self._day.start <= instant < self._day.end:
            self._look_up_day(instant)
        for run in session_runs(self._sessions, self._interval):
            if run.opens <= instant < run.ends:
                opens = run.opens + (instant - run.opens) // run.step * run.step
                closes = min(opens + run.step, run.ends)
                settles = self._settles if opens == self._last_of_day() else closes
                return BarSlot(opens, closes, max(closes, settles))
        return self._unknown_minutes(instant)

    def _last_of_day(self) -> datetime:
        return max(run.last for run in session_runs(self._sessions, self._interval))

    def _look_up_day(self, instant: datetime) -> None:
        start = period_start(instant, Interval.DAY)
        self._day = CandleRange(start, bar_end(start, Interval.DAY))
        self._sessions = list(self._hours.spans_of(self._instrument, self._day, CONTINUOUS))
        closing = self._hours.spans_of(self._instrument, self._day, CLOSING)
        self._settles = closing[-1].end if closing else self._day.end

    def _unknown_minutes(self, instant: datetime) -> BarSlot | None:
        start = period_start(instant, Interval.DAY)
        within = CandleRange(start, bar_end(start, Interval.DAY))
        if not _holds(self._hours.spans_of(self._instrument, within, NOT_KNOWN), instant):
            return None
        anchor = start + (QUARTER if self._instrument.exchange in OPENS_AT_QUARTER_PAST else timedelta())
        step = timedelta(minutes=self._interval.minutes or 1)
        opens = anchor + (instant - anchor) // step * step
        return BarSlot(opens, opens + step, opens + step)


def _holds(spans: Iterable[CandleRange], instant: datetime) -> bool:
    return any(span.start <= instant < span.end for span in spans)
