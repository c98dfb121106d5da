"""Bars as database rows, checked on the way in. Pure; for the candle stores."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import isfinite
from typing import TypeAlias

from app.domain.candles import Candle, CandleState

BarRow: TypeAlias = tuple[int, float, float, float, float, int, int | None, int]
"""Opening instant in epoch seconds, open, high, low, close, volume, open interest, state."""

STATES = {1: CandleState.FINAL, 2: CandleState.CORRECTED}
"""What the numbers in the column `state` mean. A forming bar is never stored."""
CODES = {state: code for code, state in STATES.items()}


def encode_bars(bars: Sequence[Candle]) -> list[BarRow]:
    """One row a bar. Raises ValueError for what must not be stored.

    That is a bar that is still forming, is naive, opens within a second, holds a price that is no number, or does
    not open after the one before it.
    """
    rows = list(map(_encode, bars))
    for earlier, later in pairwise(rows):
        if earlier[0] >= later[0]:
            fault = "are twice the same" if earlier[0] == later[0] else "are not in order"
            raise ValueError(f"two bars {fault}: {earlier[0]} is followed by {later[0]} (epoch seconds)")
    return rows


def _encode(bar: Candle) -> BarRow:
    opens, prices = bar.time, (bar.open, bar.high, bar.low, bar.close)
    if opens.tzinfo is None or opens.microsecond or bar.state not in CODES or not isfinite(sum(prices)):
        raise ValueError(f"the bar of {opens.isoformat()} cannot be stored: {', '.join(_faults(bar))}")
    return int(opens.timestamp()), *prices, bar.volume, bar.open_interest, CODES[bar.state]


def _faults(bar: Candle) -> Iterator[str]:
    if bar.time.tzinfo is None:
        yield "it has no time zone"
    if bar.time.microsecond:
        yield "it does not open at a whole second"
    if bar.state not in CODES:
        yield f"it is {bar.state}"
    if not isfinite(bar.open + bar.high + bar.low + bar.close):
        yield "a price is no number"
