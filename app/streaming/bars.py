"""Live candles for one subscriber: the last bars first, then the forming bar and each bar as it ends or is corrected.

In: an instrument, an interval, the snapshot's length and a throttle, from the GraphQL subscription. Out: CandleSeries
objects. Everybody who follows the same bars shares one LiveSeries, and so its ticks, its builder and its questions to
the history service. The runtime owns `run()`.

The seam: a subscriber's mailbox is open before its snapshot is asked for. What ends meanwhile waits there and is laid
over the snapshot by its opening time; what the snapshot has already is not told again.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

import anyio
import structlog
from anyio.abc import TaskGroup

from app.domain.bar_slots import BarHours
from app.domain.candle_merge import bar_end
from app.domain.candles import Candle, CandleSeries, CandleState, Interval, SourceShare
from app.domain.errors import RateLimited, SourceError
from app.domain.instruments import Exchange, Instrument
from app.domain.provenance import Cost, DataSource
from app.ports import CandleHistory, Clock
from app.streaming.bars_alarm import Sleep
from app.streaming.bars_ledger import is_same
from app.streaming.bars_mailbox import BarMailbox
from app.streaming.bars_series import LiveSeries, SeriesParts
from app.streaming.feed import LiveFeed

MAX_SERIES = 500
"""Live series at once. Each takes one request for its official bar a bar: 500 of minutes are all that Kite sells."""
SETTLING = 1
"""Questions for official bars at a time, over all series: two thirds of Kite's requests stay for people who wait."""
RESTART_SECONDS = 5.0
"""Pause before a series that failed is started again."""
MAX_DELIVERED = 2_000
"""Ended bars remembered for one subscriber: the longest snapshot and as much again."""

log = structlog.get_logger()
Key = tuple[str, Interval]


class LiveCandles:
    """State streams of bars. Bounded: MAX_SERIES, and a mailbox a subscriber; no subscriber waits for another.

    Nothing moves unless `run()` runs. A subscriber that leaves is cancel-safe, and the last one ends the series.
    """

    def __init__(  # noqa: PLR0913 - what bars are made of, and how they are labelled by keyword
        self,
        feed: LiveFeed,
        history: CandleHistory,
        hours: BarHours,
        clock: Clock,
        *,
        source: DataSource,
        elsewhere: Mapping[Exchange, DataSource] = MappingProxyType({}),
        sleep: Sleep = anyio.sleep,
    ) -> None:
        """`source` labels bars made of ticks, but for those of exchanges whose stream is `elsewhere`.

        `sleep` is the clock's own: tests give another.
        """
        self._parts = SeriesParts(feed, history, hours, clock, sleep, anyio.CapacityLimiter(SETTLING))
        self._source = source
        self._elsewhere = elsewhere
        self._running: dict[Key, tuple[LiveSeries, anyio.CancelScope]] = {}
        self._tasks: TaskGroup | None = None

    async def run(self) -> None:
        """Keep every series going that somebody follows, until cancelled."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            try:
                for live, scope in self._running.values():
                    tasks.start_soon(self._carry, live, scope)
                await anyio.sleep_forever()
            finally:
                self._tasks = None

    async def updates(
        self, instrument: Instrument, interval: Interval, *, snapshot: int, throttle: float, cost: Cost
    ) -> AsyncGenerator[CandleSeries, None]:
        """The last `snapshot` bars (perhaps none), then what changed, at most one update in `throttle` seconds.

        After the first update a series holds only the bars that changed: the forming one, replaced by its newer states,
        and each bar that ended, never merged away. If bars cannot be fetched, the snapshot has those that could be, and
        `problem` says why. Raises NotSupported if no stream can carry the instrument, RateLimited beyond MAX_SERIES.
        """
        with self._joined(instrument, interval, snapshot) as (live, box):
            source = self._elsewhere.get(instrument.exchange, self._source)
            subscriber = _Subscriber(live, box, self._parts.history, source)
            update = await subscriber.snapshot(snapshot, cost)
            while True:
                sent_at = self._parts.clock.monotonic()
                yield update
                await self._parts.sleep(max(0.0, throttle - (self._parts.clock.monotonic() - sent_at)))
                update = await subscriber.changes(cost)

    @contextmanager
    def _joined(
        self, instrument: Instrument, interval: Interval, snapshot: int
    ) -> Iterator[tuple[LiveSeries, BarMailbox]]:
        key = instrument.id, interval
        live, scope = self._running.get(key) or self._start(instrument, interval)
        box = BarMailbox()
        live.join(box, snapshot)
        try:
            yield live, box
        finally:
            live.leave(box)
            if not live.boxes:
                del self._running[key]
                scope.cancel()

    def _start(self, instrument: Instrument, interval: Interval) -> tuple[LiveSeries, anyio.CancelScope]:
        if len(self._running) >= MAX_SERIES:
            msg = f"{MAX_SERIES} charts are live already; query `candles` instead, or try again later"
            raise RateLimited(msg, retry_after_ms=60_000)
        live = LiveSeries(instrument, interval, self._parts)
        started = self._running[instrument.id, interval] = live, anyio.CancelScope()
        if self._tasks is not None:
            self._tasks.start_soon(self._carry, *started)
        return started

    async def _carry(self, live: LiveSeries, scope: anyio.CancelScope) -> None:
        with scope:
            while True:
                try:
                    await live.run()
                except Exception:
                    log.exception("live_candles_failed", instrument=live.instrument.id, interval=live.interval.value)
                    await self._parts.sleep(RESTART_SECONDS)
                else:
                    return


class _Subscriber:
    """What one subscriber has, so that it gets each bar once: FINAL, then at most CORRECTED."""

    def __init__(self, live: LiveSeries, box: BarMailbox, history: CandleHistory, source: DataSource) -> None:
        self._live = live
        self._box = box
        self._history = history
        self._source = source
        self._delivered: dict[datetime, Candle] = {}

    async def snapshot(self, count: int, cost: Cost) -> CandleSeries:
        """The last `count` bars."""
        if count == 0:
            return self._series((), upstream_calls=0)
        await self._live.ready.wait()
        return await self._look_back(cost, count=count, since=None)

    async def changes(self, cost: Cost) -> CandleSeries:
        """The next bars that this subscriber has not."""
        while True:
            changes = await self._box.take()
            cost.upstream_calls += changes.upstream_calls
            if changes.lost_since is not None:
                return await self._look_back(cost, count=None, since=changes.lost_since)
            fresh = tuple(self._fresh(changes.bars))
            if fresh:
                return self._series(fresh, upstream_calls=changes.upstream_calls)

    async def _look_back(self, cost: Cost, *, count: int | None, since: datetime | None) -> CandleSeries:
        """The last `count` bars, or all that opened at `since` or later."""
        before = cost.upstream_calls
        while True:
            queued, _ = self._drain(cost)
            live = {bar.time: bar for bar in self._live.bars} if self._live.is_current else {}
            older = await self._older(live, cost, count=count, since=since)
            newer, overflowed = self._drain(cost)
            if not overflowed:
                break
        known = {bar.time: bar for bar in older.candles} | queued | live | newer
        times = [time for time in sorted(known) if since is None or time >= since]
        fresh = tuple(self._fresh(known[time] for time in times[-count if count else 0 :]))
        return replace(
            self._series(fresh, upstream_calls=cost.upstream_calls - before),
            sources=self._shares(fresh, older, queued | live | newer),
            fallback_reason=older.fallback_reason,
            missing=older.missing,
            problem=older.problem,
            expected=None if live else older.expected,
        )

    async def _older(
        self, live: dict[datetime, Candle], cost: Cost, *, count: int | None, since: datetime | None
    ) -> CandleSeries:
        """What the history has before the live bars; without such, up to this moment."""
        end = min(live, default=None)
        missing = None if count is None else count - len(live)
        if (missing is not None and missing <= 0) or (since is not None and end is not None and end <= since):
            return self._series((), upstream_calls=0)
        try:
            found = await self._history.candles(
                self._live.instrument,
                self._live.interval,
                start=since,
                end=end,
                last=missing,
                include_forming=end is None,
                cost=cost,
            )
        except SourceError as error:
            return replace(self._series((), upstream_calls=0), problem=f"{error.code}: {error.message}")
        if live and found.fallback_reason is not None:
            # Bars of two sources never lie in one chart.
            return replace(self._series((), upstream_calls=0), problem=found.fallback_reason)
        return found

    def _drain(self, cost: Cost) -> tuple[dict[datetime, Candle], bool]:
        """Everything that waits in the mailbox, each bar in its newest state; whether it had overflowed."""
        bars: dict[datetime, Candle] = {}
        overflowed = False
        while True:
            changes = self._box.take_now()
            cost.upstream_calls += changes.upstream_calls
            overflowed = overflowed or changes.lost_since is not None
            if not changes.bars:
                return bars, overflowed
            bars.update((bar.time, bar) for bar in changes.bars)

    def _fresh(self, bars: Iterable[Candle]) -> Iterator[Candle]:
        """The bars that tell this subscriber something; they count as delivered."""
        for bar in bars:
            before = self._delivered.get(bar.time)
            if bar.state is CandleState.FORMING:
                if before is None:
                    yield bar
            elif before is None:
                yield self._deliver(bar)
            elif not is_same(before, bar, self._live.instrument.tick_size):
                yield self._deliver(replace(bar, state=CandleState.CORRECTED))

    def _deliver(self, bar: Candle) -> Candle:
        self._delivered[bar.time] = bar
        if len(self._delivered) > MAX_DELIVERED:
            del self._delivered[min(self._delivered)]
        return bar

    def _shares(
        self, bars: Sequence[Candle], older: CandleSeries, live: Mapping[datetime, Candle]
    ) -> tuple[SourceShare, ...]:
        """Who said how many of the bars: the history's source, or ours of the ticks."""
        source = older.sources[0].source if older.sources else self._source
        counts = Counter(self._source if bar.time in live else source for bar in bars)
        return tuple(SourceShare(name, count) for name, count in counts.items())

    def _series(self, bars: tuple[Candle, ...], *, upstream_calls: int) -> CandleSeries:
        return CandleSeries(
            instrument=self._live.instrument,
            interval=self._live.interval,
            start=bars[0].time if bars else None,
            end=bar_end(bars[-1].time, self._live.interval) if bars else None,
            candles=bars,
            sources=(SourceShare(self._source, len(bars)),) if bars else (),
            upstream_calls=upstream_calls,
        )
