"""The newest bars of a series, which are not settled yet: asked for as often as is worth it, never stored.

Comes in: what a source sent beyond the settled bars, and which bar it calls open though the clock does not. Goes out:
the same, for a few seconds, to everybody who asks for the chart. Called by the archive.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from app.domain.candles import Candle
from app.services.history.drift import SeriesKey

TAIL_SECONDS = 3.0
"""How often the open bar of a series is asked for at most, for all users together: one chart may not take more than a
tenth of Kite's 3 requests a second. In between, a page that polls gets the same bar again."""
MAX_TAILS = 2_000
"""Series whose newest bars are remembered, a few hundred bytes each; 3 requests a second keep nine of them fresh."""


@dataclass(frozen=True, slots=True)
class Tail:
    """The newest bars, as they were at `sent_at`."""

    bars: tuple[Candle, ...]
    start: datetime
    """What opens from here on is among the bars, or was settled and is stored."""
    sent_at: datetime
    sent_monotonic: float
    """The same on the clock that never jumps, in seconds."""
    over_until: datetime
    """Which bars were over when it was asked for: once another one is, this is of no use."""

    def is_young(self, monotonic: float) -> bool:
        """Whether asking again is not worth it yet."""
        return monotonic - self.sent_monotonic < TAIL_SECONDS


@dataclass(frozen=True, slots=True)
class OpenBar:
    """A bar that its source calls FORMING when the clock calls it over: New York's day goes on after our midnight."""

    bar: Candle
    sent_at: datetime
    sent_monotonic: float
    """The same on the clock that never jumps, in seconds."""

    def is_young(self, monotonic: float) -> bool:
        """Whether asking again is not worth it yet."""
        return monotonic - self.sent_monotonic < TAIL_SECONDS


class Tails:
    """The newest tail of each series, and the bar that is open against the clock.

    Bounded: what was put longest ago is forgotten first.
    """

    def __init__(self) -> None:
        self._tails: OrderedDict[SeriesKey, Tail] = OrderedDict()
        self._open: OrderedDict[SeriesKey, OpenBar] = OrderedDict()

    def find(self, key: SeriesKey) -> Tail | None:
        """The newest tail, however old."""
        return self._tails.get(key)

    def put(self, key: SeriesKey, tail: Tail) -> None:
        """Keep a tail in the place of the last one."""
        self._tails[key] = tail
        self._tails.move_to_end(key)
        if len(self._tails) > MAX_TAILS:
            self._tails.popitem(last=False)

    def hold_open(self, key: SeriesKey, bar: OpenBar) -> None:
        """The source's word on a bar, until its next one."""
        self._open[key] = bar
        self._open.move_to_end(key)
        if len(self._open) > MAX_TAILS:
            self._open.popitem(last=False)

    def find_open(self, key: SeriesKey) -> OpenBar | None:
        """The source's newest word, however old."""
        return self._open.get(key)

    def forget(self, key: SeriesKey) -> None:
        """Drop what is wrong."""
        self._tails.pop(key, None)
        self._open.pop(key, None)
