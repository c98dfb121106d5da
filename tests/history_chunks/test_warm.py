"""A warm chart: no read, no request, the same bytes; and other bytes as soon as a bar is another one."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime

import pytest

from app.domain.candles import Candle, CandleRange, CandleSeries, Interval
from app.domain.chunked_candles import ChunkedCandles
from app.domain.provenance import Cost
from app.services.history.series_memory import CHECK_SECONDS
from app.services.history.service import HistoryService
from tests.history.bench import running_history
from tests.history.market import DAY, HOURS, INFY, NOW, CalendarMarket, at
from tests.history_chunks.asking import Asking
from tests.history_chunks.counting import CountingStore
from tests.services.fakes import SetClock

FIVE = Interval.MINUTE_5
SELECTION = "count expected missing { from to } sources { candles } upstreamCalls candles { epochSeconds close state }"
LAST = ", last: 600"
RANGE = ', from: "2026-11-09T00:00:00+05:30", to: "2026-11-21T00:00:00+05:30"'


@dataclass
class CorrectingMarket(CalendarMarket):
    """Says another close of one bar, once `corrects` is set."""

    corrects: datetime | None = None

    def truth(self, interval: Interval, span: CandleRange, now: datetime) -> list[Candle]:
        """The truth of today."""
        bars = super().truth(interval, span, now)
        return [replace(bar, close=bar.close + 0.05) if bar.time == self.corrects else bar for bar in bars]


@pytest.fixture
def clock() -> SetClock:
    """Monday, before the market opens: nothing is forming."""
    return SetClock(at("2026-11-23 08:00"))


@pytest.fixture
def market(clock: SetClock) -> CorrectingMarket:
    """The source."""
    return CorrectingMarket(clock)


@pytest.fixture
def store() -> CountingStore:
    """Empty."""
    return CountingStore()


@pytest.fixture
async def service(market: CorrectingMarket, clock: SetClock, store: CountingStore) -> AsyncIterator[HistoryService]:
    """A running service."""
    async with running_history(market, clock, HOURS, store=store) as service:
        yield service


@pytest.fixture
def asking() -> Asking:
    """GraphQL, with nothing kept yet."""
    return Asking()


@pytest.mark.parametrize("arguments", [LAST, RANGE, ", last: 3"])
async def test_a_warm_answer_reads_nothing(
    arguments: str, service: HistoryService, market: CorrectingMarket, store: CountingStore, asking: Asking
) -> None:
    """No statement to the database and no request; and the bytes are those of a service that has just begun."""
    await asking.answer(service, SELECTION, arguments)
    cold = await asking.answer(service, SELECTION, arguments)
    store.calls.clear()
    sent = market.sent
    for _ in range(3):
        assert await asking.answer(service, SELECTION, arguments) == cold
    assert not store.calls
    assert market.sent == sent
    anew = HistoryService(market, store, market.clock, HOURS)
    assert await Asking().answer(anew, SELECTION, arguments, compiled=False) == cold
    assert store.reads


async def test_a_chart_in_session_reads_nothing_but_its_newest_window(
    service: HistoryService, clock: SetClock, store: CountingStore
) -> None:
    """A new bar is stored every five minutes; what is older is not read again for it, nor written as JSON."""
    clock.time = NOW
    before = (await ask(service)).candles
    await ask(service)
    clock.advance(300)
    series = await ask(service)
    assert series.upstream_calls == 1
    assert series.candles[-1].time > before[-1].time
    store.calls.clear()
    again = (await ask(service)).candles
    assert not store.calls
    assert isinstance(again, ChunkedCandles)
    assert isinstance(before, ChunkedCandles)
    kept = {part.chunk for part in before.parts} & {part.chunk for part in again.parts}
    assert len(kept) >= len(before.parts) - 2


async def ask(service: HistoryService) -> CandleSeries:
    """The last bars that are over."""
    return await service.candles(INFY, FIVE, start=None, end=None, last=600, include_forming=False, cost=Cost())


async def test_a_correction_changes_the_bytes(
    service: HistoryService, market: CorrectingMarket, clock: SetClock, asking: Asking
) -> None:
    """The next day asks for the last bars again: one of them has another close."""
    before = await asking.answer(service, SELECTION, RANGE)
    assert await asking.answer(service, SELECTION, RANGE) == before.replace(b'"upstreamCalls":1', b'"upstreamCalls":0')
    market.corrects = at("2026-11-20 15:10")
    clock.time = NOW + 2 * DAY
    await asking.answer(service, SELECTION, ", last: 5")
    after = await asking.answer(service, SELECTION, RANGE)
    assert after == await asking.answer(service, SELECTION, RANGE, compiled=False)
    assert after != before.replace(b'"upstreamCalls":1', b'"upstreamCalls":0')


async def test_a_split_changes_the_bytes(
    service: HistoryService, market: CorrectingMarket, clock: SetClock, asking: Asking
) -> None:
    """All prices are halved; the chart that was kept is gone."""
    before = await asking.answer(service, "candles { close }", RANGE)
    clock.time = NOW + 2 * DAY
    market.split_on = clock.time.date()
    await asking.answer(service, SELECTION, ", last: 5")
    after = await asking.answer(service, "candles { close }", RANGE)
    assert after == await asking.answer(service, "candles { close }", RANGE, compiled=False)
    assert len(after) > 1000
    assert after != before


async def test_what_another_process_wrote_changes_the_bytes(
    service: HistoryService, clock: SetClock, store: CountingStore, asking: Asking
) -> None:
    """Within a second."""
    before = await asking.answer(service, "candles { close }", RANGE)
    [bar] = await store.last_bars(INFY.id, FIVE, before=at("2026-11-20 12:00"), count=1)
    await store.replace(INFY.id, FIVE, [replace(bar, close=1.25)])
    clock.advance(CHECK_SECONDS)
    after = await asking.answer(service, "candles { close }", RANGE)
    assert after != before
    assert b'{"close":1.25}' in after
