"""Indicators: what can be drawn over a series, with which parameters.

Comes in: a kind and what the caller said of its parameters. Goes out: a complete, checked IndicatorSpec, and the
record types of the values. `app.services.indicators` computes them. Pure.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.domain.errors import InvalidInput

LONGEST_PERIOD = 500
"""Bars; two years of days. Beyond it a warm-up would take more history than there is."""
WIDEST = 100.0
"""Standard deviations or true ranges; no band is wider than the price."""


class IndicatorKind(StrEnum):
    """What is computed."""

    SMA = "SMA"
    EMA = "EMA"
    RSI = "RSI"
    MACD = "MACD"
    ATR = "ATR"
    BOLLINGER = "BOLLINGER"
    VWAP = "VWAP"
    ADX = "ADX"
    SUPERTREND = "SUPERTREND"


@dataclass(frozen=True, slots=True)
class IndicatorSpec:
    """A kind with all its parameters; those that do not belong to it are 0."""

    kind: IndicatorKind
    period: int = 0
    """Bars."""
    fast: int = 0
    """Bars of MACD's fast average."""
    slow: int = 0
    """Bars of MACD's slow average."""
    signal: int = 0
    """Bars of MACD's average of itself."""
    width: float = 0.0
    """Half the width of the band: standard deviations (BOLLINGER) or average true ranges (SUPERTREND)."""

    @property
    def label(self) -> str:
        """Kind and parameters, as a legend shows them: SMA 20, MACD 12 26 9, BOLLINGER 20 2."""
        values = (getattr(self, name) for name in DEFAULTS[self.kind])
        return " ".join([self.kind, *(f"{value:g}" for value in values)])


@dataclass(frozen=True, slots=True)
class IndicatorLine:
    """One value for each bar of a series."""

    name: str
    values: Sequence[float | None]
    """None until the indicator has enough bars."""


@dataclass(frozen=True, slots=True)
class IndicatorSeries:
    """An indicator over the bars of a series."""

    kind: IndicatorKind
    label: str
    lines: tuple[IndicatorLine, ...]
    problem: str | None = None
    """Why values are None though the bars of the series would do: the bars before them could not be had."""


DEFAULTS: Mapping[IndicatorKind, Mapping[str, float]] = {
    IndicatorKind.SMA: {"period": 20},
    IndicatorKind.EMA: {"period": 20},
    IndicatorKind.RSI: {"period": 14},
    IndicatorKind.MACD: {"fast": 12, "slow": 26, "signal": 9},
    IndicatorKind.ATR: {"period": 14},
    IndicatorKind.BOLLINGER: {"period": 20, "width": 2.0},
    IndicatorKind.VWAP: {},
    IndicatorKind.ADX: {"period": 14},
    IndicatorKind.SUPERTREND: {"period": 10, "width": 3.0},
}
"""The parameters of each kind, as charts have them unless told otherwise."""
SHORTEST = {
    (IndicatorKind.RSI, "period"): 2,
    (IndicatorKind.BOLLINGER, "period"): 2,
    (IndicatorKind.ADX, "period"): 2,
    (IndicatorKind.MACD, "slow"): 2,
}
"""Where one bar says nothing: it has no deviation, and a single change is all up or all down."""


def indicator_spec(
    kind: IndicatorKind,
    *,
    period: int | None = None,
    fast: int | None = None,
    slow: int | None = None,
    signal: int | None = None,
    width: float | None = None,
) -> IndicatorSpec:
    """The kind with these parameters, and with its own defaults for those that are None.

    Raises InvalidInput for a parameter that the kind does not have, or that is out of its bounds.
    """
    defaults = DEFAULTS[kind]
    said: dict[str, float | None] = {"period": period, "fast": fast, "slow": slow, "signal": signal, "width": width}
    given = {name: value for name, value in said.items() if value is not None}
    foreign = [f"`{name}`" for name in given if name not in defaults]
    if foreign:
        own = " and ".join(f"`{name}`" for name in defaults) or "no parameters"
        msg = f"{kind} does not take {', '.join(foreign)}; it takes {own}"
        raise InvalidInput(msg)
    chosen = {**defaults, **given}
    for name, value in chosen.items():
        _check(kind, name, value)
    if kind is IndicatorKind.MACD and chosen["fast"] >= chosen["slow"]:
        msg = f"MACD: `fast` is {chosen['fast']} and `slow` is {chosen['slow']}; `fast` must be the smaller one"
        raise InvalidInput(msg)
    bars = {name: int(value) for name, value in chosen.items() if name != "width"}
    return IndicatorSpec(kind, width=float(chosen.get("width", 0.0)), **bars)


def _check(kind: IndicatorKind, name: str, value: float) -> None:
    if name == "width":
        if not (math.isfinite(value) and 0 < value <= WIDEST):
            msg = f"{kind}: `width` is {value:g}; it must be above 0 and at most {WIDEST:g}"
            raise InvalidInput(msg)
        return
    least = SHORTEST.get((kind, name), 1)
    if not least <= value <= LONGEST_PERIOD:
        msg = f"{kind}: `{name}` is {value:g}; it must lie between {least} and {LONGEST_PERIOD}"
        raise InvalidInput(msg)
