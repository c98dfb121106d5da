"""Option chains: the options of one expiry around the money, with volatilities and greeks.

Comes in: an underlying, an expiry and how many strikes. Goes out: OptionChain, once or live. Called by the resolvers of
`optionChain`. One upstream call for the underlying and its future, one for the options; none for what is streamed.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import exp
from typing import Protocol

import anyio

from app.domain.errors import InvalidInput, MarketDataError, NotSupported
from app.domain.instruments import Instrument, InstrumentKind
from app.domain.options import OptionChain, OptionRow
from app.domain.provenance import Cost, Freshness
from app.domain.quotes import Quote
from app.domain.time import ist_datetime
from app.ports import Clock
from app.services.options.black76 import Terms
from app.services.options.legs import priced_rows
from app.services.options.positions import max_pain, put_call_ratio

CLOSE = (15, 30)
"""Options expire with the close of the underlying, 15:30 in India."""
YEAR = timedelta(days=365)
MAX_STRIKES = 60
"""Strikes on each side: 121 rows with two options each and two more quotes fit in one call of 500."""
SHORTEST_THROTTLE = 0.5
"""Seconds between two chains of a subscription: each is computed anew, and no eye reads 60 greeks faster."""
OPTIONS = frozenset({InstrumentKind.CALL, InstrumentKind.PUT})


class Instruments(Protocol):
    """The instrument master."""

    def require(self, instrument_id: str) -> Instrument:
        """The instrument with this id. Raises UnknownInstrument, InvalidInput."""
        ...

    def derivatives_of(self, underlying_id: str) -> list[Instrument]:
        """Its futures and options that have not expired."""
        ...


class Quotes(Protocol):
    """Prices on request."""

    async def quotes(
        self, instruments: Sequence[Instrument], *, max_age: timedelta | None, cost: Cost
    ) -> Mapping[str, Quote | MarketDataError]:
        """A quote or an error for each."""
        ...


@dataclass(frozen=True, slots=True)
class _Listing:
    """What is listed of one expiry."""

    underlying: Instrument
    future: Instrument | None
    """The future of the same expiry."""
    expiry: date
    expiries: tuple[date, ...]
    options: Mapping[float, Mapping[InstrumentKind, Instrument]]
    """By strike, the lowest first."""


class OptionChains:
    """Chains on request. Holds nothing; for one event loop."""

    def __init__(
        self,
        instruments: Instruments,
        quotes: Quotes,
        freshness: Callable[[Quote, Instrument], Freshness],
        clock: Clock,
        *,
        rate: float,
    ) -> None:
        """`rate`: continuously compounded, a year, as a fraction; it discounts, and carries the spot to expiry."""
        self._instruments = instruments
        self._quotes = quotes
        self._freshness = freshness
        self._clock = clock
        self._rate = rate

    async def chain(
        self, underlying_id: str, *, expiry: date | None, strikes_each_side: int, cost: Cost
    ) -> OptionChain:
        """The options of an expiry, the nearest one without a date, around the strike that is at the money.

        Raises InvalidInput, UnknownInstrument, and NotSupported for what has no options.
        """
        if not 1 <= strikes_each_side <= MAX_STRIKES:
            msg = f"`strikesEachSide` is {strikes_each_side}; it must lie between 1 and {MAX_STRIKES}"
            raise InvalidInput(msg)
        listing = self._listing(underlying_id, expiry)
        ends = [each for each in (listing.underlying, listing.future) if each is not None]
        known = await self._fresh(ends, cost)
        spot = known.get(listing.underlying.id)
        terms, words = self._terms(listing, spot, known)
        center = terms.forward if terms is not None else spot.last_price if spot is not None else None
        strikes = list(listing.options)
        money = None if center is None else min(strikes, key=lambda strike: (abs(strike - center), strike))
        shown = _around(strikes, money, strikes_each_side)
        legs = [option for strike in shown for option in listing.options[strike].values()]
        prices = await self._fresh(legs, cost)
        rows = priced_rows([(strike, listing.options[strike]) for strike in shown], prices, terms, self._clock.now())
        return OptionChain(
            underlying=listing.underlying,
            spot=None if spot is None else spot.last_price,
            expiry=listing.expiry,
            expiries=listing.expiries,
            at_the_money_strike=money,
            put_call_ratio=put_call_ratio(rows),
            max_pain=max_pain(rows),
            rows=rows,
            as_of=_oldest([*known.values(), *prices.values()], self._clock.now()),
            forward=None if terms is None else terms.forward,
            forward_source=words,
        )

    async def updates(
        self, underlying_id: str, *, expiry: date | None, strikes_each_side: int, throttle: float, cost: Cost
    ) -> AsyncGenerator[OptionChain, None]:
        """The chain now, and again whenever a price of it has changed, at most once in `throttle` seconds."""
        sent: tuple[OptionRow, ...] | None = None
        while True:
            found = await self.chain(underlying_id, expiry=expiry, strikes_each_side=strikes_each_side, cost=cost)
            if found.rows != sent:
                sent = found.rows
                yield found
            await anyio.sleep(max(throttle, SHORTEST_THROTTLE))

    def _listing(self, underlying_id: str, expiry: date | None) -> _Listing:
        underlying = self._instruments.require(underlying_id)
        derivatives = self._instruments.derivatives_of(underlying.id)
        options = [each for each in derivatives if each.kind in OPTIONS]
        expiries = tuple(sorted({each.expiry for each in options if each.expiry is not None}))
        if not expiries:
            msg = f"no options are listed on {underlying.id}"
            raise NotSupported(msg)
        chosen = expiry or expiries[0]
        if chosen not in expiries:
            have = ", ".join(str(each) for each in expiries)
            msg = f"no options on {underlying.id} expire on {chosen}; those that are listed expire on {have}"
            raise InvalidInput(msg)
        by_strike: dict[float, dict[InstrumentKind, Instrument]] = {}
        for option in sorted(options, key=lambda each: each.strike or 0.0):
            if option.expiry == chosen and option.strike is not None:
                by_strike.setdefault(option.strike, {})[option.kind] = option
        futures = [each for each in derivatives if each.kind is InstrumentKind.FUTURE and each.expiry == chosen]
        return _Listing(underlying, futures[0] if futures else None, chosen, expiries, by_strike)

    async def _fresh(self, instruments: Sequence[Instrument], cost: Cost) -> dict[str, Quote]:
        """The prices that are not too old, by id."""
        answers = await self._quotes.quotes(instruments, max_age=None, cost=cost)
        return {
            each.id: answer
            for each in instruments
            if isinstance(answer := answers.get(each.id), Quote)
            and self._freshness(answer, each) is not Freshness.STALE
        }

    def _terms(
        self, listing: _Listing, spot: Quote | None, known: Mapping[str, Quote]
    ) -> tuple[Terms | None, str | None]:
        years = (expires_at(listing.expiry) - self._clock.now()) / YEAR
        if years <= 0:
            return None, None
        future = known.get(listing.future.id) if listing.future is not None else None
        if future is not None:
            return Terms(future.last_price, years, self._rate), f"the future {future.id}"
        if spot is not None:
            forward = spot.last_price * exp(self._rate * years)
            return Terms(forward, years, self._rate), f"{spot.id} plus carry at {self._rate:.4g} a year"
        return None, None


def expires_at(expiry: date) -> datetime:
    """The instant at which options of a day expire."""
    return ist_datetime(expiry, *CLOSE)


def _around(strikes: Sequence[float], money: float | None, each_side: int) -> Sequence[float]:
    """The strikes within reach of the one at the money; of the middle one where nothing says what that is."""
    at = len(strikes) // 2 if money is None else strikes.index(money)
    return strikes[max(0, at - each_side) : at + each_side + 1]


def _oldest(quotes: Sequence[Quote], now: datetime) -> datetime:
    return min((quote.received_at for quote in quotes), default=now)
