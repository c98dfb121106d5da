"""How soon a live series may ask the history again: at once is never right. Used by the live series."""

from datetime import timedelta

from app.ports import Clock

SHORTEST_PAUSE = timedelta(seconds=1)
"""Between two questions of one series, whatever happens."""
LONGEST_PAUSE = timedelta(seconds=60)
"""Between two questions while the source fails."""
MAX_DOUBLINGS = 6
"""More would be beyond LONGEST_PAUSE."""


class Pace:
    """Pauses that double with each failure in a row."""

    def __init__(self, clock: Clock) -> None:
        self.not_before = clock.now()
        """When the next question may be asked."""
        self._clock = clock
        self._failures = 0

    def answered(self) -> None:
        """The source works."""
        self._failures = 0
        self.not_before = self._clock.now() + SHORTEST_PAUSE

    def failed(self) -> float:
        """The source does not work: seconds until the next question."""
        pause = min(SHORTEST_PAUSE * (1 << self._failures), LONGEST_PAUSE)
        self._failures = min(self._failures + 1, MAX_DOUBLINGS)
        self.not_before = self._clock.now() + pause
        return pause.total_seconds()
