"""A vocabulary: words, and where they occur. For the instrument index; the places are numbers it gives."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence

AFTER_ANY_TEXT = "\U0010ffff"
"""Sorts after everything that a word can go on with."""


class Terms:
    """Words with their places; found whole, by how they begin, and by what is in them. No term has a line break."""

    def __init__(self, places_by_term: Mapping[str, Sequence[int]]) -> None:
        self.words = sorted(places_by_term)
        """All words, ascending."""
        self._places = array("I")
        self._starts = array("I", [0])
        self._offsets = array("I")
        offset = 1
        for word in self.words:
            self._places.extend(places_by_term[word])
            self._starts.append(len(self._places))
            self._offsets.append(offset)
            offset += len(word) + 1
        self._text = "\n".join(["", *self.words, ""])

    def exactly(self, word: str) -> Sequence[int]:
        """Places of the word itself."""
        low = bisect_left(self.words, word)
        found = low < len(self.words) and self.words[low] == word
        return self._between(low, low + found)

    def beginning(self, start: str) -> Sequence[int]:
        """Places of the words that begin so."""
        return self._between(*prefix_range(self.words, start))

    def having(self, part: str) -> Iterator[int]:
        """Places of the words that have it after their beginning; a place may come twice."""
        at = self._text.find(part)
        while at >= 0:
            if self._text[at - 1] == "\n":
                at = self._text.find(part, at + 1)  # the word begins so; it may come again
                continue
            term = bisect_right(self._offsets, at) - 1
            yield from self._between(term, term + 1)
            at = self._text.find(part, self._offsets[term] + len(self.words[term]))

    def _between(self, low: int, high: int) -> Sequence[int]:
        return self._places[self._starts[low] : self._starts[high]]


def prefix_range(words: Sequence[str], start: str) -> tuple[int, int]:
    """The places [low, high) in ascending words that begin so."""
    return bisect_left(words, start), bisect_left(words, start + AFTER_ANY_TEXT)
