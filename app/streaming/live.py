"""Live prices for one subscriber: the snapshot first, then what changed, at the subscriber's own rate.

In: instruments and a throttle, from the GraphQL subscriptions. Out: QuoteUpdate and TickBatch objects.
The feed's mailboxes do the merging: while a subscriber sleeps through its throttle or its socket is
blocked, the newest state waits in the mailbox and nothing queues up.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Protocol

import anyio

from app.domain.errors import MarketDataError
from app.domain.feeds import FeedState
from app.domain.instruments import Instrument
from app.domain.provenance import Cost
from app.domain.quotes import Quote, StreamMode
from app.domain.ticks import Cursor
from app.domain.updates import QuoteUpdate, Rejection, TickBatch
from app.ports import Clock
from app.streaming.feed import LiveFeed

SNAPSHOT_PATIENCE = 0.4
"""Seconds a snapshot waits for the running stream's first packets, which cost nothing, before it asks
the source, which costs a request out of one a second. A subscribed instrument's packet comes within 100 ms."""

FLUSH_SECONDS = 0.01
"""The ticker's own rate: no stream has more updates than this, whatever its throttle."""


class Quotes(Protocol):
    """Prices on request."""

    async def quotes(
        self, instruments: Sequence[Instrument], *, max_age: timedelta | None, cost: Cost
    ) -> Mapping[str, Quote | MarketDataError]:
        """A quote or an error for each."""
        ...


def _uncounted(_: int) -> None:
    """Nobody counts."""


class LiveQuotes:
    """State streams: memory bounded by the instruments, a slow subscriber sees fewer updates, never old ones."""

    def __init__(
        self, feed: LiveFeed, quotes: Quotes, clock: Clock, *, on_merged: Callable[[int], None] = _uncounted
    ) -> None:
        """`on_merged` is told how many updates a slow subscriber did not get one by one."""
        self._feed = feed
        self._quotes = quotes
        self._clock = clock
        self._on_merged = on_merged

    async def updates(
        self,
        instruments: Sequence[Instrument],
        *,
        mode: StreamMode,
        throttle: float,
        rejected: Sequence[Rejection],
        cost: Cost,
    ) -> AsyncGenerator[QuoteUpdate, None]:
        """A snapshot, then changes, at most one update in `throttle` seconds.

        Ends by itself only if not one instrument is left to wait for. `rejected` holds what the caller refused
        already; it goes into the snapshot with what the feed refuses and what has no price yet.
        """
        with self._feed.quote_stream(instruments, mode) as mailbox:
            known, refused = await self._snapshot(instruments, mode, mailbox.rejected, cost)
            sequence = 1
            feed = self._feed.status.state
            sent_at = self._clock.monotonic()
            yield QuoteUpdate(
                sequence, snapshot=True, quotes=list(known.values()), rejected=[*rejected, *refused], feed=feed
            )
            if len(mailbox.rejected) == len(instruments):
                return
            pace = max(throttle, FLUSH_SECONDS)
            while True:
                blocked = self._clock.monotonic() - sent_at
                await anyio.sleep(max(0.0, throttle - blocked))
                changes = await mailbox.take()
                fresh = [quote for quote in changes.quotes if _is_newer(quote, known.pop(quote.id, None))]
                if not fresh and changes.feed is feed:
                    continue
                feed = changes.feed
                skipped = min(changes.updates_merged, int(blocked / pace))
                if skipped:
                    self._on_merged(skipped)
                sequence += 1 + skipped
                sent_at = self._clock.monotonic()
                yield QuoteUpdate(sequence, snapshot=False, quotes=fresh, rejected=[], feed=changes.feed)

    async def _snapshot(
        self,
        instruments: Sequence[Instrument],
        mode: StreamMode,
        refused: Mapping[str, MarketDataError],
        cost: Cost,
    ) -> tuple[dict[str, Quote], list[Rejection]]:
        wanted = [instrument for instrument in instruments if instrument.id not in refused]
        known = await self._streamed(wanted, mode)
        cost.from_stream += len(known)
        rest = [instrument for instrument in wanted if instrument.id not in known]
        answers = await self._quotes.quotes(rest, max_age=None, cost=cost) if rest else {}
        rejections = [Rejection.of(instrument_id, error, subscribed=False) for instrument_id, error in refused.items()]
        for instrument_id, answer in answers.items():
            if isinstance(answer, Quote):
                known[instrument_id] = answer
            else:
                rejections.append(Rejection.of(instrument_id, answer, subscribed=True))
        return known, rejections

    async def _streamed(self, instruments: Sequence[Instrument], mode: StreamMode) -> dict[str, Quote]:
        """What the running stream knows, after waiting a moment for instruments that just joined it."""
        give_up_at = self._clock.monotonic() + SNAPSHOT_PATIENCE
        while True:
            latest = {instrument.id: self._feed.latest(instrument.id, mode) for instrument in instruments}
            known = {instrument_id: quote for instrument_id, quote in latest.items() if quote is not None}
            complete = len(known) == len(latest)
            if complete or self._feed.status.state is not FeedState.LIVE or self._clock.monotonic() >= give_up_at:
                return known
            await anyio.sleep(FLUSH_SECONDS)


class LiveTicks:
    """Event streams: nothing merged, and what a slow subscriber lost is counted."""

    def __init__(self, feed: LiveFeed, *, on_missed: Callable[[int], None] = _uncounted) -> None:
        """`on_missed` is told how many ticks a subscriber lost."""
        self._feed = feed
        self._on_missed = on_missed

    async def batches(
        self, instruments: Sequence[Instrument], *, after: Cursor | None, rejected: Sequence[Rejection]
    ) -> AsyncGenerator[TickBatch, None]:
        """First a batch without ticks, that gives the position to resume from; then ticks as they come.

        Raises InvalidInput for a cursor that this service cannot have given.
        """
        with self._feed.tick_stream(instruments, after) as mailbox:
            refused = [Rejection.of(key, error, subscribed=False) for key, error in mailbox.rejected.items()]
            yield TickBatch(mailbox.cursor, missed=0, gap=False, ticks=[], rejected=[*rejected, *refused])
            while len(mailbox.rejected) < len(instruments):
                changes = await mailbox.take()
                if changes.missed:
                    self._on_missed(changes.missed)
                yield TickBatch(changes.cursor, changes.missed, changes.gap, changes.ticks, rejected=[])


def _is_newer(quote: Quote, snapshot: Quote | None) -> bool:
    """A packet may have arrived before the snapshot that was asked for later."""
    return snapshot is None or quote.received_at > snapshot.received_at
