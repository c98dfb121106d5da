"""Two streams as one: who carries what, who stands in, and what the sink is told."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio

from app.domain.feeds import FeedState, FeedStatus
from app.domain.instruments import Instrument
from app.domain.provenance import DataSource
from app.domain.quotes import Quote, StreamMode
from app.ports import Wanted
from app.providers.fallback_ticks import FallbackTicks, Stream
from app.streaming.feed import LiveFeed
from tests.streaming.stage import PlayedTicks, a_quote, a_tick, an_instrument
from tests.support.clock import FixedClock
from tests.support.patience import PATIENCE

INFY, WORLD, FUTURE = (an_instrument(name) for name in ("INFY", "WORLD", "FUTURE"))
GRACE = 0.05


class Pair:
    """A first stream without WORLD, a second one without FUTURE, and a live feed on both."""

    def __init__(self, *, configured: bool = True) -> None:
        self.clock = FixedClock()
        self.first, self.second = PlayedTicks(), PlayedTicks()
        self.both = FallbackTicks(
            Stream(DataSource.KITE, self.first if configured else None, lambda instrument: instrument is not WORLD),
            Stream(DataSource.YAHOO, self.second, lambda instrument: instrument is not FUTURE),
            clock=self.clock,
            grace=GRACE,
        )
        self.feed = LiveFeed(self.both, clock=self.clock, is_live=self.both.is_live, carries=self.both.carries)

    def says(self, ticks: PlayedTicks, state: FeedState, *, interrupted: bool = False) -> None:
        """A stream changes its state."""
        assert ticks.sink is not None
        ticks.sink.feed_changed(FeedStatus(state, self.clock.now(), "a test"), interrupted=interrupted)

    def price(self, ticks: PlayedTicks, symbol: str, price: float) -> None:
        """A stream publishes a quote and a tick."""
        assert ticks.sink is not None
        ticks.sink.publish_quotes([a_quote(symbol, price)])
        ticks.sink.publish_ticks([a_tick(symbol, 1)])


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what tasks will do."""
    with anyio.fail_after(PATIENCE):
        while not condition():  # noqa: ASYNC110 - no event says so
            await anyio.sleep(0.005)


@asynccontextmanager
async def running(*instruments: Instrument, configured: bool = True) -> AsyncIterator[tuple[Pair, list[Quote]]]:
    """A pair that streams these, and all quotes that a subscriber of them got."""
    pair, got = Pair(configured=configured), list[Quote]()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pair.feed.run)
        await until(lambda: pair.second.sink is not None)
        tasks.start_soon(follow, pair, instruments, got)
        await until(lambda: pair.both._wanted.keys() == {each.id for each in instruments})
        yield pair, got
        tasks.cancel_scope.cancel()


async def follow(pair: Pair, instruments: Sequence[Instrument], got: list[Quote]) -> None:
    """Keep what comes."""
    with pair.feed.quote_stream(instruments, StreamMode.FULL) as box:
        while True:
            got += (await box.take()).quotes


async def test_each_stream_gets_what_it_is_the_first_choice_of() -> None:
    """While the first is live the second carries only what the first has not."""
    async with running(INFY, WORLD, FUTURE) as (pair, _):
        pair.says(pair.first, FeedState.LIVE)
        await anyio.sleep(2 * GRACE)
        assert pair.first.wanted.keys() == {INFY.id, FUTURE.id}
        assert pair.second.wanted.keys() == {WORLD.id}
        kite, yahoo = pair.both.view(DataSource.KITE), pair.both.view(DataSource.YAHOO)
        assert (kite.subscribed_instruments, yahoo.subscribed_instruments) == (2, 1)
        assert (kite.status.state, yahoo.status.state) == (FeedState.LIVE, FeedState.CONNECTING)


async def test_the_second_stands_in_and_says_why_until_the_first_is_back() -> None:
    """The feed's state stays that of the first, so that a page learns what is wrong."""
    async with running(INFY, WORLD) as (pair, got):
        pair.says(pair.first, FeedState.LIVE)
        pair.says(pair.second, FeedState.LIVE)
        pair.says(pair.first, FeedState.LOGIN_REQUIRED, interrupted=True)
        await until(lambda: INFY.id in pair.second.wanted)
        pair.price(pair.second, "INFY", 5.0)
        await until(lambda: bool(got))
        assert got[-1].fallback_reason == "KITE: LOGIN_REQUIRED: a test"
        assert pair.feed.status.state is FeedState.LOGIN_REQUIRED
        assert pair.feed.latest(INFY.id) is None
        pair.says(pair.first, FeedState.LIVE)
        assert pair.feed.latest(INFY.id) is None, "a price that stood in is not the newest of the stream that is back"
        await until(lambda: INFY.id not in pair.second.wanted)
        pair.price(pair.first, "INFY", 6.0)
        pair.price(pair.second, "INFY", 5.5)
        await until(lambda: got[-1].last_price == 6.0)
        assert got[-1].fallback_reason is None


async def test_a_short_break_is_waited_for() -> None:
    """Within the grace nobody stands in."""
    async with running(INFY) as (pair, _):
        pair.says(pair.first, FeedState.LIVE)
        pair.says(pair.first, FeedState.CONNECTING, interrupted=True)
        await anyio.sleep(GRACE / 5)
        assert INFY.id not in pair.second.wanted
        pair.says(pair.first, FeedState.LIVE)
        await anyio.sleep(2 * GRACE)
        assert INFY.id not in pair.second.wanted
        pair.says(pair.first, FeedState.STALLED, interrupted=True)
        await until(lambda: INFY.id in pair.second.wanted)


async def test_what_only_the_second_has_depends_on_the_second_alone() -> None:
    """Its state is newest while its own stream is live, whatever the first does."""
    async with running(INFY, WORLD) as (pair, got):
        pair.says(pair.second, FeedState.LIVE)
        pair.price(pair.second, "WORLD", 7.0)
        await until(lambda: bool(got))
        newest = pair.feed.latest(WORLD.id)
        assert newest is not None
        assert (newest.last_price, newest.fallback_reason) == (7.0, None)
        pair.says(pair.first, FeedState.LIVE)
        assert pair.feed.latest(WORLD.id) is newest
        pair.says(pair.second, FeedState.CONNECTING, interrupted=True)
        assert pair.feed.latest(WORLD.id) is None


async def test_an_interruption_concerns_only_the_streams_own_instruments() -> None:
    """What the other stream said before is still the newest."""
    async with running(INFY, WORLD) as (pair, got):
        for ticks in (pair.first, pair.second):
            pair.says(ticks, FeedState.LIVE)
        pair.price(pair.first, "INFY", 1.0)
        pair.price(pair.second, "WORLD", 7.0)
        await until(lambda: len(got) == 2)
        pair.says(pair.second, FeedState.LIVE, interrupted=True)
        assert pair.feed.latest(INFY.id) is not None
        assert pair.feed.latest(WORLD.id) is None


async def test_what_has_no_token_of_the_first_is_streamed_by_the_second() -> None:
    """It is served while its own stream is live, also to a query of many, and forgotten when nobody wants it."""
    bare = replace(WORLD, instrument_token=None)
    own = FallbackTicks(
        Stream(DataSource.KITE, PlayedTicks(), lambda each: each.id != bare.id),
        Stream(DataSource.YAHOO, second := PlayedTicks(), lambda each: each.id == bare.id),
        clock=FixedClock(),
    )
    feed = LiveFeed(own, clock=FixedClock(), linger=0.0, is_live=own.is_live, carries=own.carries)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(feed.run)
        await until(lambda: second.sink is not None)
        with feed.quote_stream([bare, replace(FUTURE, instrument_token=None)], StreamMode.FULL) as box:
            assert box.rejected.keys() == {FUTURE.id}
            await until(lambda: bare.id in second.wanted)
            assert second.sink is not None
            second.sink.feed_changed(FeedStatus(FeedState.LIVE, feed.status.since), interrupted=False)
            second.sink.publish_quotes([a_quote("WORLD", 7.0)])
            assert feed.status.state is FeedState.CONNECTING
            (newest, nothing) = feed.latest_of([bare.id, INFY.id])
            assert newest is not None
            assert (newest.last_price, nothing) == (7.0, None)
        await until(lambda: not second.wanted)
        assert feed.latest(bare.id) is None
        tasks.cancel_scope.cancel()


async def test_ticks_are_never_stood_in_for() -> None:
    """An event stream of another source would repeat and skip trades."""
    async with running(INFY, WORLD) as (pair, _):
        with pair.feed.tick_stream([INFY, WORLD]) as box:
            pair.says(pair.first, FeedState.LOGIN_REQUIRED)
            await until(lambda: INFY.id in pair.second.wanted)
            box.take_now()
            pair.price(pair.second, "INFY", 5.0)
            pair.price(pair.second, "WORLD", 5.0)
            assert [tick.id for tick in (await box.take()).ticks] == [WORLD.id]


async def test_without_a_first_stream_the_second_stands_in_for_good() -> None:
    """Kite is not configured: the feed says DISABLED, and prices come."""
    async with running(INFY, configured=False) as (pair, got):
        await until(lambda: INFY.id in pair.second.wanted)
        pair.price(pair.second, "INFY", 5.0)
        await until(lambda: bool(got))
        assert got[-1].fallback_reason == "KITE: DISABLED: KITE is not configured"
        assert pair.feed.status.state is FeedState.DISABLED


def test_what_is_wanted_of_a_stream_keeps_its_mode() -> None:
    """The share is a part of what the feed wants, nothing else."""
    pair = Pair()
    want = Wanted(INFY, StreamMode.FULL, every_tick=True)
    pair.both.want({INFY.id: want})
    assert pair.first.wanted == {INFY.id: want}
