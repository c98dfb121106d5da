"""Sets of rows as whole numbers: bit n stands for row n. For the instrument index.

Joining, intersecting and counting sets of 130,000 rows takes Python a few microseconds this way, and a set
that is kept costs 17 KB, however many rows are in it.
"""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Generic, TypeVar

RowSet = int

BLOCK = 4_096
"""Rows that are counted at once while looking for the place where a page begins."""
STEP = 2_048
"""Rows between two prepared sets of SortedRows: loops run over twice as many at most, 0.4 ms."""

Key = TypeVar("Key", str, float)


def row_set(rows: Iterable[int], size: int) -> RowSet:
    """The set of these rows; `size` is the number of all rows."""
    bits = bytearray((size >> 3) + 1)
    for row in rows:
        bits[row >> 3] |= 1 << (row & 7)
    return int.from_bytes(bits, "little")


def rows_of(found: RowSet, start: int, count: int) -> list[int]:
    """At most `count` rows of the set, lowest first, leaving out the `start` lowest."""
    digits = f"{found:b}"[::-1]
    place = 0
    while place < len(digits) and start >= (ones := digits.count("1", place, place + BLOCK)):
        start -= ones
        place += BLOCK
    rows: list[int] = []
    while len(rows) < count and (place := digits.find("1", place)) >= 0:
        if start:
            start -= 1
        else:
            rows.append(place)
        place += 1
    return rows


class SortedRows(Generic[Key]):
    """Rows by a key that each has once; the rows of any range of keys as one set, however many they are."""

    def __init__(self, rows_by_key: Mapping[Key, Sequence[int]], size: int) -> None:
        self.keys: list[Key] = sorted(rows_by_key)
        """The keys, ascending."""
        self._size = size
        self._rows = array("I")
        self._starts = array("I", [0])
        for key in self.keys:
            self._rows.extend(rows_by_key[key])
            self._starts.append(len(self._rows))
        self._prepared = self._prepare()

    def between(self, low: int, high: int) -> RowSet:
        """The rows of the keys at the places [low, high)."""
        if low >= high:
            return 0
        first, last = self._starts[low], self._starts[high]
        begin, end = -(-first // STEP), last // STEP
        if begin >= end:
            return row_set(self._rows[first:last], self._size)
        edges = chain(self._rows[first : begin * STEP], self._rows[end * STEP : last])
        return self._prepared[end] & ~self._prepared[begin] | row_set(edges, self._size)

    def rows(self, place: int) -> Sequence[int]:
        """The rows of the key at a place."""
        return self._rows[self._starts[place] : self._starts[place + 1]]

    def _prepare(self) -> list[RowSet]:
        """The sets of the first 0, STEP, 2 x STEP ... rows."""
        sets = [0]
        for end in range(STEP, len(self._rows) + 1, STEP):
            sets.append(sets[-1] | row_set(self._rows[end - STEP : end], self._size))
        return sets
