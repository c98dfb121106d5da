"""Live candles over a played market, and followers that keep what they get."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
from anyio.abc import TaskGroup

from app.domain.candles import Candle, CandleSeries, CandleState, Interval
from app.domain.instruments import Exchange, Instrument
from app.domain.provenance import Cost, DataSource
from app.streaming.bars import LiveCandles
from tests.live_candles.played import INFY, PlayedMarket, PlayedTime, settle


class Follower:
    """A subscriber that keeps what it gets."""

    def __init__(self) -> None:
        self.updates: list[CandleSeries] = []
        self.cost = Cost()
        self.scope = anyio.CancelScope()

    @property
    def told(self) -> list[Candle]:
        """Every bar of every update, in order."""
        return [bar for update in self.updates for bar in update.candles]

    @property
    def chart(self) -> list[Candle]:
        """What a page shows that replaces bars by their opening time."""
        bars = {bar.time: bar for bar in self.told}
        return [bars[time] for time in sorted(bars)]

    @property
    def last(self) -> Candle:
        """The bar that was told last."""
        return self.told[-1]


class Stage:
    """Live candles over a played market."""

    def __init__(self, tasks: TaskGroup, instrument: Instrument) -> None:
        self.clock = PlayedTime()
        self.market = PlayedMarket(self.clock, instrument)
        self.live = LiveCandles(
            self.market.feed,
            self.market,
            self.market.hours,
            self.clock,
            source=DataSource.SANDBOX,
            elsewhere={Exchange.YAHOO: DataSource.YAHOO},
            sleep=self.clock.sleep,
        )
        self.tasks = tasks

    async def follow(
        self, snapshot: int = 0, interval: Interval = Interval.MINUTE, *, throttle: float = 0.0, patience: float = 0.0
    ) -> Follower:
        """Subscribe; with `patience` the subscriber is slow to ask for the next update."""
        follower = Follower()

        async def read() -> None:
            with follower.scope:
                asked = self.market.instrument
                updates = self.live.updates(asked, interval, snapshot=snapshot, throttle=throttle, cost=follower.cost)
                async for update in updates:
                    follower.updates.append(update)
                    await self.clock.sleep(patience)

        self.tasks.start_soon(read)
        await settle()
        return follower

    async def play(self, *steps: float | tuple[float, int]) -> None:
        """Let seconds pass (a number), or trade (price, quantity)."""
        for step in steps:
            if isinstance(step, tuple):
                self.market.trade(*step)
                await settle()
            else:
                await self.clock.advance(step)


@asynccontextmanager
async def a_stage(instrument: Instrument = INFY) -> AsyncIterator[Stage]:
    """Running live candles."""
    async with anyio.create_task_group() as tasks:
        stage = Stage(tasks, instrument)
        tasks.start_soon(stage.live.run)
        yield stage
        tasks.cancel_scope.cancel()


def values(bars: list[Candle]) -> list[Candle]:
    """The bars without their states."""
    return [replace(bar, state=CandleState.FINAL) for bar in bars]
