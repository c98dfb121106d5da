"""Callers who want the same at once, callers who leave, and jobs that wait their turn."""

from datetime import timedelta
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from app.domain.candles import CandleRange, CandleSeries, Interval
from app.domain.errors import InvalidRange, RateLimited, SourceError, SourceTimeout, SourceUnavailable
from app.domain.instruments import Instrument
from app.domain.provenance import Cost
from app.services.history import fetches
from app.services.history.fetches import PARALLEL, Priority
from app.services.history.service import HistoryService
from tests.history.bench import Chart, exact, running_history
from tests.history.market import DAY, HOURS, INFY, NOW, CalendarMarket, at, between
from tests.services.fakes import SetClock, an_instrument
from tests.support.stores import MemoryCandleStore
from tests.support.virtual_time import VIRTUAL_TIME

JUNE = between("2026-06-01", "2026-06-30")


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """All of it is in memory: who comes while something is under way does so on any machine."""
    return VIRTUAL_TIME


async def test_the_same_question_at_once_is_one_request(chart: Chart) -> None:
    """Every caller is told that it waited for one."""
    chart.market.latency = 0.01
    answers: list[CandleSeries] = []

    async def ask() -> None:
        answers.append(await chart.ask(Interval.HOUR, last=50, include_forming=True))

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(ask)
    assert chart.market.sent == 1
    assert {answer.upstream_calls for answer in answers} == {1}
    assert len({answer.candles for answer in answers}) == 1


async def test_overlapping_questions_share_what_overlaps(chart: Chart) -> None:
    """What one fetches, the other awaits; each bar is fetched once."""
    chart.market.latency = 0.01
    answers: dict[str, CandleSeries] = {}

    async def ask(name: str, start: str, end: str) -> None:
        answers[name] = await chart.ask(Interval.HOUR, at(start), end=at(end))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, "early", "2026-11-02", "2026-11-12")
        tasks.start_soon(ask, "late", "2026-11-09", "2026-11-20")
        tasks.start_soon(ask, "both", "2026-11-02", "2026-11-20")
    bars = [bar.time for asked in chart.market.asked for bar in asked.bars]
    assert len(bars) == len(set(bars))
    assert chart.market.sent == 2
    assert all(exact(answer, chart.market) for answer in answers.values())
    assert answers["both"].upstream_calls == 2


async def test_a_caller_who_leaves_takes_nothing_from_the_others(chart: Chart) -> None:
    """The fetch that two share goes on for the one who stays."""
    chart.market.latency = 0.03
    async with anyio.create_task_group() as tasks:

        async def impatient() -> None:
            with anyio.move_on_after(0.01):
                await chart.ask(Interval.HOUR, at("2026-11-02"), end=at("2026-11-12"))

        tasks.start_soon(impatient)
        await anyio.sleep(0.005)
        series = await chart.ask(Interval.HOUR, at("2026-11-02"), end=at("2026-11-12"))
    assert (chart.market.sent, exact(series, chart.market)) == (1, True)


async def test_what_nobody_waits_for_any_more_is_not_asked_for(chart: Chart) -> None:
    """What is out already is kept, for the next one who asks."""
    chart.market.latency = 0.03
    chart.market.days[Interval.HOUR] = 30
    with anyio.move_on_after(0.015):
        await chart.ask(Interval.HOUR, NOW - 200 * DAY, end=NOW - DAY)
    await anyio.sleep(0.05)
    assert chart.market.sent == PARALLEL
    series = await chart.ask(Interval.HOUR, NOW - 200 * DAY, end=NOW - DAY)
    assert (exact(series, chart.market), series.upstream_calls, chart.market.sent) == (True, 4, 7)


async def test_after_a_failure_nothing_more_is_asked_for(chart: Chart) -> None:
    """What is out is waited for and kept, the rest of the range is left alone."""
    chart.market.latency = 0.005
    chart.market.days[Interval.HOUR] = 30
    chart.market.failures = [SourceUnavailable("HTTP 503")]
    series = await chart.ask(Interval.HOUR, NOW - 300 * DAY, end=NOW - DAY)
    assert (chart.market.sent, series.upstream_calls) == (PARALLEL, PARALLEL)
    assert series.missing[-1].end == at("2026-11-20 15:15")
    assert series.count > 200


async def test_one_long_history_leaves_room_for_another_chart(chart: Chart, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question of one request does not wait for one of twenty."""
    monkeypatch.setattr(fetches, "MAX_RUNNING", PARALLEL)
    chart.market.latency = 0.01
    chart.market.days[Interval.HOUR] = 20
    order: list[str] = []

    async def ask(name: str, interval: Interval, start: CandleRange) -> None:
        await chart.ask(interval, start.start, end=start.end)
        order.append(name)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, "long", Interval.HOUR, CandleRange(NOW - 400 * DAY, NOW - DAY))
        await anyio.sleep(0.005)
        tasks.start_soon(ask, "short", Interval.DAY, CandleRange(NOW - 20 * DAY, NOW - DAY))
    assert order == ["short", "long"]


async def test_many_long_histories_leave_room_for_a_short_one(chart: Chart, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty requests of others wait already; the one that is all of a chart is next."""
    monkeypatch.setattr(fetches, "MAX_RUNNING", PARALLEL)
    chart.market.latency = 0.01
    long = {Interval.HOUR: 20, Interval.MINUTE_30: 20, Interval.MINUTE_15: 20}
    chart.market.days.update(long)

    async def ask(interval: Interval, days: int) -> None:
        await chart.ask(interval, NOW - days * DAY, end=NOW - DAY)

    async with anyio.create_task_group() as tasks:
        for interval in long:
            tasks.start_soon(ask, interval, 300)
        await anyio.sleep(0.005)
        before = chart.market.sent
        await ask(Interval.DAY, 20)
        intervals = [asked.interval for asked in chart.market.asked]
        assert intervals.index(Interval.DAY) < before + 1 + PARALLEL
        tasks.cancel_scope.cancel()


async def test_who_waited_for_others_is_told_so(market: CalendarMarket, clock: SetClock) -> None:
    """The source is not blamed for requests that it never got."""
    market.days[Interval.HOUR] = 20
    market.latency = 60.0
    async with running_history(market, clock, HOURS, deadline=0.1) as service:
        chart = Chart(service, market, MemoryCandleStore())
        with pytest.raises(SourceTimeout, match=r"after 0\.1 s \d+ of its requests still waited"):
            await chart.ask(Interval.HOUR, NOW - 300 * DAY, end=NOW - DAY)
        with pytest.raises(SourceTimeout, match="SANDBOX did not send all bars"):
            await chart.ask(Interval.DAY, NOW - 20 * DAY, end=NOW - DAY)


async def test_too_many_fetches_are_refused(chart: Chart, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the time after which it is worth asking again; nothing was sent."""
    monkeypatch.setattr(fetches, "MAX_WAITING", 2)
    chart.market.days[Interval.HOUR] = 30
    with pytest.raises(RateLimited, match="wait already"):
        await chart.ask(Interval.HOUR, NOW - 300 * DAY, end=NOW - DAY)
    assert chart.market.sent == 0


async def test_a_fetch_that_ends_while_another_looks_is_not_repeated(market: CalendarMarket, clock: SetClock) -> None:
    """Between reading what is known and asking for the rest, the rest may have come."""

    class Slow(MemoryCandleStore):
        late = 0.0

        async def coverage(self, *args, **kwargs):
            found = await super().coverage(*args, **kwargs)
            await anyio.sleep(self.late)
            return found

    market.latency = 0.01
    store = Slow()
    async with running_history(market, clock, HOURS, store=store) as service, anyio.create_task_group() as tasks:
        chart = Chart(service, market, store)
        tasks.start_soon(chart.ask, Interval.HOUR, JUNE.start)
        await anyio.sleep(0.005)
        store.late = 0.03
        assert exact(await chart.ask(Interval.HOUR, JUNE.start), market)
    assert market.sent == 1


async def test_bars_that_come_while_another_looks_are_in_its_answer(market: CalendarMarket, clock: SetClock) -> None:
    """Enough last bars are stored, but newer ones arrive between reading them and reading what is known."""

    class Slow(MemoryCandleStore):
        late = 0.0

        async def opening(self, *args, **kwargs):
            found = await super().opening(*args, **kwargs)
            await anyio.sleep(self.late)
            return found

    store = Slow()
    async with running_history(market, clock, HOURS, store=store) as before:
        await Chart(before, market, store).ask(Interval.HOUR, at("2026-11-09"), end=at("2026-11-10"))
    async with running_history(market, clock, HOURS, store=store) as service, anyio.create_task_group() as tasks:
        chart = Chart(service, market, store)
        store.late = 0.02
        tasks.start_soon(chart.ask, Interval.HOUR, at("2026-11-09"))
        series = await chart.ask(Interval.HOUR, last=5)
        assert (series.candles[-1].time, series.upstream_calls) == (at("2026-11-23 10:15"), 0)
        assert exact(series, market)


async def test_a_store_that_fails_is_an_error_and_not_the_end(market: CalendarMarket, clock: SetClock) -> None:
    """The log has the reason; the next question is answered."""

    class Full(MemoryCandleStore):
        full = True

        async def save(self, *args, **kwargs) -> None:
            if self.full:
                raise OSError(28, "no space left on device")
            await super().save(*args, **kwargs)

    store = Full()
    async with running_history(market, clock, HOURS, store=store) as service:
        chart = Chart(service, market, store)
        with pytest.raises(SourceError, match="the log of the service says why"), capture_logs() as logs:
            await chart.ask(Interval.HOUR, JUNE.start, end=JUNE.end)
        assert [line["event"] for line in logs] == ["history_fetch_failed"]
        store.full = False
        assert exact(await chart.ask(Interval.HOUR, JUNE.start, end=JUNE.end), market)


async def test_when_the_service_stops_nobody_is_left_waiting(market: CalendarMarket, clock: SetClock) -> None:
    """Whoever waits is told to come back."""
    market.latency = 10
    service = HistoryService(market, MemoryCandleStore(), clock, HOURS)
    errors: list[Exception] = []

    async def ask() -> None:
        try:
            await Chart(service, market, MemoryCandleStore()).ask(Interval.HOUR, JUNE.start, end=JUNE.end)
        except SourceUnavailable as error:
            errors.append(error)

    with anyio.fail_after(2):
        async with anyio.create_task_group() as callers, anyio.create_task_group() as tasks:
            tasks.start_soon(service.run)
            callers.start_soon(ask)
            await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()
    assert "stopping" in str(errors[0])


async def test_ensure_fills_the_store(chart: Chart) -> None:
    """Request by request, newest first, told as they come; then nothing is left to do."""
    chart.market.days[Interval.MINUTE_5] = 30
    progress: list[int] = []
    span = CandleRange(NOW - 100 * DAY, NOW)
    needed = await chart.service.requests_for(INFY, Interval.MINUTE_5, span)
    assert await chart.service.ensure(INFY, Interval.MINUTE_5, span, progress=progress.append) == needed == 4
    assert progress == [1, 2, 3, 4]
    assert await chart.service.requests_for(INFY, Interval.MINUTE_5, span) == 0
    assert (await chart.ask(Interval.MINUTE_5, NOW - 100 * DAY)).upstream_calls == 0


async def test_ensure_has_no_longest_answer(chart: Chart) -> None:
    """Years of bars that no answer could hold; but what no source has is refused."""
    chart.market.listed = at("2026-11-02")
    span = CandleRange(at("2020-01-01"), NOW)
    assert await chart.service.ensure(INFY, Interval.MINUTE_5, span) == 26
    with pytest.raises(InvalidRange, match="it has MINUTE_5 bars from 2015"):
        await chart.service.ensure(INFY, Interval.MINUTE_5, CandleRange(at("2010-01-01"), NOW))


async def test_an_interrupted_job_goes_on_where_it_was(chart: Chart) -> None:
    """Its failure is raised, what it had is kept."""
    chart.market.days[Interval.HOUR] = 30
    chart.market.failures = [None, None, SourceUnavailable("HTTP 503")]
    span = CandleRange(NOW - 100 * DAY, NOW)
    with pytest.raises(SourceUnavailable):
        await chart.service.ensure(INFY, Interval.HOUR, span)
    assert await chart.service.ensure(INFY, Interval.HOUR, span) == 2


async def test_a_job_waits_for_people(market: CalendarMarket, clock: SetClock) -> None:
    """Its fetches go one at a time, and only while nobody else waits."""
    market.latency = 0.01
    market.days[Interval.HOUR] = 20
    running: list[str] = []
    seen: list[tuple[str, ...]] = []
    infy_fetch = market.candles

    async def watched(instrument: Instrument, interval: Interval, span: CandleRange):
        running.append(instrument.id)
        seen.append(tuple(running))
        try:
            return await infy_fetch(instrument, interval, span)
        finally:
            running.remove(instrument.id)

    market.candles = watched  # type: ignore[method-assign]  # a wiretap
    tcs = an_instrument("NSE:TCS")
    async with running_history(market, clock, HOURS) as service, anyio.create_task_group() as tasks:

        async def job() -> None:
            await service.ensure(tcs, Interval.HOUR, CandleRange(NOW - 200 * DAY, NOW))

        tasks.start_soon(job)
        await anyio.sleep(0.015)
        await service.candles(
            INFY, Interval.HOUR, start=NOW - 200 * DAY, end=None, last=None, include_forming=False, cost=Cost()
        )
        assert "NSE:TCS" in seen[0]
        begun = [now[-1] for now in seen]
        first, last = begun.index("NSE:INFY"), len(begun) - begun[::-1].index("NSE:INFY")
        assert "NSE:TCS" not in begun[first:last]
    assert max(now.count("NSE:TCS") for now in seen) == 1
    assert begun.count("NSE:INFY") == 10


async def test_what_a_job_has_queued_becomes_urgent_when_a_person_wants_it(chart: Chart) -> None:
    """It is the same fetch, moved up."""
    chart.market.latency = 0.01
    async with anyio.create_task_group() as tasks:

        async def other() -> None:
            await chart.ask(Interval.DAY, last=100)

        async def job() -> None:
            await chart.service.ensure(INFY, Interval.HOUR, JUNE, priority=Priority.BACKGROUND)

        tasks.start_soon(other)
        tasks.start_soon(job)
        await anyio.sleep(0.005)
        assert chart.market.sent == 1
        series = await chart.ask(Interval.HOUR, JUNE.start, end=JUNE.end)
        assert (series.upstream_calls, exact(series, chart.market)) == (1, True)
    assert chart.market.sent == 2


async def test_ensure_of_the_newest_bars_takes_only_settled_ones(chart: Chart, clock: SetClock) -> None:
    """A job never polls."""
    span = CandleRange(NOW - 10 * DAY, NOW + timedelta(minutes=1))
    assert await chart.service.ensure(INFY, Interval.MINUTE_5, span, priority=Priority.INTERACTIVE) == 1
    clock.advance(10)
    assert await chart.service.ensure(INFY, Interval.MINUTE_5, span) == 0
