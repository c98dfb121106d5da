"""Quotes as JSON that is already there: a quote never changes, a newer state is another object.

Comes in: a list of quotes and what a compiled selection makes of one. Goes out: the list for the result, in which one
`orjson.Fragment` holds each quote. Whoever selects the same fields shares them, in whichever document, for whichever
instruments: between two ticks a thousand watch lists write an instrument's price once. Called by compiled selections;
one EncodedQuotes serves one schema.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import orjson

from app.domain.quotes import Quote
from schema.execution.chunks import ItemWriter

MAX_BYTES = 20_000_000
"""What is kept, of all selections together: some 20,000 quotes of a dozen fields. Beyond it all are forgotten, and each
is written once more."""
OVERHEAD = 600
"""Bytes that are kept with a text, or with a selection: the quote, its numbers, and their places."""

_Kept = tuple[Quote, orjson.Fragment, int]
"""A quote, its text, and the bytes of both."""
NONE_YET: Mapping[str, _Kept] = MappingProxyType({})


class EncodedQuotes:
    """The text of the newest quote of each instrument, by selection. Bounded in bytes; belongs to one event loop."""

    def __init__(self, most: int = MAX_BYTES) -> None:
        self._most = most
        self._kept: dict[str, dict[str, _Kept]] = {}
        self.size = 0
        """Bytes that are kept."""

    def __len__(self) -> int:
        return sum(map(len, self._kept.values()))

    def rows(self, quotes: Sequence[Any], writer: ItemWriter) -> list[object]:
        """A fragment for each quote. Raises for what is no quote, and for what the writer raises for."""
        newest = self._kept.get(writer.key, NONE_YET).get
        return [
            found[1] if (found := newest(quote.id)) is not None and found[0] is quote else self._write(quote, writer)
            for quote in quotes
        ]

    def _write(self, quote: Quote, writer: ItemWriter) -> orjson.Fragment:
        text = orjson.dumps(writer.one(quote, ()))
        fragment, size = orjson.Fragment(text), OVERHEAD + len(text)
        kept = self._kept.get(writer.key)
        before = None if kept is None else kept.get(quote.id)
        more = size - before[2] if before else size
        if kept is None:
            more += OVERHEAD + len(writer.key)
        if self.size + more > self._most:
            self._kept.clear()
            self.size, kept, more = 0, None, size + OVERHEAD + len(writer.key)
            if more > self._most:
                return fragment
        if kept is None:
            kept = self._kept[writer.key] = {}
        kept[quote.id] = quote, fragment, size
        self.size += more
        return fragment
