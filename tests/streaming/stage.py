"""Fakes around the live feed: a source that a test plays, and builders."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import anyio

from app.domain.feeds import FeedState, FeedStatus
from app.domain.instruments import Exchange, Instrument, InstrumentKind
from app.domain.provenance import DataSource
from app.domain.quotes import Quote, StreamMode
from app.domain.ticks import Tick
from app.ports import TickSink, Wanted
from app.streaming.feed import LiveFeed
from tests.support.clock import FixedClock

MORNING = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)


class PlayedTicks:
    """A TickSource whose packets and states a test plays."""

    source = DataSource.SANDBOX

    def __init__(self, capacity: int = 100) -> None:
        self.capacity = capacity
        self.packets = 0
        self.wanted: Mapping[str, Wanted] = {}
        self.wants = 0
        """How often a desired state was handed over."""
        self.sink: TickSink | None = None

    def want(self, wanted: Mapping[str, Wanted]) -> None:
        """Note it."""
        self.wanted = wanted
        self.wants += 1

    async def run(self, sink: TickSink) -> None:
        """Do nothing by itself."""
        self.sink = sink
        await anyio.sleep_forever()

    @property
    def modes(self) -> dict[str, tuple[StreamMode, bool]]:
        """What is wanted, by symbol."""
        return {want.instrument.symbol: (want.mode, want.every_tick) for want in self.wanted.values()}


@dataclass
class Stage:
    """A running feed, its source and its clock."""

    feed: LiveFeed
    ticks: PlayedTicks
    clock: FixedClock
    volume: int = field(default=0)

    def state(self, state: FeedState, *, interrupted: bool = False, instruments: Collection[str] | None = None) -> None:
        """The source changes its state."""
        status = FeedStatus(state, self.clock.now())
        self.feed.feed_changed(status, interrupted=interrupted, instruments=instruments)

    def tick(self, *symbols: str) -> list[Tick]:
        """A tick of each, numbered in their volumes."""
        ticks = []
        for symbol in symbols:
            self.volume += 1
            ticks.append(a_tick(symbol, self.volume))
        self.feed.publish_ticks(ticks)
        return ticks

    async def settle(self) -> None:
        """Wait until the source was told what is wanted."""
        with anyio.fail_after(2):
            while self.ticks.wanted.keys() != self.feed._interest.wanted.keys() or self.feed._dirty.is_set():  # noqa: ASYNC110 -- no event says so
                await anyio.sleep(0.005)

    async def pass_time(self, seconds: float) -> None:
        """Let the feed's clock run, its housekeeping see it, and the source hear of it."""
        self.clock.advance(seconds)
        self.feed._interest.expire(self.clock.monotonic())
        await self.settle()


@asynccontextmanager
async def running_feed(capacity: int = 100, *, live: bool = True) -> AsyncIterator[Stage]:
    """A feed that runs until the block is left."""
    ticks, clock = PlayedTicks(capacity), FixedClock()
    stage = Stage(LiveFeed(ticks, clock=clock), ticks, clock)
    async with anyio.create_task_group() as group:
        group.start_soon(stage.feed.run)
        if live:
            stage.state(FeedState.LIVE)
        yield stage
        group.cancel_scope.cancel()


def an_instrument(symbol: str, *, token: int | None = 1) -> Instrument:
    """A share of the NSE."""
    return Instrument(
        id=f"NSE:{symbol}",
        exchange=Exchange.NSE,
        symbol=symbol,
        name=None,
        kind=InstrumentKind.EQUITY,
        segment="NSE",
        instrument_token=token,
        exchange_token=None,
        tick_size=0.05,
        lot_size=1,
        expiry=None,
        strike=None,
        underlying_id=None,
        currency="INR",
    )


def instruments(*symbols: str) -> list[Instrument]:
    """Shares of the NSE."""
    return [an_instrument(symbol) for symbol in symbols]


def a_quote(symbol: str, price: float, mode: StreamMode = StreamMode.FULL, *, limit: float | None = None) -> Quote:
    """A quote with as much as tests look at; `limit`: REST's circuit limits."""
    return Quote(
        f"NSE:{symbol}",
        price,
        DataSource.SANDBOX,
        MORNING + timedelta(seconds=price),
        mode,
        lower_circuit_limit=limit,
        upper_circuit_limit=limit,
    )


def a_tick(symbol: str, volume: int) -> Tick:
    """A tick that its volume identifies."""
    return Tick(f"NSE:{symbol}", 100.0, DataSource.SANDBOX, MORNING, volume=volume)
