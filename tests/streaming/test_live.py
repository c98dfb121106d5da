"""Live prices for one subscriber: the snapshot, the rate, the sequence, and what cannot be had."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise

import anyio
import pytest

from app.domain.errors import MarketDataError, NotPriced, UnknownInstrument
from app.domain.feeds import FeedState
from app.domain.instruments import Instrument
from app.domain.provenance import Cost
from app.domain.quotes import Quote, StreamMode
from app.domain.ticks import Cursor
from app.domain.updates import QuoteUpdate, Rejection
from app.streaming.live import SNAPSHOT_PATIENCE, LiveQuotes, LiveTicks
from tests.streaming.stage import Stage, a_quote, an_instrument, instruments, running_feed
from tests.support.virtual_time import LoopClock


@dataclass
class ToldQuotes:
    """A quote service with the prices that a test told it."""

    prices: dict[str, float] = field(default_factory=dict)
    asked: list[list[str]] = field(default_factory=list)
    gate: anyio.Event = field(default_factory=anyio.Event)

    async def quotes(
        self, instruments: Sequence[Instrument], *, max_age: timedelta | None, cost: Cost
    ) -> Mapping[str, Quote | MarketDataError]:
        """A quote for each that has a price, once the gate is open."""
        self.asked.append([instrument.symbol for instrument in instruments])
        await self.gate.wait()
        cost.upstream_calls += 1
        return {
            item.id: a_quote(item.symbol, self.prices[item.symbol])
            if item.symbol in self.prices
            else NotPriced(f"{item.id} has no price")
            for item in instruments
        }


@dataclass
class Bench:
    """A feed on stage, a quote service, and the live quotes over both."""

    stage: Stage
    quotes: ToldQuotes
    live: LiveQuotes
    merged: list[int]
    cost: Cost = field(default_factory=Cost)

    def updates(
        self, *symbols: str, throttle: float = 0.0, rejected: Sequence[Rejection] = ()
    ) -> AsyncGenerator[QuoteUpdate, None]:
        """A subscription."""
        return self.live.updates(
            instruments(*symbols), mode=StreamMode.LTP, throttle=throttle, rejected=rejected, cost=self.cost
        )

    def publish(self, **prices: float) -> None:
        """Packets of the stream; a higher price is a later one."""
        self.stage.feed.publish_quotes([a_quote(symbol, price) for symbol, price in prices.items()])

    async def warm(self, **prices: float) -> None:
        """Let the stream carry these, each with a price."""
        self.stage.feed.keep_hot(instruments(*prices))
        await self.stage.settle()
        self.publish(**prices)


@asynccontextmanager
async def bench(capacity: int = 100, *, live: bool = True) -> AsyncIterator[Bench]:
    """Everything running; the quote service answers at once."""
    async with running_feed(capacity, live=live) as stage:
        quotes = ToldQuotes()
        merged: list[int] = []
        quotes.gate.set()
        yield Bench(stage, quotes, LiveQuotes(stage.feed, quotes, LoopClock(), on_merged=merged.append), merged)


def prices(update: QuoteUpdate) -> dict[str, float]:
    """What an update says, by symbol."""
    return {quote.id.partition(":")[2]: quote.last_price for quote in update.quotes}


async def test_running_stream_gives_the_snapshot_for_nothing() -> None:
    """Nobody upstream is asked, and the cost says so."""
    async with bench() as it:
        await it.warm(A=5.0, B=6.0)
        updates = it.updates("A", "B")
        first = await anext(updates)
        await updates.aclose()

        assert (first.sequence, first.snapshot, first.feed, first.rejected) == (1, True, FeedState.LIVE, [])
        assert prices(first) == {"A": 5.0, "B": 6.0}
        assert it.quotes.asked == []
        assert it.cost == Cost(upstream_calls=0, from_stream=2)


async def test_snapshot_waits_a_moment_for_instruments_that_just_joined() -> None:
    """Their first packet costs nothing and comes within a tenth of a second; a request is one out of one a second."""
    async with bench() as it, anyio.create_task_group() as tasks:

        async def come_later() -> None:
            await it.stage.settle()
            await anyio.sleep(SNAPSHOT_PATIENCE / 4)
            it.publish(A=5.0)

        tasks.start_soon(come_later)
        updates = it.updates("A")
        assert prices(await anext(updates)) == {"A": 5.0}
        assert it.quotes.asked == []
        await updates.aclose()


async def test_snapshot_asks_for_what_the_stream_did_not_bring_in_time() -> None:
    """Only for that; what has no price even then is rejected, and subscribed all the same."""
    async with bench() as it:
        await it.warm(A=5.0)
        it.quotes.prices["B"] = 6.0
        began = anyio.current_time()
        updates = it.updates("A", "B", "C")
        first = await anext(updates)

        assert SNAPSHOT_PATIENCE <= anyio.current_time() - began < SNAPSHOT_PATIENCE + 0.1
        assert it.quotes.asked == [["B", "C"]]
        assert prices(first) == {"A": 5.0, "B": 6.0}
        assert first.rejected == [Rejection("NSE:C", "NOT_PRICED", "NSE:C has no price", subscribed=True)]
        it.publish(C=7.0)
        assert prices(await anext(updates)) == {"C": 7.0}
        await updates.aclose()


@pytest.mark.parametrize("state", sorted(set(FeedState) - {FeedState.LIVE}))
async def test_snapshot_does_not_wait_for_a_stream_that_is_down(state: FeedState) -> None:
    """The source is asked at once, and the update says in what state the feed is."""
    async with bench(live=False) as it:
        it.stage.state(state)
        it.quotes.prices["A"] = 6.0
        updates = it.updates("A")
        with anyio.fail_after(SNAPSHOT_PATIENCE / 2):
            first = await anext(updates)
        assert (prices(first), first.feed) == ({"A": 6.0}, state)
        await updates.aclose()


async def test_packet_older_than_the_snapshot_is_not_sent_after_it() -> None:
    """A packet may arrive while the source is being asked; a price must never go back in time."""
    async with bench() as it, anyio.create_task_group() as tasks:
        it.quotes.gate = anyio.Event()
        it.quotes.prices |= {"A": 50.0, "B": 50.0}
        it.stage.state(FeedState.STALLED)

        async def old_and_new() -> None:
            await it.stage.settle()
            it.publish(A=49.0, B=51.0)
            it.quotes.gate.set()

        tasks.start_soon(old_and_new)
        updates = it.updates("A", "B")
        assert prices(await anext(updates)) == {"A": 50.0, "B": 50.0}
        assert prices(await anext(updates)) == {"B": 51.0}
        it.publish(A=52.0)
        assert prices(await anext(updates)) == {"A": 52.0}
        await updates.aclose()


async def test_updates_come_at_the_subscribers_own_rate_with_the_newest_state() -> None:
    """At most one in a throttle, numbered by one: waiting out the throttle is no slowness."""
    async with bench() as it, anyio.create_task_group() as tasks:
        await it.warm(A=1.0, B=1.0)
        tasks.start_soon(moving, it)
        updates = it.updates("A", "B", throttle=0.15)
        times, seen = [], []
        for _ in range(4):
            seen.append(await anext(updates))
            times.append(anyio.current_time())
        tasks.cancel_scope.cancel()
        await updates.aclose()

    pauses = [after - before for before, after in pairwise(times)]
    assert min(pauses) > 0.14
    assert [update.sequence for update in seen] == [1, 2, 3, 4]
    assert all(len(update.quotes) == 2 for update in seen)
    newest = [prices(update)["A"] for update in seen]
    assert newest == sorted(set(newest))
    assert newest[-1] - newest[1] > 4, "many states were merged in each"
    assert it.merged == []


async def moving(it: Bench) -> None:
    """A market with a new state a hundred times a second."""
    price = 1.0
    while True:
        price += 1
        it.publish(A=price, B=price)
        await anyio.sleep(0.01)


async def test_blocked_subscriber_finds_the_newest_state_and_a_jump_of_its_sequence() -> None:
    """The jump is what a quick one would have had: never more than the states there were, or the time allows."""
    async with bench() as it:
        await it.warm(A=1.0, B=1.0)
        updates = it.updates("A", "B")
        await anext(updates)
        for price in (2.0, 3.0, 4.0, 5.0):
            it.publish(A=price)
        it.publish(B=9.0)
        await anyio.sleep(0.2)  # its socket takes nothing
        late = await anext(updates)
        it.publish(A=6.0)
        next_one = await anext(updates)
        await updates.aclose()

        assert prices(late) == {"A": 5.0, "B": 9.0}
        assert (late.sequence, next_one.sequence) == (5, 6)
        assert it.merged == [3]


async def test_new_state_of_the_feed_is_an_update_of_its_own() -> None:
    """Without quotes, told once; what flaps back before anyone looks is no news."""
    async with bench() as it:
        await it.warm(A=1.0)
        updates = it.updates("A")
        await anext(updates)
        it.stage.state(FeedState.STALLED, interrupted=True)
        broken = await anext(updates)
        it.stage.state(FeedState.LIVE)
        it.publish(A=2.0)
        mended = await anext(updates)
        it.stage.state(FeedState.CONNECTING)
        it.stage.state(FeedState.LIVE)
        it.publish(A=3.0)
        after = await anext(updates)
        await updates.aclose()

        assert (broken.feed, broken.quotes, broken.sequence) == (FeedState.STALLED, [], 2)
        assert (mended.feed, prices(mended), mended.sequence) == (FeedState.LIVE, {"A": 2.0}, 3)
        assert (after.feed, prices(after), after.sequence) == (FeedState.LIVE, {"A": 3.0}, 4)


async def test_what_the_stream_cannot_carry_is_rejected_and_the_rest_goes_on() -> None:
    """Beyond the capacity, or without a token; beside what the caller refused already."""
    async with bench(capacity=1) as it:
        it.quotes.prices["A"] = 1.0
        unknown = Rejection.of("NSE:X", UnknownInstrument("no such thing"), subscribed=False)
        updates = it.updates("A", "B", rejected=[unknown])
        first = await anext(updates)

        told = {item.id: (item.code, item.subscribed) for item in first.rejected}
        assert told == {"NSE:X": ("UNKNOWN_INSTRUMENT", False), "NSE:B": ("NOT_SUPPORTED", False)}
        assert prices(first) == {"A": 1.0}
        it.publish(A=2.0)
        assert (await anext(updates)).rejected == []
        await updates.aclose()

        with pytest.raises(StopAsyncIteration):
            await ended(it.updates(rejected=[unknown]))


async def ended(updates: AsyncGenerator[QuoteUpdate, None]) -> QuoteUpdate:
    """The second update, after one that had nothing to wait for."""
    assert (await anext(updates)).quotes == []
    return await anext(updates)


async def test_leaving_gives_the_instruments_back_even_in_the_middle_of_the_snapshot() -> None:
    """Whether the subscriber closes, or is cancelled while the source is being asked."""
    async with bench() as it:
        it.quotes.gate = anyio.Event()
        with anyio.move_on_after(SNAPSHOT_PATIENCE + 0.2) as patience:
            await anext(it.updates("A"))
        assert patience.cancelled_caught
        assert it.stage.ticks.wanted.keys() == {"NSE:A"}
        await it.stage.pass_time(31)
        assert it.stage.ticks.wanted == {}


async def test_ticks_begin_with_the_position_and_end_if_nothing_can_come() -> None:
    """The first batch is empty; then every tick in order; a subscription to nothing ends by itself."""
    async with running_feed(1) as stage:
        live = LiveTicks(stage.feed)
        unknown = Rejection.of("NSE:X", UnknownInstrument("no such thing"), subscribed=False)
        batches = live.batches(instruments("A", "B"), after=None, rejected=[unknown])
        first = await anext(batches)
        await stage.settle()
        sent = [*stage.tick("A"), *stage.tick("B", "A")]
        second = await anext(batches)
        nothing = live.batches([an_instrument("B")], after=None, rejected=[])
        assert [batch.ticks async for batch in nothing] == [[]]
        await batches.aclose()

        assert (first.ticks, first.missed, first.gap) == ([], 0, False)
        assert {item.id: item.code for item in first.rejected} == {
            "NSE:X": "UNKNOWN_INSTRUMENT",
            "NSE:B": "NOT_SUPPORTED",
        }
        assert second.ticks == [sent[0], sent[2]]
        assert second.cursor == replace(first.cursor, sequence=first.cursor.sequence + 2)
        assert isinstance(first.cursor, Cursor)
