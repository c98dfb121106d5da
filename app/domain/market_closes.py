"""The closes of finished sessions, and where they have a gap: figures over a number of sessions end at it.

Made by `app.services.market_context.closes` from day bars and the calendar; the measures are made of `Closes.before`.
Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from math import isfinite

SMALLEST, LARGEST = 1e-4, 1e12
"""A price lies between: a source sends four places at most, and no price in any currency comes near the other.

What lies outside is garbage, and is kept from logarithms and quotients.
"""
NOT_YET = "NOT_FETCHED: its day bars are being fetched"


def is_price(value: float | None) -> bool:
    """Whether this can be the price of an index, a share or a currency: a number, and above zero."""
    return value is not None and isfinite(value) and SMALLEST <= value <= LARGEST


@dataclass(frozen=True, slots=True)
class Closes:
    """The closes of an instrument's finished sessions."""

    by_date: Mapping[date, float]
    """By the session's date in India, oldest first."""
    until: date
    """The day on which they were asked for: of this and of later sessions they know nothing."""
    gaps: frozenset[date] = frozenset()
    """Days between of which there is no close though there was a session, or may have been."""
    problem: str | None = None
    """Why some could not be fetched, as `CODE: message`; None if nothing was refused."""

    def before(self, day: date) -> dict[date, float]:
        """Those of the unbroken row of sessions that ends with the last one before a day, oldest first.

        None at all where that last session has no close: a trend up to last week is not the present one.
        """
        if day > self.until:
            return {}
        gap = self.gap_before(day) or date.min
        return {session: close for session, close in self.by_date.items() if gap < session < day}

    def gap_before(self, day: date) -> date | None:
        """The last day before this one that lacks its close."""
        return max((gap for gap in self.gaps if gap < day), default=None)

    def reason(self, day: date, needed: int) -> str:
        """Why there are fewer than the needed sessions before a day, as `CODE: message`."""
        if day > self.until:
            return NOT_YET
        if self.problem is not None:
            return self.problem
        known, gap = len(self.before(day)), self.gap_before(day)
        if gap is not None:
            return f"NO_BAR: its source has no usable bar of {gap}, and {known} sessions since; {needed} are needed"
        return f"TOO_SHORT: {known} finished sessions are known and {needed} are needed"


UNKNOWN = Closes({}, date.min)
