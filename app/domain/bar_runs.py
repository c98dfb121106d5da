"""Where bars open: the sessions of a calendar as runs of consecutive bars. Pure arithmetic.

Comes in: the spans in which an instrument trades. Goes out: runs, oldest first, with which
`app.services.history.expectation` counts. Bars of minutes count from the beginning of each session, as Kite's do:
09:15, 10:15 ...; bars of days open at 00:00 IST, those of weeks on Monday, those of months on the 1st.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from app.domain.candle_merge import bar_end, period_start
from app.domain.candles import CandleRange, Interval
from app.domain.time import ist_datetime

DAY = timedelta(days=1)
A_MIDNIGHT = ist_datetime(date(1970, 1, 1)).astimezone(UTC)
"""From here all midnights of India are whole days away: IST has no daylight saving."""


class BarRun(NamedTuple):
    """Bars that open one after the other, `step` apart; at least one. A tuple: a long series has thousands of runs."""

    opens: datetime
    """When the first one opens, UTC."""
    step: timedelta
    bars: int
    ends: datetime
    """When the last one ends: `step` after it opened, or earlier with its session."""

    @property
    def last(self) -> datetime:
        """When the last one opens."""
        return self.opens + (self.bars - 1) * self.step

    def between(self, start: datetime, end: datetime) -> "BarRun | None":
        """The bars that open in [start, end); None if there are none."""
        if start <= self.opens and self.ends <= end:
            return self
        first, beyond = self._bars_before(start), self._bars_before(end)
        if first >= beyond:
            return None
        opens = self.opens + first * self.step
        ends = self.ends if beyond == self.bars else self.opens + beyond * self.step
        return BarRun(opens, self.step, beyond - first, ends)

    def _bars_before(self, instant: datetime) -> int:
        return min(max(-((self.opens - instant) // self.step), 0), self.bars)


def session_runs(sessions: Iterable[CandleRange], interval: Interval) -> Iterator[BarRun]:
    """The bars of whole sessions, oldest first. `sessions` are sorted and do not touch.

    Bars of minutes start anew at midnight IST in a session that goes on over it. Of DAY, WEEK and MONTH there is one
    bar for each period in which there is a session.
    """
    if interval is Interval.DAY:
        return _day_runs(sessions)
    if interval.minutes is None:
        return _period_runs(sessions, interval)
    return _minute_runs(sessions, timedelta(minutes=interval.minutes))


def _minute_runs(sessions: Iterable[CandleRange], step: timedelta) -> Iterator[BarRun]:
    """All steps divide a day: a session that fits to midnight once fits to every later one."""
    for session in sessions:
        start, midnight = session.start, _midnight(session.start) + DAY
        if midnight < session.end and (midnight - start) % step:
            yield BarRun(start, step, -((start - midnight) // step), midnight)
            start = midnight
        yield BarRun(start, step, -((start - session.end) // step), session.end)


def _day_runs(sessions: Iterable[CandleRange]) -> Iterator[BarRun]:
    done = datetime.min.replace(tzinfo=UTC)
    for session in sessions:
        start = max(_midnight(session.start), done)
        if start < session.end:
            days = -((start - session.end) // DAY)
            done = start + days * DAY
            yield BarRun(start, DAY, days, done)


def _period_runs(sessions: Iterable[CandleRange], interval: Interval) -> Iterator[BarRun]:
    done = datetime.min.replace(tzinfo=UTC)
    for session in sessions:
        while done < session.end:
            opens = period_start(max(session.start, done), interval)
            done = bar_end(opens, interval)
            yield BarRun(opens, done - opens, 1, done)


def _midnight(instant: datetime) -> datetime:
    return instant - (instant - A_MIDNIGHT) % DAY
