"""What the open interest of a chain says. Pure; called by `chain`."""

from collections.abc import Sequence

import numpy as np

from app.domain.options import OptionLeg, OptionRow


def put_call_ratio(rows: Sequence[OptionRow]) -> float | None:
    """Open interest of puts over that of calls; None if no call has any."""
    calls, puts = map(sum, _interests(rows))
    return puts / calls if calls else None


def max_pain(rows: Sequence[OptionRow]) -> float | None:
    """The strike at which writers would pay least, were it the price at expiry; the lowest of several.

    None without any open interest.
    """
    if not any(_interest(row.call) or _interest(row.put) for row in rows):
        return None
    strikes = np.array([row.strike for row in rows])
    calls, puts = (np.array(interests, dtype=np.float64) for interests in _interests(rows))
    above = strikes[:, np.newaxis] - strikes
    paid = (np.maximum(above, 0) * calls + np.maximum(-above, 0) * puts).sum(axis=1)
    return float(min(strikes[paid == paid.min()]))


def _interests(rows: Sequence[OptionRow]) -> tuple[list[int], list[int]]:
    return [_interest(row.call) for row in rows], [_interest(row.put) for row in rows]


def _interest(leg: OptionLeg | None) -> int:
    return 0 if leg is None or leg.quote is None else leg.quote.open_interest or 0
