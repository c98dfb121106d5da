"""Loaders: the keys of one operation, de-duplicated, in one question to a service."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import TypeAlias

from aiodataloader import DataLoader

from app.domain.instruments import Instrument
from app.domain.provenance import Cost
from app.domain.quotes import Quote
from app.services.quotes.service import QuoteService

Key: TypeAlias = tuple[Instrument, int | None]
"""An instrument and the caller's limit on the age of its price, in milliseconds."""
Result: TypeAlias = Quote | Exception


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
        max_age = None if max_age_ms is None else timedelta(milliseconds=max_age_ms)
        return dict(await self._quotes.quotes(instruments, max_age=max_age, cost=self._cost))


def _cache_key(key: Key) -> tuple[str, int | None]:
    """The id instead of the instrument: hashing fourteen fields for each of 500 keys would cost more than the rest."""
    return key[0].id, key[1]


def _look_at(price: "asyncio.Future[Quote]") -> None:
    """Of an error that nobody waits for any more, asyncio would say in the log that nobody looked at it."""
    if not price.cancelled():
        price.exception()
