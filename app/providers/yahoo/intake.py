"""What arrives on Yahoo's stream, kept until the next flush.

Messages come in from the connection; the newest quote of each instrument and every tick of those that want every tick
go out to the sink.
"""

import binascii
from base64 import b64decode
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import orjson
import structlog

from app.domain.errors import MarketDataError
from app.domain.instruments import Instrument
from app.domain.provenance import DataSource
from app.domain.quotes import Quote
from app.domain.ticks import Tick
from app.ports import TickSink, Wanted
from app.providers.yahoo.updates import Update, collected, to_quote, to_tick

PENDING_TICKS = 2_000
"""Ticks that may wait for the flush; in a burst beyond it they are delivered at once. About 1 MB."""

Behind = Mapping[str, tuple[Wanted, ...]]
"""Yahoo's symbol -> whoever wants it: NSE:NIFTY 50 and YAHOO:^NSEI are one symbol."""

IsOpen = Callable[[Instrument], bool | None]
"""Whether an instrument's price can move at this moment; None where nobody here knows its hours."""

_log = structlog.get_logger(__name__)


def untaught(symbol: str, currency: str | None) -> None:
    """Nobody learns currencies."""


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

    def __init__(self, source: DataSource, learn: Callable[[str, str | None], None] = untaught) -> None:
        """`learn` is told what currency a message has, by its symbol."""
        self.counters = Counters()
        self.decode: Callable[[bytes], Update] | None = None
        """Set before the first subscription: its library is imported only then."""
        self._source = source
        self._bound: Behind = {}
        self._learn = learn
        self._states: dict[str, Update] = {}
        self._priced_at: dict[str, datetime] = {}
        """When the price of each state was received."""
        self._newest: set[str] = set()
        """Symbols whose state was not delivered yet."""
        self._ended: set[str] = set()
        """Symbols of which the last message said that their session is over."""
        self._ticks: list[Tick] = []
        self._sink: TickSink | None = None

    def deliver_to(self, sink: TickSink) -> None:
        """Ticks that cannot wait for the flush go here."""
        self._sink = sink

    def bind(self, wanted: Behind) -> None:
        """Which instruments each symbol stands for; messages of others are dropped."""
        self._bound = wanted
        for symbol in self._states.keys() - wanted.keys():
            del self._states[symbol], self._priced_at[symbol]
        self._newest &= wanted.keys()
        self._ended &= wanted.keys()

    def ids_of(self, symbols: Iterable[str]) -> frozenset[str]:
        """Ids of the instruments behind the symbols."""
        return frozenset(want.instrument.id for symbol in symbols for want in self._bound.get(symbol, ()))

    def forget(self) -> None:
        """The line broke: what was collected may have changed since."""
        self._states.clear()
        self._priced_at.clear()
        self._newest.clear()

    def may_trade(self, is_open: IsOpen) -> bool:
        """Whether anything that is wanted may trade: by the calendar; where it does not know, by Yahoo's last word.

        What was never heard of may trade.
        """
        return any(
            known or (known is None and symbol not in self._ended)
            for symbol, wants in self._bound.items()
            for known in (is_open(want.instrument) for want in wants)
        )

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
        if update.symbol not in self._bound:
            return
        if not update.is_regular:
            self._end_session(update)
            return
        self._ended.discard(update.symbol)
        self._learn(update.symbol, update.currency)
        state = collected(self._states.get(update.symbol), update)
        self._states[update.symbol] = state
        self._priced_at[update.symbol] = received_at
        self._newest.add(update.symbol)
        for want in self._bound[update.symbol]:
            if want.every_tick:
                self._keep_tick(state, want, received_at)

    def flush(self, sink: TickSink) -> None:
        """Deliver everything that has arrived."""
        self._flush_ticks(sink)
        if self._newest:
            newest, self._newest = self._newest, set()
            sink.publish_quotes(self._quotes(newest))

    def _end_session(self, update: Update) -> None:
        """The last price of the session stays what it is, and was received when it was; only that it is over is new."""
        symbol = update.symbol
        self._ended.add(symbol)
        state = self._states.get(symbol)
        if state is not None and state.is_regular:
            self._states[symbol] = replace(state, market_hours=update.market_hours)
            self._newest.add(symbol)

    def _quotes(self, newest: Collection[str]) -> list[Quote]:
        quotes = []
        for symbol in sorted(newest, key=self._priced_at.__getitem__):
            for want in self._bound.get(symbol, ()):
                try:
                    quote = to_quote(
                        self._states[symbol],
                        want.instrument,
                        mode=want.mode,
                        source=self._source,
                        received_at=self._priced_at[symbol],
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
