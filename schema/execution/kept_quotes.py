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

MAX_QUOTES = 20_000
"""Quotes that are kept, of all selections together: each takes about a KB with its text. Beyond it all are forgotten,
and each is written once more."""

_Kept = tuple[Quote, orjson.Fragment]
NONE_YET: Mapping[str, _Kept] = MappingProxyType({})


class EncodedQuotes:
    """The text of the newest quote of each instrument, by selection. Bounded; belongs to one event loop."""

    def __init__(self, most: int = MAX_QUOTES) -> None:
        self._most = most
        self._kept: dict[str, dict[str, _Kept]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def rows(self, quotes: Sequence[Any], writer: ItemWriter) -> list[object]:
        """A fragment for each quote. Raises for what is no quote, and for what the writer raises for."""
        newest = self._kept.get(writer.key, NONE_YET).get
        return [
            found[1] if (found := newest(quote.id)) is not None and found[0] is quote else self._write(quote, writer)
            for quote in quotes
        ]

    def _write(self, quote: Quote, writer: ItemWriter) -> orjson.Fragment:
        fragment = orjson.Fragment(orjson.dumps(writer.one(quote, ())))
        if self._count >= self._most:
            self._kept.clear()
            self._count = 0
        kept = self._kept.setdefault(writer.key, {})
        self._count += quote.id not in kept
        kept[quote.id] = quote, fragment
        return fragment
