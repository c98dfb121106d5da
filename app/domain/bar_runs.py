"""Where bars open: the sessions of a calendar as runs of consecutive bars. Pure arithmetic.

Comes in: the spans in which an instrument trades. Goes out: runs, oldest first. `app.services.expectation` counts
with them. Bars of minutes count from the beginning of each session, as Kite's do: 09:15, 10:15 ...; bars of days open
at 00:00 IST, those of weeks on Monday, those of months on the 1st.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.candle_merge import bar_end, period_start
from app.domain.candles import CandleRange, Interval


@dataclass(frozen=True, slots=True)
class BarRun:
    """Bars that open one after the other, `step` apart; at least one. The last one may be cut by the session's end."""

    opens: datetime
    """When the first one opens."""
    step: timedelta
    count: int
    ends: datetime
    """When the last one ends."""

    @property
    def last(self) -> datetime:
        """When the last one opens."""
        return self.opens + (self.count - 1) * self.step

    def between(self, start: datetime, end: datetime) -> "BarRun | None":
        """The bars that open in [start, end); None if there are none."""
        first, beyond = self._bars_before(start), self._bars_before(end)
        if first >= beyond:
            return None
        opens = self.opens + first * self.step
        ends = self.ends if beyond == self.count else self.opens + beyond * self.step
        return BarRun(opens, self.step, beyond - first, ends)

    def _bars_before(self, instant: datetime) -> int:
        return min(max(-((self.opens - instant) // self.step), 0), self.count)


def session_runs(sessions: Iterable[CandleRange], interval: Interval) -> Iterator[BarRun]:
    """The bars of whole sessions, oldest first; each session has its own, also where two of them touch.

    A session that reaches over midnight IST counts as two. Of DAY, WEEK and MONTH there is one bar for each period in
    which there is a session.
    """
    if interval.minutes is None:
        yield from _period_runs(sessions, interval)
        return
    step = timedelta(minutes=interval.minutes)
    for session in _by_day(sessions):
        yield BarRun(session.start, step, -((session.start - session.end) // step), session.end)


def _period_runs(sessions: Iterable[CandleRange], interval: Interval) -> Iterator[BarRun]:
    ends: datetime | None = None
    for session in _by_day(sessions):
        if ends is None or session.start >= ends:
            opens = period_start(session.start, interval)
            ends = bar_end(opens, interval)
            yield BarRun(opens, ends - opens, 1, ends)


def _by_day(sessions: Iterable[CandleRange]) -> Iterator[CandleRange]:
    for session in sessions:
        start = session.start
        while start < session.end:
            end = min(session.end, bar_end(start, Interval.DAY))
            yield CandleRange(start, end)
            start = end
