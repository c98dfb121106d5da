"""The law of the store: for any questions, faults, restarts and passing time it holds what the source says, once."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.candle_merge import MERGED
from app.domain.candles import Candle, CandleRange, CandleSeries, Interval
from app.domain.errors import LoginRequired, MarketDataError, RateLimited, SourceUnavailable
from app.domain.provenance import Cost
from app.domain.spans import intersect
from app.services.history.bar_states import is_over
from app.services.history.drift import OVERLAP_BARS, adjustment_day
from app.services.history.expectation import INSTANT
from app.services.history.hours import settled_until
from app.services.history.service import HistoryService
from tests.history.bench import running_history
from tests.history.market import HOURS, INFY, Asked, CalendarMarket, at
from tests.services.fakes import SetClock
from tests.support.stores import MemoryCandleStore

BEGIN = at("2026-11-06 10:01:07")
"""A Friday; two days later is Muhurat, whose hours the calendar does not know, and Tuesday is a holiday."""
STORED = (Interval.MINUTE_15, Interval.HOUR, Interval.DAY)
ALL_TIME = CandleRange(at("2026-01-01"), at("2026-12-30"))
CAPS = {Interval.MINUTE_15: 4, Interval.HOUR: 6, Interval.DAY: 30}
"""Days of one request: small, so that most questions take several."""


@dataclass(frozen=True)
class Question:
    """What one user asks."""

    interval: Interval
    end_hours: float
    """Before now."""
    hours: float | None
    """Length of the range; None: the last bars."""
    last: int
    forming: bool
    patience: float | None
    """Seconds after which the user leaves."""


@dataclass(frozen=True)
class Step:
    """Some users ask at once; then time passes."""

    questions: list[Question]
    failures: list[int]
    """What becomes of the next requests: 0 is an answer."""
    restart: bool
    pause: float
    """Seconds; below 0: to a moment after the next quarter of an hour, when bars end."""


FAILURES: tuple[MarketDataError | None, ...] = (
    None,
    SourceUnavailable("HTTP 503"),
    RateLimited("spent", retry_after_ms=900),
    LoginRequired("log in", login_url="http://here"),
)
questions = st.builds(
    Question,
    interval=st.sampled_from([*STORED, Interval.WEEK]),
    end_hours=st.one_of(st.just(0.0), st.floats(0, 400)),
    hours=st.one_of(st.none(), st.floats(0.1, 500)),
    last=st.integers(1, 15),
    forming=st.booleans(),
    patience=st.one_of(st.none(), st.none(), st.floats(0, 0.003)),
)
steps = st.builds(
    Step,
    questions=st.lists(questions, min_size=1, max_size=4),
    failures=st.lists(st.sampled_from([0, 0, 0, 1, 2, 3]), max_size=4),
    restart=st.booleans(),
    pause=st.one_of(st.floats(0.1, 20), st.floats(-7, -0.1), st.floats(60, 4000), st.floats(20_000, 300_000)),
)


@dataclass
class World:
    """One run: the source, the store, the clock, and a service that is replaced now and then."""

    clock: SetClock = field(default_factory=lambda: SetClock(BEGIN))
    store: MemoryCandleStore = field(default_factory=MemoryCandleStore)
    lives: int = 0
    lived: list[int] = field(default_factory=list)
    """In which life of the service each request was sent."""

    def __post_init__(self) -> None:
        self.market = CalendarMarket(self.clock, days=dict(CAPS), latency=0.0005, listed=at("2026-09-01"))

    async def play(self, play: list[Step]) -> None:
        """All steps, and after each of them the law."""
        while play:
            async with running_history(self.market, self.clock, HOURS, store=self.store) as service:
                self.lives += 1
                while play:
                    step = play.pop(0)
                    self.market.failures = [FAILURES[number] for number in step.failures]
                    async with anyio.create_task_group() as users:
                        for question in step.questions:
                            users.start_soon(self.user, service, question)
                    self.market.failures = []
                    await anyio.sleep(0.002)
                    self.lived += [self.lives] * (len(self.market.asked) - len(self.lived))
                    await self.check_store()
                    self.clock.advance(step.pause if step.pause > 0 else self.to_quarter() - step.pause)
                    if step.restart:
                        break
        self.check_economy()

    def to_quarter(self) -> float:
        """Seconds to the next quarter of an hour."""
        return 900 - self.clock.now().timestamp() % 900

    async def user(self, service: HistoryService, question: Question) -> None:
        """One user, who may leave."""
        end = self.clock.now() - timedelta(hours=question.end_hours)
        wanted: dict[str, Any] = {"start": None, "last": question.last}
        if question.hours is not None:
            wanted = {"start": end - timedelta(hours=question.hours), "last": None}
        cost = Cost()
        with anyio.move_on_after(question.patience):
            try:
                series = await service.candles(
                    INFY, question.interval, end=end, include_forming=question.forming, cost=cost, **wanted
                )
            except (SourceUnavailable, RateLimited, LoginRequired):
                return
            assert series.upstream_calls == cost.upstream_calls
            self.check_answer(series, question)

    def check_answer(self, series: CandleSeries, question: Question) -> None:
        """What is in it is true, and what is not in it and should be is named as missing."""
        now = self.clock.now()
        times = [bar.time for bar in series.candles]
        assert times == sorted(set(times))
        if series.interval in MERGED or series.start is None or series.end is None:
            return
        span = CandleRange(series.start, series.end)
        truth = {bar.time: bar for bar in self.market.truth(series.interval, span, now)}
        settled = settled_until(HOURS, INFY, series.interval, now)
        for bar in series.candles:
            assert bar.time >= settled or bar == truth[bar.time]
        there = set(times)
        for opens in truth:
            over = is_over(opens, instrument=INFY, interval=series.interval, now=now, phases=HOURS)
            if (over or question.forming) and opens not in there:
                assert not over or intersect(series.missing, CandleRange(opens, opens + INSTANT)), opens
        if series.problem is None:
            assert series.missing == ()
            assert question.hours is not None or len(times) == question.last

    async def check_store(self) -> None:
        """Every bar of what is known, as the source says it now, and no other."""
        now = self.clock.now()
        for interval in STORED:
            known = [each.span for each in await self.store.coverage(INFY.id, interval, ALL_TIME)]
            stored = await self.store.bars(INFY.id, interval, ALL_TIME)
            assert stored == [bar for span in known for bar in self.market.truth(interval, span, now)]
            assert all(bar.time < settled_until(HOURS, INFY, interval, now) for bar in stored)

    def check_economy(self) -> None:
        """No settled bar was sent twice but the few that are compared, on either side of a gap, and those once.

        That is once a side, a day and a life of a service.
        """
        for interval in STORED:
            sent: set[datetime] = set()
            compared: set[tuple[int, date, bool, datetime]] = set()
            for asked, life in zip(self.market.asked, self.lived, strict=True):
                if asked.interval is not interval:
                    continue
                settled = [bar.time for bar in _settled(asked)]
                again = [time for time in settled if time in sent]
                older = next((place for place, time in enumerate(settled) if time not in sent), len(again))
                newer = len(again) - older
                assert max(older, newer) <= OVERLAP_BARS, "sent again, beside the comparison"
                assert again == settled[:older] + settled[len(settled) - newer :]
                day = adjustment_day(asked.sent_at)
                pairs = {(life, day, place < older, time) for place, time in enumerate(again)}
                assert not pairs & compared, "compared twice a day"
                compared |= pairs
                sent.update(settled)


def _settled(asked: Asked) -> list[Candle]:
    until = settled_until(HOURS, INFY, asked.interval, asked.sent_at)
    return [bar for bar in asked.bars if bar.time < until]


@settings(max_examples=40)
@given(st.lists(steps, min_size=1, max_size=6))
def test_the_store_is_the_source_and_nothing_is_fetched_twice(play: list[Step]) -> None:
    """Whatever is asked, by whomever, whoever leaves, whatever breaks."""
    anyio.run(World().play, list(play))
