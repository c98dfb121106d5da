"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta

from app.domain.time import IST

MONDAY_MORNING = datetime(2026, 11, 23, 10, 0, tzinfo=IST)
"""An ordinary trading day of the shipped calendar, in session."""


class FixedClock:
    """A Clock under the test's hand; monotonic seconds move with it."""

    def __init__(self, now: datetime = MONDAY_MORNING) -> None:
        self._now = now.astimezone(UTC)
        self._monotonic = 1_000.0

    def now(self) -> datetime:
        """The instant that was set, UTC."""
        return self._now

    def monotonic(self) -> float:
        """Seconds that `advance` added up."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

    def set(self, now: datetime) -> None:
        """Jump to an instant, as a machine's clock does when it is corrected: monotonic time stays."""
        self._now = now.astimezone(UTC)
