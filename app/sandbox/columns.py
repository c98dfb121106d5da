"""Minutes of one instrument as columns of whole numbers, and their merging into bars.

`Columns` come from `app.sandbox.process`; `plan_bars` says which minutes make which bars of an interval;
`merge` makes them. Sums and extremes of integers: merging in two steps gives what one step gives.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from app.sandbox.hours import Spans, first_minute
from app.sandbox.noise import Ints

INTERVALS = {
    "minute": 1,
    "3minute": 3,
    "5minute": 5,
    "10minute": 10,
    "15minute": 15,
    "30minute": 30,
    "60minute": 60,
    "day": None,
}
"""Kite's names and their minutes; None for the day, whose length the calendar decides."""


class Columns(NamedTuple):
    """Consecutive minutes, or bars; prices in the instrument's steps."""

    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints
    interest: Ints


class Plan(NamedTuple):
    """The bars of some days: when each opens, and the minutes that it consists of."""

    opens: Ints
    """Minute at which each bar is said to open."""
    minutes: Ints
    """All minutes of all bars, in order."""
    starts: Ints
    """Where in `minutes` each bar begins."""


def plan_bars(days: Iterable[tuple[int, Spans]], length: int | None, wanted: range, last: int) -> Plan:
    """Bars that open in `wanted` and not after `last`, from minutes up to `last`.

    Bars of minutes count from the beginning of each span of trading, as Kite's do: 09:15, 10:15 ...
    """
    if length is None:
        pieces = [_day_bar(day, spans, last) for day, spans in days if first_minute(day) in wanted]
    else:
        pieces = [_span_bars(span, length, wanted, last) for _, spans in days for span in spans]
    pieces = [piece for piece in pieces if len(piece.minutes)]
    if not pieces:
        nothing = np.zeros(0, dtype=np.int64)
        return Plan(nothing, nothing, nothing)
    before = np.cumsum([0, *(len(piece.minutes) for piece in pieces)])
    return Plan(
        opens=np.concatenate([piece.opens for piece in pieces]),
        minutes=np.concatenate([piece.minutes for piece in pieces]),
        starts=np.concatenate([piece.starts + offset for piece, offset in zip(pieces, before, strict=False)]),
    )


def _day_bar(day: int, spans: Spans, last: int) -> Plan:
    ranges = [np.arange(start, min(end, last + 1), dtype=np.int64) for start, end in spans]
    minutes = np.concatenate(ranges) if ranges else np.zeros(0, dtype=np.int64)
    return Plan(np.array([first_minute(day)]), minutes, np.array([0]))


def _span_bars(span: tuple[int, int], length: int, wanted: range, last: int) -> Plan:
    start, end = span
    opens = np.arange(start, min(end, last + 1), length, dtype=np.int64)
    opens = opens[(opens >= wanted.start) & (opens < wanted.stop)]
    if not len(opens):
        return Plan(opens, opens, opens)
    minutes = np.arange(opens[0], min(int(opens[-1]) + length, end, last + 1), dtype=np.int64)
    return Plan(opens, minutes, opens - opens[0])


def merge(plan: Plan, columns_of: Callable[[int, int], Columns]) -> Columns:
    """The plan's bars. `columns_of(first, count)` gives consecutive minutes."""
    first = int(plan.minutes[0])
    whole = columns_of(first, int(plan.minutes[-1]) - first + 1)
    chosen = Columns(*(column[plan.minutes - first] for column in whole))
    ends = np.append(plan.starts[1:], len(plan.minutes)) - 1
    return Columns(
        open=chosen.open[plan.starts],
        high=np.maximum.reduceat(chosen.high, plan.starts),
        low=np.minimum.reduceat(chosen.low, plan.starts),
        close=chosen.close[ends],
        volume=np.add.reduceat(chosen.volume, plan.starts),
        interest=chosen.interest[ends],
    )
