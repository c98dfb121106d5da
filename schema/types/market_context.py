"""MarketContext and its parts: the fields of `app.domain.market_context`."""

from collections import Counter
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from app.domain.errors import InvalidInput, NotPriced
from app.domain.market_context import Breadth, IndexView, MarketContext, Movers, Trend, VolatilityLevel
from schema.context import Info
from schema.types.phases import MarketPhaseType
from schema.types.quotes import QuoteType

if TYPE_CHECKING:
    from schema.types.instruments import InstrumentType

field = strawberry.field

LazyInstrument = Annotated["InstrumentType", strawberry.lazy("schema.types.instruments")]
IndexId = Annotated[strawberry.ID, strawberry.argument(description="The index, as NSE:NIFTY 50.")]
NIFTY_50 = strawberry.ID("NSE:NIFTY 50")
MAX_TOP = 50
"""Movers of each kind: all members of NIFTY 50."""


@strawberry.type(name="MissingInput", description="An input that was not there, and why.")
class MissingInputType:
    """GraphQL's view of a domain MissingInput."""

    input: str = field(description="What is missing: an instrument's id, alone or with a word.")
    reason: str = field(description="The reason, as `CODE: message`.")


@strawberry.type(
    name="Evidence",
    description="One input of a verdict: what was measured, and how much of the score it carries.",
)
class EvidenceType:
    """GraphQL's view of a domain Evidence."""

    name: str = field(description="What was measured.")
    value: float = field(description="As measured, in `unit`.")
    unit: str = field(description="The unit of `value`.")
    weight: float = field(
        description="Its share of the score, 0 to 1, after the weights of missing inputs were shared out."
    )
    contribution: float = field(
        description="weight x the value squashed to [-1, 1]; the contributions add up to the score."
    )


@strawberry.type(name="MarketRegime", description="The trend of NIFTY 50, with its evidence.")
class MarketRegimeType:
    """GraphQL's view of a domain MarketRegime."""

    trend: Trend = field(description="The word for the score.")
    score: float = field(description="-1 to 1.")
    evidence: list[EvidenceType] = field(description="What the score was made of.")


@strawberry.type(name="Volatility", description="INDIA VIX and what it implies.")
class VolatilityType:
    """GraphQL's view of a domain Volatility."""

    index: LazyInstrument = field(description="The volatility index.")
    value: float = field(description="Its last price: percent a year.")
    change: float | None = field(description="Points since the previous close.")
    level: VolatilityLevel = field(
        description="By the percentile (25, 75, 90), or by fixed bands (13, 18, 25) where that is null."
    )
    percentile: float | None = field(
        description="Where the value stands among the last 252 sessions, 0 to 100; null with fewer than 60."
    )
    implied_daily_move_percent: float = field(description="value / sqrt(252): the one-day move it implies, in percent.")


@strawberry.type(name="Breadth", description="How many members of an index rose and fell since the previous close.")
class BreadthType:
    """GraphQL's view of a domain Breadth."""

    index: LazyInstrument = field(description="The index.")
    constituents_as_of: date = field(description="The date of the membership list that was used.")
    advances: int = field(description="Members that rose by more than 0.01 percent.")
    declines: int = field(description="Members that fell by more than 0.01 percent.")
    unchanged: int = field(description="Members that moved less.")
    unpriced: int = field(description="Members without a fresh price or previous close; never counted as unchanged.")
    advance_decline_ratio: float | None = field(description="advances / declines; null without a decline.")
    percent_advancing: float = field(description="advances in percent of the priced members.")


@strawberry.type(name="IndexMove", description="An index, currency or commodity and its price.")
class IndexMoveType:
    """GraphQL's view of a domain IndexMove."""

    instrument: LazyInstrument = field(description="What it is.")
    quote: QuoteType = field(description="Its price.")


@strawberry.type(name="SectorMove", description="A sector index, ranked by its day's change in percent.")
class SectorMoveType:
    """GraphQL's view of a domain SectorMove."""

    name: str = field(description="The sector.")
    instrument: LazyInstrument = field(description="Its index.")
    quote: QuoteType = field(description="Its price.")
    rank: int = field(description="1 is the best of the day.")
    relative_strength_5d: float | None = field(
        name="relativeStrength5d",
        description="Change over 5 sessions minus that of NIFTY 50, percentage points; null without the day bars.",
    )
    relative_strength_22d: float | None = field(name="relativeStrength22d", description="The same over 22 sessions.")


@strawberry.type(name="Movers", description="The members of an index that moved most.")
class MoversType:
    """GraphQL's view of domain Movers."""

    gainers: list[QuoteType] = field(description="Greatest rise in percent first; only such as rose.")
    losers: list[QuoteType] = field(description="Greatest fall in percent first; only such as fell.")
    most_active: list[QuoteType] = field(description="Greatest turnover first.")


async def breadth(context: strawberry.Parent[MarketContext], info: Info, index: IndexId = NIFTY_50) -> Breadth | None:
    """Advances and declines of an index; of the very context where it has the index."""
    return (await _view(context, info, index)).breadth


async def movers(
    context: strawberry.Parent[MarketContext],
    info: Info,
    index: IndexId = NIFTY_50,
    top: Annotated[int, strawberry.argument(description="How many of each kind, 1 to 50.")] = 5,
) -> Movers | None:
    """Gainers, losers and the most active of an index. Raises InvalidInput."""
    if not 1 <= top <= MAX_TOP:
        msg = f"`top` is {top}; it must lie between 1 and {MAX_TOP}"
        raise InvalidInput(msg)
    ranked = (await _view(context, info, index)).ranked
    if ranked is None:
        return None
    return replace(
        ranked, gainers=ranked.gainers[:top], losers=ranked.losers[:top], most_active=ranked.most_active[:top]
    )


async def _view(context: MarketContext, info: Info, index: str) -> IndexView:
    """The view of an index: of the very context where it has it, else of the same second.

    Raises NotPriced where not one member has a price: `missing` of the context names inputs of its own index alone.
    """
    kept = context.views.get(index)
    if kept is not None:
        return kept
    view = await info.context.services.market.view(index, info.context.cost)
    if view.breadth is None:
        reasons = Counter(each.reason for each in view.missing).most_common(1)
        why = f", mostly for this reason: {reasons[0][0]}" if reasons else ""
        msg = f"no member of {index} has a fresh price{why}"
        raise NotPriced(msg)
    return view


@strawberry.type(
    name="MarketContext",
    description="What the market is doing, with its evidence. Every part is null, and listed in `missing` with the "
    "reason, when its inputs are not there; nothing is defaulted.",
)
class MarketContextType:
    """GraphQL's view of a domain MarketContext."""

    as_of: datetime = field(description="When it was computed; everybody who asks within a second gets the same.")
    phase: MarketPhaseType = field(description="What the NSE is doing.")
    regime: MarketRegimeType | None = field(description="The trend; null without any of its inputs.")
    volatility: VolatilityType | None = field(description="INDIA VIX; null without a fresh price of it.")
    breadth: Breadth | None = field(
        resolver=breadth,
        graphql_type=BreadthType | None,
        description="Advances and declines of an index; null where its members or all their prices are missing: why, "
        "says `missing` of NIFTY 50, and an error of any other index.",
    )
    indices: list[IndexMoveType] = field(description="The main indices of NSE and BSE that have a fresh price.")
    sectors: list[SectorMoveType] = field(description="NSE's sector indices that have a fresh price, best first.")
    movers: Movers | None = field(
        resolver=movers,
        graphql_type=MoversType | None,
        description="What moved most among an index's members; null where they or all their prices are missing, with "
        "the reason as for `breadth`.",
    )
    world: list[IndexMoveType] = field(name="global", description="World indices that have a fresh price.")
    currencies: list[IndexMoveType] = field(description="Currencies against the rupee, and the dollar index.")
    commodities: list[IndexMoveType] = field(description="Oil, metals and gas, in US dollars.")
    confidence: float = field(
        description="The weights of the trend's inputs that are present and fresh, 0 to 1; computed, never assumed. "
        "Breadth by a list of members that is older than seven months is not fresh."
    )
    missing: list[MissingInputType] = field(description="Every input that is not there, with the reason.")
