"""What the members of an index do: breadth and movers; and how sector indices rank.

Comes in: fresh quotes of the members or sectors. Goes out: Breadth, Movers, SectorMove. Pure; called by
`app.services.market_context`. A member without a fresh price is unpriced, never unchanged.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from app.domain.constituents import Membership
from app.domain.instruments import Instrument
from app.domain.market_closes import is_price
from app.domain.market_context import Breadth, Movers, SectorMove
from app.domain.quotes import Quote

DEAD_BAND_PERCENT = 0.01
"""A member that moved no more than this is unchanged: less than a tick of most stocks."""

WEEK, STRENGTH = 5, 22
"""Sessions over which sectors are compared with NIFTY 50: a week and a month."""


def breadth_of(index: Instrument, membership: Membership, quotes: Mapping[str, Quote]) -> Breadth | None:
    """How many members rose and fell. `quotes`: the fresh ones, by id. None if not one member has a price."""
    changes = [_change(quotes.get(member)) for member in membership.members]
    known = [change for change in changes if change is not None]
    if not known:
        return None
    advances = sum(change > DEAD_BAND_PERCENT for change in known)
    declines = sum(change < -DEAD_BAND_PERCENT for change in known)
    return Breadth(
        index=index,
        constituents_as_of=membership.valid_from,
        advances=advances,
        declines=declines,
        unchanged=len(known) - advances - declines,
        unpriced=len(changes) - len(known),
        advance_decline_ratio=advances / declines if declines else None,
        percent_advancing=100 * advances / len(known),
    )


def movers_of(membership: Membership, quotes: Mapping[str, Quote]) -> Movers | None:
    """All members with a fresh price and a previous close, in the order of each list; None without any."""
    known = [quotes[member] for member in membership.members if _change(quotes.get(member)) is not None]
    if not known:
        return None
    rising = sorted(known, key=_percent, reverse=True)
    return Movers(
        gainers=tuple(quote for quote in rising if _percent(quote) > 0),
        losers=tuple(quote for quote in reversed(rising) if _percent(quote) < 0),
        most_active=tuple(sorted((quote for quote in known if turnover(quote) > 0), key=turnover, reverse=True)),
    )


def turnover(quote: Quote) -> float:
    """Today's turnover in the instrument's currency: volume x average price, or the last price where that is none."""
    average = quote.average_price
    price = average if average is not None and is_price(average) else quote.last_price
    return max(quote.volume or 0, 0) * price


@dataclass(frozen=True, slots=True)
class Sector:
    """A sector index with its fresh price and the closes of its finished sessions."""

    name: str
    instrument: Instrument
    quote: Quote
    closes: Mapping[date, float]
    """By the session's date, oldest first, without a gap, up to the last session before the price's."""


def ranked_sectors(sectors: Iterable[Sector], index: Sector | None) -> tuple[SectorMove, ...]:
    """Sectors with a previous close, the best of the day first. `index`: what they are compared with."""
    known = [sector for sector in sectors if _change(sector.quote) is not None]
    known.sort(key=lambda sector: _percent(sector.quote), reverse=True)
    return tuple(
        SectorMove(
            name=sector.name,
            instrument=sector.instrument,
            quote=sector.quote,
            rank=rank,
            relative_strength_5d=relative_strength(sector, index, WEEK),
            relative_strength_22d=relative_strength(sector, index, STRENGTH),
        )
        for rank, sector in enumerate(known, 1)
    )


def relative_strength(sector: Sector, index: Sector | None, sessions: int) -> float | None:
    """Change over a number of sessions up to the present price, minus that of the index; percentage points.

    None without the index, with too few closes of either, or where they are of other sessions.
    """
    if index is None or not are_alike(sector.closes, index.closes, sessions):
        return None
    return _change_over(sector, sessions) - _change_over(index, sessions)


def are_alike(own: Mapping[date, float], other: Mapping[date, float], sessions: int) -> bool:
    """Whether both have so many closes, the last of them of the same sessions."""
    return len(own) >= sessions and list(own)[-sessions:] == list(other)[-sessions:]


def _change_over(sector: Sector, sessions: int) -> float:
    return 100 * (sector.quote.last_price / list(sector.closes.values())[-sessions] - 1)


def _change(quote: Quote | None) -> float | None:
    return None if quote is None else quote.change_percent


def _percent(quote: Quote) -> float:
    return quote.change_percent or 0.0


def membership_on(memberships: Iterable[Membership], day: date) -> Membership | None:
    """The newest list of an index that holds on a day; None if all of them begin later."""
    held = [membership for membership in memberships if membership.valid_from <= day]
    return max(held, key=lambda membership: membership.valid_from, default=None)
