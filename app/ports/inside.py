"""What the services need from each other and from the process: the time, the master in memory, the calendar."""

from datetime import datetime
from typing import Protocol

from app.domain.instruments import Instrument
from app.domain.phases import MarketPhase


class Clock(Protocol):
    """The only way to the time; tests replace it."""

    def now(self) -> datetime:
        """The present instant, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps."""
        ...


class InstrumentLookup(Protocol):
    """The instrument master in memory."""

    def find(self, instrument_id: str) -> Instrument | None:
        """The instrument with exactly this id."""
        ...


class PhaseSource(Protocol):
    """Phases from the trading calendar."""

    def phase_of(self, instrument: Instrument, at: datetime) -> MarketPhase:
        """The phase that holds for one instrument."""
        ...
