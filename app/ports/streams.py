"""What brings prices unasked, and where they are delivered. Satisfied by the providers and `app.streaming`."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.domain.feeds import FeedStatus
from app.domain.instruments import Instrument
from app.domain.provenance import DataSource
from app.domain.quotes import Quote, StreamMode
from app.domain.ticks import Tick


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the stream shall carry for one instrument."""

    instrument: Instrument
    mode: StreamMode
    every_tick: bool = False
    """Each packet is decoded and published as a Tick, in order; else only the newest counts."""


class TickSink(Protocol):
    """Where a stream delivers. Synchronous: it never waits and never raises."""

    def publish_quotes(self, quotes: Sequence[Quote]) -> None:
        """Newest states, at most one an instrument, at the ticker's flush rate."""
        ...

    def publish_ticks(self, ticks: Sequence[Tick]) -> None:
        """Every packet of the instruments that asked for every tick, in order of arrival."""
        ...

    def feed_changed(
        self, status: FeedStatus, *, interrupted: bool, instruments: Collection[str] | None = None
    ) -> None:
        """The feed's new state. `interrupted`: packets may have been lost since the last one.

        `instruments`: ids that were interrupted, where the source knows it was not all of them.
        """
        ...


class TickSource(Protocol):
    """A live stream of prices."""

    source: DataSource
    capacity: int
    """How many instruments it can carry at once."""

    @property
    def packets(self) -> int:
        """Packets received since the start; it only grows."""
        ...

    def want(self, wanted: Mapping[str, Wanted]) -> None:
        """The whole desired state by instrument id; replaces the last one and is reconciled in the background."""
        ...

    async def run(self, sink: TickSink) -> None:
        """Keep the stream up until cancelled: dial, watch, back off, dial again."""
        ...


class QuoteStream(Protocol):
    """The live stream as the quote service sees it."""

    def latest(self, instrument_id: str, mode: StreamMode = StreamMode.FULL) -> Quote | None:
        """The streamed state, only while the feed is LIVE and carries the instrument in at least this mode."""
        ...

    def latest_of(self, instrument_ids: Collection[str], mode: StreamMode = StreamMode.FULL) -> list[Quote | None]:
        """What `latest` says of each, in order."""
        ...

    def keep_hot(self, instruments: Sequence[Instrument]) -> None:
        """Stream these for a while, because someone asked for them; more than fit are left out."""
        ...


class Changes(Protocol):
    """Something whose changes can be awaited without polling."""

    def changes(self) -> AsyncIterator[None]:
        """One item at once, then one after each change; changes that nobody awaited are merged."""
        ...
