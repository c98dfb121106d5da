"""A CandleSource by the real calendar, whose bars are made of steps of five minutes, and which counts what it is asked.

A bar is not what it will be before it is over and a moment has passed; a day gets volume after its close. On the Sunday
of Muhurat, whose hours the calendar does not know, it trades for an hour. `split_on` halves all prices before a day,
for everybody who asks on that day from 09:00 on, or later. `goes_on`: how long a bar is called open after its end.
"""

# ruff: noqa: D102 - what a fake's method means stands in its port

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache

import anyio

from app.domain.bar_runs import session_runs
from app.domain.calendar import load_calendar
from app.domain.candle_merge import bar_end, period_start
from app.domain.candles import Candle, CandleRange, CandleState, Interval
from app.domain.errors import MarketDataError
from app.domain.instruments import Instrument
from app.domain.provenance import DataSource
from app.domain.spans import intersect
from app.domain.time import IST, ist_date, ist_datetime
from app.services.history.drift import adjustment_day
from app.services.history.expectation import INSTANT, TRADED
from app.services.phases import PhaseService
from tests.services.fakes import SetClock, an_instrument

INFY = an_instrument("NSE:INFY")
"""A stock with derivatives: it stops at 15:15, and an auction follows until 15:35."""
HOURS = PhaseService(load_calendar(), lambda instrument_id: instrument_id == "NSE:INFY")
MUHURAT = CandleRange(ist_datetime(date(2026, 11, 8), 18), ist_datetime(date(2026, 11, 8), 19))
STEP = timedelta(minutes=5)
LATE = timedelta(seconds=3)
"""How long after its end a step gets its last trades."""
DAY = timedelta(days=1)
DAYS = {
    Interval.MINUTE_5: 100,
    Interval.MINUTE_15: 200,
    Interval.MINUTE_30: 200,
    Interval.HOUR: 400,
    Interval.DAY: 2000,
}


def at(text: str) -> datetime:
    """An instant in IST, as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=IST).astimezone(UTC)


NOW = at("2026-11-23 12:02:30")
"""Monday, in session; Tuesday is a holiday."""


def between(start: str, end: str) -> CandleRange:
    """A span of IST."""
    return CandleRange(at(start), at(end))


@dataclass
class Asked:
    """One request that was answered."""

    interval: Interval
    span: CandleRange
    sent_at: datetime
    bars: list[Candle]


@dataclass
class CalendarMarket:
    """Satisfies ports.CandleSource."""

    clock: SetClock
    hours: PhaseService = HOURS
    days: dict[Interval, int] = field(default_factory=lambda: dict(DAYS))
    asked: list[Asked] = field(default_factory=list)
    refused: int = 0
    failures: list[MarketDataError | None] = field(default_factory=list)
    """What becomes of the next requests; None: an answer."""
    always: MarketDataError | None = None
    """What becomes of all requests."""
    latency: float = 0.0
    split_on: date | None = None
    goes_on: timedelta = timedelta()
    listed: datetime = datetime(2020, 1, 1, tzinfo=UTC)
    source: DataSource = DataSource.SANDBOX

    @property
    def sent(self) -> int:
        """Requests, also those that failed."""
        return len(self.asked) + self.refused

    def longest_span(self, interval: Interval) -> timedelta | None:
        days = self.days.get(interval)
        return None if days is None else timedelta(days=days)

    async def candles(self, instrument: Instrument, interval: Interval, span: CandleRange) -> list[Candle]:
        assert span.start < span.end
        assert span.length <= timedelta(days=self.days[interval])
        sent_at = self.clock.now()
        failure = self.failures.pop(0) if self.failures else self.always
        if failure is not None:
            self.refused += 1
            await anyio.sleep(self.latency)
            raise failure
        asked = Asked(interval, span, sent_at, self.truth(interval, span, sent_at))
        self.asked.append(asked)
        await anyio.sleep(self.latency)
        return asked.bars

    def truth(self, interval: Interval, span: CandleRange, now: datetime) -> list[Candle]:
        """What the market says at an instant of the bars that open in a span."""
        bars: dict[datetime, list[datetime]] = {}
        for opens, step in self._steps(interval, span):
            if max(span.start, self.listed) <= opens < span.end and step <= now:
                bars.setdefault(opens, []).append(step)
        return [self._bar(opens, interval, steps, now) for opens, steps in bars.items()]

    def _steps(self, interval: Interval, span: CandleRange) -> Iterator[tuple[datetime, datetime]]:
        """Each step of the days of a span, with the opening of its bar."""
        days = CandleRange(period_start(span.start, Interval.DAY), bar_end(span.end - INSTANT, Interval.DAY))
        sessions = [*self.hours.spans_of(INFY, days, TRADED), *intersect([MUHURAT], days)]
        for session in sorted(sessions, key=lambda session: session.start):
            for run in session_runs([session], Interval.MINUTE_5):
                for number in range(run.bars):
                    step = run.opens + number * run.step
                    yield _opening(interval, run.opens, step), step

    def _bar(self, opens: datetime, interval: Interval, steps: Sequence[datetime], now: datetime) -> Candle:
        parts = [_step(step, done=now >= step + STEP + LATE) for step in steps]
        split = self.split_on is not None and ist_date(opens) < self.split_on <= adjustment_day(now)
        factor = 0.5 if split else 1.0
        after_close = interval is Interval.DAY and now >= opens + timedelta(hours=16)
        end = bar_end(opens, interval)
        return Candle(
            time=opens,
            open=parts[0].open * factor,
            high=max(part.high for part in parts) * factor,
            low=min(part.low for part in parts) * factor,
            close=parts[-1].close * factor,
            volume=sum(part.volume for part in parts) + (1000 if after_close else 0),
            state=CandleState.FORMING if end <= now < end + self.goes_on else CandleState.FINAL,
        )


def _opening(interval: Interval, session: datetime, step: datetime) -> datetime:
    if interval.minutes is None:
        return period_start(step, Interval.DAY)
    length = timedelta(minutes=interval.minutes)
    return session + (step - session) // length * length


@cache
def _step(opens: datetime, *, done: bool) -> Candle:
    number = int(opens.timestamp()) // 300
    price = 100.0 + number * 7919 % 997
    return Candle(opens, price, price + 2, price - 2, price + (1.0 if done else 0.5), 10 + number % 7 if done else 5)
