"""What the market is doing, with its evidence: the values of `MarketContext` and its parts.

Made by `app.services.market_context` from quotes, day bars and dated index members. Nothing is defaulted: a part whose
inputs are not there is None, and `missing` names each input with the reason. How each figure is defined stands in
docs/topics/market-context.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from app.domain.instruments import Instrument
from app.domain.phases import MarketPhase
from app.domain.quotes import Quote


class Trend(StrEnum):
    """Where a score of [-1, 1] stands: STRONG from 0.6, UP and DOWN from 0.2 on either side."""

    STRONG_DOWN = "STRONG_DOWN"
    DOWN = "DOWN"
    SIDEWAYS = "SIDEWAYS"
    UP = "UP"
    STRONG_UP = "STRONG_UP"


class VolatilityLevel(StrEnum):
    """Where INDIA VIX stands: by its percentile, or by fixed bands where its history is short."""

    LOW = "LOW"
    NORMAL = "NORMAL"
    ELEVATED = "ELEVATED"
    HIGH = "HIGH"


@dataclass(frozen=True, slots=True)
class MissingInput:
    """An input that a figure lacks, and why."""

    input: str
    """What is missing: an instrument's id, alone or with a word, as in `NSE:NIFTY 50 day bars`."""
    reason: str
    """`CODE: message` of the error, or what is wrong with the value."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One input of a verdict: what was measured, and how much of the score it carries."""

    name: str
    value: float
    """As measured, in `unit`."""
    unit: str
    weight: float
    """Its share of the score, 0 to 1, after the weights of missing inputs were shared out."""
    contribution: float
    """weight x the value squashed to [-1, 1]; the contributions of a verdict add up to its score."""


@dataclass(frozen=True, slots=True)
class MarketRegime:
    """The verdict on the trend of NIFTY 50."""

    trend: Trend
    score: float
    """-1 to 1."""
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Volatility:
    """INDIA VIX and what it implies."""

    index: Instrument
    value: float
    """Percent a year."""
    change: float | None
    """Points since the previous close."""
    level: VolatilityLevel
    percentile: float | None
    """Where the value stands among the last 252 sessions' closes, 0 to 100; None with fewer than 60 sessions."""
    implied_daily_move_percent: float
    """value / sqrt(252)."""


@dataclass(frozen=True, slots=True)
class Breadth:
    """How many members of an index rose and fell against their previous close."""

    index: Instrument
    constituents_as_of: date
    """The date of the membership list that was used."""
    advances: int
    declines: int
    unchanged: int
    """Moved by no more than 0.01 %."""
    unpriced: int
    """Members without a fresh price: never counted as unchanged."""
    advance_decline_ratio: float | None
    """advances / declines; None without a decline."""
    percent_advancing: float
    """advances in percent of the priced members."""


@dataclass(frozen=True, slots=True)
class IndexMove:
    """One index, currency or commodity and its price."""

    instrument: Instrument
    quote: Quote


@dataclass(frozen=True, slots=True)
class SectorMove:
    """One sector index."""

    name: str
    instrument: Instrument
    quote: Quote
    rank: int
    """1 is the best of the day by change in percent."""
    relative_strength_5d: float | None
    """Its change over 5 sessions minus that of NIFTY 50, percentage points; None without the bars."""
    relative_strength_22d: float | None
    """The same over 22 sessions."""


@dataclass(frozen=True, slots=True)
class Movers:
    """The members of an index that moved most, best first."""

    gainers: tuple[Quote, ...]
    """Greatest rise in percent first; only such as rose."""
    losers: tuple[Quote, ...]
    """Greatest fall in percent first; only such as fell."""
    most_active: tuple[Quote, ...]
    """Greatest turnover (volume x average price, else last price) first."""


@dataclass(frozen=True, slots=True)
class IndexView:
    """What is derived from the members of one index."""

    breadth: Breadth | None
    ranked: Movers | None
    """All members in each list's order; `movers(top:)` cuts it."""
    missing: tuple[MissingInput, ...]


@dataclass(frozen=True, slots=True)
class MarketContext:
    """The whole of it at one instant. Immutable, and shared by all who ask."""

    as_of: datetime
    """When it was computed, UTC."""
    phase: MarketPhase
    regime: MarketRegime | None
    volatility: Volatility | None
    views: Mapping[str, IndexView]
    """By index id: that of NIFTY 50, which is part of the trend. Others are computed when asked for."""
    indices: tuple[IndexMove, ...]
    sectors: tuple[SectorMove, ...]
    world: tuple[IndexMove, ...]
    currencies: tuple[IndexMove, ...]
    commodities: tuple[IndexMove, ...]
    confidence: float
    """Sum of the weights of the inputs that are present and fresh, 0 to 1; breadth by an old list is not fresh."""
    missing: tuple[MissingInput, ...]
