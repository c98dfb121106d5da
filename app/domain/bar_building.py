"""Bars from ticks: one instrument, one interval.

Comes in: ticks in the order of their arrival, the time, and the source's own forming bar where the beginning of ours
was not seen. Goes out: the forming bar, and each bar as it ends. Called by the live candles. Pure; one owner.

What is decided here:
- A tick counts at its exchange time; at the time it was received where it has none, or one that lies ahead of it by
  more than MAX_AHEAD, since one such tick would end every bar up to then.
- A late tick, from a minute before that of the newest one or from a bar that has ended, is ignored: its trade is in
  the next tick's cumulative volume, so nothing of the day is lost, and the official bar puts the minute right. The
  rule knows minutes alone, so bars of all intervals leave out the same ticks.
- Volume is the growth of the day's cumulative volume: a tick that was missed loses none. It starts at 0 each IST day.
  What was traded before the first session of a day (the pre-open) belongs to the day's first bar.
- A tick of which neither volume nor price is new carries no trade: it opens no bar. Indices have no volume; each of
  their ticks is a new value.
- A bar that was open when watching began, or while it was interrupted, is not `whole` until `seed` completes it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from app.domain.bar_slots import BarSlot
from app.domain.candles import Candle, CandleState
from app.domain.ticks import Tick
from app.domain.time import ist_date

MAX_AHEAD = timedelta(minutes=1)
"""Further ahead of ours no exchange's clock is; a stamp beyond it is garbage."""
MAX_TRAIL = 1_000
"""Ticks remembered between `mark` and `seed`: Kite sends two a second, and no answer takes longer than 30 s."""
LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class BuiltBar:
    """A bar as far as it was seen."""

    slot: BarSlot
    candle: Candle | None
    """None: no trade of it was seen. FORMING or FINAL."""
    whole: bool
    """Nothing of it was missed; else the candle is what was seen, and must not be shown."""


class _Seen(NamedTuple):
    """What a tick told."""

    at: datetime
    price: float
    volume: int


@dataclass(slots=True)
class _Open:
    """The bar that is open. Prices hold only once `traded`."""

    slot: BarSlot
    whole: bool
    traded: bool = False
    open: float = 0.0
    high: float = 0.0
    low: float = 0.0
    close: float = 0.0
    volume: int = 0
    open_interest: int | None = None

    def trade(self, price: float, volume: int) -> None:
        if not self.traded:
            self.traded, self.open, self.high, self.low = True, price, price, price
        self.high, self.low, self.close = max(self.high, price), min(self.low, price), price
        self.volume += volume

    def built(self, state: CandleState) -> BuiltBar:
        return BuiltBar(self.slot, self._candle(state) if self.traded else None, self.whole)

    def _candle(self, state: CandleState) -> Candle:
        return Candle(
            self.slot.opens, self.open, self.high, self.low, self.close, self.volume, self.open_interest, state
        )


class BarBuilder:
    """The bars of one instrument and interval. Ticks in, bars out; the time comes in with each call."""

    def __init__(self, slot_at: Callable[[datetime], BarSlot | None]) -> None:
        """`slot_at` tells which bar an instant belongs to; None: to none."""
        self.last_at: datetime | None = None
        """Time of the newest tick that counted; None before the first."""
        self.watching = False
        """Whether ticks arrive: not until the first, nor after an interruption. What opens then is seen whole."""
        self._slot_at = slot_at
        self._open: _Open | None = None
        self._floor = LONG_AGO
        """Ticks of before are late."""
        self._price: float | None = None
        self._volume = 0
        """The day's cumulative volume at the newest tick inside a bar."""
        self._day: date | None = None
        """The IST day of `_volume`."""
        self._trail: list[_Seen] = []
        self._marked = False

    @property
    def forming(self) -> BuiltBar | None:
        """The bar that is open; None if none is."""
        return self._open.built(CandleState.FORMING) if self._open else None

    @property
    def slot(self) -> BarSlot | None:
        """The slot of the bar that is open; None if none is."""
        return self._open.slot if self._open else None

    @property
    def lacks_beginning(self) -> bool:
        """Whether a bar is open that is not whole."""
        return self._open is not None and not self._open.whole

    def add(self, tick: Tick) -> list[BuiltBar]:
        """Take a tick; the bar that it ended, if it did."""
        at = _time_of(tick)
        slot = self._slot_at(at)
        if not self.watching:
            return self._begin(tick, at, slot)
        if at < self._floor:
            return []
        ended = self._advance_to(at)
        if slot is not None:
            self._count(tick, at, slot)
        return ended

    def advance(self, now: datetime) -> list[BuiltBar]:
        """The bar whose time is over at an instant, if there is one; its ticks are late from now on."""
        if self._open is None or now < self._open.slot.closes:
            return []
        ended, self._open = self._open, None
        self._floor = max(self._floor, ended.slot.closes)
        return [ended.built(CandleState.FINAL)]

    def interrupt(self) -> None:
        """Ticks may have been lost from here on, until the next one comes."""
        self.watching = False
        self._marked = False
        self._trail.clear()
        if self._open is not None:
            self._open.whole = False

    def mark(self) -> None:
        """The source is about to be asked for its forming bar: remember the ticks from the newest one on."""
        self._marked = True
        self._trail = self._trail[-1:]

    def seed(self, slot: BarSlot, bar: Candle | None) -> list[BuiltBar]:
        """Complete the open bar with the source's, asked for after `mark`; the bar that this ended, if it did.

        None: the source has no trade in the slot. Nothing happens if the slot is over, or ticks were lost meanwhile.
        """
        marked, self._marked = self._marked, False
        trail, self._trail = self._trail, self._trail[-1:]
        moved_on = self._open is not None and self._open.slot.opens > slot.opens
        if not marked or not trail or moved_on or slot.closes <= self._floor:
            return []
        ended = self._advance_to(slot.opens)
        if self._open is None:
            self._open = _Open(slot, whole=False)
        self._open.whole = True
        if bar is not None:
            _complete(self._open, bar, trail)
        return ended

    def _begin(self, tick: Tick, at: datetime, slot: BarSlot | None) -> list[BuiltBar]:
        """The first tick: where counting starts. It may tell of a trade of long ago, so it is none itself."""
        self.watching = True
        ended = self._advance_to(at)
        self._price = tick.last_price
        if slot is not None:
            self._volume, self._day = tick.volume or 0, ist_date(at)
            if self._open is None and at >= self._floor and slot.closes > tick.received_at:
                self._open = _Open(slot, whole=False)
        self._remember(tick, at)
        return ended

    def _advance_to(self, at: datetime) -> list[BuiltBar]:
        ended = self.advance(at)
        self._floor = max(self._floor, at.replace(second=0, microsecond=0))
        return ended

    def _count(self, tick: Tick, at: datetime, slot: BarSlot) -> None:
        grown, traded = self._growth(tick, at)
        if self._open is None and traded:
            self._open = _Open(slot, whole=True)
        if self._open is not None and traded:
            self._open.trade(tick.last_price, grown)
        if self._open is not None and tick.open_interest is not None:
            self._open.open_interest = tick.open_interest
        self._remember(tick, at)

    def _growth(self, tick: Tick, at: datetime) -> tuple[int, bool]:
        """Units traded since the last tick, and whether there was a trade."""
        fresh, self._price = tick.last_price != self._price, tick.last_price
        if tick.volume is None:
            return 0, True
        day = ist_date(at)
        before = self._volume if day == self._day else 0
        self._volume, self._day = max(before, tick.volume), day
        grown = self._volume - before
        return grown, grown > 0 or (fresh and tick.volume > 0)

    def _remember(self, tick: Tick, at: datetime) -> None:
        self.last_at = at
        if not self._marked:
            self._trail.clear()
        if len(self._trail) < MAX_TRAIL:
            self._trail.append(_Seen(at, tick.last_price, tick.volume or 0))


def _complete(bar: _Open, source: Candle, trail: list[_Seen]) -> None:
    """Put the source's bar under what was seen of ours.

    The answer does not say at which tick it was made. It is taken for the newest one of the trail with its close, so
    that what was traded after that is counted once.
    """
    newest = trail[-1]
    paired = next((seen for seen in reversed(trail) if seen.price == source.close), newest)
    close = newest.price if len(trail) > 1 and newest.at >= bar.slot.opens else source.close
    prices = (bar.high, bar.low, close) if bar.traded else (close,)
    bar.open, bar.high, bar.low = source.open, max(source.high, *prices), min(source.low, *prices)
    bar.close, bar.traded = close, True
    bar.volume = source.volume + max(0, newest.volume - paired.volume)
    if bar.open_interest is None:
        bar.open_interest = source.open_interest


def _time_of(tick: Tick) -> datetime:
    if tick.exchange_time is None or tick.exchange_time > tick.received_at + MAX_AHEAD:
        return tick.received_at
    return tick.exchange_time
