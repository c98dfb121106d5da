"""Phases for everyone who asks: the calendar, joined with the knowledge of which stocks have derivatives.

Instruments or exchanges and an instant come in, `MarketPhase` goes out. The GraphQL resolvers, the quote
service (freshness) and the ticker (liveness) ask. Synchronous: two look-ups, no I/O.
"""

from collections.abc import Callable
from datetime import datetime

from app.domain.calendar import TradingCalendar
from app.domain.candles import CandleRange
from app.domain.instruments import Exchange, Instrument, InstrumentKind
from app.domain.phases import TRADING_PHASES, MarketPhase, Phase

NO_DERIVATIVES = frozenset({InstrumentKind.FUTURE, InstrumentKind.CALL, InstrumentKind.PUT, InstrumentKind.INDEX})
"""Kinds whose hours do not depend on derivatives of their own, so nobody needs to look for them."""


class PhaseService:
    """A PhaseSource over one calendar."""

    def __init__(self, calendar: TradingCalendar, has_derivatives: Callable[[str], bool]) -> None:
        """`has_derivatives` tells of an instrument id whether futures or options are written on it."""
        self.calendar = calendar
        self._has_derivatives = has_derivatives

    def phase_of(self, instrument: Instrument, at: datetime) -> MarketPhase:
        """The phase that holds for one instrument."""
        return self.calendar.phase_of(instrument, at, has_derivatives=self._derivatives_of(instrument))

    def exchange_phase(self, exchange: Exchange, at: datetime) -> MarketPhase:
        """The phase of an exchange's ordinary hours: stocks without a closing auction, futures."""
        return self.calendar.phase(exchange, at)

    def is_open(self, instrument: Instrument, at: datetime) -> bool | None:
        """Whether the instrument's price can move, auctions included; None where the calendar does not know."""
        phase = self.phase_of(instrument, at).phase
        return None if phase is Phase.UNKNOWN else phase in TRADING_PHASES

    def open_at(self, at: datetime) -> Callable[[Instrument], bool | None]:
        """`is_open` of many instruments at one instant: hours that they share are looked up once."""
        known: dict[tuple[Exchange, InstrumentKind, bool], bool | None] = {}

        def is_open(instrument: Instrument) -> bool | None:
            key = instrument.exchange, instrument.kind, self._derivatives_of(instrument)
            if key not in known:
                known[key] = self.is_open(instrument, at)
            return known[key]

        return is_open

    def any_trading(self, at: datetime) -> bool | None:
        """Whether any instrument's price can move; None if none is known to and some are not known."""
        phases = self.calendar.phases_at(at)
        if phases & TRADING_PHASES:
            return True
        return None if Phase.UNKNOWN in phases else False

    def spans_of(
        self, instrument: Instrument, within: CandleRange, phases: frozenset[Phase]
    ) -> tuple[CandleRange, ...]:
        """Where one of the phases holds for an instrument in a span, oldest first, joined where they touch."""
        return self.calendar.spans_of(instrument, within, phases, has_derivatives=self._derivatives_of(instrument))

    def _derivatives_of(self, instrument: Instrument) -> bool:
        return instrument.kind not in NO_DERIVATIVES and self._has_derivatives(instrument.id)
