"""The trend score: what was measured of NIFTY 50, weighed into one figure of [-1, 1].

Comes in: closes of finished sessions, the present price, and the breadth. Goes out: a MarketRegime with its evidence,
and the confidence. Pure; called by `app.services.market_context`.

The inputs, each squashed to [-1, 1]:
- day move: ln(last / previous close), in units of the realised volatility;
- distance: the mean of ln(last / average) over the averages of the last 20 and 50 closes, in the same units;
- breadth: (advances - declines) / priced members, which lies in [-1, 1] as it is;
- slope: the drift of the last 22 closes (least squares on their logarithms, per session) times its R2, over the 22
  sessions and in units of what chance moves in them: slope x R2 x sqrt(22) / realised volatility.
The realised volatility is the sample standard deviation of the last 20 daily logarithmic returns. What is measured in
its units is squashed by tanh(x / 2): a move of 1 becomes 0.46, one of 2 becomes 0.76.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import pairwise
from math import log, sqrt, tanh
from statistics import fmean, linear_regression, stdev

from app.domain.market_context import Breadth, Evidence, MarketRegime, Trend

VOLATILITY_RETURNS = 20
"""Daily returns of the realised volatility: a month of sessions."""
AVERAGES = (20, 50)
"""Closes in each average."""
SLOPE_CLOSES = 22
NEEDED_CLOSES = max(VOLATILITY_RETURNS + 1, *AVERAGES, SLOPE_CLOSES)
"""Closes of finished sessions with which everything can be measured."""

STRONG, MODERATE = 0.6, 0.2
"""Scores from which a trend is STRONG_UP and UP; the same below zero."""

DAY_MOVE, DISTANCE, BREADTH, SLOPE = "day move", "distance from averages", "breadth", "slope"
UNITS = {
    DAY_MOVE: "daily standard deviations",
    DISTANCE: "daily standard deviations",
    BREADTH: "share of priced members",
    SLOPE: "standard deviations over 22 sessions",
}
"""The inputs, with the unit of each."""


@dataclass(frozen=True, slots=True)
class TrendWeights:
    """The share of each input in the score; they add up to 1."""

    day_move: float = 0.3
    distance: float = 0.25
    breadth: float = 0.25
    slope: float = 0.2

    def __post_init__(self) -> None:
        """Raises ValueError for weights that are negative or do not add up to 1."""
        weights = self.by_input.values()
        if min(weights) < 0 or abs(sum(weights) - 1) > 1e-9:  # noqa: PLR2004 - the rounding of four floats
            msg = f"the weights of the trend score must be at least 0 and add up to 1, not {tuple(weights)}"
            raise ValueError(msg)

    @property
    def by_input(self) -> Mapping[str, float]:
        """The weights by the names of the inputs."""
        return {
            DAY_MOVE: self.day_move,
            DISTANCE: self.distance,
            BREADTH: self.breadth,
            SLOPE: self.slope,
        }


def measured(
    closes: Sequence[float], *, last: float | None, previous_close: float | None, breadth: Breadth | None
) -> dict[str, float]:
    """Those of the inputs that can be measured, by name, not squashed.

    `closes`: of finished sessions, oldest first, today's not among them. `last`: the present price, or None if there is
    none or it is not fresh. All of them are prices as `is_price` has it: their logarithms are taken.
    """
    found: dict[str, float] = {}
    volatility = realised_volatility(closes)
    if volatility and last is not None and previous_close:
        found[DAY_MOVE] = log(last / previous_close) / volatility
    if volatility and last is not None and len(closes) >= max(AVERAGES):
        found[DISTANCE] = fmean(log(last / fmean(closes[-count:])) for count in AVERAGES) / volatility
    if breadth is not None:
        priced = breadth.advances + breadth.declines + breadth.unchanged
        found[BREADTH] = (breadth.advances - breadth.declines) / priced
    if volatility and len(closes) >= SLOPE_CLOSES:
        found[SLOPE] = _drift(closes[-SLOPE_CLOSES:]) * sqrt(SLOPE_CLOSES) / volatility
    return {name: found[name] for name in UNITS if name in found}


def regime_of(
    values: Mapping[str, float], weights: TrendWeights, *, stale: AbstractSet[str] = frozenset()
) -> tuple[MarketRegime | None, float]:
    """The verdict on what was measured, and the confidence: the weight of the inputs that are there and fresh.

    The weight of a missing input is shared out among the others in proportion. None without any. `stale`: inputs that
    count in the score and not in the confidence, because what they were measured with is out of date.
    """
    given = {name: weight for name, weight in weights.by_input.items() if name in values}
    total = sum(given.values())
    if total <= 0:
        return None, 0.0
    evidence = tuple(
        Evidence(name, values[name], UNITS[name], weight / total, weight / total * _squashed(name, values))
        for name, weight in given.items()
    )
    score = sum(each.contribution for each in evidence)
    confidence = sum((weight for name, weight in given.items() if name not in stale), 0.0)
    return MarketRegime(trend_of(score), score, evidence), round(confidence, 9)


def trend_of(score: float) -> Trend:
    """The word for a score of [-1, 1]."""
    if abs(score) < MODERATE:
        return Trend.SIDEWAYS
    if score > 0:
        return Trend.STRONG_UP if score >= STRONG else Trend.UP
    return Trend.STRONG_DOWN if score <= -STRONG else Trend.DOWN


def realised_volatility(closes: Sequence[float]) -> float | None:
    """Standard deviation of the last 20 daily logarithmic returns; None with fewer, or if nothing moved."""
    if len(closes) <= VOLATILITY_RETURNS:
        return None
    returns = [log(later / earlier) for earlier, later in pairwise(closes[-VOLATILITY_RETURNS - 1 :])]
    return stdev(returns) or None


def _drift(closes: Sequence[float]) -> float:
    """Slope of the logarithms per session, times R2."""
    logarithms = [log(close) for close in closes]
    sessions = range(len(closes))
    slope, intercept = linear_regression(sessions, logarithms)
    mean = fmean(logarithms)
    total = sum((value - mean) ** 2 for value in logarithms)
    if total == 0:
        return 0.0
    unexplained = sum((value - intercept - slope * at) ** 2 for at, value in zip(sessions, logarithms, strict=True))
    return slope * (1 - unexplained / total)


def _squashed(name: str, values: Mapping[str, float]) -> float:
    return values[name] if name == BREADTH else tanh(values[name] / 2)
