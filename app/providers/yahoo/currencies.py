"""What Yahoo's own symbols are quoted in, by Yahoo's word.

Neither the form of a symbol nor our tables tell for all of them: an index may be of any country, and a fund in London
may trade in dollars. The sources note what their answers say; the instrument service looks its instruments up here.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from app.domain.instruments import Instrument
from app.providers.yahoo.money import MINOR_UNITS
from app.providers.yahoo.symbols import is_currency_certain, own_instrument

CAPACITY = 10_000
"""Symbols remembered, 0.2 KB each; the oldest goes first, and is learned again with its next price."""
ISO_4217 = re.compile("[A-Z]{3}")


class LearnedCurrencies:
    """The newest word per symbol, for the life of the process. Bounded; for one event loop."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._known: dict[str, str] = {}

    def learn(self, symbol: str, currency: str | None) -> None:
        """An answer for this symbol was in this currency of Yahoo's; what is certain anyway, or none, is not kept."""
        unit, _ = MINOR_UNITS.get(currency or "", (currency or "", 1))
        if self._known.get(symbol) == unit or not ISO_4217.fullmatch(unit) or is_currency_certain(symbol):
            return
        self._known[symbol] = unit
        if len(self._known) > self._capacity:
            del self._known[next(iter(self._known))]

    def learn_all(self, currencies: Mapping[str, str]) -> None:
        """The same of many, by symbol."""
        for symbol, currency in currencies.items():
            self.learn(symbol, currency)

    def own_instrument(self, instrument_id: str) -> Instrument | None:
        """`symbols.own_instrument` with the currency that was learned."""
        own = own_instrument(instrument_id)
        currency = None if own is None else self._known.get(own.symbol)
        return own if own is None or currency is None else replace(own, currency=currency)
