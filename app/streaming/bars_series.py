"""One live series: an instrument's bars of one interval, built once for everybody who follows them.

In: the feed's ticks, and the history service for what the ticks cannot tell. Out: bars into the mailboxes of its
subscribers. `LiveCandles` starts it for the first subscriber and ends it after the last.

Three tasks. One reads ticks. One watches the clock, and ends bars in which no tick comes any more. One asks the
history: for the forming bar where its beginning was not seen (at the start, and after a break of the feed), for the
bars of the break, and for the official bar of each that ended. It asks about the forming bar only while ticks arrive:
the answer is of use only together with the ticks around it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import anyio
import structlog

from app.domain.bar_building import BarBuilder, BuiltBar
from app.domain.bar_slots import BarHours, BarSlots
from app.domain.candles import Candle, CandleSeries, CandleState, Interval
from app.domain.errors import MarketDataError, SourceUnavailable
from app.domain.feeds import FeedState
from app.domain.instruments import Instrument
from app.domain.provenance import Cost
from app.ports import CandleHistory, Clock
from app.streaming.bars_alarm import Alarm, Sleep
from app.streaming.bars_ledger import BarLedger
from app.streaming.bars_mailbox import BarMailbox
from app.streaming.bars_pace import Pace
from app.streaming.feed import LiveFeed
from app.streaming.tickbox import TickMailbox

GRACE = timedelta(seconds=1)
"""How long the clock waits for the last ticks of a bar: exchanges stamp whole seconds, and packets take 0.1 s. The next
bar's first tick ends it earlier."""
SETTLE_DELAY = timedelta(seconds=6)
"""After its end a bar of minutes may change for some seconds at the broker; the history service stores it after 5."""
DAY_SETTLE_DELAY = timedelta(minutes=30, seconds=6)
"""The same of a day, week or month: until 16:00 the closing session adds to it; stored after 30 minutes."""
ANSWER_AGE = timedelta(seconds=3)
"""The history service gives everybody the same forming bar for so long: an answer that took no request may be as old,
from before our first tick. It is shown, and asked for again."""
FIRST_TICK_PATIENCE = 1.0
"""Seconds that a snapshot waits for the stream's first packet; a running one brings it within 0.1 s."""
LONGEST_NAP = 60.0
"""Seconds after which the clock is looked at again, in case the machine's was corrected."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SeriesParts:
    """What every live series works with."""

    feed: LiveFeed
    history: CandleHistory
    hours: BarHours
    clock: Clock
    sleep: Sleep
    settling: anyio.CapacityLimiter
    """Limits the questions for official bars over all series."""


class LiveSeries:
    """The bars of one instrument and interval as they form, end and are corrected.

    Bounded by the ledger and by each subscriber's mailbox; no subscriber is waited for. `run` can be cancelled and
    started again: what happened in between is filled like any other break. For one event loop.
    """

    def __init__(self, instrument: Instrument, interval: Interval, parts: SeriesParts) -> None:
        self.instrument = instrument
        self.interval = interval
        self.ready = anyio.Event()
        """The present bar is known, or will not be soon."""
        self.boxes: dict[BarMailbox, int] = {}
        """The subscribers, with the length of the snapshot that each wants."""
        self._parts = parts
        self._clock = parts.clock
        self._pace = Pace(parts.clock)
        self._slots = BarSlots(instrument, interval, parts.hours)
        self._builder = BarBuilder(self._slots.at)
        delay = DAY_SETTLE_DELAY if interval.minutes is None else SETTLE_DELAY
        self._ledger = BarLedger(tick_size=instrument.tick_size, delay=delay)
        self._shown: Candle | None = None
        """The forming bar as it was told last."""
        self._hole: datetime | None = None
        """From here on bars may lack ticks; None: nowhere."""
        self._looked_until: datetime | None = None
        """The source was asked for every bar that opened before, and not before the first subscriber came."""
        self._breaks = 0
        self._watching_from: datetime | None = None
        """When the first tick since the last break came, by our clock."""
        self._again_at: datetime | None = None
        """When to ask once more for a forming bar of which the answer may have been old."""
        self._failure: MarketDataError | None = None
        """Why the stream does not carry the instrument."""
        self._closing, self._asking = Alarm(parts.sleep), Alarm(parts.sleep)

    @property
    def is_current(self) -> bool:
        """Whether `bars` lack nothing from the first of them on."""
        return self._builder.watching and self._hole is None and not self._builder.lacks_beginning

    @property
    def bars(self) -> list[Candle]:
        """The newest bars as they were told last, the forming one included if it is whole; oldest first."""
        forming = self._builder.forming
        if forming is None or not forming.whole or forming.candle is None:
            return self._ledger.told
        return [*self._ledger.told, forming.candle]

    def join(self, box: BarMailbox, snapshot: int) -> None:
        """The box gets the forming bar at once, every change from now on, and what is found of a break that is open."""
        self.boxes[box] = snapshot
        if self._failure is not None:
            box.fail(self._failure)
        forming = self._builder.forming
        if forming is not None and forming.whole and forming.candle is not None:
            box.put_forming(forming.candle)

    def leave(self, box: BarMailbox) -> None:
        """Nothing more for this box."""
        del self.boxes[box]

    async def run(self) -> None:
        """Follow the stream until cancelled; returns at once if the feed does not carry the instrument."""
        with self._parts.feed.tick_stream([self.instrument]) as box:
            refusal = box.rejected.get(self.instrument.id)
            if refusal is not None:
                self._fail(refusal)
                return
            self._interrupt()
            self._hole = self._hole or self._opening_at(self._clock.now())
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._read, box)
                tasks.start_soon(self._watch_clock)
                tasks.start_soon(self._ask)
                tasks.start_soon(self._lose_patience)

    # ------------------------------------------------------------ ticks and time

    async def _read(self, box: TickMailbox) -> None:
        while True:
            changes = await box.take()
            slot = self._builder.slot
            if changes.missed:
                self._interrupt()
            for tick in changes.ticks:
                self._end(self._builder.add(tick))
            if changes.ticks and self._watching_from is None:
                self._watching_from = self._clock.now()
            self._show()
            fill = self._must_fill(self._clock.now())
            if self._builder.watching and not fill:
                self.ready.set()
            if fill or self._builder.slot is not slot:
                self._closing.ring()
                self._asking.ring()

    async def _watch_clock(self) -> None:
        while True:
            slot = self._builder.slot
            left = None if slot is None else (slot.closes + GRACE - self._clock.now()).total_seconds()
            if left is None or left > 0:
                await self._closing.wait(None if left is None else min(left, LONGEST_NAP))
                continue
            self._end(self._builder.advance(self._clock.now() - GRACE))
            self._asking.ring()

    async def _lose_patience(self) -> None:
        if self._parts.feed.status.state is FeedState.LIVE:
            await self._parts.sleep(FIRST_TICK_PATIENCE)
        if not self._builder.watching:
            self.ready.set()

    def _interrupt(self) -> None:
        last = self._builder.last_at
        if last is not None:
            since = self._opening_at(last)
            self._hole = since if self._hole is None else min(self._hole, since)
        self._breaks += 1
        self._watching_from = self._again_at = None
        self._builder.interrupt()

    def _opening_at(self, instant: datetime) -> datetime:
        """When the bar opened that an instant belongs to; the instant itself where none is open."""
        slot = self._slots.at(instant)
        return instant if slot is None else slot.opens

    # ------------------------------------------------------------ what the ticks cannot tell

    async def _ask(self) -> None:
        while True:
            at = self._next_question()
            left = None if at is None else (at - self._clock.now()).total_seconds()
            if left is None or left > 0:
                await self._asking.wait(None if left is None else min(left, LONGEST_NAP))
                continue
            await self._question()

    def _next_question(self) -> datetime | None:
        now = self._clock.now()
        if self._must_fill(now):
            return max(now, self._pace.not_before)
        waits = [at for at in (self._again_at, self._ledger.next_due) if at is not None]
        return max(min(waits), self._pace.not_before) if waits else None

    def _must_fill(self, now: datetime) -> bool:
        """Whether the present bar, or those of a break, must be asked for."""
        if not self._builder.watching:
            return False
        again = self._again_at is not None and self._again_at <= now
        return again or self._hole is not None or self._builder.lacks_beginning

    async def _question(self) -> None:
        filling = self._must_fill(self._clock.now())
        if filling:
            await self._fetch(filling=True)
        else:
            async with self._parts.settling:
                await self._fetch(filling=False)
        self.ready.set()

    async def _fetch(self, *, filling: bool) -> None:
        asked_at, breaks = self._clock.now(), self._breaks
        since = self._since(asked_at, filling=filling)
        if since is None and not filling:
            return
        last = None if since is not None and self.ready.is_set() else self._longest_snapshot()
        if filling:
            self._builder.mark()
        try:
            series = await self._official(since if last is None else None, last, filling=filling)
        except MarketDataError as error:
            self._failed(f"{error.code}: {error.message}")
            return
        self._take_ended(series, asked_at, since)
        if filling:
            self._take_forming(series, asked_at)
        if series.problem is not None:
            self._failed(series.problem)
        elif last is None or series.count < last or (since is not None and series.candles[0].time <= since):
            self._answered(asked_at, filled=filling and breaks == self._breaks)
            self._looked_until = self._opening_at(asked_at)
        self._show()
        self._closing.ring()

    async def _official(self, start: datetime | None, last: int | None, *, filling: bool) -> CandleSeries:
        """What the instrument's own source says. Raises MarketDataError, also where only another one answered."""
        series = await self._parts.history.candles(
            self.instrument, self.interval, start=start, end=None, last=last, include_forming=filling, cost=Cost()
        )
        for box in self.boxes:
            box.spend(series.upstream_calls)
        if series.fallback_reason is not None:
            raise SourceUnavailable(series.fallback_reason)
        return series

    def _since(self, asked_at: datetime, *, filling: bool) -> datetime | None:
        """From where on to ask: the break, the bars that are due, and those since then of which no tick was seen."""
        starts = [at for at in (self._hole if filling else None, self._ledger.first_due(asked_at)) if at is not None]
        if starts and self._looked_until is not None:
            starts.append(self._looked_until)
        return min(starts, default=None)

    def _longest_snapshot(self) -> int:
        """What the subscribers will ask for is fetched along: it is one request for all."""
        return 1 if self.ready.is_set() else max(self.boxes.values(), default=1) or 1

    def _take_ended(self, series: CandleSeries, asked_at: datetime, since: datetime | None) -> None:
        """Bars of before `since` are those of snapshots, and nobody is told."""
        for bar in series.candles:
            if bar.state is CandleState.FORMING:
                continue
            slot, is_new = self._slots.of_bar(bar.time), since is not None and bar.time >= since
            if not self._ledger.is_official(slot, asked_at):
                self._ledger.expect(slot, None if is_new else bar)
            elif is_new:
                told = self._ledger.official(bar)
                self._tell([] if told is None else [told])

    def _take_forming(self, series: CandleSeries, asked_at: datetime) -> None:
        forming = next((bar for bar in series.candles if bar.state is CandleState.FORMING), None)
        slot = self._slots.at(asked_at) if forming is None else self._slots.of_bar(forming.time)
        if slot is not None and (forming is not None or series.problem is None):
            self._end(self._builder.seed(slot, forming))
        fresh_from = (self._watching_from or asked_at) + ANSWER_AGE
        is_old = series.upstream_calls == 0 and forming is not None and asked_at < fresh_from
        self._again_at = fresh_from if is_old else None

    def _answered(self, asked_at: datetime, *, filled: bool) -> None:
        self._pace.answered()
        self._tell(self._ledger.missed(asked_at))
        if filled:
            self._hole = None

    def _failed(self, problem: str) -> None:
        log.warning(
            "live_candles_not_fetched",
            instrument=self.instrument.id,
            interval=self.interval.value,
            problem=problem,
            again_in_seconds=self._pace.failed(),
        )

    # ------------------------------------------------------------ to the subscribers

    def _end(self, ended: Iterable[BuiltBar]) -> None:
        for built in ended:
            shown = self._shown is not None and self._shown.time == built.slot.opens
            told = self._ledger.end(built, shown=shown)
            self._tell([] if told is None else [told])

    def _tell(self, bars: Iterable[Candle]) -> None:
        """A bar that was found late comes with all that were told after it, to those who came since: no hole."""
        for bar in bars:
            told = [bar] if bar.state is CandleState.CORRECTED else self._ledger.told_since(bar.time)
            for box in self.boxes:
                for each in told:
                    box.put_ended(each)

    def _show(self) -> None:
        forming = self._builder.forming
        if forming is None or not forming.whole or forming.candle is None or forming.candle == self._shown:
            return
        self._shown = forming.candle
        for box in self.boxes:
            box.put_forming(forming.candle)

    def _fail(self, error: MarketDataError) -> None:
        self._failure = error
        self.ready.set()
        for box in self.boxes:
            box.fail(error)
