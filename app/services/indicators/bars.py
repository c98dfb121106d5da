"""Bars as columns of numbers, which is what indicators are computed from."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.domain.candles import Candle
from app.domain.time import IST

DAY_SECONDS = 86_400
IST_SECONDS = int(IST.utcoffset(None).total_seconds())
Floats: TypeAlias = NDArray[np.float64]
"""One number a bar; nan until there are enough bars."""


class Bars(NamedTuple):
    """Columns of equal length, oldest bar first."""

    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    session: NDArray[np.int64]
    """Number of the IST day on which each bar opens: no exchange of the calendar trades over midnight."""


def bar_columns(bars: Sequence[Candle]) -> Bars:
    """The columns of some bars."""
    return Bars(
        high=np.array([bar.high for bar in bars], dtype=np.float64),
        low=np.array([bar.low for bar in bars], dtype=np.float64),
        close=np.array([bar.close for bar in bars], dtype=np.float64),
        volume=np.array([bar.volume for bar in bars], dtype=np.float64),
        session=(np.array([bar.epoch_seconds for bar in bars], dtype=np.int64) + IST_SECONDS) // DAY_SECONDS,
    )


def nothing(length: int) -> Floats:
    """A column without a value."""
    return np.full(length, np.nan)


def after(blank: int, values: Floats) -> Floats:
    """The values behind a number of bars without one."""
    return np.concatenate([nothing(blank), values])
