"""Long charts as JSON that is already there: the bars of a chunk never change, so neither does their text.

Comes in: a series in chunks, and a compiled selection whose answer depends on the bars alone. Goes out: its list for
the result, in which one `orjson.Fragment` holds all bars of a chunk. Called by `compiled.selection`, before it would
read bar after bar; one EncodedChunks serves one schema.
"""

import weakref
from array import array
from collections import OrderedDict
from collections.abc import Iterable
from itertools import accumulate
from typing import NamedTuple, Protocol

import orjson

from app.domain.candle_chunks import CandleChunk, ChunkedCandles, ChunkPart
from app.domain.candles import Candle

MAX_BYTES = 32_000_000
"""JSON that is kept: seventy charts of 5,000 bars with six fields, as many as front ends show at a time."""
BAR_OVERHEAD = 4
"""Bytes that are kept of each bar besides its text: where it ends."""


class RowWriter(Protocol):
    """What is needed of a compiled selection."""

    key: str
    """Equal for two selections that write the same."""

    def one(self, item: object, bound: tuple[object, ...]) -> object:
        """A bar as orjson takes it. Raises for values that ordinary execution has to look at."""
        ...


class _Text(NamedTuple):
    """The bars of a chunk, with commas between them, and where each begins: the end is the beginning of one more."""

    json: bytes
    begins: "array[int]"

    @property
    def size(self) -> int:
        """Bytes it takes."""
        return len(self.json) + BAR_OVERHEAD * len(self.begins)

    def part(self, first: int, stop: int) -> bytes:
        """The bars from one position up to but without another, at least one."""
        return self.json[self.begins[first] : self.begins[stop] - 1]


class EncodedChunks:
    """Texts of chunks, by selection. Bounded in bytes: the chunk that was not asked for longest goes first.

    A chunk's texts go with it: the history service drops it when its bars are corrected or drift, and nothing else
    holds it for longer than an answer takes. Belongs to one event loop.
    """

    def __init__(self, most: int = MAX_BYTES) -> None:
        self._most = most
        self._texts: OrderedDict[weakref.ref[CandleChunk], dict[str, _Text]] = OrderedDict()
        self.size = 0
        """Bytes that are kept."""

    def rows(self, bars: ChunkedCandles, writer: RowWriter) -> list[object]:
        """The list that orjson writes as the JSON of all bars. Its items are not those of the bars."""
        fragments: list[object] = [orjson.Fragment(self._part(part, writer)) for part in bars.parts]
        return [*fragments, *(writer.one(bar, ()) for bar in bars.newer)]

    def _part(self, part: ChunkPart, writer: RowWriter) -> bytes:
        chunk = part.chunk
        name = weakref.ref(chunk, self._forget)
        texts = self._texts.get(name)
        known = None if texts is None else texts.get(writer.key)
        if known is None:
            known = _text(chunk.bars(0, len(chunk)), writer)
            self._texts.setdefault(name, {})[writer.key] = known
            self.size += known.size
        self._texts.move_to_end(name)
        while self.size > self._most:
            self._forget(next(iter(self._texts)))
        return known.part(part.first, part.stop)

    def _forget(self, name: "weakref.ref[CandleChunk]") -> None:
        texts = self._texts.pop(name, {})
        self.size -= sum(text.size for text in texts.values())


def _text(bars: Iterable[Candle], writer: RowWriter) -> _Text:
    rows = [orjson.dumps(writer.one(bar, ())) for bar in bars]
    begins = array("I", accumulate((len(row) + 1 for row in rows), initial=0))
    return _Text(b",".join(rows), begins)
