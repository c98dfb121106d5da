"""Which parameters an indicator takes, and what they are if nobody says."""

from typing import Any

import pytest

from app.domain.errors import InvalidInput
from app.domain.indicators import IndicatorKind, indicator_spec
from app.services.history.request import MAX_BARS
from app.services.indicators.catalogue import compute, warm_up
from tests.indicators.walks import columns

EACH = pytest.mark.parametrize("kind", list(IndicatorKind))
LONGEST: dict[IndicatorKind, dict[str, Any]] = {
    IndicatorKind.MACD: {"fast": 499, "slow": 500, "signal": 500},
    IndicatorKind.VWAP: {},
}


@pytest.mark.parametrize(
    ("kind", "given", "label"),
    [
        (IndicatorKind.SMA, {}, "SMA 20"),
        (IndicatorKind.EMA, {"period": 50}, "EMA 50"),
        (IndicatorKind.RSI, {}, "RSI 14"),
        (IndicatorKind.MACD, {}, "MACD 12 26 9"),
        (IndicatorKind.MACD, {"slow": 30}, "MACD 12 30 9"),
        (IndicatorKind.ATR, {}, "ATR 14"),
        (IndicatorKind.BOLLINGER, {}, "BOLLINGER 20 2"),
        (IndicatorKind.BOLLINGER, {"width": 2.5}, "BOLLINGER 20 2.5"),
        (IndicatorKind.VWAP, {}, "VWAP"),
        (IndicatorKind.ADX, {}, "ADX 14"),
        (IndicatorKind.SUPERTREND, {"period": 7}, "SUPERTREND 7 3"),
    ],
)
def test_defaults_and_labels(kind: IndicatorKind, given: dict[str, Any], label: str) -> None:
    """What charts take unless told otherwise."""
    assert indicator_spec(kind, **given).label == label


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (IndicatorKind.SMA, {"fast": 3, "width": 1.0}, "SMA does not take `fast`, `width`; it takes `period`"),
        (IndicatorKind.VWAP, {"period": 3}, "VWAP does not take `period`; it takes no parameters"),
        (IndicatorKind.MACD, {"period": 3}, "MACD does not take `period`; it takes `fast` and `slow` and `signal`"),
        (IndicatorKind.SMA, {"period": 0}, "SMA: `period` is 0; it must lie between 1 and 500"),
        (IndicatorKind.EMA, {"period": 501}, "EMA: `period` is 501; it must lie between 1 and 500"),
        (IndicatorKind.RSI, {"period": 1}, "RSI: `period` is 1; it must lie between 2 and 500"),
        (IndicatorKind.MACD, {"signal": -1}, "MACD: `signal` is -1; it must lie between 1 and 500"),
        (IndicatorKind.MACD, {"fast": 26}, "`fast` is 26 and `slow` is 26; `fast` must be the smaller one"),
        (IndicatorKind.BOLLINGER, {"width": 0.0}, "`width` is 0; it must be above 0 and at most 100"),
        (IndicatorKind.SUPERTREND, {"width": float("nan")}, "`width` is nan"),
        (IndicatorKind.SUPERTREND, {"width": float("inf")}, "`width` is inf"),
    ],
)
def test_nonsense_is_named(kind: IndicatorKind, given: dict[str, Any], message: str) -> None:
    """The parameter, its value, and what would do."""
    with pytest.raises(InvalidInput) as caught:
        indicator_spec(kind, **given)
    assert message in caught.value.message


@EACH
def test_every_kind_has_a_line_for_each_bar(kind: IndicatorKind) -> None:
    """From none and one to many."""
    for length in (1, 2, 15, 60):
        lines = compute(indicator_spec(kind), columns(1, length))
        assert lines
        assert {len(line) for line in lines.values()} == {length}


@EACH
def test_the_longest_warm_up_is_one_question(kind: IndicatorKind) -> None:
    """History answers at most so many bars."""
    spec = indicator_spec(kind, **LONGEST.get(kind, {"period": 500}))
    assert 0 <= warm_up(spec) < MAX_BARS
