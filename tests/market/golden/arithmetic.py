"""The figures of docs/topics/market-context.md a second time, by plain arithmetic.

Comes in: fresh prices by id, closes by id, and the ids of the members. Goes out: what the context must say, as nested
dicts. Written from the page alone: nothing of the service's measures is imported, and nothing is shared with them.
"""

from collections.abc import Mapping, Sequence
from math import exp, log, sqrt
from typing import Any, NamedTuple

TREND, VIX = "NSE:NIFTY 50", "NSE:INDIA VIX"
WEIGHTS = {"day move": 0.30, "distance from averages": 0.25, "breadth": 0.25, "slope": 0.20}


class Price(NamedTuple):
    """One fresh price."""

    last: float
    previous: float
    volume: int | None = None
    average: float | None = None

    @property
    def change(self) -> float:
        """Since the previous close."""
        return self.last - self.previous

    @property
    def percent(self) -> float:
        """The same of the previous close, to the four places that quotes have."""
        return round(100 * (self.last - self.previous) / self.previous, 4)


Prices = Mapping[str, Price]
Closes = Mapping[str, Sequence[float]]


def expected_regime(prices: Prices, closes: Closes, members: Sequence[str], *, is_list_fresh: bool) -> dict[str, Any]:
    """Score, word, evidence by input, and the confidence."""
    values = _measured(prices, closes[TREND], members)
    whole = sum(WEIGHTS[name] for name in values)
    confidence = whole if is_list_fresh or "breadth" not in values else whole - WEIGHTS["breadth"]
    if not values:
        return {"confidence": 0.0, "regime": None}
    evidence = {}
    for name, value in values.items():
        weight = WEIGHTS[name] / whole
        squashed = value if name == "breadth" else (exp(value) - 1) / (exp(value) + 1)
        evidence[name] = {"value": value, "weight": weight, "contribution": weight * squashed}
    score = sum(line["contribution"] for line in evidence.values())
    return {"confidence": confidence, "regime": {"trend": _word(score), "score": score, "evidence": evidence}}


def _measured(prices: Prices, closes: Sequence[float], members: Sequence[str]) -> dict[str, float]:
    values: dict[str, float] = {}
    if len(closes) > 20:
        values = _in_deviations(prices, closes)
    counted = expected_breadth(prices, members)
    if counted is not None:
        priced = counted["advances"] + counted["declines"] + counted["unchanged"]
        values["breadth"] = (counted["advances"] - counted["declines"]) / priced
    return values


def _in_deviations(prices: Prices, closes: Sequence[float]) -> dict[str, float]:
    returns = [log(closes[-at] / closes[-at - 1]) for at in range(1, 21)]
    mean = sum(returns) / 20
    volatility = sqrt(sum((each - mean) ** 2 for each in returns) / 19)
    values: dict[str, float] = {}
    if TREND in prices:
        last, previous = prices[TREND][:2]
        values["day move"] = log(last / previous) / volatility
        if len(closes) >= 50:
            far = log(last / (sum(closes[-20:]) / 20)), log(last / (sum(closes[-50:]) / 50))
            values["distance from averages"] = (far[0] + far[1]) / 2 / volatility
    if len(closes) >= 22:
        values["slope"] = _slope(closes[-22:]) * sqrt(22) / volatility
    return values


def _slope(closes: Sequence[float]) -> float:
    """Covariance over variance, times the square of the correlation."""
    x = [at - 10.5 for at in range(22)]
    y = [log(close) for close in closes]
    middle = sum(y) / 22
    xy = sum(a * (b - middle) for a, b in zip(x, y, strict=True))
    xx, yy = sum(a * a for a in x), sum((b - middle) ** 2 for b in y)
    return float(xy / xx * xy * xy / (xx * yy))


def _word(score: float) -> str:
    size = abs(score)
    if size < 0.2:
        return "SIDEWAYS"
    return ("STRONG_" if size >= 0.6 else "") + ("UP" if score > 0 else "DOWN")


def expected_breadth(prices: Prices, members: Sequence[str]) -> dict[str, Any] | None:
    """Members that rose and fell by more than 0.01 %."""
    moves = [prices[member].percent for member in members if member in prices]
    if not moves:
        return None
    up, down = len([move for move in moves if move > 0.01]), len([move for move in moves if move < -0.01])
    return {
        "advances": up,
        "declines": down,
        "unchanged": len(moves) - up - down,
        "unpriced": len(members) - len(moves),
        "advance_decline_ratio": up / down if down else None,
        "percent_advancing": up / len(moves) * 100,
    }


def expected_movers(prices: Prices, members: Sequence[str]) -> dict[str, Any] | None:
    """Each list as its figures in order, and who is in it."""
    known = {member: prices[member] for member in members if member in prices}
    if not known:
        return None
    up = {member: price.percent for member, price in known.items() if price.percent > 0}
    down = {member: price.percent for member, price in known.items() if price.percent < 0}
    turnover = {member: (price.volume or 0) * (price.average or 0.0) for member, price in known.items()}
    return {
        "gainers": (sorted(up.values(), reverse=True), set(up)),
        "losers": (sorted(down.values()), set(down)),
        "most_active": (sorted(turnover.values(), reverse=True), set(turnover)),
    }


def expected_volatility(prices: Prices, closes: Closes) -> dict[str, Any] | None:
    """Level, percentile and implied move of INDIA VIX."""
    if VIX not in prices:
        return None
    value, year = prices[VIX].last, closes[VIX][-252:]
    percentile = None
    if len(year) >= 60:
        below, equal = len([close for close in year if close < value]), len([close for close in year if close == value])
        percentile = 100 * (below + equal / 2) / len(year)
    measure, bounds = (value, (13, 18, 25)) if percentile is None else (percentile, (25, 75, 90))
    level = ("LOW", "NORMAL", "ELEVATED", "HIGH")[len([bound for bound in bounds if measure >= bound])]
    return {
        "value": value,
        "change": prices[VIX].change,
        "level": level,
        "percentile": percentile,
        "implied_daily_move_percent": value / sqrt(252),
    }


def expected_sectors(prices: Prices, closes: Closes, sectors: Mapping[str, str]) -> list[dict[str, Any]]:
    """By rank."""
    rows: list[dict[str, Any]] = [
        {"name": name, "percent": prices[key].percent} | {
            f"strength_{count}": _strength(prices, closes, key, count) for count in (5, 22)
        }
        for name, key in sectors.items()
        if key in prices
    ]  # fmt: skip
    rows.sort(key=lambda row: -row["percent"])
    return [row | {"rank": place} for place, row in enumerate(rows, 1)]


def _strength(prices: Prices, closes: Closes, key: str, count: int) -> float | None:
    if TREND not in prices or min(len(closes[key]), len(closes[TREND])) < count:
        return None
    own = prices[key].last / closes[key][-count] * 100 - 100
    return own - (prices[TREND].last / closes[TREND][-count] * 100 - 100)


def expected_moves(prices: Prices, ids: Sequence[str]) -> dict[str, dict[str, float]]:
    """Price, change and percent of each that has a price."""
    there = {key: prices[key] for key in ids if key in prices}
    return {key: {"last": each.last, "change": each.change, "percent": each.percent} for key, each in there.items()}
