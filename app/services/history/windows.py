"""Time cut into windows, the same for everybody: which bars are kept together.

Comes in: an interval, instants. Goes out: numbers of windows, and their bounds. Pure. Called by the remembering store.
"""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from app.domain.candle_chunks import CandleChunk
from app.domain.candles import CandleRange, Interval
from app.domain.time import IST

DAY_SECONDS = 86_400
IST_SECONDS = int(IST.utcoffset(None).total_seconds())
DAYS_OF_DAYS = 500
"""Calendar days of a window of DAY bars: about 330 of them."""
SECOND = timedelta(seconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Windows:
    """The windows of an interval: as many days, from midnight IST, as its bars have minutes.

    So a window has the same number of bars whatever the interval: 375 of a stock that trades every day, 250 or so with
    weekends, 1,440 at most. Few enough that the newest window, which a new bar changes, is read again in a millisecond;
    enough that 5,000 bars are 15 to 20 windows.
    """

    def __init__(self, interval: Interval) -> None:
        self._length = (interval.minutes or DAYS_OF_DAYS) * DAY_SECONDS

    def number(self, epoch_seconds: int) -> int:
        """The window in which an instant lies."""
        return (epoch_seconds + IST_SECONDS) // self._length

    def start(self, number: int) -> int:
        """When a window begins, in epoch seconds; the one before it ends there."""
        return number * self._length - IST_SECONDS

    def of(self, span: CandleRange) -> range:
        """The windows in which bars of a span can open, oldest first."""
        first, stop = opening_second(span.start), opening_second(span.end)
        return range(self.number(first), self.number(stop - 1) + 1) if first < stop else range(0)

    def split(self, whole: CandleChunk, windows: range) -> dict[int, CandleChunk]:
        """The bars of each window; `whole` holds those of all of them, and no others."""
        cuts = [whole.position(self.start(window)) for window in (*windows, windows.stop)]
        return {window: whole.cut(*pair) for window, pair in zip(windows, pairwise(cuts), strict=True)}


def opening_second(instant: datetime) -> int:
    """The first whole second that is not before an instant: bars that open at or after it open from there on."""
    return -((EPOCH - instant) // SECOND)
