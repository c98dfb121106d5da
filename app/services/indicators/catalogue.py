"""Every kind of indicator: its lines, and how much history makes them right.

Comes in: a spec and bars as columns. Goes out: named columns, nan where there are too few bars. Pure.

**Warm-up.** A recursive average never quite forgets where it began. TA-Lib begins it at the first bar that it is given
(its "unstable period" is 0), so what it says of a bar depends on how much was fetched before it. Here the bars before
the range are fetched until the beginning weighs less than FORGOTTEN in the first value shown: the answer is that of
TA-Lib over the whole history, whichever range is asked for. Where the history begins later, that beginning is it.
"""

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from app.domain.candle_merge import period_start
from app.domain.candles import Interval
from app.domain.errors import InvalidInput
from app.domain.indicators import IndicatorKind, IndicatorSpec
from app.services.indicators.averages import exponential, simple
from app.services.indicators.bars import Bars, Floats
from app.services.indicators.momentum import adx, macd, rsi
from app.services.indicators.ranges import atr, bollinger, supertrend
from app.services.indicators.vwap import vwap

FORGOTTEN = 1e-10
"""The weight of the beginning, relative: with it values agree to 9 digits."""
TURN_BARS = 250
"""Bars on top for SUPERTREND: it forgets its first direction at the first turn of the price, and at each turn one of
the bands that it had before."""

Lines = Mapping[str, Floats]

_COMPUTE: Mapping[IndicatorKind, Callable[[Bars, IndicatorSpec], Lines]] = {
    IndicatorKind.SMA: lambda bars, spec: {"sma": simple(bars.close, spec.period)},
    IndicatorKind.EMA: lambda bars, spec: {"ema": exponential(bars.close, spec.period)},
    IndicatorKind.RSI: lambda bars, spec: {"rsi": rsi(bars.close, spec.period)},
    IndicatorKind.MACD: lambda bars, spec: macd(bars.close, fast=spec.fast, slow=spec.slow, signal=spec.signal),
    IndicatorKind.ATR: lambda bars, spec: {"atr": atr(bars, spec.period)},
    IndicatorKind.BOLLINGER: lambda bars, spec: bollinger(bars.close, spec.period, spec.width),
    IndicatorKind.VWAP: lambda bars, _: {"vwap": vwap(bars)},
    IndicatorKind.ADX: lambda bars, spec: adx(bars, spec.period),
    IndicatorKind.SUPERTREND: lambda bars, spec: supertrend(bars, spec.period, spec.width),
}

_WARM_UP: Mapping[IndicatorKind, Callable[[IndicatorSpec], int]] = {
    IndicatorKind.SMA: lambda spec: spec.period - 1,
    IndicatorKind.EMA: lambda spec: spec.period - 1 + _exponential_decay(spec.period),
    IndicatorKind.RSI: lambda spec: spec.period + _wilder_decay(spec.period),
    IndicatorKind.MACD: lambda spec: (
        spec.slow + spec.signal - 2 + _exponential_decay(spec.slow) + _exponential_decay(spec.signal)
    ),
    IndicatorKind.ATR: lambda spec: spec.period + _wilder_decay(spec.period),
    IndicatorKind.BOLLINGER: lambda spec: spec.period - 1,
    IndicatorKind.VWAP: lambda _: 0,
    IndicatorKind.ADX: lambda spec: 2 * (spec.period + _wilder_decay(spec.period)) - 1,
    IndicatorKind.SUPERTREND: lambda spec: spec.period + _wilder_decay(spec.period) + TURN_BARS,
}


def compute(spec: IndicatorSpec, bars: Bars) -> Lines:
    """The indicator's lines by name, each as long as the bars."""
    return _COMPUTE[spec.kind](bars, spec)


def warm_up(spec: IndicatorSpec) -> int:
    """Bars needed before the first one whose value is shown, so that it is right.

    VWAP needs none of other sessions; what it needs of its own tells `session_bars`.
    """
    return _WARM_UP[spec.kind](spec)


def session_bars(spec: IndicatorSpec, interval: Interval, opens: datetime) -> int:
    """Bars of the same IST day that can come before the one that opens at an instant, if the indicator needs them.

    Raises InvalidInput for VWAP over bars that are not part of one session.
    """
    if spec.kind is not IndicatorKind.VWAP:
        return 0
    if interval.minutes is None:
        msg = f"VWAP is a mean of the bars of one session; {interval} bars have no part of one: ask for shorter bars"
        raise InvalidInput(msg)
    return -((period_start(opens, Interval.DAY) - opens) // timedelta(minutes=interval.minutes))


def _exponential_decay(period: int) -> int:
    """Bars until the beginning of an exponential average is forgotten."""
    return 0 if period == 1 else math.ceil(math.log(FORGOTTEN) / math.log1p(-2 / (period + 1)))


def _wilder_decay(period: int) -> int:
    """Bars until the beginning of one of Wilder's averages is forgotten: some 23 periods."""
    return 0 if period == 1 else math.ceil(math.log(FORGOTTEN) / math.log1p(-1 / period))
