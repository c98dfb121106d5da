"""Bars as JSON that is kept: the bytes of ordinary execution, bounded, and gone with their chunk."""

import gc
from typing import Any

import anyio
import orjson
from hypothesis import given
from hypothesis import strategies as st

from app.domain.candle_chunks import CandleChunk, ChunkPart, chunk_of
from app.domain.candles import CandleSeries, Interval
from app.domain.chunked_candles import ChunkedCandles
from schema.execution.chunks import EncodedChunks
from tests.history.market import INFY
from tests.history_chunks.asking import Asking, OneSeries
from tests.history_chunks.counting import bar

CHUNKS = [chunk_of(bar(number) for number in range(first, first + 40)) for first in (0, 40, 80)]
ASKING = Asking()
FIELDS = ["time", "epochSeconds", "open", "high", "low", "close", "volume", "openInterest", "state", "__typename"]
COLUMNS = ["epochSeconds", "open", "high", "low", "close", "volume"]


def entries(names: list[str]) -> st.SearchStrategy[str]:
    """Some fields, some of them under other names."""
    entry = st.tuples(st.sampled_from(names), st.sampled_from(["", "x", "y"]))
    return st.lists(entry, min_size=1, max_size=6, unique_by=lambda each: each[1] or each[0]).map(
        lambda found: " ".join(f"{alias}: {name}" if alias else name for name, alias in found)
    )


@st.composite
def series(draw: st.DrawFn) -> CandleSeries:
    """A part of each of some chunks, and newer bars."""
    parts = []
    for chunk in CHUNKS[: draw(st.integers(0, 3))]:
        first = draw(st.integers(0, 40))
        parts.append(ChunkPart(chunk, first, draw(st.integers(first, 40))))
    newer = [bar(200 + number) for number in range(draw(st.integers(0, 3)))]
    return CandleSeries(INFY, Interval.MINUTE_5, None, None, ChunkedCandles(parts, newer), (), 0)


@given(series(), entries(FIELDS), entries(COLUMNS))
def test_the_bytes_are_those_of_ordinary_execution(series: CandleSeries, fields: str, columns: str) -> None:
    """Whatever is selected of whatever part, the first time and when it is kept."""

    async def compare() -> None:
        selection = f"count candles {{ {fields} }} columns {{ {columns} }}"
        ordinary = await ASKING.answer(OneSeries(series), selection, compiled=False)
        assert orjson.loads(ordinary)["data"]["candles"]["count"] == len(series.candles)
        for _ in range(2):
            assert await ASKING.answer(OneSeries(series), selection) == ordinary

    anyio.run(compare)


class CountingWriter:
    """Writes bars as their closes, under a key, and counts them."""

    def __init__(self, key: str = "closes") -> None:
        self.key = key
        self.written = 0

    def one(self, item: Any, bound: tuple[object, ...]) -> object:
        """The close."""
        assert bound == ()
        return item.close

    def texts(self, chunk: CandleChunk) -> list[bytes]:
        """All closes."""
        self.written += len(chunk)
        return [orjson.dumps(bar.close) for bar in chunk.bars(0, len(chunk))]


def parts(chunks: list[CandleChunk]) -> ChunkedCandles:
    """The second half of each."""
    return ChunkedCandles(ChunkPart(chunk, len(chunk) // 2, len(chunk)) for chunk in chunks)


def test_a_chunk_is_written_once_for_each_selection() -> None:
    """Any part of it is cut from the same text."""
    encoded, closes, others = EncodedChunks(), CountingWriter(), CountingWriter("others")
    for writer in (closes, others):
        for _ in range(3):
            assert orjson.loads(orjson.dumps(encoded.rows(parts(CHUNKS), writer))) == [
                bar.close for bar in parts(CHUNKS)
            ]
    assert (closes.written, others.written) == (120, 120)


def test_what_is_kept_is_bounded() -> None:
    """The chunks that were asked for last stay; the answer is whole all the same."""
    once = EncodedChunks()
    once.rows(parts(CHUNKS), CountingWriter())
    encoded, writer = EncodedChunks(once.size * 2 // 3), CountingWriter()
    assert len(orjson.loads(orjson.dumps(encoded.rows(parts(CHUNKS), writer)))) == 60
    assert 0 < encoded.size <= once.size * 2 // 3
    encoded.rows(parts(CHUNKS[1:]), writer)
    assert writer.written == 120
    encoded.rows(parts(CHUNKS[:1]), writer)
    assert writer.written == 160


def test_texts_go_with_their_chunk() -> None:
    """Nobody has to say so."""
    encoded = EncodedChunks()
    chunks = [chunk_of(bar(number) for number in range(10)) for _ in range(2)]
    for key in ("one", "two"):
        encoded.rows(parts(chunks), CountingWriter(key))
    whole = encoded.size
    del chunks[0]
    gc.collect()
    assert encoded.size == whole // 2
    chunks.clear()
    gc.collect()
    assert encoded.size == 0
