"""After its warm-up an indicator says what it would say with the whole history."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from app.domain.indicators import IndicatorKind, IndicatorSpec, indicator_spec
from app.services.indicators.bars import Bars
from app.services.indicators.catalogue import TURN_BARS, compute, warm_up
from tests.indicators.walks import SEEDS, columns

OTHERS = {IndicatorKind.VWAP, IndicatorKind.MACD, IndicatorKind.SUPERTREND}
RECURSIVE = [kind for kind in IndicatorKind if kind not in OTHERS]
SPECS = st.builds(
    lambda kind, period: indicator_spec(kind, period=period), st.sampled_from(RECURSIVE), st.integers(2, 30)
) | st.builds(
    lambda fast, longer, signal: indicator_spec(IndicatorKind.MACD, fast=fast, slow=fast + longer, signal=signal),
    st.integers(1, 15),
    st.integers(1, 15),
    st.integers(1, 15),
)
MORE = 700
"""Bars of history that the shorter of the two computations does not see."""


def newest(bars: Bars, count: int) -> Bars:
    """The last bars."""
    return Bars(bars.high[-count:], bars.low[-count:], bars.close[-count:], bars.volume[-count:], bars.session[-count:])


@settings(max_examples=60)
@given(seed=SEEDS, spec=SPECS)
def test_the_first_shown_value_is_that_of_the_whole_history(seed: int, spec: IndicatorSpec) -> None:
    """To nine digits of the value, or of the price for what is a difference of prices."""
    shown = 20
    whole = columns(seed, MORE + warm_up(spec) + shown)
    cut = newest(whole, len(whole.close) - MORE)
    scale = 100.0 if spec.kind in {IndicatorKind.RSI, IndicatorKind.ADX} else float(whole.close.max())
    for name, line in compute(spec, whole).items():
        right, found = line[-shown:], compute(spec, cut)[name][-shown:]
        assert not np.isnan(found).any()
        np.testing.assert_allclose(found, right, rtol=1e-9, atol=1e-9 * scale, err_msg=name)


@settings(max_examples=30)
@given(seed=SEEDS, period=st.integers(2, 30), width=st.sampled_from([0.5, 1.0, 3.0]))
@example(seed=4, period=2, width=3.0)
def test_supertrend_is_that_of_the_whole_history_once_it_has_turned(seed: int, period: int, width: float) -> None:
    """The direction at the beginning is anybody's guess. A turn renews one band, so two in a row settle everything."""
    spec = indicator_spec(IndicatorKind.SUPERTREND, period=period, width=width)
    whole = columns(seed, MORE + warm_up(spec))
    right, found = compute(spec, whole), compute(spec, newest(whole, warm_up(spec)))
    turns = [np.diff(lines["direction"][-TURN_BARS:]) for lines in (found, right)]
    bars = np.flatnonzero(np.logical_or(*turns))
    both = np.equal(*turns)[bars]
    second = next((late for early, late in pairwise(range(len(bars))) if both[early] and both[late]), None)
    assume(second is not None)
    shown = TURN_BARS - int(bars[second]) - 1
    np.testing.assert_array_equal(found["direction"][-shown:], right["direction"][-shown:])
    np.testing.assert_allclose(found["line"][-shown:], right["line"][-shown:], rtol=1e-9)


@pytest.mark.parametrize("kind", [IndicatorKind.SMA, IndicatorKind.BOLLINGER])
def test_windows_need_no_bar_more_than_they_hold(kind: IndicatorKind) -> None:
    """Nothing is fetched for nothing."""
    assert warm_up(indicator_spec(kind, period=20)) == 19


def test_a_shorter_warm_up_would_show_wrong_values() -> None:
    """The law above can fail: a tenth of the bars is not enough."""
    spec = indicator_spec(IndicatorKind.RSI)
    whole = columns(3, MORE + warm_up(spec))
    cut = newest(whole, warm_up(spec) // 10)
    assert abs(compute(spec, whole)["rsi"][-1] - compute(spec, cut)["rsi"][-1]) > 0.01
