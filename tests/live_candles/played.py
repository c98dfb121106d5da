"""A clock that tests move, whose sleepers wake in their order, and a market of trades that tests make."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count, groupby

import anyio
import anyio.lowlevel

from app.domain.bar_slots import BarSlots
from app.domain.calendar import always_open_calendar, load_calendar
from app.domain.candles import Candle, CandleSeries, CandleState, Interval, SourceShare
from app.domain.errors import InvalidRange, SourceUnavailable
from app.domain.feeds import FeedState, FeedStatus
from app.domain.instruments import Exchange, Instrument, InstrumentKind
from app.domain.provenance import Cost, DataSource
from app.domain.ticks import Tick
from app.services.phases import PhaseService
from app.streaming.feed import LiveFeed
from tests.streaming.stage import PlayedTicks, an_instrument

MORNING = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)
"""10:00 IST on a Monday."""
INFY = an_instrument("INFY")
TURNS = 60
"""Turns of the event loop after which nothing of a test's handful of tasks moves any more."""


def an_index() -> Instrument:
    """An instrument without volume."""
    row = an_instrument("NIFTY 50")
    return Instrument(**{name: getattr(row, name) for name in row.__slots__} | {"kind": InstrumentKind.INDEX})


def on(exchange: Exchange) -> Instrument:
    """A future of an exchange."""
    row = an_instrument("GOLD")
    changed = {"exchange": exchange, "id": f"{exchange}:GOLD", "kind": InstrumentKind.FUTURE}
    return Instrument(**{name: getattr(row, name) for name in row.__slots__} | changed)


def open_hours() -> PhaseService:
    """Around the clock."""
    return PhaseService(always_open_calendar(), lambda _: False)


def indian_hours(*, derivatives: bool = False) -> PhaseService:
    """The shipped calendar."""
    return PhaseService(load_calendar(), lambda _: derivatives)


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(TURNS):
        await anyio.lowlevel.checkpoint()


class PlayedTime:
    """A Clock under the test's hand, with the sleep that belongs to it."""

    def __init__(self, now: datetime = MORNING) -> None:
        self._began = self._now = now
        self._sleepers: list[tuple[datetime, int, anyio.Event]] = []
        self._numbers = count()

    def now(self) -> datetime:
        """The instant that was reached, UTC."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since the beginning."""
        return (self._now - self._began).total_seconds()

    async def sleep(self, seconds: float) -> None:
        """Wait until the test has moved the time so far."""
        if seconds <= 0:
            await anyio.lowlevel.checkpoint()
            return
        woken = anyio.Event()
        heappush(self._sleepers, (self._now + timedelta(seconds=seconds), next(self._numbers), woken))
        await woken.wait()

    async def advance(self, seconds: float) -> None:
        """Let time pass; whoever sleeps wakes at its own instant."""
        await settle()
        until = self._now + timedelta(seconds=seconds)
        while self._sleepers and self._sleepers[0][0] <= until:
            self._now, _, woken = heappop(self._sleepers)
            woken.set()
            await settle()
        self._now = until
        await settle()


class PlayedMarket:
    """One instrument: its trades make the ticks of a feed and the bars of a history, of which it is one.

    The history answers `latency` seconds after it was asked, as of the middle of that time, `failing` raises.
    """

    def __init__(self, clock: PlayedTime, instrument: Instrument = INFY) -> None:
        self.clock = clock
        self.instrument = instrument
        self.hours = open_hours()
        self.feed = LiveFeed(PlayedTicks(), clock=clock)
        self.trades: list[tuple[datetime, float, int]] = []
        self.latency = 0.0
        self.failing = False
        self.stands_in = False
        """The history is another source's, whose prices are ten times as high."""
        self.requests = 1
        """Upstream requests that an answer takes; 0: it may be as old as `staleness`."""
        self.staleness = 0.0
        self.asked: list[tuple[datetime | None, int | None, bool]] = []
        """Start, last and include_forming of each question."""
        self.connected = True
        self.feed.feed_changed(FeedStatus(FeedState.LIVE, clock.now()), interrupted=False)

    # ------------------------------------------------------------ the stream

    def trade(self, price: float, quantity: int = 1, *, silently: bool = False) -> None:
        """Trade now; a tick tells of it unless the stream is down, or `silently`."""
        self.trades.append((self.clock.now(), price, quantity))
        if self.connected and not silently:
            self.tick()

    def tick(self) -> None:
        """A packet with the present state."""
        at, price, _ = self.trades[-1]
        volume = sum(quantity for when, _, quantity in self.trades if _same_day(when, at))
        stamp = at.replace(microsecond=0)
        self.feed.publish_ticks(
            [
                Tick(
                    self.instrument.id,
                    price,
                    DataSource.SANDBOX,
                    self.clock.now(),
                    volume=volume,
                    exchange_time=stamp,
                )
            ]
        )

    def disconnect(self, *, state: FeedState = FeedState.CONNECTING) -> None:
        """The socket breaks."""
        self.connected = False
        self.feed.feed_changed(FeedStatus(state, self.clock.now()), interrupted=True)

    def connect(self) -> None:
        """A new socket, and its first packet."""
        self.connected = True
        self.feed.feed_changed(FeedStatus(FeedState.LIVE, self.clock.now()), interrupted=False)
        if self.trades:
            self.tick()

    # ------------------------------------------------------------ the history

    def bars(self, interval: Interval = Interval.MINUTE) -> list[Candle]:
        """What is true at this moment."""
        slots = BarSlots(self.instrument, interval, self.hours)

        def opens(trade: tuple[datetime, float, int]) -> datetime:
            slot = slots.at(trade[0])
            assert slot is not None
            return slot.opens

        return [
            _bar(time, list(trades), over=slots.of_bar(time).closes <= self.clock.now())
            for time, trades in groupby(self.trades, key=opens)
        ]

    async def candles(  # noqa: PLR0913 - as in the port
        self,
        instrument: Instrument,
        interval: Interval,
        *,
        start: datetime | None,
        end: datetime | None,
        last: int | None,
        include_forming: bool,
        cost: Cost,
    ) -> CandleSeries:
        """The true bars."""
        assert instrument == self.instrument
        self.asked.append((start, last, include_forming))
        if start is not None and start >= self.clock.now():
            msg = "the future"
            raise InvalidRange(msg)
        await self.clock.sleep(self.latency / 2)
        trades, failing = self.trades, self.failing
        self.trades = [each for each in trades if each[0] <= self.clock.now() - timedelta(seconds=self.staleness)]
        bars, self.trades = self.bars(interval), trades
        await self.clock.sleep(self.latency / 2)
        cost.upstream_calls += self.requests
        if failing:
            msg = "the history is down"
            raise SourceUnavailable(msg)
        found = [bar for bar in bars if include_forming or bar.state is not CandleState.FORMING]
        found = [bar for bar in found if (start is None or bar.time >= start) and (end is None or bar.time < end)]
        found = found[-last:] if last else found
        if self.stands_in:
            return _stood_in(a_series(instrument, interval, found))
        return replace(a_series(instrument, interval, found), upstream_calls=self.requests)


def _stood_in(series: CandleSeries) -> CandleSeries:
    bars = [
        replace(bar, open=10 * bar.open, high=10 * bar.high, low=10 * bar.low, close=10 * bar.close)
        for bar in series.candles
    ]
    shares = tuple(replace(share, source=DataSource.YAHOO) for share in series.sources)
    return replace(series, candles=tuple(bars), sources=shares, fallback_reason="KITE: SOURCE_UNAVAILABLE: it is down")


def a_series(instrument: Instrument, interval: Interval, bars: Sequence[Candle]) -> CandleSeries:
    """An answer that took one request."""
    shares = (SourceShare(DataSource.SANDBOX, len(bars)),) if bars else ()
    return CandleSeries(instrument, interval, None, None, tuple(bars), shares, upstream_calls=1)


def _bar(time: datetime, trades: Sequence[tuple[datetime, float, int]], *, over: bool) -> Candle:
    prices = [price for _, price, _ in trades]
    return Candle(
        time=time,
        open=prices[0],
        high=max(prices),
        low=min(prices),
        close=prices[-1],
        volume=sum(quantity for _, _, quantity in trades),
        state=CandleState.FINAL if over else CandleState.FORMING,
    )


def _same_day(one: datetime, other: datetime) -> bool:
    offset = timedelta(hours=5, minutes=30)
    return (one + offset).date() == (other + offset).date()
