"""What a subscription delivers: batches of quotes or ticks, and what could not be had."""

from dataclasses import dataclass

from app.domain.errors import MarketDataError
from app.domain.feeds import FeedState
from app.domain.quotes import Quote
from app.domain.ticks import Cursor, Tick


@dataclass(frozen=True, slots=True)
class Rejection:
    """An instrument that a subscription asked for and does not have, and why."""

    id: str
    code: str
    message: str
    subscribed: bool
    """True: it is subscribed all the same, and its first value follows as soon as the source has it."""

    @classmethod
    def of(cls, instrument_id: str, error: MarketDataError, *, subscribed: bool) -> "Rejection":
        """The rejection that tells of an error."""
        return cls(instrument_id, error.code, error.message, subscribed)


@dataclass(frozen=True, slots=True)
class QuoteUpdate:
    """The quotes that changed since the last update."""

    sequence: int
    """Grows by one per update of the stream; a jump: the client was slower and updates were merged.

    A client that joins a shared stream begins with the stream's present number.
    """
    snapshot: bool
    quotes: list[Quote]
    rejected: list[Rejection]
    feed: FeedState


@dataclass(frozen=True, slots=True)
class TickBatch:
    """Ticks in order, nothing merged."""

    cursor: Cursor
    missed: int
    """Ticks known to be lost before this batch; a lower bound where `gap`."""
    gap: bool
    """Ticks may have been lost that nobody could count."""
    ticks: list[Tick]
    rejected: list[Rejection]
