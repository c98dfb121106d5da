"""What the rows of a master are made of: one pass over it comes in, rows by each property go out. For the index."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from app.domain.instruments import Exchange, Instrument, InstrumentKind
from app.services.instruments.words import DERIVATIVES, name_words, split_rest, split_symbol

Rows = list[int]


class Parts:
    """Rows by property, ascending. A group is all contracts of one root on one exchange."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self.cash: Rows = []
        self.exchanges: defaultdict[Exchange, Rows] = defaultdict(list)
        self.kinds: defaultdict[InstrumentKind, Rows] = defaultdict(list)
        self.groups: defaultdict[tuple[Exchange, str], Rows] = defaultdict(list)
        self.codes: defaultdict[str, Rows] = defaultdict(list)
        self.tails: defaultdict[str, Rows] = defaultdict(list)
        self.expiries: defaultdict[date, Rows] = defaultdict(list)
        self.strikes: defaultdict[float, Rows] = defaultdict(list)
        self.derivatives: defaultdict[str, Rows] = defaultdict(list)
        self._splits: dict[str, tuple[str, str]] = {}
        for row, instrument in enumerate(instruments):
            self.exchanges[instrument.exchange].append(row)
            self.kinds[instrument.kind].append(row)
            if instrument.kind in DERIVATIVES:
                self._add_contract(row, instrument)
            else:
                self.cash.append(row)
        del self._splits

    def _add_contract(self, row: int, instrument: Instrument) -> None:
        root, rest = split_symbol(instrument)
        split = self._splits.get(rest)
        if split is None:
            split = self._splits[rest] = split_rest(rest)
        self.groups[instrument.exchange, root].append(row)
        self.codes[split[0]].append(row)
        self.tails[split[1]].append(row)
        if instrument.underlying_id is not None:
            self.derivatives[instrument.underlying_id].append(row)
        if instrument.expiry is not None:
            self.expiries[instrument.expiry].append(row)
        if instrument.strike is not None:
            self.strikes[instrument.strike].append(row)


Places = Mapping[str, Sequence[int]]
"""Word -> rows of cash instruments, and groups of contracts as numbers beyond the last row."""


def symbol_places(parts: Parts, instruments: Sequence[Instrument], rows_by_id: Mapping[str, int]) -> Places:
    """Symbols of cash instruments, without spaces too, and the roots that their derivatives go by."""
    places: defaultdict[str, Rows] = defaultdict(list)
    for row in parts.cash:
        symbol = instruments[row].symbol.upper()
        for spelling in {symbol, "".join(name_words(symbol))}:
            places[spelling].append(row)
    for (_, root), rows in parts.groups.items():
        underlying = rows_by_id.get(instruments[rows[0]].underlying_id or "")
        if underlying is not None and underlying not in places[root]:
            places[root].append(underlying)
    return places


def root_places(parts: Parts, size: int) -> Places:
    """Roots of contracts."""
    places: defaultdict[str, Rows] = defaultdict(list)
    for group, (_, root) in enumerate(parts.groups):
        places[root].append(size + group)
    return places


def name_places(parts: Parts, instruments: Sequence[Instrument], rows_by_id: Mapping[str, int]) -> Places:
    """Words of names and of symbols; a contract has those of its underlying."""
    places: defaultdict[str, Rows] = defaultdict(list)
    for row in parts.cash:
        for word in set(_words(instruments[row])):
            places[word].append(row)
    for group, rows in enumerate(parts.groups.values()):
        first = instruments[rows[0]]
        underlying = rows_by_id.get(first.underlying_id or "")
        words = set(name_words(first.name))
        if underlying is not None:
            words.update(_words(instruments[underlying]))
        for word in words:
            places[word].append(len(instruments) + group)
    return places


def _words(instrument: Instrument) -> Iterator[str]:
    yield from name_words(instrument.symbol)
    yield from name_words(instrument.name)
