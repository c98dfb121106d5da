"""What to ask a source for: arithmetic of what is known, what is shut and what fits into one request.

Comes in: a span, the spans that are known, those in which no bar opens. Goes out: gaps, and pieces of them. Pure.
Called by the archive.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import timedelta

from app.domain.candles import CandleRange
from app.domain.spans import subtract, union
from app.ports import Coverage


def gaps(span: CandleRange, known: Sequence[CandleRange], shut: Sequence[CandleRange]) -> list[CandleRange]:
    """The spans to ask for, oldest first: together every instant at which an unknown bar can open, and no known bar.

    Gaps with nothing but shut time between them are one, each begins and ends in time that is not shut.
    """
    unknown = [part for gap in subtract(span, known) for part in subtract(gap, shut)]
    openings = [part.start for each in union(known) for part in subtract(each, shut)]
    joined = unknown[:1]
    for part in unknown[1:]:
        if bisect_left(openings, joined[-1].end) == bisect_left(openings, part.start):
            joined[-1] = CandleRange(joined[-1].start, part.end)
        else:
            joined.append(part)
    return joined


def overlap(one: CandleRange, other: CandleRange) -> bool:
    """Whether an instant lies in both."""
    return one.start < other.end and other.start < one.end


def trim(span: CandleRange, shut: Sequence[CandleRange]) -> CandleRange | None:
    """The span without shut time at its ends; None if it is shut all along."""
    parts = subtract(span, shut)
    return CandleRange(parts[0].start, parts[-1].end) if parts else None


def pieces(gap: CandleRange, longest: timedelta, shut: Sequence[CandleRange]) -> Iterator[CandleRange]:
    """A gap as requests of at most `longest`, newest first, none of which begins or ends in shut time."""
    rest = trim(gap, shut)
    while rest is not None:
        piece = trim(CandleRange(max(rest.start, rest.end - longest), rest.end), shut)
        if piece is None:
            return
        yield piece
        rest = trim(CandleRange(rest.start, piece.start), shut) if rest.start < piece.start else None


def known_before(gap: CandleRange, coverage: Sequence[Coverage], shut: Sequence[CandleRange]) -> Coverage | None:
    """What is known just before a gap, with at most shut time between; None if nothing is."""
    before = [known for known in coverage if known.span.end <= gap.start]
    if not before:
        return None
    nearest = max(before, key=lambda known: known.span.end)
    return None if subtract(CandleRange(nearest.span.end, gap.start), shut) else nearest


def known_after(gap: CandleRange, coverage: Sequence[Coverage], shut: Sequence[CandleRange]) -> Coverage | None:
    """The same just after it."""
    after = [known for known in coverage if known.span.start >= gap.end]
    if not after:
        return None
    nearest = min(after, key=lambda known: known.span.start)
    return None if subtract(CandleRange(gap.end, nearest.span.start), shut) else nearest
