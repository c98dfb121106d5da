"""The law of the answers: a service with a memory says what one says that has just begun, over the same store."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.candle_merge import MERGED
from app.domain.candles import CandleRange, CandleSeries, Interval
from app.domain.provenance import Cost
from app.services.history.hours import settled_until
from app.services.history.series_memory import CHECK_SECONDS
from app.services.history.service import HistoryService
from tests.history.bench import running_history
from tests.history.market import DAY, HOURS, INFY, CalendarMarket, at
from tests.services.fakes import SetClock
from tests.support.stores import MemoryCandleStore

BEGIN = at("2026-11-06 10:01:07")
"""A Friday; two days later is Muhurat, whose hours the calendar does not know."""
INTERVALS = [Interval.MINUTE_15, Interval.HOUR, Interval.DAY, Interval.WEEK]


@dataclass(frozen=True)
class Step:
    """A question, and what happens before it."""

    interval: Interval
    last: int | None
    days: float
    """Length of the range, where no number of bars is asked for."""
    days_ago: float
    """Its end."""
    pause: float
    """Seconds before it."""
    backfill: bool
    """Whether another process fetches a week of the interval, some time ago."""
    correction: bool
    """Whether another process stores a bar with another close."""
    split: bool
    """Whether the shares are split on the day."""


steps = st.builds(
    Step,
    interval=st.sampled_from(INTERVALS),
    last=st.none() | st.integers(1, 400),
    days=st.floats(0.1, 200),
    days_ago=st.sampled_from([0.0, 0.0, 0.5, 20.0]),
    pause=st.sampled_from([0.0, 0.3, 2.0, 400.0, 4_000.0, 90_000.0]),
    backfill=st.booleans(),
    correction=st.booleans(),
    split=st.sampled_from([False, False, False, True]),
)


@settings(max_examples=20)
@given(st.lists(steps, min_size=1, max_size=8))
def test_the_memory_changes_no_answer(play: list[Step]) -> None:
    """Whatever is asked, and whatever the source and other processes do in between."""
    anyio.run(World().play, play)


class World:
    """A source, a store, the service with a memory, and others that come and go."""

    def __init__(self) -> None:
        self.clock = SetClock(BEGIN)
        self.store = MemoryCandleStore()
        self.market = CalendarMarket(self.clock, listed=at("2026-03-01"))

    async def play(self, play: list[Step]) -> None:
        """All steps."""
        async with running_history(self.market, self.clock, HOURS, store=self.store) as service:
            for step in play:
                self.clock.advance(step.pause)
                if step.split:
                    self.market.split_on = self.clock.now().date()
                if step.backfill or step.correction:
                    await self.elsewhere(step)
                    self.clock.advance(CHECK_SECONDS)
                await self.compare(service, step)

    async def elsewhere(self, step: Step) -> None:
        """What another process does."""
        now, base = self.clock.now(), Interval.DAY if step.interval in MERGED else step.interval
        if step.backfill:
            span = CandleRange(now - 30 * DAY, now - 23 * DAY)
            async with running_history(self.market, self.clock, HOURS, store=self.store) as other:
                await other.ensure(INFY, step.interval, span)
        if step.correction:
            bars = await self.store.last_bars(INFY.id, base, before=now - DAY, count=3)
            await self.store.replace(INFY.id, base, [replace(bar, close=bar.close + 0.05) for bar in bars[:1]])

    async def compare(self, service: HistoryService, step: Step) -> None:
        """The two answers, unless the second service changed the store: then it knew more of the source."""
        answer = await self.ask(service, step)
        async with running_history(self.market, self.clock, HOURS, store=self.store) as other:
            fresh = await self.ask(other, step)
        if fresh.upstream_calls:
            self.clock.advance(CHECK_SECONDS)
            return
        assert (answer.start, answer.end) == (fresh.start, fresh.end)
        assert (answer.expected, answer.missing, answer.sources) == (fresh.expected, fresh.missing, fresh.sources)
        settled = settled_until(HOURS, INFY, step.interval, self.clock.now())
        assert [bar.time for bar in answer.candles] == [bar.time for bar in fresh.candles]
        assert [bar for bar in answer.candles if bar.time < settled] == [
            bar for bar in fresh.candles if bar.time < settled
        ]

    async def ask(self, service: HistoryService, step: Step) -> CandleSeries:
        """The question of a step."""
        end = self.clock.now() - step.days_ago * DAY
        wanted: dict[str, Any] = {"start": None, "last": step.last}
        if step.last is None:
            wanted["start"] = end - timedelta(days=step.days)
        return await service.candles(INFY, step.interval, end=end, include_forming=False, cost=Cost(), **wanted)
