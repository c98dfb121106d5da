"""What the source said lately about each instrument, for as long as it may be said again.

Comes in: answers of upstream calls. Goes out: those younger than a caller's limit. Called by QuoteService.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.errors import NotPriced
from app.domain.quotes import Quote

CAPACITY = 10_000
"""Answers kept, about 3 KB each. Kite sells 500 a second, so these are the last 20 s of the busiest day."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the source said of one instrument at an instant."""

    at: datetime
    said: Quote | NotPriced
    """Its price, or that it has none, with the name of who was asked."""

    @property
    def is_resting(self) -> bool:
        """Whether nothing new is to be expected soon: it has no price, or its market is closed by its source's word."""
        return isinstance(self.said, NotPriced) or self.said.in_session is False


class QuoteMemory:
    """The newest answer per instrument. Bounded: the least used goes first."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._answers: OrderedDict[str, Answer] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def put(self, instrument_id: str, answer: Answer) -> None:
        """Remember the answer instead of the one before."""
        self._answers[instrument_id] = answer
        self._answers.move_to_end(instrument_id)
        if len(self._answers) > self._capacity:
            self._answers.popitem(last=False)

    def younger_than(self, instrument_id: str, limit: timedelta, now: datetime) -> Answer | None:
        """The answer, if its age is below the limit. A clock that was set back makes nothing young."""
        answer = self._answers.get(instrument_id)
        if answer is None or not timedelta() <= now - answer.at < limit:
            return None
        self._answers.move_to_end(instrument_id)
        return answer
