"""Which spans to ask a source for.

Comes in: a checked request and the longest span of one upstream request. Goes out: spans, newest first. Pure.
Called by HistoryService.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from app.domain.candle_merge import MERGED, ceil_period
from app.domain.candles import CandleRange
from app.services.history_request import HistoryRequest, bars_a_day

MARGIN = 1.2
"""Share by which the first look back is longer than the mean: holidays are not spread evenly."""
LONGEST_BREAK = timedelta(days=10)
"""No exchange of India closed for longer; a look back of a few bars must still reach over it."""


def ranged_spans(request: HistoryRequest, start: datetime, longest: timedelta) -> Iterator[CandleRange]:
    """Pieces that together hold every bar which opens from `start` to the request's end and is there by now."""
    first = ceil_period(start, request.interval) if request.interval in MERGED else start
    end = request.base_end
    while first < end:
        piece_start = max(first, end - longest)
        yield CandleRange(piece_start, end)
        end = piece_start


def backward_spans(request: HistoryRequest, longest: timedelta) -> Iterator[CandleRange]:
    """Pieces back from the request's end, the first as long as `last` bars take, the others as long as may be.

    Each begins where a period begins, so that no week or month is cut in two.
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
        yield CandleRange(start, end)
        end, length = start, longest
