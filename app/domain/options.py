"""Option chains: the rows of one expiry, and what is derived from their prices.

Made by `app.services.options`; the model of implied volatility and greeks, with its assumptions, is its `black76`.
"""

from dataclasses import dataclass
from datetime import date, datetime

from app.domain.instruments import Instrument
from app.domain.market_context import MissingInput
from app.domain.quotes import Quote


@dataclass(frozen=True, slots=True)
class OptionLeg:
    """One option of a chain."""

    instrument: Instrument
    quote: Quote | None
    """None: it has no price now."""
    implied_volatility: float | None
    """Annual, as a fraction: 0.15 is 15 %. None where the price is below intrinsic value, too old, or not there."""
    delta: float | None
    """Change of the option's price for 1 of the forward."""
    gamma: float | None
    """Change of delta for 1 of the forward."""
    theta: float | None
    """Change of the option's price for one calendar day that passes."""
    vega: float | None
    """Change of the option's price for 0.01 (one point) of volatility."""


@dataclass(frozen=True, slots=True)
class OptionRow:
    """The call and the put of one strike; None where the exchange lists none."""

    strike: float
    call: OptionLeg | None
    put: OptionLeg | None


@dataclass(frozen=True, slots=True)
class OptionChain:
    """One expiry of an underlying, by strikes from the lowest."""

    underlying: Instrument
    spot: float | None
    """Last price of the underlying; None if it has none now."""
    expiry: date
    expiries: tuple[date, ...]
    """All that are listed, the nearest first."""
    at_the_money_strike: float | None
    """The listed strike nearest to the forward, else to the spot; None without either."""
    put_call_ratio: float | None
    """Open interest of puts / that of calls over all rows that are shown, as far as it is known.

    None without any of calls, or where that of all puts or of all calls is not known.
    """
    max_pain: float | None
    """The strike at which writers would pay least at expiry, by the same open interest; None without any."""
    rows: tuple[OptionRow, ...]
    as_of: datetime
    """When the oldest price that was used was received."""
    forward: float | None = None
    """What the options were priced on: the future of the same expiry, else spot plus carry."""
    forward_source: str | None = None
    """Which of the two, in words."""
    missing: tuple[MissingInput, ...] = ()
    """The underlying, future and options that have no price that counts, each with the reason; and the options with a
    price and without open interest, as `NFO:... open interest`."""
