"""Loaders: the keys of one operation, de-duplicated, in one question to a service.

Resolvers ask `Prices`: what is at hand is answered at once, without a future or a turn of the loop; only what takes a
call goes to `QuoteLoader`.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from typing import TypeAlias, cast

from aiodataloader import DataLoader

from app.domain.errors import MarketDataError
from app.domain.instruments import Instrument
from app.domain.provenance import Cost
from app.domain.quotes import Quote
from app.services.quotes.service import QuoteService

Key: TypeAlias = tuple[Instrument, int | None]
"""An instrument and the caller's limit on the age of its price, in milliseconds."""
Result: TypeAlias = Quote | Exception
INSTRUMENTS = frozenset({Instrument})
"""The types of a list without errors."""


class QuoteLoader(DataLoader[Key, Quote]):
    """Quotes by instrument and age limit. Lives for one operation; its answers are never reused later.

    Fifty aliased `quote` fields are one batch; each key gets its quote or raises its own error.
    """

    def __init__(self, quotes: QuoteService, cost: Cost) -> None:
        super().__init__(get_cache_key=_cache_key)
        self._quotes = quotes
        self._cost = cost

    async def batch_load_fn(self, keys: list[Key]) -> list[Result]:  # type: ignore[override]  # its stub omits errors
        """The quote or the error of each key, in order: one question to the service for each age limit."""
        wanted: defaultdict[int | None, list[Instrument]] = defaultdict(list)
        for instrument, max_age_ms in keys:
            wanted[max_age_ms].append(instrument)
        asked = await asyncio.gather(*(self._answers(instruments, age) for age, instruments in wanted.items()))
        answers = dict(zip(wanted, asked, strict=True))
        return [answers[max_age_ms][instrument.id] for instrument, max_age_ms in keys]

    async def price(self, instrument: Instrument, max_age_ms: int | None) -> Quote:
        """The quote of one instrument, shared with whoever asks for the same one in this operation.

        Raises its error. Shielded: a field that is given up does not take the price from the others.
        """
        price = self.load((instrument, max_age_ms))
        price.add_done_callback(_look_at)
        return await asyncio.shield(price)

    async def _answers(self, instruments: Sequence[Instrument], max_age_ms: int | None) -> dict[str, Result]:
        return dict(await self._quotes.quotes(instruments, max_age=_age(max_age_ms), cost=self._cost))


class Prices:
    """The prices of one operation: the same one for every field that asks for the same instrument and age limit.

    Lives as long as the operation, or one event of a subscription. For the event loop alone.
    """

    __slots__ = ("_cost", "_known", "_loader", "_quotes")

    def __init__(self, quotes: QuoteService, cost: Cost) -> None:
        self._quotes = quotes
        self._cost = cost
        self._known: dict[int | None, dict[str, Quote | MarketDataError | None]] = {}
        """By age limit and id; None: the loader has it."""
        self._loader: QuoteLoader | None = None

    def one(self, instrument: Instrument, max_age_ms: int | None) -> Quote | Awaitable[Quote]:
        """The quote of one instrument, or the promise of it. Raises its error."""
        price = self._at_hand((instrument,), max_age_ms)[instrument.id]
        if price is None:
            return self._asked(instrument, max_age_ms)
        if isinstance(price, Quote):
            return price
        raise price

    def each(
        self, found: Sequence[Instrument | MarketDataError], max_age_ms: int | None
    ) -> list[Result] | Awaitable[list[Result]]:
        """The quote or the error of each, in order, or the promise of them; an error that was found stays."""
        is_whole = INSTRUMENTS.issuperset(map(type, found))
        instruments = found if is_whole else [item for item in found if isinstance(item, Instrument)]
        is_first = max_age_ms not in self._known
        known = self._at_hand(cast("Sequence[Instrument]", instruments), max_age_ms)
        prices: list[Result | None]
        if is_first and len(known) == len(found):  # no error, none twice, none from before: they stand in order
            prices = list(known.values())
        else:
            prices = [known[item.id] if isinstance(item, Instrument) else item for item in found]
        if all(prices):
            return cast("list[Result]", prices)
        return self._complete(found, prices, max_age_ms)

    async def _complete(
        self,
        found: Sequence[Instrument | MarketDataError],
        prices: list[Result | None],
        max_age_ms: int | None,
    ) -> list[Result]:
        missing = [
            (place, item)
            for place, (item, price) in enumerate(zip(found, prices, strict=True))
            if price is None and isinstance(item, Instrument)
        ]
        asked = await asyncio.gather(*(self._asked(item, max_age_ms) for _, item in missing), return_exceptions=True)
        for (place, _), answer in zip(missing, asked, strict=True):
            prices[place] = cast("Result", answer)
        return cast("list[Result]", prices)

    def _at_hand(
        self, instruments: Sequence[Instrument], max_age_ms: int | None
    ) -> dict[str, Quote | MarketDataError | None]:
        known = self._known.get(max_age_ms)
        if known is None:
            known = self._quotes.at_hand(instruments, max_age=_age(max_age_ms), cost=self._cost)
            self._known[max_age_ms] = known
            return known
        new = [item for item in instruments if item.id not in known]
        if new:
            known.update(self._quotes.at_hand(new, max_age=_age(max_age_ms), cost=self._cost))
        return known

    def _asked(self, instrument: Instrument, max_age_ms: int | None) -> Awaitable[Quote]:
        if self._loader is None:
            self._loader = QuoteLoader(self._quotes, self._cost)
        return self._loader.price(instrument, max_age_ms)


def _age(max_age_ms: int | None) -> timedelta | None:
    return None if max_age_ms is None else timedelta(milliseconds=max_age_ms)


def _cache_key(key: Key) -> tuple[str, int | None]:
    """The id instead of the instrument: hashing fourteen fields for each of 500 keys would cost more than the rest."""
    return key[0].id, key[1]


def _look_at(price: "asyncio.Future[Quote]") -> None:
    """Of an error that nobody waits for any more, asyncio would say in the log that nobody looked at it."""
    if not price.cancelled():
        price.exception()
