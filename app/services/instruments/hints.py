"""Near matches for an id that does not exist, in microseconds: a batch may have 500 of them. For the catalogue."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice, takewhile

from app.domain.instruments import Exchange, Instrument
from app.services.instruments.index import InstrumentIndex

MAX_HINTS = 3
"""More would bury the message."""
NEIGHBOURS = 4
"""Symbols looked at on each side of where the wrong one would stand in the alphabet."""
SHORTEST_LIKENESS = 3
"""So many first letters in common make two symbols alike."""


def near_ids(
    exchange: Exchange,
    symbol: str,
    *,
    index: InstrumentIndex,
    instruments: Sequence[Instrument],
    by_id: Mapping[str, Instrument],
) -> list[str]:
    """At most three ids that the caller may have meant: the symbol elsewhere, the contract, the name, the likeness."""
    wanted = symbol.upper()
    contracts = index.contracts_of_root(wanted)[:1] if wanted[-1:].isalpha() and not wanted.isalpha() else ()
    rows = chain(contracts, index.named(wanted), _alike(wanted, index, instruments))
    ids = chain(_elsewhere(exchange, wanted, by_id), (instruments[row].id for row in rows))
    return list(islice(dict.fromkeys(ids), MAX_HINTS))


def _elsewhere(exchange: Exchange, symbol: str, by_id: Mapping[str, Instrument]) -> Iterator[str]:
    for place in (exchange, *Exchange):
        instrument_id = f"{place}:{symbol}"
        if instrument_id in by_id:
            yield instrument_id


def _alike(symbol: str, index: InstrumentIndex, instruments: Sequence[Instrument]) -> list[int]:
    """Rows of symbols that begin as this one does, those with the most letters in common first."""
    if len(symbol) < SHORTEST_LIKENESS:
        return []
    rows = index.neighbours(symbol, NEIGHBOURS)
    likeness = {row: _common_letters(symbol, instruments[row].symbol) for row in rows}
    alike = [row for row in likeness if likeness[row] >= SHORTEST_LIKENESS]
    return sorted(alike, key=lambda row: -likeness[row])


def _common_letters(one: str, other: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
