"""Averages over bars: simple, exponential, Wilder's. The others are made of them.

Recursive averages begin where TA-Lib begins them: with the simple average of the first `period` values.
"""

from collections.abc import Callable
from itertools import accumulate

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from app.services.indicators.bars import Floats, after, nothing

CHUNK = 500_000
"""Numbers that a window's deviation copies at a time: 4 MB instead of 200 for the longest series and period."""


def simple(values: Floats, period: int) -> Floats:
    """The mean of the last `period` values. Summed anew for each bar: a running sum would carry old errors along."""
    if len(values) < period:
        return nothing(len(values))
    return after(period - 1, sliding_window_view(values, period).sum(axis=1) / period)


def deviation(values: Floats, period: int) -> Floats:
    """The standard deviation of the last `period` values, of the population."""
    if len(values) < period:
        return nothing(len(values))
    windows = sliding_window_view(values, period)
    rows = max(1, CHUNK // period)
    parts = [windows[start : start + rows].std(axis=1) for start in range(0, len(windows), rows)]
    return after(period - 1, np.concatenate(parts))


def exponential(values: Floats, period: int) -> Floats:
    """Each new value weighs 2 / (period + 1)."""
    weight = 2.0 / (period + 1)
    return _recursive(values, period, lambda mean, value: (value - mean) * weight + mean)


def wilder(values: Floats, period: int) -> Floats:
    """Each new value weighs 1 / period."""
    return _recursive(values, period, lambda mean, value: (mean * (period - 1) + value) / period)


def _recursive(values: Floats, period: int, step: Callable[[float, float], float]) -> Floats:
    if len(values) < period:
        return nothing(len(values))
    seed = float(values[:period].sum()) / period
    means = accumulate(values[period:].tolist(), step, initial=seed)
    return after(period - 1, np.fromiter(means, dtype=np.float64, count=len(values) - period + 1))
