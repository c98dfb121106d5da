"""What arrives on the ticker's sockets, kept until the next flush.

Messages come in from the connections; the newest quote of each instrument and every tick of those that
want every tick go out to the sink. Between two flushes a packet costs no more than being found: all are decoded at
the flush, and of what only wants the newest state only the newest one is.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from math import ceil

import structlog

from app.domain.provenance import DataSource
from app.domain.quotes import Quote
from app.ports import TickSink, Wanted
from app.providers.kite.packets import decode_quote, decode_tick, take_packets

FLUSH_QUOTES = 500
"""Quotes decoded in one go: about 5 ms of work, so that the event loop breathes between two slices."""

PENDING_TICKS = 1_000
"""Ticks that may wait for the flush; in a burst beyond it they are delivered at once: 3 ms of work in one go."""

REPORTED_LENGTHS = 16
"""Unknown packet lengths that get a log line, one each; a broken stream could invent 65,536."""

_log = structlog.get_logger()


@dataclass(slots=True)
class Counters:
    """What the ticker saw since it was built; all of them only grow."""

    frames: int = 0
    """Messages of any kind, heartbeats included."""
    packets: int = 0
    malformed: int = 0
    """Frames that end before or after their last packet does."""
    unknown_lengths: int = 0
    """Packets of a length that does not exist."""
    errors: int = 0
    """Error messages from Kite."""
    redials: int = 0
    """Dials after the first one of a socket."""


class Intake:
    """The newest raw packet of each token, and the ticks in order.

    Buffered: one packet a token, so memory is bounded by the subscriptions; at most PENDING_TICKS
    ticks. Full policy: a newer packet replaces the older one; ticks are delivered early, never
    dropped. Not thread-safe.
    """

    def __init__(self, source: DataSource) -> None:
        self.counters = Counters()
        self._source = source
        self._bound: dict[int, Wanted] = {}
        self._every_tick: dict[int, str] = {}
        self._newest: dict[int, tuple[bytes, datetime]] = {}
        self._ticks: list[tuple[bytes, str, datetime]] = []
        self._sink: TickSink | None = None
        self._reported: set[int] = set()

    def deliver_to(self, sink: TickSink) -> None:
        """Ticks that cannot wait for the flush go here."""
        self._sink = sink

    def bind(self, wanted: Mapping[int, Wanted]) -> None:
        """Which instrument each token stands for; packets of others are dropped."""
        self._bound = dict(wanted)
        self._every_tick = {token: want.instrument.id for token, want in wanted.items() if want.every_tick}

    def ids_of(self, tokens: Mapping[int, object]) -> frozenset[str]:
        """Ids of the instruments behind the tokens."""
        return frozenset(self._bound[token].instrument.id for token in tokens if token in self._bound)

    @property
    def is_empty(self) -> bool:
        """Whether a flush would deliver nothing."""
        return not (self._newest or self._ticks)

    def accept(self, messages: Iterable[bytes], received_at: datetime) -> None:
        """Take binary messages that came together, in order."""
        packets: list[tuple[int, bytes]] = []
        unknown: list[int] = []
        malformed = 0
        for data in messages:
            malformed += not take_packets(data, packets, unknown)
        self.counters.packets += len(packets)
        newest = self._newest
        for token, packet in packets:
            newest[token] = (packet, received_at)
        if self._every_tick:
            self._keep_ticks(packets, received_at)
        if malformed or unknown:
            self._report(unknown, malformed)

    def flush(self, sink: TickSink) -> Iterator[None]:
        """Deliver everything that has arrived, in slices; the caller may pause after each."""
        self._flush_ticks(sink)
        for _ in range(ceil(len(self._newest) / FLUSH_QUOTES)):
            sink.publish_quotes(self._take_quotes())
            yield

    def _take_quotes(self) -> list[Quote]:
        taken = dict(islice(self._newest.items(), FLUSH_QUOTES))
        for token in taken:
            del self._newest[token]
        decoded = (
            decode_quote(packet, self._bound[token].instrument.id, self._source, received_at)
            for token, (packet, received_at) in taken.items()
            if token in self._bound
        )
        return [quote for quote in decoded if quote is not None]

    def _keep_ticks(self, packets: list[tuple[int, bytes]], received_at: datetime) -> None:
        ids = self._every_tick
        self._ticks += [(packet, ids[token], received_at) for token, packet in packets if token in ids]
        if len(self._ticks) >= PENDING_TICKS and self._sink is not None:
            self._flush_ticks(self._sink)

    def _flush_ticks(self, sink: TickSink) -> None:
        if self._ticks:
            kept, self._ticks = self._ticks, []
            decoded = [decode_tick(packet, key, self._source, received_at) for packet, key, received_at in kept]
            sink.publish_ticks([tick for tick in decoded if tick is not None])

    def _report(self, unknown: list[int], malformed: int) -> None:
        self.counters.unknown_lengths += len(unknown)
        for length in set(unknown) - self._reported:
            if len(self._reported) < REPORTED_LENGTHS:
                self._reported.add(length)
                _log.warning("ticker_packet_length_unknown", length=length, source=self._source)
        if malformed and not self.counters.malformed:
            _log.warning("ticker_frame_malformed", source=self._source)
        self.counters.malformed += malformed
