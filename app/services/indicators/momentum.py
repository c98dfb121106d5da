"""RSI, MACD, ADX: how strongly, and which way, the price moves. Definitions and beginnings as in TA-Lib."""

from itertools import accumulate

import numpy as np

from app.services.indicators.averages import exponential, wilder
from app.services.indicators.bars import Bars, Floats, after, nothing
from app.services.indicators.ranges import true_range


def rsi(close: Floats, period: int) -> Floats:
    """Wilder's relative strength, 0 to 100; no value while the price has never moved: neither side is stronger."""
    change = np.diff(close)
    gain, loss = wilder(np.maximum(change, 0.0), period), wilder(np.maximum(-change, 0.0), period)
    moved = gain + loss
    strength = 100.0 * np.divide(gain, moved, out=nothing(len(moved)), where=moved > 0)
    return after(1, strength)[: len(close)]


def macd(close: Floats, *, fast: int, slow: int, signal: int) -> dict[str, Floats]:
    """Fast less slow exponential average, its own average, and their difference.

    Both averages begin at the same bar, and all three lines where the signal does.
    """
    begin = slow - 1
    if len(close) < begin + signal:
        return {name: nothing(len(close)) for name in ("macd", "signal", "histogram")}
    line = exponential(close[slow - fast :], fast)[fast - 1 :] - exponential(close, slow)[begin:]
    average = exponential(line, signal)
    line = np.where(np.isnan(average), np.nan, line)
    return {
        "macd": after(begin, line),
        "signal": after(begin, average),
        "histogram": after(begin, line - average),
    }


def adx(bars: Bars, period: int) -> dict[str, Floats]:
    """Wilder's directional movement: its strength, and its two sides, each 0 to 100."""
    rise, fall = np.diff(bars.high), -np.diff(bars.low)
    span = _sums(true_range(bars), period)
    sides = {
        "plusDi": _sums(np.where((rise > fall) & (rise > 0), rise, 0.0), period),
        "minusDi": _sums(np.where((fall > rise) & (fall > 0), fall, 0.0), period),
    }
    share = {name: 100.0 * _ratio(moved, span) for name, moved in sides.items()}
    plus, minus = share["plusDi"], share["minusDi"]
    strength = _trend(100.0 * np.abs(plus - minus), plus + minus, period)
    return {"adx": _fit(strength, period, bars), **{name: _fit(line, period, bars) for name, line in share.items()}}


def _sums(values: Floats, period: int) -> Floats:
    """Wilder's sums, from bar `period` on: the sum of the bars before, which loses 1 / period of itself with each."""
    if len(values) < period:
        return np.empty(0)
    seed = float(values[: period - 1].sum())
    sums = accumulate(values[period - 1 :].tolist(), lambda total, value: total - total / period + value, initial=seed)
    return np.fromiter(sums, dtype=np.float64)[1:]


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)


def _trend(difference: Floats, total: Floats, period: int) -> Floats:
    """Wilder's average of |+DI - -DI| / (+DI + -DI). A bar without movement leaves it as it was."""
    moved = total > 0
    index = np.divide(difference, total, out=np.zeros(len(total)), where=moved)
    if len(index) < period:
        return nothing(len(index))
    seed = float(index[:period].sum()) / period
    means = accumulate(
        zip(index[period:].tolist(), moved[period:].tolist(), strict=True),
        lambda mean, bar: (mean * (period - 1) + bar[0]) / period if bar[1] else mean,
        initial=seed,
    )
    return after(period - 1, np.fromiter(means, dtype=np.float64))


def _fit(line: Floats, blank: int, bars: Bars) -> Floats:
    return after(blank, line)[: len(bars.close)]
