"""Every indicator against TA-Lib, the reference, on the same random walks, to nine digits."""

from collections.abc import Mapping

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.indicators import IndicatorKind, indicator_spec
from app.services.indicators.bars import Bars, Floats
from app.services.indicators.catalogue import compute
from tests.indicators.walks import LENGTHS, SEEDS, columns

EXACT = 1e-9
"""Relative to the value, or to the price where the value is a difference of prices."""
PERIODS = st.integers(2, 60)
WIDTHS = st.sampled_from([0.5, 1.0, 2.0, 3.3])
LAW = settings(max_examples=60)


def agree(ours: Mapping[str, Floats], theirs: Mapping[str, Floats], *, scale: float = 1.0) -> None:
    """The same lines, empty in the same places, equal elsewhere. TA-Lib's of no bars at all are empty."""
    assert list(ours) == list(theirs)
    for name, line in theirs.items():
        assert len(ours[name]) == len(line)
        np.testing.assert_allclose(ours[name], line, rtol=EXACT, atol=EXACT * scale, err_msg=name)


def price(bars: Bars) -> float:
    """The highest price."""
    return float(bars.high.max())


@LAW
@given(seed=SEEDS, length=LENGTHS, period=PERIODS)
def test_averages(seed: int, length: int, period: int) -> None:
    """Simple, and exponential with the simple one of the first bars as its beginning."""
    bars = columns(seed, length)
    for kind, reference in ((IndicatorKind.SMA, talib.SMA), (IndicatorKind.EMA, talib.EMA)):
        ours = compute(indicator_spec(kind, period=period), bars)
        agree(ours, {kind.lower(): reference(bars.close, period)}, scale=price(bars))


@LAW
@given(seed=SEEDS, length=LENGTHS, period=PERIODS)
def test_rsi(seed: int, length: int, period: int) -> None:
    """Wilder's; but TA-Lib says 0 of a price that has not moved yet, and we say nothing."""
    bars = columns(seed, length)
    theirs = talib.RSI(bars.close, period)
    still = np.cumsum(np.abs(np.diff(bars.close, prepend=bars.close[0]))) == 0
    agree(
        compute(indicator_spec(IndicatorKind.RSI, period=period), bars),
        {"rsi": np.where(still, np.nan, theirs)},
        scale=100,
    )


@LAW
@given(seed=SEEDS, length=LENGTHS, fast=st.integers(2, 30), longer=st.integers(1, 30), signal=st.integers(1, 20))
def test_macd(seed: int, length: int, fast: int, longer: int, signal: int) -> None:
    """All three lines begin with the signal."""
    bars = columns(seed, length)
    line, average, histogram = talib.MACD(bars.close, fast, fast + longer, signal)
    spec = indicator_spec(IndicatorKind.MACD, fast=fast, slow=fast + longer, signal=signal)
    agree(compute(spec, bars), {"macd": line, "signal": average, "histogram": histogram}, scale=price(bars))


@LAW
@given(seed=SEEDS, length=LENGTHS, period=st.integers(1, 60))
def test_atr(seed: int, length: int, period: int) -> None:
    """Wilder's average of the true range."""
    bars = columns(seed, length)
    theirs = talib.ATR(bars.high, bars.low, bars.close, period)
    agree(compute(indicator_spec(IndicatorKind.ATR, period=period), bars), {"atr": theirs}, scale=price(bars))


@LAW
@given(seed=SEEDS, length=LENGTHS, period=PERIODS, width=WIDTHS)
def test_bollinger(seed: int, length: int, period: int, width: float) -> None:
    """TA-Lib takes the deviation from sums of squares, so it is compared by its square, where its error is small."""
    bars = columns(seed, length)
    upper, middle, lower = talib.BBANDS(bars.close, period, width, width)
    ours = compute(indicator_spec(IndicatorKind.BOLLINGER, period=period, width=width), bars)
    assert list(ours) == ["upper", "middle", "lower"]
    np.testing.assert_allclose(ours["middle"], middle, rtol=EXACT)
    for mine, theirs in ((ours["upper"], upper), (ours["lower"], lower)):
        ours_squared, theirs_squared = (mine - middle) ** 2, (theirs - middle) ** 2
        np.testing.assert_allclose(ours_squared, theirs_squared, rtol=EXACT, atol=EXACT * price(bars) ** 2 / 100)


@LAW
@given(seed=SEEDS, length=LENGTHS, period=PERIODS)
def test_adx(seed: int, length: int, period: int) -> None:
    """The strength and both sides."""
    bars = columns(seed, length)
    sides = (bars.high, bars.low, bars.close, period)
    theirs = {"adx": talib.ADX(*sides), "plusDi": talib.PLUS_DI(*sides), "minusDi": talib.MINUS_DI(*sides)}
    agree(compute(indicator_spec(IndicatorKind.ADX, period=period), bars), theirs, scale=100)


@LAW
@given(seed=SEEDS, length=LENGTHS, period=PERIODS, width=WIDTHS)
def test_supertrend(seed: int, length: int, period: int, width: float) -> None:
    """The trailing band and the direction."""
    bars = columns(seed, length)
    line, trend = talib.SUPERTREND(bars.high, bars.low, bars.close, period, width)
    direction = np.where(np.isnan(line), np.nan, trend.astype(np.float64))
    ours = compute(indicator_spec(IndicatorKind.SUPERTREND, period=period, width=width), bars)
    agree(ours, {"line": line, "direction": direction}, scale=price(bars))


@pytest.mark.parametrize("kind", list(IndicatorKind))
def test_prices_that_do_not_move_have_defined_values(kind: IndicatorKind) -> None:
    """No division by zero, no infinity: an average is the price, a range is 0, a strength is unknown or 0."""
    flat = np.full(400, 101.35)
    bars = Bars(flat, flat, flat, np.zeros(400), np.zeros(400, dtype=np.int64))
    for name, line in compute(indicator_spec(kind), bars).items():
        last = line[-1]
        assert not np.isinf(line).any(), name
        assert np.isnan(last) if name in {"rsi", "vwap"} else last == pytest.approx({
            "sma": 101.35, "ema": 101.35, "upper": 101.35, "middle": 101.35, "lower": 101.35, "line": 101.35,
            "direction": 1.0,
        }.get(name, 0.0), abs=1e-9)  # fmt: skip
