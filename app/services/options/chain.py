"""Option chains: the options of one expiry around the money, with volatilities and greeks.

Comes in: an underlying, an expiry and how many strikes. Goes out: OptionChain, once or live. Called by the resolvers of
`optionChain`. One upstream call for the underlying and its future, one for the options; none for what is streamed.
"""

from collections.abc import AsyncGenerator
from datetime import date, datetime

import anyio

from app.domain.errors import InvalidInput
from app.domain.options import OptionChain
from app.domain.provenance import Cost
from app.domain.quotes import Quote
from app.ports import Clock
from app.services.options.hold import Hold, Stream
from app.services.options.legs import priced_rows
from app.services.options.listing import Instruments, list_options
from app.services.options.positions import max_pain, put_call_ratio, without_interest
from app.services.options.sight import Eye, Freshnesses, Quotes, Sight

MAX_STRIKES = 60
"""Strikes on each side: 121 rows with two options each and two more quotes fit in one call of 500."""
SHORTEST_THROTTLE = 0.5
"""Seconds between two chains of a subscription: each is computed anew, and no eye reads 60 greeks faster."""
MARGIN = 2
"""Strikes beyond the outermost on each side that a live chain streams too: the money moves by one at no request."""
QUIET_SECONDS = 5.0
"""How long a live chain that is streamed as a whole waits for a change before it looks again: expiries come and go."""


class OptionChains:
    """Chains on request. Holds nothing but what a live chain streams; for one event loop."""

    def __init__(
        self,
        instruments: Instruments,
        quotes: Quotes,
        freshness: Freshnesses,
        clock: Clock,
        stream: Stream,
        *,
        rate: float,
    ) -> None:
        """`rate`: continuously compounded, a year, as a fraction; it discounts, and carries the spot to expiry."""
        self._instruments = instruments
        self._eye = Eye(quotes, freshness, clock, rate)
        self._clock = clock
        self._stream = stream
        self._rate = rate

    async def chain(
        self, underlying_id: str, *, expiry: date | None, strikes_each_side: int, cost: Cost
    ) -> OptionChain:
        """The options of an expiry, without a date the nearest to come, around the strike that is at the money.

        Raises InvalidInput, UnknownInstrument, NotSupported for what has no options, SourceUnavailable before the
        first instrument master.
        """
        return self._derived(await self._look(underlying_id, expiry, strikes_each_side, cost))

    async def updates(
        self, underlying_id: str, *, expiry: date | None, strikes_each_side: int, throttle: float, cost: Cost
    ) -> AsyncGenerator[OptionChain, None]:
        """The chain now, and again whenever a price of it has changed, at most once in `throttle` seconds.

        All that it shows stays in the stream for as long as somebody listens, with MARGIN more strikes on each side.
        """
        sent: dict[str, Quote] | None = None
        with Hold(self._stream) as hold:
            while True:
                spent = Cost()
                sight = await self._look(underlying_id, expiry, strikes_each_side, spent)
                is_streamed = spent.from_stream == len(sight.instruments)
                cost.add(spent)
                is_new = hold.take(sight.within(strikes_each_side + MARGIN, self._rate))
                if sight.quotes != sent:
                    sent = sight.quotes
                    yield self._derived(sight)
                await anyio.sleep(max(throttle, SHORTEST_THROTTLE))
                if is_streamed and not is_new:
                    with anyio.move_on_after(QUIET_SECONDS):
                        await hold.changed()

    async def _look(self, underlying_id: str, expiry: date | None, each_side: int, cost: Cost) -> Sight:
        if not 1 <= each_side <= MAX_STRIKES:
            msg = f"`strikesEachSide` is {each_side}; it must lie between 1 and {MAX_STRIKES}"
            raise InvalidInput(msg)
        listing = list_options(self._instruments, underlying_id, expiry, self._clock.now())
        return await self._eye.look(listing, each_side, cost)

    def _derived(self, sight: Sight) -> OptionChain:
        listing, spot = sight.listing, sight.spot
        terms, words = sight.terms(self._rate)
        rows = priced_rows([(strike, listing.options[strike]) for strike in sight.shown], sight.quotes, terms, sight.at)
        return OptionChain(
            underlying=listing.underlying,
            spot=None if spot is None else spot.last_price,
            expiry=listing.expiry,
            expiries=listing.expiries,
            at_the_money_strike=sight.money(self._rate),
            put_call_ratio=put_call_ratio(rows),
            max_pain=max_pain(rows),
            rows=rows,
            as_of=_oldest(sight),
            forward=None if terms is None else terms.forward,
            forward_source=words,
            missing=(*sight.missing, *without_interest(rows)),
        )


def _oldest(sight: Sight) -> datetime:
    return min((quote.received_at for quote in sight.quotes.values()), default=sight.now)
