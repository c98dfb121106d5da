"""Phases of a trading day."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.instruments import Exchange


class Phase(StrEnum):
    """What an exchange is doing. UNKNOWN: the calendar does not reach that far; never a guess."""

    PRE_OPEN = "PRE_OPEN"
    OPEN = "OPEN"
    CLOSING_AUCTION = "CLOSING_AUCTION"
    POST_CLOSE = "POST_CLOSE"
    CLOSED = "CLOSED"
    HOLIDAY = "HOLIDAY"
    UNKNOWN = "UNKNOWN"


TRADING_PHASES = frozenset({Phase.PRE_OPEN, Phase.OPEN, Phase.CLOSING_AUCTION})
"""Phases in which prices move and a silent feed is a fault."""


@dataclass(frozen=True, slots=True)
class MarketPhase:
    """An exchange's phase at an instant, and the calendar's word on what comes next."""

    exchange: Exchange
    phase: Phase
    since: datetime | None
    """When it began; None where the calendar does not reach back."""
    next_phase: Phase | None
    next_transition: datetime | None
    reason: str | None
    """Name of the holiday or special session, if one applies."""
    calendar: str
    """Where the calendar came from and up to when it is known."""
