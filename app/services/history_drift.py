"""Splits and bonuses: whether what is stored is still what the source says.

Kite serves history adjusted for corporate actions, so every price before a split changes on its day, and a stored
series goes wrong without a sound. Comes in: stored bars and the same bars fetched again. Goes out: whether they differ
by more than a correction. Called by the archive, once a day for each series: the first request that adjoins bars which
were fetched on an earlier day asks for OVERLAP_BARS of them again. They are the only final bars that are ever asked
for twice.
"""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from statistics import median

from app.domain.candles import Candle, Interval
from app.domain.time import ist_date
from app.ports import Coverage

OVERLAP_BARS = 5
"""Stored bars that are asked for again: enough for a median that one corrected bar does not move."""
TOLERANCE = 0.005
"""Share by which closes may differ: the smallest adjustments, of special dividends, are 2 %; corrections are ticks."""
ADJUSTED_BY = timedelta(hours=9)
"""After midnight: by then the source has adjusted for the actions of the day, and the first market opens."""
MAX_REMEMBERED = 20_000
"""Series whose check is remembered: more than one process serves in a day; each forgotten one costs five bars."""

SeriesKey = tuple[str, Interval]


def adjustment_day(instant: datetime) -> date:
    """The day whose corporate actions are in what a source says at an instant."""
    return ist_date(instant - ADJUSTED_BY)


def has_drifted(stored: Sequence[Candle], fetched: Sequence[Candle]) -> bool:
    """Whether the closes of the bars that are in both differ in proportion. Without such bars nothing is known."""
    closes = {bar.time: bar.close for bar in fetched}
    ratios = [closes[bar.time] / bar.close for bar in stored if bar.time in closes and bar.close]
    return bool(ratios) and abs(median(ratios) - 1) > TOLERANCE


class CheckedSeries:
    """Which series were compared today. Bounded: the one that was compared longest ago is forgotten first."""

    def __init__(self) -> None:
        self._days: OrderedDict[SeriesKey, date] = OrderedDict()

    def is_due(self, key: SeriesKey, known: Coverage, now: datetime) -> bool:
        """Whether bars that were fetched then must be compared before others are put beside them."""
        return adjustment_day(known.fetched_at) < adjustment_day(now) and not self.is_checked(key, now)

    def is_checked(self, key: SeriesKey, now: datetime) -> bool:
        """Whether the series was compared since the last adjustment."""
        return self._days.get(key) == adjustment_day(now)

    def mark(self, key: SeriesKey, now: datetime) -> None:
        """The series is as the source has it today."""
        self._days[key] = adjustment_day(now)
        self._days.move_to_end(key)
        if len(self._days) > MAX_REMEMBERED:
            self._days.popitem(last=False)
