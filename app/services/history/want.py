"""What somebody wants to know of a series, and what it took to know it. Made by the history service."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.candles import CandleRange, Interval
from app.domain.errors import MarketDataError
from app.domain.instruments import Instrument
from app.domain.provenance import Cost
from app.ports import Coverage
from app.services.history.drift import SeriesKey
from app.services.history.fetches import Fetch, Priority
from app.services.history.tail import Tail


@dataclass(frozen=True, slots=True)
class Want:
    """A span of a stored interval that shall be known; of whole days for DAY."""

    instrument: Instrument
    interval: Interval
    span: CandleRange
    began: datetime
    """When it was asked for: what is over later is not waited for."""
    forming: bool = False
    """Whether the bar that is open counts."""
    priority: Priority = Priority.INTERACTIVE
    settled_only: bool = False
    """Whether it is for the store: what may still change is left alone."""

    @property
    def key(self) -> SeriesKey:
        """Whose bars they are."""
        return self.instrument.series_id, self.interval


@dataclass(slots=True)
class Effort:
    """What an answer took so far. Filled while it is worked on."""

    cost: Cost
    upstream_calls: int = 0
    """Requests that it waited for, shared ones included."""
    problem: MarketDataError | None = None
    """The first failure; nothing more is asked for after it."""
    unsent: int = 0
    """Requests that still waited for their turn when it was given up."""
    coverage: Sequence[Coverage] | None = None
    """What is known around the span that was made known last; None if that may have changed since it was read."""
    tail: Tail | None = None
    """The bars that are not settled, if they count."""

    def note(self, fetch: Fetch) -> None:
        """A fetch is done."""
        self.upstream_calls += fetch.calls
        self.cost.upstream_calls += fetch.calls
        self.coverage = None
        self.problem = self.problem or fetch.error
