"""Runs of bars that are over, kept as columns, and the long series that are put together of them.

Comes in: columns, as a database gives them, or bars. Goes out: sequences that make each Candle when it is asked for: a
bar in columns takes 56 bytes, an object with its numbers 300. Pure. A chunk never changes, so what was once made of it,
its JSON for example, stays right as long as the chunk lives.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from operator import attrgetter, eq
from typing import Any, overload

from app.domain.candles import Candle, CandleColumns, CandleState
from app.domain.drafts import quick_constructor
from app.domain.time import from_epoch

_new_candle = quick_constructor(Candle)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class CandleChunk:
    """Bars of one series, oldest first, as columns of equal length. Equal to itself alone."""

    epoch_seconds: "array[int]"
    """When they open: bars open at whole seconds."""
    open: "array[float]"
    high: "array[float]"
    low: "array[float]"
    close: "array[float]"
    volume: "array[int]"
    open_interest: tuple[int | None, ...] | None
    """None if no bar has any."""
    state: tuple[CandleState, ...]

    def __len__(self) -> int:
        """How many bars."""
        return len(self.epoch_seconds)

    def bars(self, first: int, stop: int) -> Iterator[Candle]:
        """The bars from one position up to but without another."""
        interests = self.open_interest
        return map(
            _new_candle,
            map(from_epoch, self.epoch_seconds[first:stop]),
            self.open[first:stop],
            self.high[first:stop],
            self.low[first:stop],
            self.close[first:stop],
            self.volume[first:stop],
            (None,) * (stop - first) if interests is None else interests[first:stop],
            self.state[first:stop],
        )

    def position(self, epoch_seconds: int) -> int:
        """How many bars open before an instant."""
        return bisect_left(self.epoch_seconds, epoch_seconds)

    def cut(self, first: int, stop: int) -> "CandleChunk":
        """Some of the bars as a chunk of their own."""
        interests = self.open_interest
        return CandleChunk(
            self.epoch_seconds[first:stop],
            self.open[first:stop],
            self.high[first:stop],
            self.low[first:stop],
            self.close[first:stop],
            self.volume[first:stop],
            None if interests is None else interests[first:stop],
            self.state[first:stop],
        )


def chunk_of(bars: Iterable[Candle]) -> CandleChunk:
    """The bars as columns."""
    rows = [(int(b.time.timestamp()), b.open, b.high, b.low, b.close, b.volume, b.open_interest, b.state) for b in bars]
    return chunk_of_columns(zip(*rows, strict=True) if rows else ((),) * 8)


def chunk_of_columns(columns: Iterable[Sequence[object]]) -> CandleChunk:
    """A chunk of eight columns, in the order of its fields."""
    times, opens, highs, lows, closes, volumes, interests, states = columns
    return CandleChunk(
        array("q", times),  # type: ignore[arg-type]  # a column of whatever the caller's driver gives: array checks
        array("d", opens),  # type: ignore[arg-type]
        array("d", highs),  # type: ignore[arg-type]
        array("d", lows),  # type: ignore[arg-type]
        array("d", closes),  # type: ignore[arg-type]
        array("q", volumes),  # type: ignore[arg-type]
        None if all(interest is None for interest in interests) else tuple(interests),  # type: ignore[arg-type]
        tuple(states),  # type: ignore[arg-type]
    )


@dataclass(frozen=True, slots=True)
class ChunkPart:
    """Some bars of a chunk: those from `first` up to but without `stop`."""

    chunk: CandleChunk
    first: int
    stop: int

    def __len__(self) -> int:
        """How many bars."""
        return self.stop - self.first

    def __iter__(self) -> Iterator[Candle]:
        """The bars, made now."""
        return self.chunk.bars(self.first, self.stop)

    def between(self, first: int, stop: int) -> "ChunkPart":
        """A part of the part; positions count from its own beginning and may lie outside of it."""
        lower = self.first + min(max(first, 0), len(self))
        return ChunkPart(self.chunk, lower, max(lower, self.first + min(max(stop, 0), len(self))))


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
        """The bars as columns of numbers."""
        return CandleColumns(
            epoch_seconds=[*self._column("epoch_seconds"), *(bar.epoch_seconds for bar in self.newer)],
            open=[*self._column("open"), *(bar.open for bar in self.newer)],
            high=[*self._column("high"), *(bar.high for bar in self.newer)],
            low=[*self._column("low"), *(bar.low for bar in self.newer)],
            close=[*self._column("close"), *(bar.close for bar in self.newer)],
            volume=[*self._column("volume"), *(bar.volume for bar in self.newer)],
        )

    def _column(self, name: str) -> Iterator[Any]:
        column = attrgetter(name)
        return chain.from_iterable(column(part.chunk)[part.first : part.stop] for part in self.parts)

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
