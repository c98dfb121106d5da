"""What the open interest of a chain says. Pure; called by `chain`.

An option whose open interest nobody knows is left out. Where that is so of all calls or of all puts, nothing is said:
an unknown side is not an empty one.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from app.domain.market_context import MissingInput
from app.domain.options import OptionLeg, OptionRow

UNKNOWN_INTEREST = "NOT_PRICED: its source gives no open interest"


def put_call_ratio(rows: Sequence[OptionRow]) -> float | None:
    """Open interest of puts over that of calls; None if no call has any, or that of a whole side is not known."""
    sides = _interests(rows)
    if not _are_known(sides):
        return None
    calls, puts = (sum(interest or 0 for interest in side) for side in sides)
    return puts / calls if calls else None


def max_pain(rows: Sequence[OptionRow]) -> float | None:
    """The strike at which writers would pay least, were it the price at expiry; the lowest of several.

    None without any open interest, or where that of a whole side is not known.
    """
    sides = _interests(rows)
    if not _are_known(sides) or not any(map(any, sides)):
        return None
    strikes = np.array([row.strike for row in rows])
    calls, puts = (np.array([interest or 0 for interest in side], dtype=np.float64) for side in sides)
    above = strikes[:, np.newaxis] - strikes
    paid = (np.maximum(above, 0) * calls + np.maximum(-above, 0) * puts).sum(axis=1)
    return float(min(strikes[paid == paid.min()]))


def without_interest(rows: Sequence[OptionRow]) -> Iterator[MissingInput]:
    """The options that have a price and no open interest: one without a price is named already."""
    for leg in (leg for row in rows for leg in (row.call, row.put)):
        if leg is not None and leg.quote is not None and leg.quote.open_interest is None:
            yield MissingInput(f"{leg.instrument.id} open interest", UNKNOWN_INTEREST)


def _interests(rows: Sequence[OptionRow]) -> tuple[list[int | None], list[int | None]]:
    return [_interest(row.call) for row in rows], [_interest(row.put) for row in rows]


def _interest(leg: OptionLeg | None) -> int | None:
    return None if leg is None or leg.quote is None else leg.quote.open_interest


def _are_known(sides: Sequence[Sequence[int | None]]) -> bool:
    """Whether of every side some open interest is known."""
    return all(any(interest is not None for interest in side) for side in sides)
