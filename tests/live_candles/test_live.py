"""Live candles: the snapshot, what follows it, and the seam between the two, on a clock that the test moves."""

from datetime import timedelta
from functools import partial

import pytest
from structlog.testing import capture_logs

from app.domain.candles import CandleState, Interval
from app.domain.errors import NotSupported, RateLimited
from app.domain.feeds import FeedState
from app.domain.provenance import Cost
from app.streaming.bars_mailbox import BarMailbox
from app.streaming.bars_series import DAY_SETTLE_DELAY
from tests.live_candles.played import INFY, settle
from tests.live_candles.stage import a_stage, values
from tests.streaming.stage import an_instrument

FORMING, FINAL, CORRECTED = CandleState


async def test_the_snapshot_has_the_last_bars_and_the_forming_one_with_their_states() -> None:
    async with a_stage() as stage:
        await stage.play((100.0, 5), 60, (101.0, 5), 60, (102.0, 5), 1)
        follower = await stage.follow(2)
        await stage.play((103.0, 5), 1)

        first = follower.updates[0]
        assert [(bar.close, bar.volume, bar.state) for bar in first.candles] == [(101, 5, FINAL), (103, 10, FORMING)]
        assert (first.start, first.end) == (first.candles[0].time, first.candles[1].time + timedelta(minutes=1))
        assert first.sources[0].candles == first.count == 2


async def test_without_a_snapshot_the_first_update_is_empty_and_comes_at_once() -> None:
    async with a_stage() as stage:
        stage.market.latency = 10
        follower = await stage.follow(0)
        await settle()

        assert [update.count for update in follower.updates] == [0]


async def test_the_forming_bar_is_right_though_its_beginning_was_not_seen() -> None:
    async with a_stage() as stage:
        await stage.play((100.0, 5), 10, (95.0, 5), 10, (110.0, 5), 10, (105.0, 5))
        follower = await stage.follow(0)
        await stage.play(1, (106.0, 7), 1, (107.0, 1))

        bar = follower.last
        assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (100, 110, 95, 107, 28)
        assert bar.state is FORMING


async def test_a_bar_is_final_at_once_when_its_time_is_over_though_no_tick_comes() -> None:
    async with a_stage() as stage:
        follower = await stage.follow(0)
        await stage.play((100.0, 1), 61, (101.0, 5), 58, 1)
        assert follower.last.state is FORMING

        await stage.play(1)
        assert (follower.last.state, follower.last.close, follower.last.volume) == (FINAL, 101, 5)


async def test_the_next_bars_first_tick_ends_a_bar_before_the_clock_does() -> None:
    async with a_stage() as stage:
        follower = await stage.follow(0)
        await stage.play((100.0, 1), 61, (101.0, 5), 59.2, (102.0, 3))

        assert [(bar.close, bar.volume, bar.state) for bar in follower.told[-2:]] == [
            (101, 5, FINAL),
            (102, 3, FORMING),
        ]


async def test_a_bar_that_ticks_got_right_is_told_final_once_and_not_corrected() -> None:
    async with a_stage() as stage:
        follower = await stage.follow(0)
        await stage.play((100.0, 1), 61, (101.0, 5), 70, 60)

        assert [bar.state for bar in follower.told if bar.open == 101] == [FORMING, FINAL]
        assert len(stage.market.asked) == 3, "the forming bar once, and two official ones"


async def test_the_official_bar_corrects_what_the_ticks_missed() -> None:
    async with a_stage() as stage:
        follower = await stage.follow(0)
        await stage.play((100.0, 1), 61, (101.0, 5), 10)
        stage.market.trade(120.0, 2, silently=True)
        await stage.play(10, (102.0, 5), 60)

        bars = [bar for bar in follower.told if bar.time == stage.market.bars()[1].time and bar.state is not FORMING]
        assert [(bar.high, bar.volume, bar.state) for bar in bars] == [(102, 12, FINAL), (120, 12, CORRECTED)]


async def test_a_broken_stream_is_filled_from_the_source() -> None:
    """Bars of the break, the one before and the one after: none missing, none twice, the present one right."""
    async with a_stage() as stage:
        follower = await stage.follow(0)
        await stage.play((100.0, 1), 61, (101.0, 5), 20)
        stage.market.disconnect()
        await stage.play((102.0, 5), 60, (103.0, 5), 60, (104.0, 5), 10)
        stage.market.connect()
        await stage.play(1, (105.0, 5), 1)

        assert values(follower.chart) == values(stage.market.bars())[-len(follower.chart) :]
        assert len(follower.chart) == 4
        await stage.play(120)
        ended = [bar.time for bar in follower.told if bar.state is FINAL]
        assert sorted(set(ended)) == sorted(ended)
        assert values(follower.chart) == values(stage.market.bars())[-len(follower.chart) :]


async def test_what_ends_while_the_snapshot_is_fetched_is_not_lost() -> None:
    """The stream was open before: the bar is in the snapshot as it ended."""
    async with a_stage() as stage:
        await stage.play((100.0, 1), 60, (101.0, 1), 1)
        await stage.follow(0)
        await stage.play((102.0, 1), 50)
        stage.market.latency = 30
        late = await stage.follow(3)
        await stage.play((103.0, 1), 10, (104.0, 1), 60)

        assert [(bar.close, bar.state) for bar in late.updates[0].candles] == [
            (100, FINAL),
            (103, FINAL),
            (104, FORMING),
        ]
        assert values(late.chart) == values(stage.market.bars())


async def test_who_comes_while_the_stream_is_down_gets_the_present_bars_from_the_history() -> None:
    """And once what the stream brings when it is back."""
    async with a_stage() as stage:
        await stage.follow(0)
        await stage.play((100.0, 1), 61, (101.0, 1), 1)
        stage.market.disconnect()
        await stage.play(60, (102.0, 1), 60, (103.0, 1), 1)
        late = await stage.follow(9)
        assert [(bar.close, bar.state) for bar in late.chart] == [
            (100, FINAL),
            (101, FINAL),
            (102, FINAL),
            (103, FORMING),
        ]

        await stage.play(60, (104.0, 1))
        stage.market.connect()
        await stage.play(10)
        assert [(bar.close, bar.state) for bar in late.told[4:]] == [(104, FORMING), (103, FINAL)]


async def test_a_second_break_while_the_first_is_filled_is_filled_too() -> None:
    async with a_stage() as stage:
        follower = await stage.follow(0)
        await stage.play((100.0, 1), 1, (101.0, 1), 1)
        stage.market.latency = 20
        stage.market.disconnect()
        await stage.play((102.0, 1), 1)
        stage.market.connect()
        await stage.play(15)
        stage.market.disconnect()
        await stage.play((103.0, 1), 1)
        stage.market.connect()
        await stage.play(6, (104.0, 1), 25)

        assert values(follower.chart) == values(stage.market.bars())
        assert len(stage.market.asked) == 3


async def test_the_bar_that_was_open_at_the_subscription_is_told_though_no_tick_of_it_came() -> None:
    async with a_stage() as stage:
        await stage.play((100.0, 1), 59)
        follower = await stage.follow(0)
        await stage.play(2, (101.0, 1), 20)

        assert [(bar.close, bar.state) for bar in follower.chart] == [(100, FINAL), (101, FORMING)]


async def test_an_answer_from_memory_is_shown_and_asked_for_again() -> None:
    """The history gives its last answer to everybody for some seconds: it may be from before our first tick."""
    async with a_stage() as stage:
        await stage.play((100.0, 1), 10, (200.0, 1), 1)
        stage.market.requests, stage.market.staleness = 0, 3.0
        follower = await stage.follow(0)
        await stage.play((101.0, 1), 1, (102.0, 1))
        assert (follower.last.state, follower.last.high) == (FORMING, 102)

        stage.market.requests, stage.market.staleness = 1, 0.0
        await stage.play(3)
        assert (follower.last.high, follower.last.volume) == (200, 4)
        assert len(stage.market.asked) == 2


async def test_everybody_who_follows_the_same_bars_shares_one_set_of_questions() -> None:
    async with a_stage() as stage:
        await stage.play((100.0, 1), 60, (100.0, 1), 1)
        followers = [await stage.follow(0) for _ in range(5)]
        await stage.play((101.0, 5), 60, (102.0, 5), 9, (103.0, 5))

        assert len(stage.market.asked) == 2, "the forming bar, and the official one"
        assert all(follower.chart == followers[0].chart for follower in followers)
        assert [follower.cost.upstream_calls for follower in followers] == [2] * 5


async def test_a_late_joiner_gets_the_recent_bars_from_memory_alone() -> None:
    async with a_stage() as stage:
        await stage.follow(1)
        await stage.play((100.0, 1), 60, (101.0, 1), 60, (102.0, 1), 60, (103.0, 1), 20)
        asked = len(stage.market.asked)
        late = await stage.follow(3)
        await settle()

        assert values(late.chart) == values(stage.market.bars()[-3:])
        assert len(stage.market.asked) == asked


async def test_the_series_ends_with_its_last_follower() -> None:
    async with a_stage() as stage:
        one, other = await stage.follow(0), await stage.follow(0)
        await stage.play((100.0, 1), 1)
        one.scope.cancel()
        await settle()
        assert len(stage.live._running) == 1
        other.scope.cancel()
        await settle()

        assert stage.live._running == {}
        assert stage.market.feed._tick_boxes._ids == {}


async def test_at_most_one_update_in_the_throttle_and_the_newest_state_in_it() -> None:
    async with a_stage() as stage:
        follower = await stage.follow(0, throttle=5)
        await stage.play((100.0, 1), 6)
        before = len(follower.updates)
        await stage.play(*(step for price in range(101, 111) for step in ((float(price), 1), 1.0)))

        assert len(follower.updates) - before <= 2
        await stage.play(5)
        assert follower.last.close == 110


async def test_a_slow_follower_gets_every_bar_that_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond what its mailbox holds it gets them from the history, in one update."""
    monkeypatch.setattr("app.streaming.bars.BarMailbox", partial(BarMailbox, size=20))
    async with a_stage() as stage:
        follower = await stage.follow(0, patience=3600)
        await stage.play((100.0, 1))
        for minute in range(45):
            await stage.play((101.0 + minute, 1), 60)
        await stage.play(2 * 3600)

        expected = values(stage.market.bars())
        assert values(follower.chart) == expected
        assert len(follower.updates) < 5


async def test_while_nobody_is_logged_in_the_snapshot_comes_from_the_history() -> None:
    """And the stream goes on when the feed returns."""
    async with a_stage() as stage:
        stage.market.disconnect(state=FeedState.LOGIN_REQUIRED)
        await stage.play((100.0, 5), 60, (101.0, 5), 1)
        follower = await stage.follow(5)
        await settle()
        assert [(bar.close, bar.state) for bar in follower.updates[0].candles] == [(100, FINAL), (101, FORMING)]

        await stage.play((102.0, 5), 120)
        assert len(follower.updates) == 1
        stage.market.connect()
        await stage.play(1, (103.0, 5), 1)
        assert values(follower.chart) == values(stage.market.bars())


async def test_a_snapshot_that_cannot_be_fetched_says_so_and_the_stream_goes_on() -> None:
    async with a_stage() as stage:
        stage.market.failing = True
        await stage.play((100.0, 5), 60)
        follower = await stage.follow(5)
        await stage.play((101.0, 5), 1)
        first = follower.updates[0]
        assert (first.count, first.problem) == (0, "SOURCE_UNAVAILABLE: the history is down")

        stage.market.failing = False
        await stage.play((102.0, 5), 5, (103.0, 5), 5)
        assert values(follower.chart) == values(stage.market.bars()[-1:])


async def test_a_bar_whose_beginning_nobody_knows_is_not_shown() -> None:
    """While the source fails there is no forming bar; the next one, seen whole, is."""
    async with a_stage() as stage:
        stage.market.failing = True
        await stage.play((100.0, 5), 10)
        follower = await stage.follow(0)
        await stage.play((101.0, 5), 10, (102.0, 5), 10)
        assert follower.told == []

        await stage.play(40, (103.0, 5), 1)
        assert (follower.last.open, follower.last.volume, follower.last.state) == (103, 5, FORMING)


async def test_an_instrument_that_no_stream_carries_is_an_error() -> None:
    async with a_stage() as stage:
        updates = stage.live.updates(
            an_instrument("X", token=None), Interval.MINUTE, snapshot=0, throttle=0, cost=Cost()
        )
        await anext(updates)
        with pytest.raises(NotSupported, match="no instrument token"):
            await anext(updates)
        await updates.aclose()


async def test_one_series_too_many_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever follows one that runs already is welcome."""
    monkeypatch.setattr("app.streaming.bars.MAX_SERIES", 1)
    async with a_stage() as stage:
        await stage.follow(0)
        same = await stage.follow(0)
        other = stage.live.updates(INFY, Interval.HOUR, snapshot=0, throttle=0, cost=Cost())
        with pytest.raises(RateLimited, match="1 charts are live already"):
            await anext(other)

        assert len(same.updates) == 1


async def test_days_form_from_the_source_and_the_ticks_and_settle_later() -> None:
    """A week is its days so far and today."""
    async with a_stage() as stage:
        await stage.play((100.0, 5), 86_400, (90.0, 5), 10)
        day, week = await stage.follow(0, Interval.DAY), await stage.follow(0, Interval.WEEK)
        await stage.play((91.0, 5), 1, (92.0, 5), 1)
        assert (day.last.open, day.last.close, day.last.volume) == (90, 92, 15)
        assert (week.last.open, week.last.low, week.last.close, week.last.volume) == (100, 90, 92, 20)

        asked = len(stage.market.asked)
        await stage.play(14 * 3600)
        assert day.last.state is FINAL
        await stage.play(DAY_SETTLE_DELAY.total_seconds())
        assert len(stage.market.asked) == asked + 1


async def test_a_failed_series_starts_again_and_fills_what_it_missed() -> None:
    async with a_stage() as stage:
        follower = await stage.follow(0)
        await stage.play((100.0, 1), 61, (101.0, 5), 1)
        ((live, _),) = stage.live._running.values()
        with capture_logs() as logs:
            builder, live._builder = live._builder, None  # type: ignore[assignment] # what no code does
            await stage.play((102.0, 5), 1)
            live._builder = builder
        assert [entry["event"] for entry in logs] == ["live_candles_failed"]
        await stage.play(60, (103.0, 5), 1, (104.0, 5), 30)

        assert values(follower.chart) == values(stage.market.bars())
