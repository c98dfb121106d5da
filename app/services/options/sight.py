"""The prices of a chain at one moment, and what they are prices of.

Comes in: a listing and the quote service. Goes out: a Sight, of which `chain` derives the rest. A STALE price is
none. Where the market is closed the last prices count, as of the moment at which they were made.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import exp, isfinite
from typing import Protocol

from app.domain.errors import MarketDataError
from app.domain.instruments import Instrument
from app.domain.market_closes import is_price
from app.domain.market_context import MissingInput
from app.domain.provenance import Cost, Freshness
from app.domain.quotes import Quote
from app.ports import Clock
from app.services.options.black76 import Terms
from app.services.options.legs import observed_price, traded_at
from app.services.options.listing import OPTIONS, Listing, expires_at

YEAR = timedelta(days=365)

Freshnesses = Callable[[Quote, Instrument], Freshness]


class Quotes(Protocol):
    """Prices on request."""

    async def quotes(
        self, instruments: Sequence[Instrument], *, max_age: timedelta | None, cost: Cost
    ) -> Mapping[str, Quote | MarketDataError]:
        """A quote or an error for each."""
        ...


@dataclass(slots=True)
class Sight:
    """One look at the prices of a listing."""

    listing: Listing
    now: datetime
    quotes: dict[str, Quote] = field(default_factory=dict)
    """The prices that count, by id."""
    missing: list[MissingInput] = field(default_factory=list)
    """What has none, and why."""
    shown: Sequence[float] = ()
    """The strikes around the money."""
    is_closed: bool = True
    """Whether every price is one of a closed session."""

    @property
    def spot(self) -> Quote | None:
        """The price of the underlying."""
        return self.quotes.get(self.listing.underlying.id)

    @property
    def legs(self) -> list[Instrument]:
        """The options that are shown."""
        return self.listing.options_at(self.shown)

    @property
    def instruments(self) -> list[Instrument]:
        """Everything that was looked at."""
        return [*self.listing.ends, *self.legs]

    @property
    def at(self) -> datetime:
        """The moment that the prices are of: now, or when the last of them was made in a session that is over."""
        if not self.is_closed:
            return self.now
        quotes = self.quotes.values()
        # An index has no trades, and its own clock may go on after the close.
        made = [at for at in (quote.last_trade_time for quote in quotes) if at is not None]
        made = made or [at for at in map(traded_at, quotes) if at is not None]
        return min(self.now, max(made, default=self.now))

    def terms(self, rate: float) -> tuple[Terms | None, str | None]:
        """The forward with the time to expiry, and what it is in words; None after expiry or without a price."""
        years = (expires_at(self.listing.expiry) - self.at) / YEAR
        if years <= 0 or self.now >= expires_at(self.listing.expiry):
            return None, None
        future = self.listing.future
        price = observed_price(None if future is None else self.quotes.get(future.id), self.at)
        if future is not None and isfinite(price):
            return Terms(price, years, rate), f"the future {future.id}"
        if self.spot is None:
            return None, None
        carried = self.spot.last_price * exp(rate * years)
        return Terms(carried, years, rate), f"{self.spot.id} plus carry at {rate:.4g} a year"

    def money(self, rate: float) -> float | None:
        """The strike at the money: nearest to the forward, else to the spot."""
        terms, _ = self.terms(rate)
        center = terms.forward if terms is not None else self.spot.last_price if self.spot is not None else None
        if center is None:
            return None
        return min(self.listing.options, key=lambda strike: (abs(strike - center), strike))

    def within(self, each_side: int, rate: float) -> list[Instrument]:
        """What the options are priced on, and the options of so many strikes on each side of the money."""
        return [*self.listing.ends, *self.listing.options_at(self.listing.around(self.money(rate), each_side))]


class Eye:
    """Looks at the prices of listings: one question for what the options are priced on, one for the options."""

    def __init__(self, quotes: Quotes, freshness: Freshnesses, clock: Clock, rate: float) -> None:
        self._quotes = quotes
        self._freshness = freshness
        self._clock = clock
        self._rate = rate

    async def look(self, listing: Listing, each_side: int, cost: Cost) -> Sight:
        """The prices of this moment."""
        sight = Sight(listing, self._clock.now())
        await self._price(sight, listing.ends, cost)
        sight.shown = listing.around(sight.money(self._rate), each_side)
        await self._price(sight, sight.legs, cost)
        return sight

    async def _price(self, sight: Sight, instruments: Sequence[Instrument], cost: Cost) -> None:
        answers = await self._quotes.quotes(instruments, max_age=None, cost=cost)
        for each in instruments:
            answer = answers[each.id]
            if isinstance(answer, MarketDataError):
                sight.missing.append(MissingInput(each.id, f"{answer.code}: {answer.message}"))
                continue
            freshness = self._freshness(answer, each)
            if freshness is Freshness.STALE:
                at = answer.received_at.isoformat(timespec="seconds")
                sight.missing.append(MissingInput(each.id, f"STALE: the last price is of {at}"))
                continue
            if each.kind not in OPTIONS and not is_price(answer.last_price):
                said = f"NOT_A_PRICE: its source says {answer.last_price:.6g}"
                sight.missing.append(MissingInput(each.id, said))
                continue
            sight.quotes[each.id] = answer
            sight.is_closed = sight.is_closed and freshness is Freshness.CLOSED
        sight.now = self._clock.now()
