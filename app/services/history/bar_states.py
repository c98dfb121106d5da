"""Whether a bar can still change.

Comes in: bars as the source sends them. Goes out: the same, those that are still open marked FORMING or left out.
Called by the history service. Pure but for the calendar.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from app.domain.candle_merge import bar_end
from app.domain.candles import Candle, CandleState, Interval
from app.domain.instruments import Instrument
from app.domain.phases import TRADING_PHASES, Phase
from app.ports import PhaseSource

MAX_PHASES = 100
"""Phases looked at up to a bar's end: a month has 31 days with hardly more than three transitions each."""


def mark_forming(
    bars: Sequence[Candle],
    *,
    instrument: Instrument,
    interval: Interval,
    now: datetime,
    phases: PhaseSource,
    include: bool,
) -> list[Candle]:
    """The bars, with the one that is open at `now` marked FORMING, or without it. `bars` are oldest first.

    One that says FORMING is open, whatever the clock says: its source knows its hours.
    """
    over = len(bars)
    while over and (
        bars[over - 1].state is CandleState.FORMING
        or not is_over(bars[over - 1].time, instrument=instrument, interval=interval, now=now, phases=phases)
    ):
        over -= 1
    forming = [replace(bar, state=CandleState.FORMING) for bar in bars[over:]] if include else []
    return [*bars[:over], *forming]


def is_over(opens: datetime, *, instrument: Instrument, interval: Interval, now: datetime, phases: PhaseSource) -> bool:
    """Whether nothing trades any more in the bar that opens at an instant.

    So is a bar whose end has passed, and one in whose rest the market stays closed: the last hour of a day after
    the close, a week on Friday evening. Where the calendar does not know, a bar ends with its time.
    """
    end = bar_end(opens, interval)
    at = now
    for _ in range(MAX_PHASES):
        if at >= end:
            return True
        phase = phases.phase_of(instrument, at)
        if phase.phase in TRADING_PHASES or phase.phase is Phase.UNKNOWN:
            return False
        if phase.next_transition is None or phase.next_transition <= at:
            return False
        at = phase.next_transition
    return False
