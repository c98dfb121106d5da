"""When an instrument trades, as the simulated market asks for it."""

from datetime import date
from typing import Protocol

from app.domain.candles import CandleRange
from app.domain.instruments import Instrument


class TradingHours(Protocol):
    """The one question that the simulated market has for a trading calendar."""

    def trading_spans(self, instrument: Instrument, day: date, *, has_derivatives: bool) -> tuple[CandleRange, ...]:
        """Continuous trading of that IST day, in order, in whole minutes; empty on a day without any."""
        ...
