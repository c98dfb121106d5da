"""ATR, Bollinger bands, Supertrend: how far the price moves. Definitions and beginnings as in TA-Lib."""

import numpy as np

from app.services.indicators.averages import deviation, simple, wilder
from app.services.indicators.bars import Bars, Floats, after, nothing

UP, DOWN = 1.0, -1.0


def true_range(bars: Bars) -> Floats:
    """The range of each bar and of the gap before it; from the second bar on."""
    high, low, before = bars.high[1:], bars.low[1:], bars.close[:-1]
    return np.maximum(high - low, np.maximum(np.abs(high - before), np.abs(low - before)))


def atr(bars: Bars, period: int) -> Floats:
    """Wilder's average of the true range."""
    return after(1, wilder(true_range(bars), period))[: len(bars.close)]


def bollinger(close: Floats, period: int, width: float) -> dict[str, Floats]:
    """The simple average, and `width` standard deviations above and below it."""
    middle = simple(close, period)
    band = width * deviation(close, period)
    return {"upper": middle + band, "middle": middle, "lower": middle - band}


def supertrend(bars: Bars, period: int, width: float) -> dict[str, Floats]:
    """The band that trails the price, and the direction: 1 while the line is below, -1 while it is above.

    A band never moves away from the price until the price closes beyond it. The very first direction is up, as in
    TA-Lib, whatever the price does.
    """
    middle, reach = (bars.high + bars.low) / 2, width * atr(bars, period)
    line, direction = nothing(len(middle)), nothing(len(middle))
    close, lowers, uppers = bars.close.tolist(), (middle - reach).tolist(), (middle + reach).tolist()
    lower, upper, up = -np.inf, np.inf, True
    for index in range(period, len(close)):
        before = close[index - 1]
        lower = lowers[index] if lowers[index] > lower or before < lower else lower
        upper = uppers[index] if uppers[index] < upper or before > upper else upper
        if index > period:
            up = close[index] >= lower if up else close[index] > upper
        line[index], direction[index] = (lower, UP) if up else (upper, DOWN)
    return {"line": line, "direction": direction}
