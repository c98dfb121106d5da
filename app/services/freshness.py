"""How far a price may be trusted as the present one, judged at this moment.

Comes in: a quote and its instrument. Goes out: Freshness. Called by the market's context and the option chains, and by
the resolver of `Quote.freshness` for its own way of looking instruments up.
"""

from datetime import timedelta
from typing import Protocol

from app.domain.instruments import Instrument
from app.domain.provenance import Freshness
from app.domain.quotes import Quote, QuoteLimits, StreamMode, freshness_of
from app.ports import Clock
from app.services.phases import PhaseService

LIMITS = QuoteLimits()
MILLISECOND = timedelta(milliseconds=1)


class Stream(Protocol):
    """The live stream."""

    def latest(self, instrument_id: str, mode: StreamMode = StreamMode.FULL) -> Quote | None:
        """The streamed state, only while its stream is up."""
        ...


class FreshnessJudge:
    """Judges prices by stream, age and calendar."""

    def __init__(self, stream: Stream, phases: PhaseService, clock: Clock) -> None:
        self._stream = stream
        self._phases = phases
        self._clock = clock

    def __call__(self, quote: Quote, instrument: Instrument) -> Freshness:
        """The freshness at this moment."""
        now = self._clock.now()
        is_open = self._phases.is_open(instrument, now)
        return freshness_of(
            max(0, (now - quote.received_at) // MILLISECOND),
            streaming=self._stream.latest(quote.id, quote.mode) is not None,
            market_open=quote.in_session if is_open is None else is_open,
            limits=LIMITS,
            delayed=quote.delayed_by is not None,
        )
