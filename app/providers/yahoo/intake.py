"""What arrives on Yahoo's stream, kept until the next flush.

Messages come in from the connection; the newest quote of each instrument and every tick of those that want every tick
go out to the sink.
"""

import binascii
from base64 import b64decode
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import orjson
import structlog

from app.domain.errors import MarketDataError
from app.domain.provenance import DataSource
from app.domain.quotes import Quote
from app.domain.ticks import Tick
from app.ports import TickSink, Wanted
from app.providers.yahoo.updates import Update, collected, to_quote, to_tick

PENDING_TICKS = 2_000
"""Ticks that may wait for the flush; in a burst beyond it they are delivered at once. About 1 MB."""

Behind = Mapping[str, tuple[Wanted, ...]]
"""Yahoo's symbol -> whoever wants it: NSE:NIFTY 50 and YAHOO:^NSEI are one symbol."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Counters:
    """What the stream saw since it was built; all of them only grow."""

    frames: int = 0
    """Messages of any kind."""
    packets: int = 0
    """Prices among them."""
    malformed: int = 0
    """Messages that are none of Yahoo's, and prices that could not be used."""
    redials: int = 0
    """Dials after the first one."""


class Intake:
    """The newest state of each symbol, and the ticks in order.

    Buffered: one state a symbol, so memory is bounded by the subscriptions; at most PENDING_TICKS ticks. Full policy:
    a newer state replaces the older one; ticks are delivered early, never dropped. Not thread-safe.
    """

    def __init__(self, source: DataSource) -> None:
        self.counters = Counters()
        self.decode: Callable[[bytes], Update] | None = None
        """Set before the first subscription: its library is imported only then."""
        self._source = source
        self._bound: Behind = {}
        self._states: dict[str, Update] = {}
        self._newest: dict[str, datetime] = {}
        self._ticks: list[Tick] = []
        self._sink: TickSink | None = None

    def deliver_to(self, sink: TickSink) -> None:
        """Ticks that cannot wait for the flush go here."""
        self._sink = sink

    def bind(self, wanted: Behind) -> None:
        """Which instruments each symbol stands for; messages of others are dropped."""
        self._bound = wanted
        for symbol in self._states.keys() - wanted.keys():
            del self._states[symbol]
            self._newest.pop(symbol, None)

    def ids_of(self, symbols: Iterable[str]) -> frozenset[str]:
        """Ids of the instruments behind the symbols."""
        return frozenset(want.instrument.id for symbol in symbols for want in self._bound.get(symbol, ()))

    def forget(self) -> None:
        """The line broke: what was collected may have changed since."""
        self._states.clear()
        self._newest.clear()

    def accept(self, message: str | bytes, received_at: datetime) -> None:
        """Take a message."""
        self.counters.frames += 1
        if self.decode is None:
            return
        try:
            update = self.decode(payload(message))
        except MarketDataError as error:
            self._report(error)
            return
        self.counters.packets += 1
        if not update.is_regular or update.symbol not in self._bound:
            return
        state = collected(self._states.get(update.symbol), update)
        self._states[update.symbol] = state
        self._newest[update.symbol] = received_at
        for want in self._bound[update.symbol]:
            if want.every_tick:
                self._keep_tick(state, want, received_at)

    def flush(self, sink: TickSink) -> None:
        """Deliver everything that has arrived."""
        self._flush_ticks(sink)
        if self._newest:
            newest, self._newest = self._newest, {}
            sink.publish_quotes(self._quotes(newest))

    def _quotes(self, newest: Mapping[str, datetime]) -> list[Quote]:
        quotes = []
        for symbol, received_at in newest.items():
            for want in self._bound.get(symbol, ()):
                try:
                    quote = to_quote(
                        self._states[symbol],
                        want.instrument,
                        mode=want.mode,
                        source=self._source,
                        received_at=received_at,
                    )
                except MarketDataError as error:
                    self._report(error)
                else:
                    quotes.append(quote)
        return quotes

    def _keep_tick(self, update: Update, want: Wanted, received_at: datetime) -> None:
        try:
            self._ticks.append(to_tick(update, want.instrument, source=self._source, received_at=received_at))
        except MarketDataError as error:
            self._report(error)
        if len(self._ticks) >= PENDING_TICKS and self._sink is not None:
            self._flush_ticks(self._sink)

    def _flush_ticks(self, sink: TickSink) -> None:
        if self._ticks:
            ticks, self._ticks = self._ticks, []
            sink.publish_ticks(ticks)

    def _report(self, error: MarketDataError) -> None:
        """The first one is a line in the log; all are counted."""
        if not self.counters.malformed:
            _log.warning("yahoo_stream_message_unusable", reason=error.message, source=self._source)
        self.counters.malformed += 1


def payload(message: str | bytes) -> bytes:
    """The protobuf in a message: {"type": "pricing", "message": base64}, or base64 alone as of version 1.

    Something else comes out as b"", which no decoder takes.
    """
    try:
        text = orjson.loads(message)["message"] if message[:1] in {"{", b"{"} else message
        return b64decode(text, validate=True)
    except (orjson.JSONDecodeError, binascii.Error, KeyError, TypeError, ValueError):
        return b""


def subscriptions(action: str, symbols: Collection[str], *, chunk: int) -> list[str]:
    """The requests that subscribe or unsubscribe the symbols, at most `chunk` each."""
    ordered = sorted(symbols)
    parts = (ordered[at : at + chunk] for at in range(0, len(ordered), chunk))
    return [orjson.dumps({action: part}).decode() for part in parts]
