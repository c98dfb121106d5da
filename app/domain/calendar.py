"""The trading calendar: what an exchange does at an instant, and when an instrument trades on a day.

A file of dated facts comes in (`data/indian.json`, or one named in the settings), `MarketPhase` and spans of
time go out. Services, the history of the sandbox and the ticker's liveness rule ask it. It never guesses:
what the file does not cover is UNKNOWN. Pure after loading, immutable, safe to share.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib import resources
from pathlib import Path

from app.domain.calendar_data import CalendarData, CalendarError, SessionClass, parse_calendar
from app.domain.calendar_days import BEGINNING, DAY, Timeline, build_timeline, reason_at
from app.domain.candles import CandleRange
from app.domain.instruments import Exchange, Instrument, InstrumentKind
from app.domain.phases import MarketPhase, Phase
from app.domain.time import ist_datetime

MAX_CALENDAR_BYTES = 4_000_000
"""The shipped file has under 20 KB; what is far beyond is another file."""

CONTINUOUS = frozenset({Phase.OPEN})
CLOSING = frozenset({Phase.OPEN, Phase.CLOSING_AUCTION})
SHIPPED = "indian.json"
ALWAYS_OPEN_NAME = "the sandbox's simulated calendar, open around the clock every day"

_BY_EXCHANGE = {
    Exchange.NSE: SessionClass.EQUITY,
    Exchange.BSE: SessionClass.EQUITY,
    Exchange.NFO: SessionClass.EQUITY_FUTURE,
    Exchange.BFO: SessionClass.EQUITY_FUTURE,
    Exchange.CDS: SessionClass.CURRENCY,
    Exchange.BCD: SessionClass.CURRENCY,
    Exchange.MCX: SessionClass.COMMODITY,
}
_OPTIONS = frozenset({InstrumentKind.CALL, InstrumentKind.PUT})


def session_class(
    exchange: Exchange, *, kind: InstrumentKind | None = None, has_derivatives: bool = False
) -> SessionClass | None:
    """Which hours hold; None for exchanges whose hours nobody here knows (NCO, NSEIX, GLOBAL, YAHOO).

    Without a kind: the exchange's ordinary hours, those of a stock without derivatives or of a future.
    """
    session = _BY_EXCHANGE.get(exchange)
    if session is SessionClass.EQUITY and has_derivatives and kind is not InstrumentKind.INDEX:
        return SessionClass.EQUITY_WITH_DERIVATIVES
    if session is SessionClass.EQUITY_FUTURE and kind in _OPTIONS:
        return SessionClass.EQUITY_OPTION
    return session


@dataclass(frozen=True, slots=True)
class TradingCalendar:
    """Phases of all exchanges. Instants that come out are UTC."""

    name: str
    source: str
    """Where the dates come from, for a person."""
    known_from: date
    """The first day of which anything is known."""
    valid_until: date
    """The last day that every part of the calendar knows."""
    timelines: Mapping[SessionClass, Timeline]
    notes: Mapping[SessionClass, str]
    """The `calendar` text of a phase, by class."""
    otherwise: Timeline
    """What holds for exchanges without a class."""

    def phase(
        self, exchange: Exchange, at: datetime, *, kind: InstrumentKind | None = None, has_derivatives: bool = False
    ) -> MarketPhase:
        """The phase of an exchange's ordinary instruments, or of one kind. Raises ValueError for a naive `at`."""
        if at.tzinfo is None:
            msg = f"{at.isoformat()} has no time zone"
            raise ValueError(msg)
        session = session_class(exchange, kind=kind, has_derivatives=has_derivatives)
        timeline = self._timeline(session)
        index = timeline.index_at(at)
        until = timeline.until(index)
        phase = timeline.phases[index]
        note = self.notes.get(session, self.name) if session else self.name
        return MarketPhase(
            exchange=exchange,
            phase=phase,
            since=timeline.since(index),
            next_phase=timeline.phases[index + 1] if until else None,
            next_transition=until,
            reason=self._reason(timeline, session, at, phase),
            calendar=note,
        )

    def phase_of(self, instrument: Instrument, at: datetime, *, has_derivatives: bool) -> MarketPhase:
        """The phase that holds for one instrument."""
        return self.phase(instrument.exchange, at, kind=instrument.kind, has_derivatives=has_derivatives)

    def trading_spans(self, instrument: Instrument, day: date, *, has_derivatives: bool) -> tuple[CandleRange, ...]:
        """Where bars can open on an IST day: the spans of continuous trading, oldest first.

        Empty on holidays and weekends, and where the calendar does not know (`knows`). The closing auction is
        not among them: its one trade belongs to the last bar.
        """
        return self.spans_of(instrument, _day(day), CONTINUOUS, has_derivatives=has_derivatives)

    def session_end(self, instrument: Instrument, day: date, *, has_derivatives: bool) -> datetime | None:
        """When the last price of an IST day is made, the closing auction included; None without trading."""
        spans = self.spans_of(instrument, _day(day), CLOSING, has_derivatives=has_derivatives)
        return spans[-1].end if spans else None

    def spans_of(
        self, instrument: Instrument, within: CandleRange, phases: frozenset[Phase], *, has_derivatives: bool
    ) -> tuple[CandleRange, ...]:
        """Where one of the phases holds for an instrument in a span, oldest first, joined where they touch."""
        session = session_class(instrument.exchange, kind=instrument.kind, has_derivatives=has_derivatives)
        found = self._timeline(session).spans(within.start, within.end, phases)
        return tuple(CandleRange(lower, upper) for lower, upper in found)

    def phases_at(self, at: datetime) -> frozenset[Phase]:
        """The phases that hold somewhere, over all classes of instruments that the calendar covers."""
        timelines = self.timelines.values() or (self.otherwise,)
        return frozenset(timeline.phases[timeline.index_at(at)] for timeline in timelines)

    def knows(self, exchange: Exchange, day: date) -> bool:
        """Whether the calendar covers an exchange's IST day."""
        timeline = self._timeline(session_class(exchange))
        start = ist_datetime(day)
        return all(
            timeline.phases[timeline.index_at(instant)] is not Phase.UNKNOWN
            for instant in (start, ist_datetime(day, 12), ist_datetime(day, 23, 59))
        )

    def _timeline(self, session: SessionClass | None) -> Timeline:
        return self.timelines.get(session, self.otherwise) if session else self.otherwise

    def _reason(self, timeline: Timeline, session: SessionClass | None, at: datetime, phase: Phase) -> str | None:
        named = reason_at(timeline, at)
        if phase is not Phase.UNKNOWN:
            return named
        if named:
            return f"{named}: its hours are not in the calendar"
        if session not in self.timelines:
            return "this calendar does not cover the exchange"
        return "the calendar does not cover this day"


def _day(day: date) -> CandleRange:
    start = ist_datetime(day).astimezone(UTC)
    return CandleRange(start, start + DAY)


def load_calendar(path: Path | None = None) -> TradingCalendar:
    """The calendar in a file; without a path the shipped one for India.

    Raises CalendarError naming the file and the place in it.
    """
    where = str(path) if path else SHIPPED
    try:
        raw = path.read_bytes() if path else resources.files("app.domain").joinpath("data", SHIPPED).read_bytes()
        if len(raw) > MAX_CALENDAR_BYTES:
            msg = f"it has more than {MAX_CALENDAR_BYTES} bytes"
            raise CalendarError(msg)
        return build_calendar(parse_calendar(json.loads(raw)))
    except OSError as error:
        msg = f"calendar {where}: cannot be read: {error.strerror}"
        raise CalendarError(msg) from error
    except (ValueError, RecursionError) as error:
        msg = f"calendar {where}: {error}"
        raise CalendarError(msg) from error


def build_calendar(data: CalendarData) -> TradingCalendar:
    """The calendar of checked data. Raises CalendarError if it has no class."""
    if not data.classes:
        msg = "classes: at least one class of instruments needs hours"
        raise CalendarError(msg)
    return TradingCalendar(
        name=data.name,
        source="; ".join(data.sources),
        known_from=min(rules.group.known_from for rules in data.classes.values()),
        valid_until=min(rules.group.valid_until for rules in data.classes.values()),
        timelines={session: build_timeline(session, rules) for session, rules in data.classes.items()},
        notes={
            session: f"{rules.group.name}, known until {rules.group.valid_until}"
            for session, rules in data.classes.items()
        },
        otherwise=Timeline((BEGINNING,), (Phase.UNKNOWN,)),
    )


def always_open_calendar() -> TradingCalendar:
    """The sandbox's own: every exchange is OPEN around the clock, every day, for ever."""
    return TradingCalendar(
        name=ALWAYS_OPEN_NAME,
        source="simulated",
        known_from=date.min,
        valid_until=date.max,
        timelines={},
        notes={},
        otherwise=Timeline((BEGINNING,), (Phase.OPEN,)),
    )
