"""VWAP and Supertrend against their definitions, bar by bar in plain Python."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.candles import Candle
from app.domain.indicators import IndicatorKind, indicator_spec
from app.services.indicators.bars import bar_columns
from app.services.indicators.catalogue import compute
from tests.indicators.walks import LENGTHS, OPENS, SEEDS, walk

LAW = settings(max_examples=40)
NAN = float("nan")


@LAW
@given(seed=SEEDS, lengths=st.lists(st.integers(1, 90), min_size=1, max_size=4))
def test_vwap_begins_anew_each_session(seed: int, lengths: Sequence[int]) -> None:
    """Sums of the day so far; nothing before the first trade of the day."""
    bars: list[Candle] = []
    expected: list[float] = []
    for day, length in enumerate(lengths):
        value = volume = 0.0
        session = walk(seed + day, length, opens=OPENS + timedelta(days=day))
        for bar in session:
            value += (bar.high + bar.low + bar.close) / 3 * bar.volume
            volume += bar.volume
            expected.append(value / volume if volume else NAN)
        bars.extend(session)
    ours = compute(indicator_spec(IndicatorKind.VWAP), bar_columns(bars))
    np.testing.assert_allclose(ours["vwap"], expected, rtol=1e-9)


def test_the_session_of_vwap_is_the_day_in_india() -> None:
    """Midnight IST is 18:30 UTC: bars on its two sides belong to two sessions."""
    bars = walk(7, 4, opens=OPENS.replace(hour=23, minute=58))
    assert all(bar.volume for bar in bars)
    ours = compute(indicator_spec(IndicatorKind.VWAP), bar_columns(bars))["vwap"]
    third = bars[2]
    assert ours[2] == pytest.approx((third.high + third.low + third.close) / 3)


@LAW
@given(seed=SEEDS, length=LENGTHS, period=st.integers(1, 30), width=st.sampled_from([0.7, 1.0, 3.0]))
def test_supertrend_by_hand(seed: int, length: int, period: int, width: float) -> None:
    """Bands that only come nearer until the price closes beyond them; the side changes with such a close."""
    bars = walk(seed, length)
    expected: list[tuple[float, float]] = [(NAN, NAN)] * min(period, length)
    ranges = [
        max(bar.high - bar.low, abs(bar.high - before.close), abs(bar.low - before.close))
        for before, bar in pairwise(bars)
    ]
    mean, upper, lower, direction = 0.0, float("inf"), float("-inf"), 1.0
    for index in range(period, length):
        first, latest = index == period, ranges[index - 1]
        mean = sum(ranges[:period]) / period if first else mean + (latest - mean) / period
        middle, before, close = (bars[index].high + bars[index].low) / 2, bars[index - 1].close, bars[index].close
        upper = middle + width * mean if before > upper else min(upper, middle + width * mean)
        lower = middle - width * mean if before < lower else max(lower, middle - width * mean)
        if index == period:
            direction = 1.0
        elif direction > 0 and close < lower:
            direction = -1.0
        elif direction < 0 and close > upper:
            direction = 1.0
        expected.append((lower if direction > 0 else upper, direction))
    ours = compute(indicator_spec(IndicatorKind.SUPERTREND, period=period, width=width), bar_columns(bars))
    np.testing.assert_allclose(ours["line"], [line for line, _ in expected], rtol=1e-9)
    np.testing.assert_array_equal(ours["direction"], [side for _, side in expected])
