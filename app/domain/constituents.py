"""Who belongs to an index, as a list with the date from which it holds.

Lists come from the files that the exchange publishes (`kite-services indices import`), or ship with the service. Read
by `app.services.indices`.
"""

from dataclasses import dataclass
from datetime import date, timedelta

STALE_AFTER = timedelta(days=7 * 30 + 3)
"""Seven months: NSE reviews its indices twice a year, so an older list has missed a review."""


@dataclass(frozen=True, slots=True)
class Membership:
    """The members of an index from a date on, until the next list."""

    index: str
    """Id of the index, as NSE:NIFTY 50."""
    valid_from: date
    """The day from which the list holds."""
    members: tuple[str, ...]
    """Ids of the instruments, in the order of the list; each once."""
    source: str
    """Where the list came from, in words: who published it and when it was read."""

    def is_stale(self, on: date) -> bool:
        """Whether the list is so old that a review must have changed it."""
        return on - self.valid_from > STALE_AFTER
