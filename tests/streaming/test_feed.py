"""The live feed: what readers get, what the source is asked for, and what survives a break."""

from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

import anyio
import anyio.lowlevel
import pytest

from app.clock import SystemClock
from app.domain.errors import InvalidInput
from app.domain.feeds import FeedState
from app.domain.quotes import StreamMode
from app.domain.ticks import Cursor
from app.ports import QuoteStream, TickSink
from app.streaming.feed import LiveFeed
from tests.streaming.stage import MORNING, a_quote, an_instrument, instruments, running_feed

A, B = an_instrument("A"), an_instrument("B")
LTP, QUOTE, FULL = StreamMode


def test_a_feed_is_a_sink_and_a_quote_stream() -> None:
    feed = LiveFeed(None, clock=SystemClock())
    sink: TickSink = feed
    stream: QuoteStream = feed
    assert [sink, stream] == [feed, feed]


async def test_a_reader_gets_the_newest_of_what_it_asked_for() -> None:
    async with running_feed() as stage:
        with stage.feed.quote_stream([A], FULL) as box:
            await stage.settle()
            stage.feed.publish_quotes([a_quote("A", 1), a_quote("B", 2)])
            stage.feed.publish_quotes([a_quote("A", 3)])
            changes = await box.take()
        assert [quote.last_price for quote in changes.quotes] == [3]
        assert (changes.merged, changes.feed) == (1, FeedState.LIVE)


async def test_a_reader_that_left_gets_nothing_and_costs_nothing() -> None:
    async with running_feed() as stage:
        with stage.feed.quote_stream([A], FULL) as box:
            await stage.settle()
        stage.feed.publish_quotes([a_quote("A", 1)])
        assert box.take_now() is None
        assert stage.feed._quote_boxes._by_id == {}


async def test_a_cancelled_reader_releases_its_instruments() -> None:
    async with running_feed() as stage:
        with anyio.move_on_after(0.05), stage.feed.quote_stream([A], LTP) as box:
            await box.take()
        await stage.pass_time(30)
        assert stage.ticks.wanted == {}


async def test_every_reader_learns_the_feed_state_at_once() -> None:
    async with running_feed() as stage:
        with stage.feed.quote_stream([A], LTP) as box:
            stage.state(FeedState.LOGIN_REQUIRED)
            changes = await box.take()
        assert (changes.quotes, changes.feed) == ([], FeedState.LOGIN_REQUIRED)


async def test_status_changes_can_be_awaited_without_polling() -> None:
    async with running_feed() as stage:
        changes = stage.feed.changes()
        await anext(changes)
        seen = []
        async with anyio.create_task_group() as group:

            async def watch() -> None:
                await anext(changes)
                seen.append(stage.feed.status.state)

            group.start_soon(watch)
            await anyio.lowlevel.checkpoint()
            stage.state(FeedState.STALLED)
            stage.state(FeedState.DOWN)
        assert seen == [FeedState.DOWN]


async def test_latest_needs_a_live_feed_a_packet_and_the_mode() -> None:
    async with running_feed(live=False) as stage:
        with stage.feed.quote_stream([A, B], QUOTE):
            await stage.settle()
            stage.feed.publish_quotes([a_quote("A", 1, QUOTE)])
            assert stage.feed.latest(A.id, LTP) is None
            stage.state(FeedState.LIVE)
            assert stage.feed.latest(A.id, QUOTE) == a_quote("A", 1, QUOTE)
            assert stage.feed.latest(A.id) is None
            assert stage.feed.latest(B.id, LTP) is None
            stage.state(FeedState.STALLED)
            assert stage.feed.latest(A.id, LTP) is None


async def test_a_price_of_a_stream_without_heartbeats_holds_for_its_time_alone() -> None:
    """A stream that fell silent, as after the close of New York, leaves a price that must not be called live."""
    async with running_feed() as stage:
        with stage.feed.quote_stream([A, B], QUOTE):
            await stage.settle()
            streamed = replace(a_quote("A", 1, QUOTE), holds_for=timedelta(minutes=2))
            other = replace(a_quote("B", 1, QUOTE), in_session=True)
            stage.feed.publish_quotes([streamed, other])
            await stage.pass_time(110)
            assert stage.feed.latest_of([A.id, B.id], QUOTE) == [streamed, other]
            await stage.pass_time(20)
            assert stage.feed.latest_of([A.id, B.id], QUOTE) == [None, other]
            assert stage.feed.latest(A.id, QUOTE) is None
            assert stage.feed.latest(B.id, QUOTE) == other


async def test_a_mode_that_is_no_longer_carried_is_no_longer_latest() -> None:
    """After the step down from full, the book would go stale without a sign."""
    async with running_feed() as stage:
        with stage.feed.quote_stream([A], LTP):
            with stage.feed.quote_stream([A], FULL):
                await stage.settle()
                stage.feed.publish_quotes([a_quote("A", 1)])
            await stage.pass_time(30)
            assert stage.feed.latest(A.id, FULL) is None
            assert stage.feed.latest(A.id, LTP) is not None


async def test_after_a_break_only_new_packets_are_latest() -> None:
    """And a break of one socket leaves the others' instruments alone."""
    async with running_feed() as stage:
        with stage.feed.quote_stream([A, B], FULL):
            await stage.settle()
            stage.feed.publish_quotes([a_quote("A", 1), a_quote("B", 1)])
            stage.state(FeedState.LIVE, interrupted=True, instruments={A.id})
            assert stage.feed.latest(A.id) is None
            assert stage.feed.latest(B.id) is not None
            stage.state(FeedState.LIVE, interrupted=True)
            assert stage.feed.latest(B.id) is None
            stage.feed.publish_quotes([a_quote("A", 2)])
            assert stage.feed.latest(A.id) == a_quote("A", 2)


async def test_what_was_left_and_wanted_again_starts_without_a_past() -> None:
    async with running_feed() as stage:
        with stage.feed.quote_stream([A], FULL):
            await stage.settle()
            stage.feed.publish_quotes([a_quote("A", 1)])
        await stage.pass_time(30)
        with stage.feed.quote_stream([A], FULL):
            await stage.settle()
            assert stage.feed.latest(A.id) is None


async def test_circuit_limits_of_rest_quotes_are_carried_over() -> None:
    """Into what is streamed already, into what comes, and never from yesterday."""
    async with running_feed() as stage:
        with stage.feed.quote_stream([A], FULL) as box:
            await stage.settle()
            stage.feed.publish_quotes([a_quote("A", 1)])
            stage.feed.remember([a_quote("A", 2, limit=90.0), a_quote("B", 2)])
            assert stage.feed.latest(A.id) == a_quote("A", 1, limit=90.0)
            stage.feed.remember([a_quote("A", 3, limit=95.0)])
            stage.feed.publish_quotes([a_quote("A", 4)])
            assert (await box.take()).quotes == [a_quote("A", 4, limit=95.0)]
            tomorrow = replace(a_quote("A", 5), received_at=MORNING + timedelta(days=1))
            stage.feed.publish_quotes([tomorrow])
            assert stage.feed.latest(A.id) == tomorrow


async def test_hot_instruments_are_streamed_in_full_for_a_while() -> None:
    async with running_feed(capacity=2) as stage:
        stage.feed.keep_hot([A, B])
        await stage.settle()
        assert stage.ticks.modes == {"A": (FULL, False), "B": (FULL, False)}
        assert stage.feed.subscribed_instruments == 2
        with stage.feed.quote_stream([an_instrument("C")], LTP) as box:
            await stage.settle()
            assert box.rejected == {}
            assert stage.ticks.modes == {"B": (FULL, False), "C": (LTP, False)}
            await stage.pass_time(60)
            assert stage.ticks.modes == {"C": (LTP, False)}


async def test_hundreds_of_streams_that_open_at_once_are_a_few_messages_to_the_source() -> None:
    async with running_feed(capacity=500) as stage, AsyncExitStack() as open_streams:
        for number in range(300):
            open_streams.enter_context(stage.feed.quote_stream(instruments(f"S{number}"), LTP))
            if number % 50 == 0:
                await anyio.lowlevel.checkpoint()
        await stage.settle()
        assert len(stage.ticks.wanted) == 300
        assert stage.ticks.wants <= 3


async def test_the_rate_is_the_mean_of_the_last_seconds() -> None:
    async with running_feed() as stage:
        assert stage.feed.ticks_per_second == 0.0
        await anyio.sleep(0.01)
        stage.ticks.packets = 1_000
        stage.clock.advance(4)
        assert stage.feed.ticks_per_second == 250.0
        assert stage.feed.last_tick_at is None
        stage.feed.publish_quotes([a_quote("A", 1)])
        assert stage.feed.last_tick_at == a_quote("A", 1).received_at


async def test_without_a_source_the_feed_is_disabled_and_refuses_with_a_reason() -> None:
    feed = LiveFeed(None, clock=SystemClock())
    with feed.quote_stream([A], LTP) as quotes, feed.tick_stream([A]) as ticks:
        assert quotes.rejected.keys() == ticks.rejected.keys() == {A.id}
    assert feed.status.state is FeedState.DISABLED
    feed.keep_hot([A])
    assert (feed.capacity, feed.subscribed_instruments, feed.latest(A.id)) == (0, 0, None)
    with anyio.move_on_after(0.01) as scope:
        await feed.run()
    assert scope.cancelled_caught


# ---------------------------------------------------------------- ticks


async def test_every_tick_arrives_in_order_with_a_cursor() -> None:
    async with running_feed() as stage:
        with stage.feed.tick_stream([A, B]) as box:
            await stage.settle()
            assert stage.ticks.modes == {"A": (FULL, True), "B": (FULL, True)}
            sent = [*stage.tick("A", "B", "C"), *stage.tick("A")]
            batch = await box.take()
        assert batch.ticks == [sent[0], sent[1], sent[3]]
        assert (batch.missed, batch.gap) == (0, False)


async def test_a_reader_that_comes_back_within_the_linger_has_lost_nothing() -> None:
    """Ticks that came while it was away are replayed exactly, and then it is live again."""
    async with running_feed() as stage:
        with stage.feed.tick_stream([A, B]) as box:
            stage.tick("A")
            cursor = (await box.take()).cursor
        away = stage.tick("A", "B")
        with stage.feed.tick_stream([B, A], cursor) as box:
            assert box.cursor == cursor
            back = stage.tick("B")
            batch = await box.take()
        assert batch.ticks == [*away, *back]
        assert (batch.missed, batch.gap) == (0, False)


async def test_the_cursor_of_a_stream_that_has_just_opened_resumes_exactly() -> None:
    async with running_feed() as stage:
        with stage.feed.tick_stream([A]) as box:
            cursor = box.cursor
        sent = stage.tick("A")
        with stage.feed.tick_stream([A], cursor) as box:
            assert (await box.take()).ticks == sent


async def test_a_reader_that_comes_back_after_the_linger_is_told_of_the_gap() -> None:
    async with running_feed() as stage:
        with stage.feed.tick_stream([A]) as box:
            cursor = box.cursor
        await stage.pass_time(30)
        stage.tick("A")
        with stage.feed.tick_stream([A], cursor) as box:
            batch = await box.take()
        assert (batch.ticks, batch.missed, batch.gap) == ([], 1, True)


async def test_a_cursor_of_a_former_process_is_a_gap_that_is_told_at_once() -> None:
    async with running_feed() as stage:
        with stage.feed.tick_stream([A], Cursor("former", 99)) as box:
            batch = await box.take()
            again = box.cursor
        assert (batch.ticks, batch.gap) == ([], True)
        with stage.feed.tick_stream([A], again) as box:
            assert box.take_now() is None


async def test_a_cursor_from_the_future_opens_nothing() -> None:
    async with running_feed() as stage:
        with (
            pytest.raises(InvalidInput, match="ahead of the stream"),
            stage.feed.tick_stream([A], replace(_cursor(stage.feed), sequence=9_999)),
        ):
            pytest.fail("it opened")
        assert stage.feed._interest.wanted == {}


def _cursor(feed: LiveFeed) -> Cursor:
    return Cursor(feed._tape.epoch, feed._tape.sequence)


async def test_a_break_is_told_between_the_ticks_before_and_after() -> None:
    async with running_feed() as stage:
        with stage.feed.tick_stream([A]) as touched, stage.feed.tick_stream([B]) as untouched:
            before = stage.tick("A")
            stage.state(FeedState.CONNECTING, interrupted=True, instruments={A.id})
            after = stage.tick("A", "B")
            first, second = await touched.take(), await touched.take()
            other = await untouched.take()
        assert (first.ticks, first.missed, first.gap) == (before, 0, False)
        assert (second.ticks, second.missed, second.gap) == (after[:1], 1, True)
        assert (other.ticks, other.missed, other.gap) == (after[1:], 0, False)


async def test_a_break_is_told_at_once_and_only_once() -> None:
    """Who took the batch with the gap resumes after it; who did not is told on coming back."""
    async with running_feed() as stage:
        with stage.feed.tick_stream([A]) as box:
            untold = box.cursor
            stage.state(FeedState.CONNECTING, interrupted=True)
            told = await box.take()
        assert (told.ticks, told.gap) == ([], True)
        sent = stage.tick("A")
        for cursor, gap in ((untold, True), (told.cursor, False)):
            with stage.feed.tick_stream([A], cursor) as box:
                batch = await box.take()
            assert (batch.ticks, batch.gap, batch.missed) == (sent, gap, int(gap))


async def test_a_refused_instrument_makes_no_gap() -> None:
    async with running_feed() as stage:
        nameless = an_instrument("N", token=None)
        with stage.feed.tick_stream([A, nameless]) as box:
            assert box.rejected.keys() == {nameless.id}
            cursor = box.cursor
        with stage.feed.tick_stream([A, nameless], cursor) as box:
            assert box.take_now() is None


async def test_a_slow_reader_delays_no_other() -> None:
    """It loses the oldest and is told how many; the quick one has them all."""
    async with running_feed() as stage:
        with stage.feed.tick_stream([A]) as slow, stage.feed.tick_stream([A]) as quick:
            slow._size = 10
            got = []
            for _ in range(50):
                stage.tick("A")
                got += (await quick.take()).ticks
            batch = await slow.take()
        assert [tick.volume for tick in got] == list(range(1, 51))
        assert (batch.missed, batch.gap) == (40, False)
        assert [tick.volume for tick in batch.ticks] == list(range(41, 51))
