"""What INDIA VIX says: its level, its percentile and the daily move that it implies.

Comes in: the index's quote and the closes of its finished sessions. Goes out: Volatility. Pure; called by
`app.services.market_context`.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import sqrt

from app.domain.instruments import Instrument
from app.domain.market_context import Volatility, VolatilityLevel
from app.domain.quotes import Quote

SESSIONS = 252
"""A year of sessions."""
SHORTEST = 60
"""Sessions below which a percentile would say little."""
LEVELS = (VolatilityLevel.LOW, VolatilityLevel.NORMAL, VolatilityLevel.ELEVATED, VolatilityLevel.HIGH)
PERCENTILES = (25.0, 75.0, 90.0)
"""Percentiles from which NORMAL, ELEVATED and HIGH begin."""
BANDS = (13.0, 18.0, 25.0)
"""Values from which they begin where the history is too short for a percentile."""


def volatility_of(index: Instrument, quote: Quote, closes: Sequence[float]) -> Volatility:
    """The volatility by the index's price. `closes`: of finished sessions, oldest first."""
    value = quote.last_price
    percentile = percentile_of(value, closes[-SESSIONS:])
    level = _level(value, BANDS) if percentile is None else _level(percentile, PERCENTILES)
    return Volatility(
        index=index,
        value=value,
        change=quote.change,
        level=level,
        percentile=percentile,
        implied_daily_move_percent=value / sqrt(SESSIONS),
    )


def percentile_of(value: float, closes: Sequence[float]) -> float | None:
    """Where a value stands among closes, 0 to 100: those below it, and half of those that equal it.

    None with fewer than SHORTEST closes.
    """
    if len(closes) < SHORTEST:
        return None
    ordered = sorted(closes)
    below, not_above = bisect_left(ordered, value), bisect_right(ordered, value)
    return 100 * (below + not_above) / 2 / len(ordered)


def _level(value: float, beginnings: Sequence[float]) -> VolatilityLevel:
    return LEVELS[bisect_right(beginnings, value)]
