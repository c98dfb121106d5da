"""The live feed: one upstream stream in, any number of local readers out.

A TickSource publishes into it; subscriptions open mailboxes on it, the quote service reads its newest
state, `providers` its status. `app.runtime` constructs it and runs it in its task group.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import anyio

from app.domain.changes import ChangeSignal
from app.domain.feeds import FeedState, FeedStatus
from app.domain.instruments import Instrument
from app.domain.quotes import Quote, StreamMode
from app.domain.rates import RateMeter
from app.domain.ticks import Cursor, Tick
from app.ports import Changes, Clock, InstrumentLookup, TickSource, Wanted
from app.streaming.book import QuoteBook
from app.streaming.fanout import Fanout
from app.streaming.interest import Claim, Interest, has_token
from app.streaming.quotebox import QuoteMailbox
from app.streaming.tape import Interruption, TickTape
from app.streaming.tickbox import TickMailbox

LINGER_S = 30.0
"""A page that reloads, or a phone that changes networks, is back within this and finds its stream running."""

HOT_S = 60.0
"""A dashboard that polls once a minute still finds its symbols streaming."""

WANT_INTERVAL_S = 0.05
"""Hundreds of subscriptions that open at once become one message to the source."""

HOUSEKEEPING_S = 0.5
"""How exactly linger and heat end."""


class LiveFeed:
    """The local fan-out: a TickSink for the source, a QuoteStream for the services.

    Unbuffered itself: what is published goes at once into the mailboxes of its readers, which are
    bounded. Publishing never waits, never raises and costs one `put` a reader of that instrument.
    For one event loop, not thread-safe. Leaving a stream's context is cancel-safe and immediate.
    """

    def __init__(
        self,
        ticks: TickSource | None,
        *,
        clock: Clock,
        linger: float = LINGER_S,
        hot_for: float = HOT_S,
        is_live: Callable[[str], bool] | None = None,
        carries: Callable[[Instrument], bool] = has_token,
    ) -> None:
        """`is_live`: whether the stream of an instrument, by its id, is up; without it, whether the feed is LIVE.

        `carries`: whether a stream can carry an instrument at all.
        """
        self.capacity = ticks.capacity if ticks else 0
        """How many instruments can be streamed at once."""
        self.last_tick_at: datetime | None = None
        """When the newest packet was received; None before the first."""
        self._ticks = ticks
        self._clock = clock
        self._is_live = is_live or self._is_feed_live
        self._status = _first_status(ticks, clock)
        self._status_changed = ChangeSignal()
        self._book = QuoteBook()
        self._tape = TickTape(secrets.token_hex(4))
        self._rate = RateMeter()
        self._carried: dict[str, Wanted] = {}
        self._quote_boxes: Fanout[QuoteMailbox] = Fanout()
        self._tick_boxes: Fanout[TickMailbox] = Fanout()
        self._dirty = asyncio.Event()
        self._interest = Interest(
            self.capacity,
            linger=linger,
            hot_for=hot_for,
            on_change=self._dirty.set,
            on_recording=self._record,
            carries=carries,
        )

    async def run(self) -> None:
        """Keep the source and the housekeeping going until cancelled. Without a source: only wait."""
        if self._ticks is None:
            await anyio.sleep_forever()
            return
        async with anyio.create_task_group() as group:
            group.start_soon(self._ticks.run, self)
            group.start_soon(self._push_wants, self._ticks)
            group.start_soon(self._keep_house, self._ticks)

    async def follow(self, master: InstrumentLookup, changes: Changes) -> None:
        """Carry every instrument under the token that the present master gives it, until cancelled."""
        async for _ in changes.changes():
            self._interest.renew(master)

    # ------------------------------------------------------------ what is known of the feed

    @property
    def status(self) -> FeedStatus:
        """The source's state, since when, and a word to a person."""
        return self._status

    def changes(self) -> AsyncIterator[None]:
        """One item at once, then one after each change of `status`."""
        return self._status_changed.changes()

    @property
    def subscribed_instruments(self) -> int:
        """How many instruments the source was asked to carry."""
        return len(self._carried)

    @property
    def packets(self) -> int:
        """Packets received since the start."""
        return self._ticks.packets if self._ticks else 0

    @property
    def ticks_per_second(self) -> float:
        """Packets received, mean of the last 5 seconds."""
        return self._rate.per_second(self._clock.monotonic(), self._ticks.packets) if self._ticks else 0.0

    # ------------------------------------------------------------ for the quote service

    def latest(self, instrument_id: str, mode: StreamMode = StreamMode.FULL) -> Quote | None:
        """The streamed state: only while its stream is LIVE, in at least this mode, received since the last break.

        Of a stream without heartbeats only for as long as the quote says that it holds.
        """
        if not self._is_live(instrument_id):
            return None
        quote = self._book.newest(instrument_id)
        if quote is None or quote.mode < mode or self._carried[instrument_id].mode < mode:
            return None
        return quote if quote.holds_for is None or self._holds(quote, quote.holds_for) else None

    def latest_of(self, instrument_ids: Collection[str], mode: StreamMode = StreamMode.FULL) -> list[Quote | None]:
        """What `latest` says of each, in order, at a fraction of its price."""
        if self._status.state is not FeedState.LIVE:
            return [self.latest(instrument_id, mode) for instrument_id in instrument_ids]
        carried = self._carried
        return [
            quote
            if quote is not None
            and quote.mode >= mode
            and carried[quote.id].mode >= mode
            and (quote.holds_for is None or self._holds(quote, quote.holds_for))
            else None
            for quote in self._book.newest_of(instrument_ids)
        ]

    def keep_hot(self, instruments: Sequence[Instrument]) -> None:
        """Stream these in full for a while; streams have precedence, and the oldest leave first."""
        self._interest.heat(instruments, self._clock.monotonic())

    def remember(self, quotes: Sequence[Quote]) -> None:
        """Keep what only REST quotes tell, the circuit limits, for the streamed ones of the same day."""
        self._book.remember(quotes)

    # ------------------------------------------------------------ for subscriptions

    @contextmanager
    def quote_stream(self, instruments: Sequence[Instrument], mode: StreamMode) -> Iterator[QuoteMailbox]:
        """A mailbox for the newest state of these instruments, while the context is open.

        It opens empty: ask for the snapshot after opening, so that nothing falls in between.
        `mailbox.rejected` says which instruments are not carried, and why.
        """
        claim = Claim(mode)
        rejected = self._interest.hold(_distinct(instruments), claim)
        ids = {instrument.id for instrument in instruments} - rejected.keys()
        box = QuoteMailbox(mode, self._status.state, rejected)
        self._quote_boxes.add(box, ids)
        try:
            yield box
        finally:
            self._quote_boxes.remove(box)
            self._interest.release(ids, claim, self._clock.monotonic())

    @contextmanager
    def tick_stream(self, instruments: Sequence[Instrument], after: Cursor | None = None) -> Iterator[TickMailbox]:
        """A mailbox for every tick of these instruments, while the context is open.

        With `after`, what happened since that cursor comes first: exact as far as the tape reaches.
        Where it does not (forgotten, of another epoch, an instrument recorded only since then) or where
        the feed was down in between, a batch has `gap` and counts at least 1 in `missed`. That is a
        lower bound: what the exchange sent while nobody listened cannot be counted. Recording goes on
        for the linger after the last reader left, so that one who comes back has lost nothing.

        Raises InvalidInput for a cursor from the future.
        """
        claim = Claim(StreamMode.FULL, every_tick=True)
        position = self._tape.position(after)
        rejected = self._interest.hold(_distinct(instruments), claim)
        ids = {instrument.id for instrument in instruments} - rejected.keys()
        box = TickMailbox(self._tape, self._tape.replay(position, ids), rejected)
        self._tick_boxes.add(box, ids)
        try:
            yield box
        finally:
            self._tick_boxes.remove(box)
            self._interest.release(ids, claim, self._clock.monotonic())

    # ------------------------------------------------------------ for the source

    def publish_quotes(self, quotes: Sequence[Quote]) -> None:
        """Make these the newest state and tell their readers."""
        for quote in quotes:
            if quote.id not in self._carried:
                continue
            completed = self._book.enter(quote)
            for box in self._quote_boxes.of(quote.id):
                box.put(completed)
        if quotes:
            self.last_tick_at = quotes[-1].received_at

    def publish_ticks(self, ticks: Sequence[Tick]) -> None:
        """Number the ticks of recorded instruments and tell their readers."""
        boxes_of = self._tick_boxes.of
        for entry in self._tape.record(ticks):
            for box in boxes_of(entry[1].id):
                box.put(entry)

    def feed_changed(
        self, status: FeedStatus, *, interrupted: bool, instruments: Collection[str] | None = None
    ) -> None:
        """Tell everyone the feed's state; after an interruption nothing streamed before counts as newest."""
        if interrupted:
            self._interrupt(None if instruments is None else frozenset(instruments))
        if status == self._status:
            return
        self._status = status
        for box in self._quote_boxes.of_any(None):
            box.tell(status.state)
        self._status_changed.fire()

    # ------------------------------------------------------------ inside

    def _holds(self, quote: Quote, limit: timedelta) -> bool:
        return self._clock.now() - quote.received_at < limit

    def _is_feed_live(self, _: str) -> bool:
        return self._status.state is FeedState.LIVE

    def _interrupt(self, instruments: frozenset[str] | None) -> None:
        self._book.forget(instruments)
        entry = self._tape.append(Interruption(instruments))
        for box in self._tick_boxes.of_any(instruments):
            box.put(entry)

    def _record(self, instrument_id: str, recording: bool) -> None:  # noqa: FBT001 -- a callback with the new state
        if recording:
            self._tape.begin(instrument_id)
        else:
            self._tape.end(instrument_id)

    async def _push_wants(self, source: TickSource) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            wanted = dict(self._interest.wanted)
            self._book.forget([key for key, want in self._carried.items() if not _is_same(want, wanted.get(key))])
            self._carried = wanted
            source.want(wanted)
            await anyio.sleep(WANT_INTERVAL_S)

    async def _keep_house(self, source: TickSource) -> None:
        while True:
            now = self._clock.monotonic()
            self._rate.sample(now, source.packets)
            self._interest.expire(now)
            await anyio.sleep(HOUSEKEEPING_S)


def _first_status(ticks: TickSource | None, clock: Clock) -> FeedStatus:
    if ticks is None:
        return FeedStatus(FeedState.DISABLED, clock.now(), "no stream is configured; set KITE_API_KEY")
    return FeedStatus(FeedState.CONNECTING, clock.now())


def _is_same(before: Wanted, after: Wanted | None) -> bool:
    """Whether an instrument is still wanted, under the same token."""
    return after is not None and before.instrument.instrument_token == after.instrument.instrument_token


def _distinct(instruments: Iterable[Instrument]) -> Iterable[Instrument]:
    return {instrument.id: instrument for instrument in instruments}.values()
