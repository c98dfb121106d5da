"""One upstream call and those who wait for it.

Comes in: instruments, then the source's answer or error. Goes out: an answer for each instrument, and the
call's cost for each operation that took part. Used by QuoteBatches and QuoteService.
"""

import asyncio
from collections import Counter

from app.domain.errors import MarketDataError
from app.domain.instruments import Instrument
from app.domain.provenance import Cost, DataSource
from app.domain.quotes import Quote, no_price_at
from app.domain.spending import requests_spent
from app.ports import QuoteBatch


class Batch:
    """From the first instrument that joins to the last caller that leaves."""

    def __init__(self, opened_at: float) -> None:
        self.opened_at = opened_at
        """When the first instrument joined; seconds on the event loop's clock."""
        self.started_at: float | None = None
        """When the call went out; None while instruments may still join."""
        self.instruments: dict[str, Instrument] = {}
        self.answers: dict[str, Quote | MarketDataError] = {}
        """One for each instrument, once `done`."""
        self.done = asyncio.Event()
        self._upstream_calls = 0
        self._wanted: Counter[str] = Counter()
        self._charged: dict[int, Cost] = {}

    def is_younger_than(self, max_age: float, now: float) -> bool:
        """Whether the prices it will bring are younger than `max_age` seconds at worst."""
        return self.started_at is None or now - self.started_at < max_age

    def add(self, instrument: Instrument) -> None:
        """One more caller wants this instrument."""
        self.instruments[instrument.id] = instrument
        self._wanted[instrument.id] += 1

    def leave(self, instrument_id: str) -> bool:
        """One caller less. False if the instrument was dropped: nobody wants it and the call is not out yet."""
        self._wanted[instrument_id] -= 1
        if self._wanted[instrument_id] or self.started_at is not None:
            return True
        del self.instruments[instrument_id]
        return False

    def charge(self, cost: Cost) -> None:
        """Add the requests to an operation's cost, once, however often it took part."""
        if id(cost) not in self._charged:
            self._charged[id(cost)] = cost
            cost.upstream_calls += self._upstream_calls

    def finish(self, answer: QuoteBatch, source: DataSource) -> None:
        """Every instrument gets its quote, its own error, or NotPriced."""
        self._upstream_calls = answer.upstream_calls
        for key in self.instruments:
            self.answers[key] = answer.quotes.get(key) or answer.errors.get(key) or no_price_at(source, key)

    def fail(self, error: MarketDataError) -> None:
        """Every instrument that has no answer yet gets the error."""
        if not self.answers:
            self._upstream_calls = requests_spent(error)
        for key in self.instruments:
            self.answers.setdefault(key, error)
