"""Arithmetic of half-open spans of time: what is known, what is missing, where to cut. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from app.domain.candles import CandleRange


def union(spans: Iterable[CandleRange]) -> list[CandleRange]:
    """The same instants as sorted spans that neither overlap nor touch; empty ones are left out."""
    joined: list[CandleRange] = []
    for span in sorted((span for span in spans if span.start < span.end), key=lambda span: span.start):
        if joined and span.start <= joined[-1].end:
            joined[-1] = CandleRange(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return joined


def intersect(spans: Iterable[CandleRange], within: CandleRange) -> list[CandleRange]:
    """The part of the spans that lies in one span."""
    cut = (CandleRange(max(span.start, within.start), min(span.end, within.end)) for span in spans)
    return union(span for span in cut if span.start < span.end)


def subtract(whole: CandleRange, spans: Iterable[CandleRange]) -> list[CandleRange]:
    """The part of `whole` that no span covers, oldest first."""
    left: list[CandleRange] = []
    at: datetime = whole.start
    for span in intersect(spans, whole):
        if at < span.start:
            left.append(CandleRange(at, span.start))
        at = span.end
    if at < whole.end:
        left.append(CandleRange(at, whole.end))
    return left


def cut(span: CandleRange, longest: timedelta) -> Iterator[CandleRange]:
    """Pieces of at most `longest`, newest first."""
    end = span.end
    while span.start < end:
        start = max(span.start, end - longest)
        yield CandleRange(start, end)
        end = start
