"""Long charts as JSON that is already there: the bars of a chunk never change, so neither does their text.

Comes in: a series in chunks or a column of it, and what a compiled selection makes of one bar or number. Goes out: the
list for the result, in which one `orjson.Fragment` holds all that a chunk has of it. Called by compiled selections,
before they would read bar after bar; one EncodedChunks serves one schema.
"""

import weakref
from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate
from typing import Any, NamedTuple, Protocol

import orjson

from app.domain.candle_chunks import CandleChunk, ChunkPart
from app.domain.chunked_candles import ChunkedCandles, ChunkedColumn
from schema.execution.chunk_rows import ColumnWriter

MAX_BYTES = 32_000_000
"""JSON that is kept: seventy charts of 5,000 bars with six fields, as many as front ends show at a time."""
OVERHEAD = 4
"""Bytes that are kept of each item besides its text: where it begins."""


class ItemWriter(Protocol):
    """What is needed of a compiled selection to write one item."""

    key: str
    """Equal for two selections that write the same."""

    def one(self, item: object, bound: tuple[object, ...]) -> object:
        """An item as orjson takes it. Raises for values that ordinary execution has to look at."""
        ...


class RowWriter(ItemWriter, Protocol):
    """What is needed of a compiled selection to write bars."""

    def texts(self, chunk: CandleChunk) -> list[bytes]:
        """The JSON of each bar of a chunk. Raises as `one`."""
        ...


class _Text(NamedTuple):
    """The items of a chunk, with commas between them, and where each begins: the end is the beginning of one more."""

    json: bytes
    begins: "array[int]"

    @property
    def size(self) -> int:
        """Bytes it takes."""
        return len(self.json) + OVERHEAD * len(self.begins)

    def part(self, first: int, stop: int) -> bytes:
        """The items from one position up to but without another, at least one."""
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
        fragments = self._fragments(bars.parts, writer.key, writer.texts)
        return [*fragments, *(writer.one(bar, ()) for bar in bars.newer)]

    def column(self, write: ColumnWriter) -> ColumnWriter:
        """The function that writes a list of numbers, for one that may also be a column of chunks.

        Only where `write` gives finite floats and ints as they are, as those in chunks all are.
        """

        def write_column(values: Any) -> list[object]:
            if type(values) is not ChunkedColumn:
                return write(values)
            return [*self._fragments(values.parts, values.name, partial(_numbers, values)), *write(values.newer)]

        return write_column

    def _fragments(
        self, parts: Sequence[ChunkPart], key: str, texts: Callable[[CandleChunk], list[bytes]]
    ) -> list[orjson.Fragment]:
        """One fragment a part. `texts`: the JSON of each item of a chunk."""
        return [orjson.Fragment(self._text(part.chunk, key, texts).part(part.first, part.stop)) for part in parts]

    def _text(self, chunk: CandleChunk, key: str, texts: Callable[[CandleChunk], list[bytes]]) -> _Text:
        name = weakref.ref(chunk, self._forget)
        kept = self._texts.get(name)
        known = None if kept is None else kept.get(key)
        if known is None:
            known = _joined(texts(chunk))
            self._texts.setdefault(name, {})[key] = known
            self.size += known.size
        self._texts.move_to_end(name)
        while self.size > self._most:
            self._forget(next(iter(self._texts)))
        return known

    def _forget(self, name: "weakref.ref[CandleChunk]") -> None:
        kept = self._texts.pop(name, {})
        self.size -= sum(text.size for text in kept.values())


def _numbers(column: ChunkedColumn, chunk: CandleChunk) -> list[bytes]:
    return orjson.dumps(column.of(chunk).tolist())[1:-1].split(b",")


def _joined(texts: Sequence[bytes]) -> _Text:
    begins = array("I", accumulate((len(text) + 1 for text in texts), initial=0))
    return _Text(b",".join(texts), begins)
