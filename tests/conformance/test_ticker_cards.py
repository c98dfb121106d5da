"""Numbered cards for every stream of prices. Add a provider: one bench, one line below."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, timedelta

import anyio
import pytest

from app.domain.feeds import FeedState
from app.domain.provenance import DataSource
from app.domain.quotes import StreamMode
from tests.conformance.ticker_bench import (
    BrokerTickerBench,
    OpenBrokerTickerBench,
    OpenTickerBench,
    TickerBench,
    open_kite_ticker_bench,
)
from tests.conformance.yahoo_bench import open_yahoo_ticker_bench
from tests.support.patience import PATIENCE

BROKERS = [pytest.param(open_kite_ticker_bench, id="kite")]
BENCHES = [*BROKERS, pytest.param(open_yahoo_ticker_bench, id="yahoo")]

FULL, LTP = StreamMode.FULL, StreamMode.LTP


@pytest.fixture(params=BENCHES)
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[TickerBench]:
    """Each provider, connected."""
    open_bench: OpenTickerBench = request.param
    async with open_bench() as running:
        await running.reach(FeedState.LIVE)
        yield running


@pytest.fixture(params=BROKERS)
async def broker_bench(request: pytest.FixtureRequest) -> AsyncIterator[BrokerTickerBench]:
    """Each provider with a login, modes, contracts and a limit of sockets, connected."""
    open_bench: OpenBrokerTickerBench = request.param
    async with open_bench() as running:
        await running.reach(FeedState.LIVE)
        yield running


async def settled(bench: TickerBench, subscribed: int, *, within: float = PATIENCE) -> None:
    """Wait until the upstream counts so many subscriptions."""
    with anyio.fail_after(within):
        while bench.subscribed() != subscribed:  # noqa: ASYNC110 -- another server's state fires no event here
            await anyio.sleep(0.01)


async def test_01_a_share_streams_in_full_and_labelled(broker_bench):
    """Depth, times in UTC, and never the label of the real exchange."""
    with broker_bench.feed.quote_stream([broker_bench.share], FULL) as box:
        quote = (await box.take()).quotes[0]
    assert (quote.id, quote.source, quote.mode) == (broker_bench.share.id, DataSource.SANDBOX, FULL)
    assert quote.last_price > 0
    assert quote.depth is not None
    assert 0 < len(quote.depth.bids) <= 5
    assert quote.exchange_time is not None
    assert quote.exchange_time.tzinfo is UTC
    assert abs(quote.received_at - quote.exchange_time) < timedelta(minutes=2)


async def test_02_an_index_and_a_contract_have_what_they_have(broker_bench):
    """No volume of an index, open interest of a contract."""
    with broker_bench.feed.quote_stream([broker_bench.index, broker_bench.contract], FULL):
        index, contract = (
            await broker_bench.latest(broker_bench.index),
            await broker_bench.latest(broker_bench.contract),
        )
    assert (index.volume, index.depth, index.open_interest) == (None, None, None)
    assert index.exchange_time is not None
    assert contract.open_interest is not None


async def test_03_what_was_never_priced_is_silent_and_disturbs_nobody(bench):
    with bench.feed.quote_stream([bench.never, bench.share], FULL) as box:
        quotes = (await box.take()).quotes
        assert [quote.id for quote in quotes] == [bench.share.id]
        assert box.rejected == {}
        assert bench.feed.latest(bench.never.id, LTP) is None


async def test_04_a_lower_mode_carries_less_and_a_higher_one_serves_both(broker_bench):
    with broker_bench.feed.quote_stream([broker_bench.share], LTP) as low:
        assert (await low.take()).quotes[0].depth is None
        with broker_bench.feed.quote_stream([broker_bench.share], FULL) as high:
            assert (await high.take()).quotes[0].depth is not None


async def test_05_above_the_limit_of_a_socket(broker_bench):
    """2,500 instruments over three sockets, each with a price of its own within seconds."""
    many = broker_bench.many(2_500)
    with broker_bench.feed.quote_stream(many, FULL) as box:
        assert box.rejected == {}
        await settled(broker_bench, 2_500)
        assert broker_bench.open_sockets() == 3
        seen: set[str] = set()
        with anyio.fail_after(3 * PATIENCE):
            while len(seen) < 2_500:
                seen.update(quote.id for quote in (await box.take()).quotes)


async def test_06_a_dropped_socket_is_resubscribed_and_the_gap_is_told(bench):
    with bench.feed.tick_stream([bench.share, bench.index]) as box:
        assert (await box.take()).missed == 0
        assert await bench.fault("drop_socket") == 1
        await bench.reach(FeedState.CONNECTING)
        await bench.reach(FeedState.LIVE)
        await settled(bench, 2)
        with anyio.fail_after(PATIENCE):
            while not (batch := await box.take()).gap:
                pass
            while not batch.ticks:
                batch = await box.take()


async def test_07_a_stalled_socket_is_noticed_and_replaced(bench):
    with bench.feed.quote_stream([bench.share], FULL):
        await bench.latest(bench.share)
        assert await bench.fault("stall_socket") == 1
        await bench.reach(FeedState.STALLED)
        assert bench.feed.latest(bench.share.id) is None
        await bench.reach(FeedState.LIVE)
        await bench.latest(bench.share)


async def test_08_a_token_that_dies_parks_the_feed_and_a_new_one_takes_over(broker_bench):
    """The open socket lives on, the next dial is refused once, and a login brings every subscription back."""
    with broker_bench.feed.quote_stream([broker_bench.share, broker_bench.index], FULL) as box:
        await settled(broker_bench, 2)
        await broker_bench.fault("dead_token")
        await broker_bench.latest(broker_bench.share)
        dials = broker_bench.dials()
        await broker_bench.fault("drop_socket")
        await broker_bench.reach(FeedState.LOGIN_REQUIRED)
        await anyio.sleep(0.2)
        assert broker_bench.dials() == dials + 1
        await broker_bench.log_in()
        await broker_bench.reach(FeedState.LIVE)
        await settled(broker_bench, 2)
        await broker_bench.latest(broker_bench.share)
        assert (await box.take()).feed is FeedState.LIVE


async def test_09_a_new_token_takes_over_a_running_stream(broker_bench):
    with broker_bench.feed.quote_stream([broker_bench.share], FULL):
        await broker_bench.latest(broker_bench.share)
        dials = broker_bench.dials()
        await broker_bench.log_in()
        await broker_bench.reach(FeedState.CONNECTING)
        await broker_bench.reach(FeedState.LIVE)
        await settled(broker_bench, 1)
        assert (broker_bench.dials(), broker_bench.open_sockets()) == (dials + 1, 1)
        await broker_bench.latest(broker_bench.share)


async def test_10_sockets_that_another_process_holds_are_rate_limited(broker_bench):
    """Kite allows three for an account; as soon as they are free again, the feed has them."""
    async with AsyncExitStack() as stream:
        async with broker_bench.hold_sockets(2):
            box = stream.enter_context(broker_bench.feed.quote_stream(broker_bench.many(1_001), LTP))
            await broker_bench.reach(FeedState.RATE_LIMITED)
            assert "another process" in str(broker_bench.feed.status.message)
        await broker_bench.reach(FeedState.LIVE)
        await settled(broker_bench, 1_001)
        assert box.rejected == {}


async def test_11_a_burst_arrives_in_order_and_whole(broker_bench):
    """500 packets of one instrument as fast as the socket takes them."""
    with broker_bench.feed.tick_stream([broker_bench.share]) as box:
        await box.take()
        await broker_bench.fault("tick_burst", count=500, instrument=broker_bench.share.id)
        numbers: list[int] = []
        with anyio.fail_after(PATIENCE):
            while len(numbers) < 500:
                batch = await box.take()
                assert batch.missed == 0
                for tick in batch.ticks:
                    if tick.last_quantity == len(numbers) + 1:  # others are ordinary ticks in between
                        numbers.append(tick.last_quantity)


async def test_12_prices_below_zero_arrive_as_they_are(broker_bench):
    """Crude oil in April 2020."""
    with broker_bench.feed.quote_stream([broker_bench.contract], FULL) as box:
        assert (await box.take()).quotes[0].last_price > 0
        await broker_bench.fault("negative_price", instrument=broker_bench.contract.id)
        with anyio.fail_after(PATIENCE):
            while (await box.take()).quotes[0].last_price > 0:
                pass


async def test_13_leavers_are_unsubscribed_after_the_linger(bench):
    with bench.feed.quote_stream(bench.many(10), LTP):
        await settled(bench, 10)
    await anyio.sleep(0.2)
    assert bench.subscribed() == 10
    bench.feed._interest.expire(float("inf"))
    await settled(bench, 0)
    assert bench.feed.status.state is FeedState.LIVE
