"""The order of instruments that match a search equally well. Pure; for the catalogue."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date

from app.domain.instruments import Exchange, Instrument, InstrumentKind

KIND_RANK = {
    InstrumentKind.INDEX: 0,
    InstrumentKind.EQUITY: 0,
    InstrumentKind.ETF: 1,
    InstrumentKind.CURRENCY: 2,
    InstrumentKind.COMMODITY: 2,
    InstrumentKind.CRYPTO: 2,
    InstrumentKind.FUTURE: 3,
    InstrumentKind.CALL: 4,
    InstrumentKind.PUT: 4,
    InstrumentKind.OTHER: 5,
}
EXCHANGE_RANK = {exchange: rank for rank, exchange in enumerate(Exchange)}
"""NSE before BSE, then the derivative exchanges, as the enumeration has them."""


def search_order(instruments: Iterable[Instrument], underlyings: frozenset[str]) -> list[Instrument]:
    """Stocks and indices, ETFs, futures, options, bonds; in each those with derivatives first.

    Then by exchange, expiry, strike and symbol. Sorted in small heaps, because one sort of 130,000 keys would
    not let go of the interpreter for 200 ms.
    """
    heaps: defaultdict[tuple[int, bool, int, date], list[Instrument]] = defaultdict(list)
    for instrument in instruments:
        place = (
            KIND_RANK[instrument.kind],
            instrument.id not in underlyings,
            EXCHANGE_RANK[instrument.exchange],
            instrument.expiry or date.min,
        )
        heaps[place].append(instrument)
    ordered: list[Instrument] = []
    for place in sorted(heaps):
        ordered.extend(sorted(heaps[place], key=_strike_and_symbol))
    return ordered


def _strike_and_symbol(instrument: Instrument) -> tuple[float, str]:
    return instrument.strike or 0.0, instrument.symbol
