"""Which spans of stored bars an answer needs.

Comes in: a checked request. Goes out: spans of its base interval, of whole days for DAY. Pure. Called by
HistoryService.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from app.domain.candle_merge import MERGED, ceil_period
from app.domain.candles import CandleRange, Interval
from app.services.history.request import HistoryRequest, bars_a_day

MARGIN = 1.2
"""Share by which the first look back is longer than the mean: holidays are not spread evenly."""
LONGEST_BREAK = timedelta(days=10)
"""No exchange of India closed for longer; a look back of a few bars must still reach over it."""


def base_span(request: HistoryRequest, start: datetime) -> CandleRange:
    """The span of all base bars that the bars of the request from `start` on are made of; empty if none opens there."""
    if request.interval in MERGED:
        return _days(CandleRange(ceil_period(start, request.interval), ceil_period(request.end, request.interval)))
    return _days(CandleRange(start, request.end)) if request.base is Interval.DAY else CandleRange(start, request.end)


def look_backs(request: HistoryRequest, longest: timedelta) -> Iterator[datetime]:
    """Beginnings, each further back: first as long as `last` bars take, then by the longest span of one upstream call.

    Each is the beginning of a period, so that no week or month is cut in two. The last is the earliest there is.
    """
    days = (request.last + 1) / bars_a_day(request.interval) * MARGIN
    length = min(longest, timedelta(days=days) + LONGEST_BREAK)
    end = request.base_end
    while end > request.earliest:
        start = max(request.earliest, end - length)
        if request.interval in MERGED:
            start = ceil_period(start, request.interval)
        if start >= end:
            return
        yield start
        end, length = start, longest


def _days(span: CandleRange) -> CandleRange:
    """The same days: they open at midnight."""
    return CandleRange(ceil_period(span.start, Interval.DAY), ceil_period(span.end, Interval.DAY))
