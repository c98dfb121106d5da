"""The order of instruments that match a search equally well. Pure; for the catalogue."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from operator import attrgetter

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

Place = tuple[int, bool, int, date]
"""Kind, whether nothing is written on it, exchange, expiry."""


def search_order(instruments: Iterable[Instrument], underlyings: frozenset[str]) -> list[Instrument]:
    """Stocks and indices, ETFs, futures, options, bonds; in each those with derivatives first.

    Then by exchange, expiry, strike and symbol. Sorted in small heaps, because one sort of 130,000 keys would
    not let go of the interpreter for 200 ms.
    """
    heaps: defaultdict[Place, defaultdict[float, list[Instrument]]] = defaultdict(lambda: defaultdict(list))
    for instrument in instruments:
        place = (
            KIND_RANK[instrument.kind],
            instrument.id not in underlyings,
            EXCHANGE_RANK[instrument.exchange],
            instrument.expiry or date.min,
        )
        heaps[place][instrument.strike or 0.0].append(instrument)
    ordered: list[Instrument] = []
    for place in sorted(heaps):
        for strike in sorted(heaps[place]):
            ordered.extend(sorted(heaps[place][strike], key=attrgetter("symbol")))
    return ordered
