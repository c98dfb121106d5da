"""What was told of the bars that ended, and which of them still wait for the exchange's official bar.

Comes in: bars that ended by ticks, and bars of the source. Goes out: the bars to tell, FINAL once and CORRECTED where
the official one differs. Used by one live series; the time comes in with each call.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.domain.bar_building import BuiltBar
from app.domain.bar_slots import BarSlot
from app.domain.candles import Candle, CandleState

KEPT_BARS = 200
"""Bars told last that are remembered: what a new subscriber gets without a question to the history."""
MAX_WAITING = 500
"""Bars that wait for their official one: more than a trading day of minutes in which the source answers nobody."""
MAX_TRIES = 4
"""Answers without a bar after which the source is believed not to have it: about two minutes after the first."""
FIRST_PAUSE = timedelta(seconds=10)
"""Between the first two tries; each pause is twice the one before."""
FINEST_STEP = 0.0001
"""Prices have at most 4 places, so two that differ at all differ by this."""


@dataclass(slots=True)
class _Waiting:
    """A bar whose official one is to be fetched."""

    due: datetime
    tries: int = 0
    shown: Candle | None = None
    """What to tell if the source never has it: it was shown while it formed, and never told as FINAL."""


class BarLedger:
    """Bounded: KEPT_BARS and MAX_WAITING; the oldest are forgotten first."""

    def __init__(self, *, tick_size: float | None, delay: timedelta) -> None:
        """`delay`: how long after a bar settles its official one is worth a request."""
        self._tick_size = tick_size
        self._delay = delay
        self._told: dict[datetime, Candle] = {}
        self._waiting: dict[datetime, _Waiting] = {}

    @property
    def told(self) -> list[Candle]:
        """The newest bars as they were told last, oldest first."""
        return [self._told[time] for time in sorted(self._told)]

    def told_since(self, instant: datetime) -> list[Candle]:
        """Those of them that opened at an instant or later."""
        return [bar for bar in self.told if bar.time >= instant]

    @property
    def next_due(self) -> datetime | None:
        """When an official bar is worth a request; None if none is waited for."""
        return min((waiting.due for waiting in self._waiting.values()), default=None)

    def first_due(self, now: datetime) -> datetime | None:
        """The oldest bar whose official one is due."""
        return min((time for time, waiting in self._waiting.items() if waiting.due <= now), default=None)

    def is_official(self, slot: BarSlot, asked_at: datetime) -> bool:
        """Whether a bar that was asked for at an instant cannot change any more."""
        return slot.settles + self._delay <= asked_at

    def end(self, built: BuiltBar, *, shown: bool) -> Candle | None:
        """A bar ended by ticks or by the clock: what to tell. One that was not seen whole waits for the official one.

        `shown`: subscribers saw it forming.
        """
        time = built.slot.opens
        if time in self._told or (built.whole and built.candle is None):
            return None
        self._wait(built.slot, None if built.whole or not shown else built.candle)
        return self._tell(built.candle) if built.whole and built.candle is not None else None

    def expect(self, slot: BarSlot, told: Candle | None) -> None:
        """The source has a bar that may still change. `told`: subscribers have it in their snapshots."""
        if slot.opens not in self._told and slot.opens not in self._waiting:
            self._wait(slot, None)
            if told is not None:
                self._tell(told)

    def official(self, bar: Candle) -> Candle | None:
        """The exchange's bar: what to tell, if anything."""
        self._waiting.pop(bar.time, None)
        before = self._told.get(bar.time)
        if before is None:
            return self._tell(bar)
        if is_same(before, bar, self._tick_size):
            return None
        interest = before.open_interest if bar.open_interest is None else bar.open_interest
        return self._tell(replace(bar, open_interest=interest, state=CandleState.CORRECTED))

    def missed(self, asked_at: datetime) -> Iterator[Candle]:
        """The source answered without the bars that are still due: what to tell of those that it never will have."""
        for time, waiting in sorted(self._waiting.items()):
            if waiting.due > asked_at:
                continue
            waiting.tries += 1
            waiting.due = asked_at + FIRST_PAUSE * 2 ** (waiting.tries - 1)
            if waiting.tries >= MAX_TRIES:
                del self._waiting[time]
                if waiting.shown is not None:
                    yield self._tell(waiting.shown)

    def _wait(self, slot: BarSlot, shown: Candle | None) -> None:
        self._waiting[slot.opens] = _Waiting(slot.settles + self._delay, shown=shown)
        if len(self._waiting) > MAX_WAITING:
            del self._waiting[min(self._waiting)]

    def _tell(self, bar: Candle) -> Candle:
        self._told[bar.time] = bar
        if len(self._told) > KEPT_BARS:
            del self._told[min(self._told)]
        return bar


def is_same(ours: Candle, official: Candle, tick_size: float | None) -> bool:
    """Whether two bars say the same at the instrument's precision. An open interest that one does not know is none."""
    tolerance = (tick_size or FINEST_STEP) / 2
    pairs = (
        (ours.open, official.open),
        (ours.high, official.high),
        (ours.low, official.low),
        (ours.close, official.close),
    )
    interests = {ours.open_interest, official.open_interest} - {None}
    return (
        ours.volume == official.volume
        and len(interests) < 2  # noqa: PLR2004 - two that are known and differ
        and all(abs(one - other) < tolerance for one, other in pairs)
    )
