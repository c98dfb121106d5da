"""Long series that are put together of chunks: sequences whose items are made when they are looked at. Pure.

Comes in: parts of chunks, and newer bars that can still change. Goes out: what everybody takes for a sequence of bars,
or of one number of each bar. The history service makes them; who knows of chunks may take them one by one.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain
from operator import attrgetter, eq
from typing import Any, overload

from app.domain.candle_chunks import CandleChunk, ChunkPart
from app.domain.candles import Candle, CandleColumns


class ChunkedCandles(Sequence[Candle]):
    """The bars of some parts, oldest first, and then the `newer` ones, which can still change or are not stored.

    Immutable. A bar is made anew each time it is looked at; a slice without steps makes none. Equal to any sequence of
    the same bars.
    """

    __slots__ = ("_ends", "newer", "parts")

    def __init__(self, parts: Iterable[ChunkPart], newer: Iterable[Candle] = ()) -> None:
        self.parts = tuple(part for part in parts if len(part))
        self.newer = tuple(newer)
        self._ends = tuple(accumulate(map(len, self.parts)))

    def __len__(self) -> int:
        """How many bars."""
        return self._chunked + len(self.newer)

    def __iter__(self) -> Iterator[Candle]:
        """The bars, oldest first."""
        return chain(chain.from_iterable(self.parts), self.newer)

    @overload
    def __getitem__(self, at: int) -> Candle: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Candle]: ...

    def __getitem__(self, at: int | slice) -> Candle | Sequence[Candle]:
        """One bar, or some."""
        if isinstance(at, slice):
            first, stop, step = at.indices(len(self))
            return self._between(first, stop) if step == 1 else tuple(self)[at]
        index = at + len(self) if at < 0 else at
        if not 0 <= index < len(self):
            raise IndexError(at)
        if index >= self._chunked:
            return self.newer[index - self._chunked]
        number = bisect_right(self._ends, index)
        part = self.parts[number]
        position = part.stop - self._ends[number] + index
        return next(part.chunk.bars(position, position + 1))

    def __eq__(self, other: object) -> bool:
        """Whether the other is a sequence of equal bars."""
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(map(eq, self, other))

    def __hash__(self) -> int:
        """That of a tuple of the bars."""
        return hash(tuple(self))

    def __repr__(self) -> str:
        """How many bars, and between which."""
        return f"<{len(self)} candles from {self[0].time} to {self[-1].time}>" if self else "<no candles>"

    def columns(self) -> CandleColumns:
        """The bars as columns of numbers; nothing is read until it is looked at."""
        return CandleColumns(
            epoch_seconds=ChunkedColumn(self, "epoch_seconds"),
            open=ChunkedColumn(self, "open"),
            high=ChunkedColumn(self, "high"),
            low=ChunkedColumn(self, "low"),
            close=ChunkedColumn(self, "close"),
            volume=ChunkedColumn(self, "volume"),
        )

    @property
    def _chunked(self) -> int:
        return self._ends[-1] if self._ends else 0

    def followed_by(self, newer: Sequence[Candle]) -> "ChunkedCandles":
        """The same and some newer bars."""
        return ChunkedCandles(self.parts, (*self.newer, *newer))

    def _between(self, first: int, stop: int) -> "ChunkedCandles":
        if first == 0 and stop == len(self):
            return self
        begins = (0, *self._ends)
        parts = (part.between(first - begin, stop - begin) for part, begin in zip(self.parts, begins, strict=False))
        chunked = self._chunked
        return ChunkedCandles(parts, self.newer[max(first - chunked, 0) : max(stop - chunked, 0)])


class ChunkedColumn(Sequence[Any]):
    """A number of each bar, oldest first. Immutable. Equal to any sequence of the same numbers."""

    __slots__ = ("_bars", "name")

    def __init__(self, bars: ChunkedCandles, name: str) -> None:
        """`name`: that of the field, which bars and chunks have alike."""
        self._bars = bars
        self.name = name

    @property
    def parts(self) -> tuple[ChunkPart, ...]:
        """The parts of chunks of which this is a column."""
        return self._bars.parts

    @property
    def newer(self) -> list[Any]:
        """The numbers of the bars behind the chunks."""
        return [getattr(bar, self.name) for bar in self._bars.newer]

    def of(self, chunk: CandleChunk) -> "array[Any]":
        """The numbers of all bars of a chunk."""
        found: array[Any] = getattr(chunk, self.name)
        return found

    def __len__(self) -> int:
        """How many bars."""
        return len(self._bars)

    def __iter__(self) -> Iterator[Any]:
        """The numbers, that of the oldest bar first."""
        kept = (self.of(part.chunk)[part.first : part.stop] for part in self.parts)
        return chain(chain.from_iterable(kept), self.newer)

    @overload
    def __getitem__(self, at: int) -> Any: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Any]: ...

    def __getitem__(self, at: int | slice) -> Any:
        """One number, or some."""
        number = attrgetter(self.name)
        return tuple(map(number, self._bars[at])) if isinstance(at, slice) else number(self._bars[at])

    def __eq__(self, other: object) -> bool:
        """Whether the other is a sequence of equal numbers."""
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(map(eq, self, other))

    def __hash__(self) -> int:
        """That of a tuple of the numbers."""
        return hash(tuple(self))
