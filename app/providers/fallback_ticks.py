"""Two streams as one: the second carries what the first does not have, and stands in for it while it is not live.

Comes in: what shall be streamed, and the packets of both. Goes out: packets and states into one TickSink. Called by the
live feed; joined by the runtime.

What the sink is told as the feed's state is that of the first choice: a page must learn that a login is missing, also
while prices keep coming. Those that stand in say in `fallback_reason` why. Ticks are never stood in for: an event
stream of another source would repeat and skip trades without a word.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import anyio

from app.domain.changes import ChangeSignal
from app.domain.feeds import FeedState, FeedStatus
from app.domain.instruments import Instrument
from app.domain.provenance import DataSource
from app.domain.quotes import Quote
from app.domain.ticks import Tick
from app.ports import Clock, TickSink, TickSource, Wanted

GRACE = 3.0
"""Seconds without the first stream before the second stands in: most sockets are back sooner."""
PARKED = frozenset({FeedState.LOGIN_REQUIRED, FeedState.RATE_LIMITED, FeedState.DISABLED})
"""States that do not end by themselves in seconds: nobody waits for the grace."""


class Carries(Protocol):
    """Whether a source has an instrument at all."""

    def __call__(self, instrument: Instrument) -> bool:
        """By the instrument alone."""
        ...


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream in its place."""

    name: DataSource
    """What messages call it: KITE or YAHOO, also where both are simulated."""
    ticks: TickSource | None
    """None: not configured."""
    carries: Carries


class FallbackTicks:
    """A TickSource made of two. For one event loop; nothing moves unless `run` runs."""

    def __init__(self, first: Stream, second: Stream, *, clock: Clock, grace: float = GRACE) -> None:
        ticks = first.ticks or second.ticks
        if ticks is None:
            msg = "neither stream is configured"
            raise ValueError(msg)
        self.source = ticks.source
        self.capacity = ticks.capacity
        """That of the first choice; what is beyond the second's own, it leaves out."""
        self.statuses = {stream.name: _first_status(stream, clock) for stream in (first, second)}
        """The state of each stream, by its name."""
        self.last_tick_at: dict[DataSource, datetime] = {}
        """When the newest price of each stream was received, by its name."""
        self._first, self._second = first, second
        self._grace = grace
        self._wanted: Mapping[str, Wanted] = {}
        self._stands_in = False
        self._live_until = 0.0
        """When the first was live last, or its grace began; on the event loop's clock."""
        self._changed = ChangeSignal()

    @property
    def packets(self) -> int:
        """Packets of both since the start."""
        return sum(stream.ticks.packets for stream in (self._first, self._second) if stream.ticks is not None)

    def changes(self) -> AsyncIterator[None]:
        """One item at once, then one after each change of either stream's status."""
        return self._changed.changes()

    def view(self, name: DataSource) -> "StreamView":
        """One of the streams, by its name, to be shown."""
        return StreamView(self, self._first if name is self._first.name else self._second)

    def share(self, stream: Stream) -> dict[str, Wanted]:
        """What a stream was asked to carry."""
        if stream is self._first:
            return {key: want for key, want in self._wanted.items() if stream.carries(want.instrument)}
        return {
            key: want
            for key, want in self._wanted.items()
            if stream.carries(want.instrument) and (self._stands_in or not self._first.carries(want.instrument))
        }

    def carries(self, instrument: Instrument) -> bool:
        """Whether either stream can carry an instrument; the broker's own only by its number for it."""
        by_first = self._first.ticks is not None and instrument.instrument_token is not None
        return (by_first and self._first.carries(instrument)) or self._second.carries(instrument)

    def is_live(self, instrument_id: str) -> bool:
        """Whether the stream that is this instrument's first choice is up."""
        owner = self._second if self.owned_by_second(instrument_id) else self._first
        return self.statuses[owner.name].state is FeedState.LIVE

    def want(self, wanted: Mapping[str, Wanted]) -> None:
        """The whole desired state; each stream gets its share."""
        self._wanted = wanted
        self._hand_over()

    async def run(self, sink: TickSink) -> None:
        """Keep both streams up until cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch, sink)
            for stream, door in ((self._first, _FirstSink(self, sink)), (self._second, _SecondSink(self, sink))):
                if stream.ticks is not None:
                    tasks.start_soon(stream.ticks.run, door)

    # ------------------------------------------------------------ for the sinks

    def owned_by_second(self, instrument_id: str) -> bool:
        """Whether only the second stream has it."""
        want = self._wanted.get(instrument_id)
        return want is not None and not self._first.carries(want.instrument)

    @property
    def first_status(self) -> FeedStatus:
        """The state of the first choice."""
        return self.statuses[self._first.name]

    @property
    def reason(self) -> str | None:
        """Why the second stands in; None if it does not."""
        if not self._stands_in:
            return None
        status = self.first_status
        message = f": {status.message}" if status.message else ""
        return f"{self._first.name}: {status.state}{message}"

    def first_changed(self, status: FeedStatus) -> bool:
        """Note the first stream's state; whether this ended that the second stood in."""
        if self.first_status.state is FeedState.LIVE:
            self._live_until = anyio.current_time()
        self._note(self._first, status)
        ended = self._stands_in and status.state is FeedState.LIVE
        if ended:
            self._stands_in = False
            self._hand_over()
        return ended

    def came_from_first(self, quotes: Sequence[Quote]) -> None:
        """Note when prices of the first stream came."""
        self._came(self._first, quotes)

    def came_from_second(self, quotes: Sequence[Quote]) -> None:
        """Note when prices of the second stream came."""
        self._came(self._second, quotes)

    def second_changed(self, status: FeedStatus) -> None:
        """Note the second stream's state."""
        self._note(self._second, status)

    def ids(self, *, of_second: bool) -> frozenset[str]:
        """What is wanted of which only this stream is the first choice."""
        return frozenset(key for key in self._wanted if self.owned_by_second(key) is of_second)

    # ------------------------------------------------------------ inside

    def _came(self, stream: Stream, quotes: Sequence[Quote]) -> None:
        if quotes:
            # What is said again of a price, as that its session is over, is older than others.
            newest = quotes[-1].received_at
            self.last_tick_at[stream.name] = max(newest, self.last_tick_at.get(stream.name, newest))

    def _note(self, stream: Stream, status: FeedStatus) -> None:
        self.statuses[stream.name] = status
        self._changed.fire()

    async def _watch(self, sink: TickSink) -> None:
        """Let the second stand in once the first has been away for the grace."""
        if self._first.ticks is None:
            sink.feed_changed(self.first_status, interrupted=False)
        self._live_until = anyio.current_time()
        async for _ in self._changed.changes():
            while (left := self._patience()) is not None:
                if left > 0:
                    await anyio.sleep(left)
                    continue
                self._stands_in = True
                self._hand_over()

    def _patience(self) -> float | None:
        """Seconds until the second shall stand in; None if it does, or if the first is live."""
        state = self.first_status.state
        if self._stands_in or state is FeedState.LIVE:
            return None
        return 0.0 if state in PARKED else self._live_until + self._grace - anyio.current_time()

    def _hand_over(self) -> None:
        for stream in (self._first, self._second):
            if stream.ticks is not None:
                stream.ticks.want(self.share(stream))


class StreamView:
    """One stream as the board of sources sees it: its own state, whatever the other does."""

    def __init__(self, owner: FallbackTicks, stream: Stream) -> None:
        self._owner = owner
        self._stream = stream
        self.changes = owner.changes

    @property
    def status(self) -> FeedStatus:
        """Its state."""
        return self._owner.statuses[self._stream.name]

    @property
    def packets(self) -> int:
        """Packets received since the start."""
        return self._stream.ticks.packets if self._stream.ticks else 0

    @property
    def subscribed_instruments(self) -> int:
        """Instruments that it was asked to carry."""
        return len(self._owner.share(self._stream))

    @property
    def capacity(self) -> int:
        """Instruments that it can carry."""
        return self._stream.ticks.capacity if self._stream.ticks else 0

    @property
    def last_tick_at(self) -> datetime | None:
        """When its newest price was received; None before the first."""
        return self._owner.last_tick_at.get(self._stream.name)


class _FirstSink:
    """What the first stream says goes through; its return ends the other's turn."""

    def __init__(self, owner: FallbackTicks, sink: TickSink) -> None:
        self._owner = owner
        self._sink = sink
        self.publish_ticks = sink.publish_ticks

    def publish_quotes(self, quotes: Sequence[Quote]) -> None:
        self._owner.came_from_first(quotes)
        self._sink.publish_quotes(quotes)

    def feed_changed(
        self, status: FeedStatus, *, interrupted: bool, instruments: Collection[str] | None = None
    ) -> None:
        ended = self._owner.first_changed(status)
        if instruments is None or ended:
            instruments = self._owner.ids(of_second=False)
        # Prices that stood in must not count as the newest of the stream that is back.
        self._sink.feed_changed(status, interrupted=interrupted or ended, instruments=instruments)


class _SecondSink:
    """What the second stream says of its own goes through, of the first's only while it stands in."""

    def __init__(self, owner: FallbackTicks, sink: TickSink) -> None:
        self._owner = owner
        self._sink = sink

    def publish_quotes(self, quotes: Sequence[Quote]) -> None:
        owner, reason = self._owner, self._owner.reason
        owner.came_from_second(quotes)
        known: list[Quote] = []
        for quote in quotes:
            if owner.owned_by_second(quote.id):
                known.append(quote)
            elif reason is not None:
                known.append(replace(quote, fallback_reason=reason))
        self._sink.publish_quotes(known)

    def publish_ticks(self, ticks: Sequence[Tick]) -> None:
        self._sink.publish_ticks([tick for tick in ticks if self._owner.owned_by_second(tick.id)])

    def feed_changed(
        self, status: FeedStatus, *, interrupted: bool, instruments: Collection[str] | None = None
    ) -> None:
        owner = self._owner
        owner.second_changed(status)
        if interrupted:
            own = owner.ids(of_second=True)
            lost = own if instruments is None else own.intersection(instruments)
            self._sink.feed_changed(owner.first_status, interrupted=True, instruments=lost)


def _first_status(stream: Stream, clock: Clock) -> FeedStatus:
    if stream.ticks is None:
        return FeedStatus(FeedState.DISABLED, clock.now(), f"{stream.name} is not configured")
    return FeedStatus(FeedState.CONNECTING, clock.now())
