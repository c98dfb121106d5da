"""The instruments of the simulated exchange."""

from dataclasses import dataclass
from datetime import date

from app.domain.instruments import Instrument

NEVER_TRADED = "NSE:925IIFL32A-N0"
"""A bond that is listed and has never traded: no quote, no candle."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the simulated master."""

    instrument: Instrument
    instrument_type: str
    """Kite's column: EQ FUT CE PE."""
    base_price: float
    """The level around which it trades."""
    has_derivatives: bool
    """Whether futures or options of this universe are written on it."""


def build_universe(*, seed: int, today: date) -> tuple[Listed, ...]:
    """All instruments that are listed on a day."""
    del seed, today
    return ()
