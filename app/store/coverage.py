"""What a save changes in the spans of a series that are known. Pure; for the candle stores.

Comes in: the spans that are stored, none of which overlap, and one that has just been fetched. Goes out: the spans
that shall be stored instead.
"""

from collections.abc import Sequence

from app.domain.candles import CandleRange
from app.domain.spans import subtract
from app.ports import Coverage


def with_known(stored: Sequence[Coverage], known: Coverage) -> list[Coverage]:
    """The spans with the new one joined in, oldest first, none overlapping.

    Spans of the same source that overlap or touch the new one become one with it. Its `fetched_at` is the oldest of
    what is left of them: no part of a span was fetched before that, and what is fetched again as a whole is as young
    as the new fetch. The new one is cut out of spans of another source, whose bars it has replaced.
    """
    same = [old for old in stored if old.source is known.source and touches(old.span, known.span)]
    others = [old for old in stored if old not in same]
    kept = [Coverage(part, old.source, old.fetched_at) for old in others for part in subtract(old.span, [known.span])]
    return sorted([*kept, _joined(known, same)], key=lambda each: each.span.start)


def touches(one: CandleRange, other: CandleRange) -> bool:
    """Whether the spans overlap or one begins where the other ends."""
    return one.start <= other.end and other.start <= one.end


def check_known(known: Coverage) -> None:
    """Raises ValueError for a span that is naive or holds no instant, or a naive `fetched_at`."""
    span = known.span
    if any(instant.tzinfo is None for instant in (span.start, span.end, known.fetched_at)):
        msg = f"the known span {span.start.isoformat()} to {span.end.isoformat()} has an instant without a time zone"
        raise ValueError(msg)
    if span.start >= span.end:
        msg = f"the known span {span.start.isoformat()} to {span.end.isoformat()} is empty"
        raise ValueError(msg)


def _joined(known: Coverage, same: Sequence[Coverage]) -> Coverage:
    start, end = known.span.start, known.span.end
    left = [old for old in same if old.span.start < start or old.span.end > end]
    span = CandleRange(
        min([start, *(old.span.start for old in left)]),
        max([end, *(old.span.end for old in left)]),
    )
    return Coverage(span, known.source, min([known.fetched_at, *(old.fetched_at for old in left)]))
