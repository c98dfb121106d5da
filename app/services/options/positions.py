"""What the open interest of a chain says. Pure; called by `chain`."""

from collections.abc import Sequence

from app.domain.options import OptionLeg, OptionRow


def put_call_ratio(rows: Sequence[OptionRow]) -> float | None:
    """Open interest of puts over that of calls; None if no call has any."""
    puts, calls = sum(_interest(row.put) for row in rows), sum(_interest(row.call) for row in rows)
    return puts / calls if calls else None


def max_pain(rows: Sequence[OptionRow]) -> float | None:
    """The strike at which writers would pay least, were it the price at expiry; the lowest of several.

    None without any open interest.
    """
    if not any(_interest(row.call) or _interest(row.put) for row in rows):
        return None
    return min((row.strike for row in rows), key=lambda price: (_paid(rows, price), price))


def _paid(rows: Sequence[OptionRow], price: float) -> float:
    """What all writers pay at a price."""
    return sum(
        _interest(row.call) * max(0.0, price - row.strike) + _interest(row.put) * max(0.0, row.strike - price)
        for row in rows
    )


def _interest(leg: OptionLeg | None) -> int:
    return 0 if leg is None or leg.quote is None else leg.quote.open_interest or 0
