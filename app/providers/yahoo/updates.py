"""What Yahoo's stream says of a symbol, message by message -> quotes and ticks. Pure; called by the intake.

A message carries what has changed, and 0 for the rest. So the fields of one session are collected, and a pause longer
than PAUSE_MS begins a new one. Prices are float32 and are rounded to the instrument's precision.
"""

from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta

from app.domain.errors import MalformedPayload
from app.domain.instruments import Instrument
from app.domain.provenance import DataSource
from app.domain.quotes import Quote, StreamMode, price_change
from app.domain.ticks import Tick
from app.providers.yahoo.fields import instant
from app.providers.yahoo.money import Scale, scale_of

PAUSE_MS = 4 * 3600 * 1000
"""No session has a break of four hours, and none begins sooner after the last."""
DELAYED_FROM = timedelta(minutes=1)
"""A message of a trade that is older than this is of a delayed exchange: the stream does not say so itself, and its own
way takes a second or two."""
REGULAR = 1
OUT_OF_HOURS = frozenset({2, 3})
"""market_hours: after the close, and extended. What trades then is not the price of the session."""
IN_SESSION = {REGULAR: True, **dict.fromkeys(OUT_OF_HOURS, False)}
"""0 is both `before the session` and `not carried`: nothing is known."""
HOLDS = timedelta(minutes=2)
"""Yahoo has no heartbeats: what a symbol was priced at is taken for the present price so long and no longer. An index
has a message every 15 s, a share with each trade; whoever asks after this time has a new answer by request."""


@dataclass(frozen=True, slots=True)
class Update:
    """One message, in Yahoo's units; None: not carried."""

    symbol: str
    price: float
    time_ms: int
    """Milliseconds since 1970; 0 if not carried."""
    market_hours: int = REGULAR
    currency: str | None = None
    price_hint: int | None = None
    change: float | None = None
    previous_close: float | None = None
    open: float | None = None
    high: float | None = None
    low: float | None = None
    volume: int | None = None
    last_quantity: int | None = None
    bid: float | None = None
    ask: float | None = None

    @property
    def is_regular(self) -> bool:
        """Whether it is of the regular session."""
        return self.market_hours not in OUT_OF_HOURS


COLLECTED = tuple(
    field.name
    for field in fields(Update)
    if field.name not in {"symbol", "price", "time_ms", "market_hours", "change", "last_quantity"}
)
"""Fields that hold until another message says otherwise. The change belongs to its own message's price."""


def collected(old: Update | None, new: Update) -> Update:
    """`new`, completed with what earlier messages of the same session said."""
    if old is None or abs(new.time_ms - old.time_ms) > PAUSE_MS:
        return _with_close(new)
    missing = {name: getattr(old, name) for name in COLLECTED if getattr(new, name) is None}
    return replace(_with_close(new), **{**missing, **_close_of(new, old)})


def _with_close(update: Update) -> Update:
    if update.previous_close is not None or update.change is None:
        return update
    return replace(update, previous_close=update.price - update.change)


def _close_of(new: Update, old: Update) -> dict[str, float | None]:
    """A previous close that was said outright is better than price - change, which carries two roundings."""
    return {"previous_close": new.previous_close or old.previous_close or _with_close(new).previous_close}


def to_quote(
    update: Update, instrument: Instrument, *, mode: StreamMode, source: DataSource, received_at: datetime
) -> Quote:
    """The state of one instrument. Raises NotPriced for another currency, MalformedPayload."""
    scale = _scale(update, instrument)
    last_price = scale.price(update.price)
    previous_close = scale.known(update.previous_close)
    change, change_percent = price_change(last_price, previous_close, scale.digits)
    exchange_time = _time(update)
    return Quote(
        id=instrument.id,
        last_price=last_price,
        source=source,
        received_at=received_at,
        mode=mode,
        open=scale.known(update.open),
        high=scale.known(update.high),
        low=scale.known(update.low),
        previous_close=previous_close,
        change=change,
        change_percent=change_percent,
        volume=_count(update.volume),
        last_quantity=_count(update.last_quantity),
        exchange_time=exchange_time,
        delayed_by=_delay(exchange_time, received_at),
        in_session=IN_SESSION.get(update.market_hours),
        holds_for=HOLDS,
    )


def to_tick(update: Update, instrument: Instrument, *, source: DataSource, received_at: datetime) -> Tick:
    """One message as it came. Raises NotPriced for another currency, MalformedPayload."""
    scale = _scale(update, instrument)
    return Tick(
        id=instrument.id,
        last_price=scale.price(update.price),
        source=source,
        received_at=received_at,
        last_quantity=_count(update.last_quantity),
        volume=_count(update.volume),
        bid=scale.known(update.bid),
        ask=scale.known(update.ask),
        exchange_time=_time(update),
    )


def _delay(exchange_time: datetime | None, received_at: datetime) -> timedelta | None:
    behind = None if exchange_time is None else received_at - exchange_time
    return None if behind is None or behind < DELAYED_FROM else behind


def _scale(update: Update, instrument: Instrument) -> Scale:
    return scale_of(instrument, currency=update.currency, hint=update.price_hint)


def _count(value: int | None) -> int | None:
    if value is not None and value < 0:
        msg = "Yahoo sent a count below zero"
        raise MalformedPayload(msg)
    return value


def _time(update: Update) -> datetime | None:
    return instant(update.time_ms / 1000, "time of a stream message") if update.time_ms else None
