"""The bar that is open, the bar that has just closed, and what may be stored of them."""

from datetime import timedelta

import pytest

from app.domain.candles import CandleState, Interval
from app.domain.provenance import Cost
from app.domain.time import IST
from app.services.history.tail import TAIL_SECONDS
from tests.history.bench import Chart
from tests.history.market import INFY, between
from tests.history.market import at as at_ist
from tests.services.fakes import SetClock, an_instrument
from tests.support.stores import MemoryCandleStore

TODAY = between("2026-11-23", "2026-11-24")


async def test_the_open_bar_is_given_and_not_stored(chart: Chart) -> None:
    """One request brings the stored past and the open bar; the bar is in the answer alone."""
    series = await chart.ask(Interval.MINUTE_5, last=100, include_forming=True)
    assert (series.upstream_calls, series.count) == (1, 100)
    assert [bar.state for bar in series.candles[-2:]] == [CandleState.FINAL, CandleState.FORMING]
    stored = await chart.store.bars(INFY.id, Interval.MINUTE_5, TODAY)
    assert stored[-1].time == at_ist("2026-11-23 11:55")


async def test_pages_that_poll_share_a_request_every_few_seconds(chart: Chart, clock: SetClock) -> None:
    """Four questions a second for a minute within a bar, from any number of pages."""
    for _ in range(240):
        assert (await chart.ask(Interval.MINUTE_5, last=100, include_forming=True)).count == 100
        clock.advance(0.25)
    assert chart.market.sent <= 60 / TAIL_SECONDS + 1


async def test_polling_without_the_open_bar_asks_once_a_bar(chart: Chart, clock: SetClock) -> None:
    """But for the few seconds in which the newest bar is over and may still change."""
    clock.time = at_ist("2026-11-23 12:00:30")
    for _ in range(300):
        await chart.ask(Interval.MINUTE_5, last=100)
        clock.advance(1)
    assert chart.market.sent <= 1 + 3


async def test_a_bar_is_final_at_its_end_and_stored_when_it_is_settled(chart: Chart, clock: SetClock) -> None:
    """What the source said in between is not kept: its bar may change for a moment."""
    clock.time = at_ist("2026-11-23 12:05:01")
    early = (await chart.ask(Interval.MINUTE_5, last=2)).candles[-1]
    assert (early.time, early.state) == (at_ist("2026-11-23 12:00"), CandleState.FINAL)
    assert (await chart.store.bars(INFY.id, Interval.MINUTE_5, TODAY))[-1].time == at_ist("2026-11-23 11:55")
    clock.advance(6)
    late = (await chart.ask(Interval.MINUTE_5, last=2)).candles[-1]
    assert late.time == early.time
    assert late.volume > early.volume
    assert (await chart.store.bars(INFY.id, Interval.MINUTE_5, TODAY))[-1] == late


async def test_a_bar_that_closed_is_not_answered_from_memory(chart: Chart, clock: SetClock) -> None:
    """A forming bar that was asked for before its end must not pass for the final one."""
    clock.time = at_ist("2026-11-23 12:04:59")
    await chart.ask(Interval.MINUTE_5, last=2, include_forming=True)
    clock.advance(2)
    series = await chart.ask(Interval.MINUTE_5, last=2)
    assert (series.candles[-1].time, series.upstream_calls) == (at_ist("2026-11-23 12:00"), 1)


async def test_a_short_question_leaves_nothing_out_of_the_memory(chart: Chart, clock: SetClock) -> None:
    """Somebody who wants the open bar alone does not hide from the next one what is not settled before it."""
    clock.time = at_ist("2026-11-23 12:05:02")
    await chart.ask(Interval.MINUTE_5, at_ist("2026-11-23 12:05"), include_forming=True)
    series = await chart.ask(Interval.MINUTE_5, at_ist("2026-11-23 11:00"), include_forming=True)
    assert [bar.time for bar in series.candles[-2:]] == [at_ist("2026-11-23 12:00"), at_ist("2026-11-23 12:05")]
    assert series.missing == ()


@pytest.mark.parametrize(
    ("now", "interval", "calls"),
    [
        ("2026-11-23 08:00", Interval.MINUTE_5, 0),
        ("2026-11-23 15:36", Interval.MINUTE_5, 0),
        ("2026-11-23 20:00", Interval.MINUTE_5, 0),
        ("2026-11-24 11:00", Interval.HOUR, 0),
        ("2026-11-23 08:00", Interval.DAY, 0),
        ("2026-11-23 20:00", Interval.DAY, 0),
        ("2026-11-24 11:00", Interval.WEEK, 0),
        ("2026-11-23 12:00", Interval.DAY, 1),
        ("2026-11-23 15:45", Interval.DAY, 1),
        ("2026-11-23 15:20", Interval.MINUTE_5, 1),
    ],
)
async def test_nothing_is_polled_while_nothing_can_change(
    chart: Chart, clock: SetClock, now: str, interval: Interval, calls: int
) -> None:
    """Out of session a chart with the newest bar costs nothing, however often it is asked for."""
    clock.time = at_ist(now)
    await chart.ask(interval, last=5, include_forming=True)
    for _ in range(3):
        clock.advance(TAIL_SECONDS + 1)
        assert (await chart.ask(interval, last=5, include_forming=True)).upstream_calls == calls


async def test_a_day_is_stored_once_its_last_trades_are_in(chart: Chart, clock: SetClock) -> None:
    """Trades after the close count for the day, so it is over at 15:35 and settled at 16:05."""
    clock.time = at_ist("2026-11-23 15:40")
    early = (await chart.ask(Interval.DAY, last=1)).candles[0]
    clock.time = at_ist("2026-11-23 16:06")
    late = (await chart.ask(Interval.DAY, last=1)).candles[0]
    assert early.time.astimezone(IST).date() == late.time.astimezone(IST).date()
    assert (early.state, late.state) == (CandleState.FINAL, CandleState.FINAL)
    assert late.volume == early.volume + 1000
    clock.advance(600)
    assert (await chart.ask(Interval.DAY, last=1)).upstream_calls == 0


async def test_the_bar_before_an_auction_waits_for_it(chart: Chart, clock: SetClock) -> None:
    """Nobody has said that the auction's trade does not belong to it."""
    clock.time = at_ist("2026-11-23 15:20")
    assert (await chart.ask(Interval.MINUTE_5, last=1)).candles[0].time == at_ist("2026-11-23 15:10")
    assert (await chart.store.bars(INFY.id, Interval.MINUTE_5, TODAY))[-1].time == at_ist("2026-11-23 15:05")
    clock.time = at_ist("2026-11-23 15:35:06")
    await chart.ask(Interval.MINUTE_5, last=1)
    assert (await chart.store.bars(INFY.id, Interval.MINUTE_5, TODAY))[-1].time == at_ist("2026-11-23 15:10")


async def test_a_series_grows_bar_by_bar_without_a_hole(chart: Chart, clock: SetClock) -> None:
    """A page that looks every 20 s through the end of a session and the next morning has seen every bar."""
    clock.time = at_ist("2026-11-20 15:05")
    while clock.time < at_ist("2026-11-20 15:50"):
        await chart.ask(Interval.MINUTE_5, last=3, include_forming=True)
        clock.advance(20)
    clock.time = at_ist("2026-11-23 09:14")
    while clock.time < at_ist("2026-11-23 09:32"):
        series = await chart.ask(Interval.MINUTE_5, last=3, include_forming=True)
        assert (series.missing, series.problem) == ((), None)
        clock.advance(20)
    span = between("2026-11-20 14:50", "2026-11-23 09:25")
    stored = await chart.store.bars(INFY.id, Interval.MINUTE_5, span)
    assert stored == chart.market.truth(Interval.MINUTE_5, span, clock.now() + timedelta(hours=1))


async def test_where_hours_are_not_known_a_bar_ends_with_its_time(
    chart: Chart, clock: SetClock, store: MemoryCandleStore
) -> None:
    """It is final then, stored a bar later, and asked for no more often than elsewhere."""
    gold = an_instrument("NCO:GOLDPETAL26NOVFUT")
    sent = []
    for _ in range(12):
        series = await chart.service.candles(
            gold, Interval.MINUTE_5, start=None, end=None, last=3, include_forming=False, cost=Cost()
        )
        assert series.candles[-1].time == at_ist("2026-11-23 11:55")
        assert (series.expected, series.missing) == (None, ())
        sent.append(chart.market.sent)
        clock.advance(1)
    assert sent[-1] <= 12 / TAIL_SECONDS + 1
    assert (await store.bars(gold.id, Interval.MINUTE_5, TODAY))[-1].time == at_ist("2026-11-23 11:50")
