"""Runs of bars that are over, kept as columns: a bar takes 56 bytes there, and 300 as an object with its numbers.

Comes in: columns, as a database gives them, or bars. Goes out: chunks, which make each Candle when it is asked for.
Pure. A chunk never changes, so what was once made of it, its JSON for example, stays right as long as the chunk lives.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.candles import Candle, CandleState
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

    def column(self, name: str) -> list[Any]:
        """An attribute of each of the bars, in order."""
        if name == "time":
            return [from_epoch(seconds) for seconds in self.epoch_seconds]
        if name == "open_interest" and self.open_interest is None:
            return [None] * len(self)
        return list(getattr(self, name))

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
