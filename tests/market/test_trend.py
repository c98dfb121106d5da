"""The trend score: each input by plain arithmetic, and the law of the weights."""

from math import log, sqrt, tanh

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.market_context import Breadth, Trend
from app.domain.market_trend import (
    BREADTH,
    DAY_MOVE,
    DISTANCE,
    NEEDED_CLOSES,
    SLOPE,
    TrendWeights,
    measured,
    realised_volatility,
    regime_of,
    trend_of,
)
from tests.market.samples import NIFTY, members

CLOSES = st.lists(st.floats(50, 200), min_size=NEEDED_CLOSES, max_size=NEEDED_CLOSES + 20)
VALUES = st.fixed_dictionaries(
    {}, optional={name: st.floats(-5, 5) for name in (DAY_MOVE, DISTANCE, SLOPE)} | {BREADTH: st.floats(-1, 1)}
)


def breadth(advances: int, declines: int, unchanged: int = 0, unpriced: int = 0) -> Breadth:
    """A breadth of NIFTY 50."""
    return Breadth(NIFTY, members().valid_from, advances, declines, unchanged, unpriced, None, 0.0)


def wave(count: int) -> list[float]:
    """Closes that go up and down a little and rise in all."""
    return [100 * 1.002**at + (1.0 if at % 2 else -1.0) for at in range(count)]


def test_every_input_is_the_documented_one() -> None:
    """Computed a second time with numpy, by the words of the module."""
    closes, last, previous = wave(60), 115.0, 112.0
    values = measured(closes, last=last, previous_close=previous, breadth=breadth(30, 15, 3, 2))
    prices = np.array(closes)
    volatility = np.diff(np.log(prices[-21:])).std(ddof=1)
    assert values[DAY_MOVE] == pytest.approx(log(115 / 112) / volatility)
    distances = [log(last / prices[-20:].mean()), log(last / prices[-50:].mean())]
    assert values[DISTANCE] == pytest.approx(np.mean(distances) / volatility)
    assert values[BREADTH] == pytest.approx(15 / 48)
    x, y = np.arange(22), np.log(prices[-22:])
    slope = np.polyfit(x, y, 1)[0]
    assert values[SLOPE] == pytest.approx(slope * np.corrcoef(x, y)[0, 1] ** 2 * sqrt(22) / volatility)


def test_the_score_is_the_weighted_sum_of_what_was_squashed() -> None:
    """The default weights, by hand."""
    values = {DAY_MOVE: 1.0, DISTANCE: -2.0, BREADTH: 0.5, SLOPE: 0.0}
    regime, confidence = regime_of(values, TrendWeights())
    assert regime is not None
    assert regime.score == pytest.approx(0.3 * tanh(0.5) + 0.25 * tanh(-1.0) + 0.25 * 0.5)
    assert regime.trend is Trend.SIDEWAYS
    assert confidence == 1.0


def test_the_weight_of_a_missing_input_is_shared_out() -> None:
    """Without breadth and slope the others keep their proportion, and the confidence falls."""
    regime, confidence = regime_of({DAY_MOVE: 2.0, DISTANCE: 2.0}, TrendWeights())
    assert regime is not None
    assert [each.weight for each in regime.evidence] == pytest.approx([0.3 / 0.55, 0.25 / 0.55])
    assert regime.score == pytest.approx(tanh(1.0))
    assert regime.trend is Trend.STRONG_UP
    assert confidence == pytest.approx(0.55)


def test_what_is_stale_counts_in_the_score_alone() -> None:
    """The verdict is the same, with less confidence in it; down to none, of which there is still a verdict."""
    values = {DAY_MOVE: 2.0, BREADTH: 0.5}
    fresh, stale = regime_of(values, TrendWeights()), regime_of(values, TrendWeights(), stale={BREADTH, SLOPE})
    assert stale[0] == fresh[0]
    assert [fresh[1], stale[1]] == pytest.approx([0.55, 0.3])
    regime, confidence = regime_of({BREADTH: 0.5}, TrendWeights(), stale={BREADTH})
    assert regime is not None
    assert confidence == 0.0


def test_without_any_input_there_is_no_verdict() -> None:
    """Not SIDEWAYS, not 0: nothing."""
    assert regime_of({}, TrendWeights()) == (None, 0.0)


@given(VALUES, st.tuples(*[st.integers(1, 9)] * 4))
def test_the_evidence_adds_up_to_the_score(values: dict[str, float], shares: tuple[int, ...]) -> None:
    """Whatever is there: weights add up to 1, contributions to the score, which stays in [-1, 1]."""
    weights = TrendWeights(*[share / sum(shares) for share in shares])
    regime, confidence = regime_of(values, weights)
    assert (regime is None) == (not values)
    if regime is not None:
        assert sum(each.weight for each in regime.evidence) == pytest.approx(1)
        assert sum(each.contribution for each in regime.evidence) == pytest.approx(regime.score)
        assert -1 <= regime.score <= 1
        assert confidence == pytest.approx(sum(weights.by_input[name] for name in values))


@given(CLOSES)
def test_what_rises_is_the_mirror_of_what_falls(closes: list[float]) -> None:
    """Prices turned upside down (1 / price) turn the sign of slope and day move."""
    mirrored = [1 / close for close in closes]
    up = measured(closes, last=closes[-1] * 1.01, previous_close=closes[-1], breadth=None)
    down = measured(mirrored, last=mirrored[-1] / 1.01, previous_close=mirrored[-1], breadth=None)
    for name in (DAY_MOVE, SLOPE):
        if name in up:
            assert up[name] == pytest.approx(-down[name], rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("score", "trend"),
    [
        (-1.0, Trend.STRONG_DOWN),
        (-0.6, Trend.STRONG_DOWN),
        (-0.59, Trend.DOWN),
        (-0.2, Trend.DOWN),
        (-0.19, Trend.SIDEWAYS),
        (0.19, Trend.SIDEWAYS),
        (0.2, Trend.UP),
        (0.6, Trend.STRONG_UP),
    ],
)
def test_the_word_for_a_score(score: float, trend: Trend) -> None:
    """The documented bounds, the same on either side of zero."""
    assert trend_of(score) is trend


def test_too_few_closes_leave_inputs_out() -> None:
    """Each input needs its own number of closes; none is filled up."""
    few = measured(wave(20), last=115.0, previous_close=112.0, breadth=None)
    assert few == {}
    assert list(measured(wave(21), last=115.0, previous_close=112.0, breadth=None)) == [DAY_MOVE]
    assert list(measured(wave(22), last=115.0, previous_close=112.0, breadth=None)) == [DAY_MOVE, SLOPE]
    assert list(measured(wave(50), last=None, previous_close=112.0, breadth=breadth(1, 0))) == [BREADTH, SLOPE]


def test_a_market_that_never_moved_has_no_volatility_to_measure_in() -> None:
    """Equal closes: nothing to divide by, so nothing is measured."""
    assert realised_volatility([100.0] * 60) is None
    assert measured([100.0] * 60, last=101.0, previous_close=100.0, breadth=None) == {}


def test_weights_that_do_not_add_up_are_refused() -> None:
    """In words that name them."""
    with pytest.raises(ValueError, match="add up to 1"):
        TrendWeights(0.5, 0.5, 0.5, 0.5)
