"""Which rows of the master match a word, and how well. Built and asked by the catalogue.

Cash instruments are indexed one by one, derivatives by what their symbols are made of: the root (NIFTY), the
date code (26NOV) and the tail (24500CE). 115,000 contracts have about 1,000 roots and 8,000 tails, so every
word of a search meets small vocabularies, and the rest is intersection of row sets.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from itertools import chain
from typing import TypeVar

from app.domain.instruments import Instrument
from app.services.instruments.parts import Parts, name_places, root_places, symbol_places
from app.services.instruments.row_sets import RowSet, SortedRows, row_set
from app.services.instruments.terms import Terms, prefix_range
from app.services.instruments.words import KIND_WORDS, expiry_words, runs, strike_word

SHORTEST_PART = 3
"""A part of a word must be this long to be looked for inside of words: shorter ones are inside of everything."""
KEPT_SET_ROWS = 256
"""A root with so many contracts has its row set kept (17 KB); a smaller one's is made when it is asked for."""

Property = TypeVar("Property", bound=Hashable)


class Grade(IntEnum):
    """How well a row matches; less is better."""

    EXACT = 0
    """The symbol itself, or the name that its derivatives go by (BANKNIFTY for NIFTY BANK)."""
    PREFIX = 1
    """The symbol begins so; a derivative's root, or what it is (its strike, month, kind), is exactly so."""
    NAME = 2
    """A word of the name begins so; a derivative's root or strike begins so."""
    PART = 3
    """It stands somewhere in the symbol or the name."""


Matches = Sequence[RowSet]
"""For each grade the rows that match at least so well: each set holds the one before it."""


class InstrumentIndex:
    """Immutable. A row is a place in the ordered instruments that it was built from."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self.size = len(instruments)
        self._instruments = instruments
        rows_by_id = {instrument.id: row for row, instrument in enumerate(instruments)}
        parts = Parts(instruments)
        self._groups = [array("I", rows) for rows in parts.groups.values()]
        self._group_sets = {
            group: row_set(rows, self.size) for group, rows in enumerate(self._groups) if len(rows) >= KEPT_SET_ROWS
        }
        self._symbols = Terms(symbol_places(parts, instruments, rows_by_id))
        self._roots = Terms(root_places(parts, self.size))
        self._names = Terms(name_places(parts, instruments, rows_by_id))
        self._tails = SortedRows(parts.tails, self.size)
        self._tail_terms = Terms({tail: (place,) for place, tail in enumerate(self._tails.keys)})
        self.strikes = SortedRows(parts.strikes, self.size)
        """Rows by strike."""
        self.expiries = self._sets({expiry: parts.expiries[expiry] for expiry in sorted(parts.expiries)})
        """Rows by expiry, nearest first."""
        self.exchanges = self._sets(parts.exchanges)
        self.kinds = self._sets(parts.kinds)
        self.derivatives = {below: array("I", rows) for below, rows in parts.derivatives.items()}
        """Rows of the derivatives of each underlying id, in order."""
        self._features = self._feature_sets(parts)

    def matches(self, word: str) -> Matches:
        """Rows that match an upper-case word without spaces. What matches nothing is tried in its parts."""
        found = self._whole(word)
        parts = runs(word)
        if found[-1] or len(parts) <= 1:
            return found
        return together(self._whole(part) for part in parts)

    def symbol_is(self, text: str) -> RowSet:
        """Rows of cash instruments whose symbol, or whose derivatives' root, is exactly this; spaces allowed."""
        return self._rows(self._symbols.exactly(text))

    def symbol_begins(self, text: str) -> RowSet:
        """Rows of cash instruments whose symbol begins so; spaces allowed."""
        return self._rows(self._symbols.beginning(text))

    def strikes_between(self, low: float | None, high: float | None) -> RowSet:
        """Rows of options with a strike in [low, high]."""
        first = 0 if low is None else bisect_left(self.strikes.keys, low)
        last = len(self.strikes.keys) if high is None else bisect_right(self.strikes.keys, high)
        return self.strikes.between(first, last)

    def neighbours(self, symbol: str, count: int) -> list[int]:
        """Rows of cash instruments that come right before and after this symbol in the alphabet."""
        place, _ = prefix_range(self._symbols.words, symbol)
        near = self._symbols.words[max(0, place - count) : place + count]
        return [row for word in near for row in self._symbols.exactly(word)]

    def named(self, word: str) -> list[int]:
        """Rows of cash instruments that have this word in their names."""
        return [place for place in self._names.exactly(word) if place < self.size]

    def contracts_of_root(self, symbol: str) -> Sequence[int]:
        """Rows of the contracts whose root is the longest beginning of this symbol; none without such a root."""
        for end in range(len(symbol), 0, -1):
            for place in self._roots.exactly(symbol[:end]):
                return self._groups[place - self.size]
        return ()

    def _whole(self, word: str) -> Matches:
        full = list(self._full_symbols(word))
        exact = self.symbol_is(word) | row_set((row for row, same in full if same), self.size)
        prefix = exact | row_set((row for row, _ in full), self.size) | self._feature(word)
        prefix |= self._rows(chain(self._symbols.beginning(word), self._roots.exactly(word)))
        name = prefix | self._rows(chain(self._names.beginning(word), self._roots.beginning(word)))
        name |= self._tails.between(*prefix_range(self._tails.keys, word))
        if len(word) < SHORTEST_PART:
            return exact, prefix, name, name
        vocabularies = (self._symbols, self._roots, self._names)
        part = name | self._rows(chain.from_iterable(terms.having(word) for terms in vocabularies))
        tails = (self._tails.rows(tail) for tail in self._tail_terms.having(word))
        return exact, prefix, name, part | row_set(chain.from_iterable(tails), self.size)

    def _full_symbols(self, word: str) -> Iterator[tuple[int, bool]]:
        """Contracts whose symbols begin as the word does, beyond the root; and whether they are the word."""
        for end in range(1, len(word)):
            if word[end].isdigit():
                for place in self._roots.exactly(word[:end]):
                    for row in self._groups[place - self.size]:
                        symbol = self._instruments[row].symbol
                        if symbol.startswith(word):
                            yield row, symbol == word

    def _feature(self, word: str) -> RowSet:
        """Contracts that have this strike, month, day, date code, kind or tail; whatever trades on this exchange."""
        found = self._features.get(word, 0)
        tail, _ = prefix_range(self._tails.keys, word)
        if self._tails.keys[tail : tail + 1] == [word]:
            found |= self._tails.between(tail, tail + 1)
        strike = _number(word)
        return found if strike is None else found | self.strikes_between(strike, strike)

    def _rows(self, places: Iterable[int]) -> RowSet:
        """Places of a vocabulary as rows: a group is all of its contracts."""
        singles = bytearray((self.size >> 3) + 1)
        groups = set()
        for place in places:
            if place < self.size:
                singles[place >> 3] |= 1 << (place & 7)
            else:
                groups.add(place - self.size)
        found = int.from_bytes(singles, "little")
        small: list[Sequence[int]] = []
        for group in groups:
            if group in self._group_sets:
                found |= self._group_sets[group]
            else:
                small.append(self._groups[group])
        return found | row_set(chain.from_iterable(small), self.size) if small else found

    def _sets(self, rows: Mapping[Property, Sequence[int]]) -> dict[Property, RowSet]:
        return {key: row_set(found, self.size) for key, found in rows.items()}

    def _feature_sets(self, parts: Parts) -> dict[str, RowSet]:
        sets: defaultdict[str, RowSet] = defaultdict(int)
        for kind, words in KIND_WORDS.items():
            for word in words:
                sets[word] |= self.kinds.get(kind, 0)
        for exchange, rows in self.exchanges.items():
            sets[exchange.value] |= rows
        for expiry, rows in self.expiries.items():
            for word in expiry_words(expiry):
                sets[word] |= rows
        for code, rows in self._sets(parts.codes).items():
            sets[code] |= rows
        return dict(sets)


def together(found: Iterable[Matches]) -> Matches:
    """Rows that every word matches, graded by the worst of the words. After a hopeless word no other is looked up."""
    words = iter(found)
    sets = next(words)
    while sets[-1] and (word := next(words, None)) is not None:
        sets = [held & rows for held, rows in zip(sets, word, strict=True)]
    return sets


def _number(word: str) -> float | None:
    """The number that a strike is written as; None for anything else, 1E5 too."""
    try:
        number = float(word) if word[0].isdigit() else None
    except ValueError:
        return None
    return number if number is not None and strike_word(number) == word else None
