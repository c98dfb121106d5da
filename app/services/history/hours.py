"""Where bars can open, and up to when they cannot change any more.

Comes in: an instrument, an interval and an instant or a span. Goes out: instants and spans, by the trading calendar.
Called by the history service. Pure but for the calendar.
"""

from datetime import datetime, timedelta

from app.domain.bar_runs import session_runs
from app.domain.candle_merge import bar_end, ceil_period, period_start
from app.domain.candles import CandleRange, Interval
from app.domain.instruments import Instrument
from app.domain.phases import Phase
from app.domain.spans import subtract, union
from app.services.history.bar_states import is_over
from app.services.history.expectation import INSTANT, TRADED, TradingHours

SHUT = frozenset({Phase.PRE_OPEN, Phase.POST_CLOSE, Phase.CLOSED, Phase.HOLIDAY})
"""Phases in which no bar opens. Whether one opens in the closing auction nobody has said, so it is asked for."""
SETTLE = timedelta(seconds=5)
"""What a source's bar may still change after its end: trades of its last second travel through the broker's systems."""
DAY_SETTLE = timedelta(minutes=30)
"""The same of a day: until 16:00 trades at the closing price add to its volume, and then the official close comes."""


def shut_spans(
    hours: TradingHours, instrument: Instrument, interval: Interval, within: CandleRange
) -> list[CandleRange]:
    """Where no bar of the interval opens, oldest first; nothing where the calendar does not know.

    `within` holds whole days for bars of days, which open at midnight and are shut out by a whole day without trading.
    """
    spans = hours.spans_of(instrument, within, SHUT)
    if interval.minutes is not None:
        return list(spans)
    return union(
        CandleRange(ceil_period(span.start, Interval.DAY), period_start(span.end, Interval.DAY)) for span in spans
    )


def trades_in(hours: TradingHours, instrument: Instrument, span: CandleRange) -> bool:
    """Whether anything may trade in a span."""
    return span.start < span.end and bool(subtract(span, hours.spans_of(instrument, span, SHUT)))


def over_until(hours: TradingHours, instrument: Instrument, interval: Interval, at: datetime) -> datetime:
    """Every bar that opens before this is over at `at`, where the hours are known; elsewhere the last may not be."""
    if interval.minutes is None:
        return _days_over(hours, instrument, at)
    phase = hours.phase_of(instrument, at).phase
    if phase is Phase.UNKNOWN:
        return _on_grid(at, timedelta(minutes=interval.minutes))
    return _newest_opening(hours, instrument, interval, at) if phase is Phase.OPEN else at


def settled_until(hours: TradingHours, instrument: Instrument, interval: Interval, now: datetime) -> datetime:
    """Every bar that opens before this is over, and the source does not change it any more.

    The bar before a closing auction waits for it. It grows in steps, so that what is new is asked for a bar at a time.
    """
    if interval.minutes is None:
        return _days_over(hours, instrument, now - DAY_SETTLE)
    at, step = now - SETTLE, timedelta(minutes=interval.minutes)
    phase = hours.phase_of(instrument, at).phase
    if phase is Phase.UNKNOWN:
        return _on_grid(at, step) - step
    if phase in {Phase.OPEN, Phase.CLOSING_AUCTION}:
        return _newest_opening(hours, instrument, interval, at)
    return at


def _days_over(hours: TradingHours, instrument: Instrument, at: datetime) -> datetime:
    today = period_start(at, Interval.DAY)
    over = is_over(today, instrument=instrument, interval=Interval.DAY, now=at, phases=hours)
    return bar_end(today, Interval.DAY) if over else today


def _newest_opening(hours: TradingHours, instrument: Instrument, interval: Interval, at: datetime) -> datetime:
    """When the newest bar opened; `at` on a day that had none yet."""
    today = CandleRange(period_start(at, Interval.DAY), at + INSTANT)
    runs = list(session_runs(hours.spans_of(instrument, today, TRADED), interval))
    return runs[-1].last if runs else at


def _on_grid(at: datetime, step: timedelta) -> datetime:
    """The last whole number of steps since midnight."""
    midnight = period_start(at, Interval.DAY)
    return midnight + (at - midnight) // step * step
