"""What of a want the store has, and what is to be asked for.

Comes in: a want. Goes out: a Survey, after everything that finer bars can fill was filled. Called by the archive.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.candle_merge import bar_end, period_start
from app.domain.candles import Candle, CandleRange, Interval
from app.domain.spans import subtract
from app.ports import CandleStore, Clock, Coverage
from app.services.history.derive import Derivation
from app.services.history.drift import OVERLAP_BARS, FreshSpans
from app.services.history.expectation import TradingHours
from app.services.history.hours import over_until, settled_until, shut_spans, trades_in
from app.services.history.plan import gaps, known_after, known_before
from app.services.history.spans import LONGEST_BREAK
from app.services.history.tail import OpenBar, Tail, Tails
from app.services.history.want import Want


@dataclass(frozen=True, slots=True)
class Survey:
    """What the store said of a want."""

    span: CandleRange
    """What shall be known: up to the last settled bar, or up to now."""
    settled: datetime
    """From here on bars may still change."""
    coverage: Sequence[Coverage]
    shut: Sequence[CandleRange] = ()
    gaps: Sequence[CandleRange] = ()
    before: Mapping[datetime, tuple[Candle, ...]] = field(default_factory=dict)
    """Bars to compare with the source, by the beginning of the gap that follows them."""
    after: Mapping[datetime, tuple[Candle, ...]] = field(default_factory=dict)
    """The same, by the end of the gap before them."""


class Surveyor:
    """Looks at one store, and at the memory of tails and of what is fresh."""

    def __init__(
        self, store: CandleStore, hours: TradingHours, clock: Clock, *, tails: Tails, fresh: FreshSpans
    ) -> None:
        self._store = store
        self._hours = hours
        self._clock = clock
        self._tails = tails
        self._fresh = fresh
        self._derivation = Derivation(store, hours)

    async def survey(self, want: Want) -> Survey:
        """The gaps of a want. A warm one takes one question to the store."""
        settled = self._settled(want)
        span = self._span(want, settled)
        coverage = await self._coverage(want, span)
        unknown = subtract(span, [known.span for known in coverage])
        if not any(self._is_open(want, part) for part in unknown):
            return Survey(span, settled, coverage)
        around = CandleRange(span.start - LONGEST_BREAK, span.end)
        shut = shut_spans(self._hours, want.instrument, want.interval, around)
        found = gaps(span, [known.span for known in coverage], shut)
        if await self._derive(want, found, settled):
            coverage = await self._coverage(want, span)
            found = gaps(span, [known.span for known in coverage], shut)
        before = {gap.start: await self._newest_before(want, gap, coverage, shut) for gap in found}
        after = {gap.end: await self._oldest_after(want, gap) for gap in found}
        return Survey(span, settled, coverage, shut, found, before, after)

    def tail_of(self, want: Want) -> Tail | None:
        """The bars that are not settled, if they count and are as good as new ones.

        They are if none is missing among them, no bar ended since, and they are young, or younger than the want.
        """
        still_open = self._still_open(want)
        if not self._needs_tail(want):
            return None if still_open is None else _tail_of_one(still_open)
        tail = self._tails.find(want.key)
        if tail is None:
            return None
        settled = self._settled(want)
        if tail.start > max(settled, want.span.start):
            return None
        if tail.over_until < over_until(self._hours, want.instrument, want.interval, want.began):
            return None
        return tail if tail.sent_at >= want.began or tail.is_young(self._clock.monotonic()) else None

    def _span(self, want: Want, settled: datetime) -> CandleRange:
        """The settled part of the want, and all that is not settled if that counts: so that others can share it."""
        start, end = want.span.start, min(want.span.end, settled)
        if not self._needs_tail(want) or self.tail_of(want) is not None:
            return CandleRange(start, end)
        today = bar_end(period_start(want.began, Interval.DAY), Interval.DAY)
        return CandleRange(min(start, settled), want.began if want.interval.minutes is not None else today)

    def _needs_tail(self, want: Want) -> bool:
        """Whether there may be bars that count and are not settled, by the clock."""
        if want.settled_only:
            return False
        settled = settled_until(self._hours, want.instrument, want.interval, want.began)
        over = over_until(self._hours, want.instrument, want.interval, want.began)
        end = min(want.span.end, want.began if want.forming else over, want.began)
        return trades_in(self._hours, want.instrument, CandleRange(settled, end))

    def _settled(self, want: Want) -> datetime:
        """From here on bars may still change: by the clock, and by the source's own word."""
        by_the_clock = settled_until(self._hours, want.instrument, want.interval, want.began)
        still_open = self._still_open(want)
        return by_the_clock if still_open is None else min(by_the_clock, still_open.bar.time)

    def _still_open(self, want: Want) -> OpenBar | None:
        """The bar that the source calls open against the clock, if it said so since, or so lately that it counts."""
        said = self._tails.find_open(want.key)
        if said is None or not (said.sent_at >= want.began or said.is_young(self._clock.monotonic())):
            return None
        return said

    def _is_open(self, want: Want, part: CandleRange) -> bool:
        """Whether a bar may open there."""
        return bool(subtract(part, shut_spans(self._hours, want.instrument, want.interval, part)))

    async def _coverage(self, want: Want, span: CandleRange) -> list[Coverage]:
        if span.start >= span.end:
            return []
        around = CandleRange(span.start - LONGEST_BREAK, span.end)
        return await self._store.coverage(want.instrument.series_id, want.interval, around)

    async def _derive(self, want: Want, found: Sequence[CandleRange], settled: datetime) -> bool:
        """Whether a gap could be filled from finer bars."""
        filled = False
        for gap in found:
            over = CandleRange(gap.start, min(gap.end, settled))
            if over.start < over.end and await self._derivation.fill(want.instrument, want.interval, over):
                filled = True
        return filled

    async def _newest_before(
        self, want: Want, gap: CandleRange, coverage: Sequence[Coverage], shut: Sequence[CandleRange]
    ) -> tuple[Candle, ...]:
        """Stored bars to compare with the source, if that is due before more are put behind them."""
        before = known_before(gap, coverage, shut)
        if before is None or not self._fresh.is_due_at_end(want.key, before, self._clock.now()):
            return ()
        bars = await self._store.last_bars(*want.key, before=gap.start, count=OVERLAP_BARS)
        return tuple(bar for bar in bars if before.span.start <= bar.time)

    async def _oldest_after(self, want: Want, gap: CandleRange) -> tuple[Candle, ...]:
        """The same, before more are put in front of them."""
        beyond = CandleRange(gap.end, gap.end + LONGEST_BREAK)
        coverage = await self._store.coverage(want.instrument.series_id, want.interval, beyond)
        shut = shut_spans(self._hours, want.instrument, want.interval, beyond)
        after = known_after(gap, coverage, shut)
        if after is None or not self._fresh.is_due_at_start(want.key, after, self._clock.now()):
            return ()
        first = CandleRange(after.span.start, min(after.span.end, after.span.start + LONGEST_BREAK))
        return tuple((await self._store.bars(*want.key, first))[:OVERLAP_BARS])


def _tail_of_one(still_open: OpenBar) -> Tail:
    """All that there is beyond the settled bars for who does not want those that are open by the clock."""
    opens = still_open.bar.time
    return Tail((still_open.bar,), opens, still_open.sent_at, still_open.sent_monotonic, opens)
