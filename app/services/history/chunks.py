"""Chunks of stored bars, kept in memory as long as they are used. Called by the remembering store."""

from collections import OrderedDict
from collections.abc import Iterable

from app.domain.candle_chunks import CandleChunk

MAX_BARS_KEPT = 400_000
"""Bars of all series together, 22 MB: eighty charts of 5,000 bars, or eight of the longest."""
OVERHEAD_BARS = 20
"""What a chunk takes besides its bars, in bars: windows without a bar, as weekends are, are kept too."""


class Chunks:
    """Bounded: what was not used for longest is forgotten first. Names are a generation and the number of a window."""

    def __init__(self, most: int = MAX_BARS_KEPT) -> None:
        self._most = most
        self._chunks: OrderedDict[tuple[int, int], CandleChunk] = OrderedDict()
        self.bars = 0
        """Bars that are kept, overheads included."""

    def find(self, generation: int, window: int) -> CandleChunk | None:
        """The bars of a window, all of them."""
        chunk = self._chunks.get((generation, window))
        if chunk is not None:
            self._chunks.move_to_end((generation, window))
        return chunk

    def put(self, generation: int, window: int, chunk: CandleChunk) -> None:
        """Keep the bars of a window, for a while."""
        self.drop(generation, (window,))
        self._chunks[generation, window] = chunk
        self.bars += len(chunk) + OVERHEAD_BARS
        while self.bars > self._most:
            _, oldest = self._chunks.popitem(last=False)
            self.bars -= len(oldest) + OVERHEAD_BARS

    def drop(self, generation: int, windows: Iterable[int]) -> None:
        """Forget some windows."""
        for window in windows:
            chunk = self._chunks.pop((generation, window), None)
            if chunk is not None:
                self.bars -= len(chunk) + OVERHEAD_BARS

    def drop_all(self, generation: int) -> None:
        """Forget a generation."""
        self.drop(generation, [window for each, window in self._chunks if each == generation])
