"""Bars in chunks are a sequence as any other."""

import gc
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.candle_chunks import ChunkPart, chunk_of
from app.domain.candles import Candle, CandleSeries, Interval
from app.domain.chunked_candles import ChunkedCandles
from tests.history.market import INFY
from tests.history_chunks.counting import bar

POSITIONS = st.none() | st.integers(-40, 40)


@st.composite
def chunked(draw: st.DrawFn) -> tuple[list[Candle], ChunkedCandles]:
    """Some bars, as a list and in parts of chunks with loose ones behind."""
    bars: list[Candle] = []
    parts: list[ChunkPart] = []
    at = 0
    for before, inside, behind in draw(st.lists(st.tuples(*[st.integers(0, 5)] * 3), max_size=5)):
        whole = [bar(number) for number in range(at, at + before + inside + behind)]
        at += len(whole)
        bars += whole[before : before + inside]
        parts.append(ChunkPart(chunk_of(whole), before, before + inside))
    newer = [bar(at + number) for number in range(draw(st.integers(0, 3)))]
    return bars + newer, ChunkedCandles(parts, newer)


@given(chunked(), POSITIONS, POSITIONS, st.none() | st.integers(-3, 3).filter(bool))
def test_it_is_the_same_sequence(
    both: tuple[list[Candle], ChunkedCandles], first: int | None, stop: int | None, step: int | None
) -> None:
    """Its length, its items, its slices and its columns; and its equality with other sequences."""
    bars, sequence = both
    assert len(sequence) == len(bars)
    assert list(sequence) == bars
    assert sequence == bars
    assert tuple(bars) == sequence
    assert hash(sequence) == hash(tuple(bars))
    assert list(sequence[first:stop:step]) == bars[first:stop:step]
    assert [sequence[at] for at in range(-len(bars), len(bars))] == bars + bars
    assert series(sequence).columns == series(tuple(bars)).columns
    assert sequence.followed_by([bar(500)]) == [*bars, bar(500)]


@given(chunked())
def test_there_is_nothing_beyond_its_ends(both: tuple[list[Candle], ChunkedCandles]) -> None:
    """An IndexError on both sides, and no equality with longer sequences or other things."""
    bars, sequence = both
    for at in (len(bars), -len(bars) - 1):
        with pytest.raises(IndexError):
            sequence[at]
    assert sequence != [*bars, bar(500)]
    assert sequence != "bars"


def test_a_bar_comes_back_as_it_was() -> None:
    """Every field with its type."""
    bars = [bar(number) for number in range(12)]
    for before, after in zip(bars, chunk_of(bars).bars(0, 12), strict=True):
        assert before == after
        assert type(after) is Candle
        assert after.time.tzinfo is before.time.tzinfo
        assert type(after.open) is float


def test_a_chunk_is_itself_alone_and_can_go() -> None:
    """What is kept about it by identity goes with it."""
    chunk, other = chunk_of([bar(1)]), chunk_of([bar(1)])
    assert chunk != other
    name = weakref.ref(chunk)
    del chunk
    gc.collect()
    assert name() is None


def series(candles: ChunkedCandles | tuple[Candle, ...]) -> CandleSeries:
    """A series of these bars."""
    return CandleSeries(INFY, Interval.MINUTE, None, None, candles, (), 0)
