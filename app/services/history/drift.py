"""Splits and bonuses: whether what is stored is still what the source says.

Kite serves history adjusted for corporate actions, so every price before a split changes on its day, and a stored
series goes wrong without a sound. Comes in: stored bars and the same bars fetched again. Goes out: whether they differ
by more than a correction. Called by the archive: the first request of a day that adjoins bars which were fetched on an
earlier day, on either side, asks for OVERLAP_BARS of them again. They are the only settled bars that are ever asked for
twice.
"""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from statistics import median

from app.domain.candles import Candle, CandleRange, Interval
from app.domain.spans import union
from app.domain.time import ist_date
from app.ports import Coverage

OVERLAP_BARS = 5
"""Stored bars that are asked for again: enough for a median that one corrected bar does not move."""
TOLERANCE = 0.005
"""Share by which closes may differ: the smallest adjustments, of special dividends, are 2 %; corrections are ticks."""
ADJUSTED_BY = timedelta(hours=9)
"""After midnight: by then the source has adjusted for the actions of the day, and the first market opens."""
MAX_REMEMBERED = 20_000
"""Series that are remembered: more than one process serves in a day; a forgotten one costs five bars."""
MAX_SPANS = 20
"""Spans of a series that are remembered, the newest: charts extend one of them."""

SeriesKey = tuple[str, Interval]


def adjustment_day(instant: datetime) -> date:
    """The day whose corporate actions are in what a source says at an instant."""
    return ist_date(instant - ADJUSTED_BY)


def has_drifted(stored: Sequence[Candle], fetched: Sequence[Candle]) -> bool:
    """Whether the closes of the bars that are in both differ in proportion. Without such bars nothing is known."""
    closes = {bar.time: bar.close for bar in fetched}
    ratios = [closes[bar.time] / bar.close for bar in stored if bar.time in closes and bar.close]
    return bool(ratios) and abs(median(ratios) - 1) > TOLERANCE


class FreshSpans:
    """Which bars are as the source says them today: those that were fetched, or compared, since the last adjustment.

    Bounded: the series that was fetched longest ago is forgotten first, and is compared once more.
    """

    def __init__(self) -> None:
        self._series: OrderedDict[SeriesKey, tuple[date, list[CandleRange]]] = OrderedDict()
        self._dropped: OrderedDict[str, date] = OrderedDict()

    def is_due_at_end(self, key: SeriesKey, known: Coverage, now: datetime) -> bool:
        """Whether the newest bars of a known span must be compared before others are put beside them."""
        end = known.span.end
        return self._is_old(known, now) and not any(span.start < end <= span.end for span in self._of(key, now))

    def is_due_at_start(self, key: SeriesKey, known: Coverage, now: datetime) -> bool:
        """Whether its oldest bars must be."""
        start = known.span.start
        return self._is_old(known, now) and not any(span.start <= start < span.end for span in self._of(key, now))

    def _is_old(self, known: Coverage, now: datetime) -> bool:
        return adjustment_day(known.fetched_at) < adjustment_day(now)

    def _of(self, key: SeriesKey, now: datetime) -> Sequence[CandleRange]:
        """What was fetched of a series since the last adjustment."""
        today = adjustment_day(now)
        day, spans = self._series.get(key, (today, []))
        return spans if day == today else ()

    def add(self, key: SeriesKey, span: CandleRange, now: datetime) -> None:
        """A span was fetched."""
        today = adjustment_day(now)
        day, spans = self._series.pop(key, (today, []))
        self._series[key] = today, union([*(spans if day == today else ()), span])[-MAX_SPANS:]
        if len(self._series) > MAX_REMEMBERED:
            self._series.popitem(last=False)

    def drop(self, instrument_id: str, now: datetime) -> None:
        """Everything that is stored of an instrument was found to be out of date and is gone."""
        self._dropped.pop(instrument_id, None)
        self._dropped[instrument_id] = adjustment_day(now)
        if len(self._dropped) > MAX_REMEMBERED:
            self._dropped.popitem(last=False)

    def was_dropped(self, instrument_id: str, now: datetime) -> bool:
        """Whether that happened today already, so that bars which were read before it prove nothing."""
        return self._dropped.get(instrument_id) == adjustment_day(now)
