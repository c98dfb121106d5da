"""The state of one instrument's price."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from app.domain.drafts import quick_replacer
from app.domain.errors import NotPriced
from app.domain.provenance import DataSource, Freshness
from app.domain.time import ist_date


class StreamMode(IntEnum):
    """How much of a quote the stream carries; a higher mode has everything of a lower one."""

    LTP = 1
    QUOTE = 2
    FULL = 3


@dataclass(frozen=True, slots=True)
class DepthLevel:
    """One price of the order book."""

    price: float
    quantity: int
    orders: int | None
    """Number of orders at this price; None where the source does not count them."""


@dataclass(frozen=True, slots=True)
class Depth:
    """The order book, best price first; at most five levels a side, empty levels left out."""

    bids: tuple[DepthLevel, ...]
    asks: tuple[DepthLevel, ...]


@dataclass(frozen=True, slots=True)
class Quote:
    """A price with its time and source. Prices in the instrument's currency; unknown is None, never 0."""

    id: str
    """The instrument's id."""
    last_price: float
    source: DataSource
    received_at: datetime
    """When this service received it, UTC."""
    mode: StreamMode = StreamMode.FULL
    """How much of it was carried: fields beyond the mode are None because they were not asked for."""
    open: float | None = None
    high: float | None = None
    low: float | None = None
    previous_close: float | None = None
    change: float | None = None
    """last_price - previous_close, rounded to the price's precision."""
    change_percent: float | None = None
    """change in percent of previous_close, rounded to 4 places."""
    volume: int | None = None
    """Units traded today."""
    average_price: float | None = None
    """Volume weighted average of today's trades."""
    last_quantity: int | None = None
    last_trade_time: datetime | None = None
    buy_quantity: int | None = None
    """All pending buy orders, units."""
    sell_quantity: int | None = None
    open_interest: int | None = None
    """Open contracts, in units; None where the instrument has none."""
    open_interest_day_high: int | None = None
    open_interest_day_low: int | None = None
    lower_circuit_limit: float | None = None
    """Today's price band; REST only, the stream does not carry it."""
    upper_circuit_limit: float | None = None
    depth: Depth | None = None
    exchange_time: datetime | None = None
    """The source's own clock for this value, UTC; None in modes that do not carry it."""
    fallback_reason: str | None = None
    """Why the first choice of source did not answer; None when it did."""
    delayed_by: timedelta | None = None
    """How far the source says that it is behind the exchange; None where it says nothing, or not at all."""
    in_session: bool | None = None
    """Whether the source said that the market traded then; None where it does not tell."""
    holds_for: timedelta | None = None
    """How long it is the present price while its stream says nothing; None where heartbeats prove the stream alive."""


_with_limits = quick_replacer(Quote, "lower_circuit_limit", "upper_circuit_limit")


@dataclass(frozen=True, slots=True)
class QuoteLimits:
    """The ages that decide on a quote's freshness, in milliseconds."""

    live_ms: int = 5_000
    """A polled quote younger than this is LIVE."""


def no_price_at(source: DataSource, instrument_id: str) -> NotPriced:
    """The error for an instrument that a source which was asked left out of its answer."""
    return NotPriced(f"{instrument_id} has no price at {source}: it has not traded yet, or is not listed any more")


def price_change(last: float, previous_close: float | None, digits: int = 4) -> tuple[float | None, float | None]:
    """Change and change in percent, rounded; (None, None) without a previous close."""
    if not previous_close:
        return None, None
    change = round(last - previous_close, digits)
    return change, round(100 * change / previous_close, 4)


def carry_over(new: Quote, old: Quote | None) -> Quote:
    """`new`, completed with what only the old one knew of the same day: the circuit limits."""
    if old is None or new.lower_circuit_limit is not None or old.lower_circuit_limit is None:
        return new
    if ist_date(old.received_at) != ist_date(new.received_at):
        return new
    return _with_limits(new, old.lower_circuit_limit, old.upper_circuit_limit)


def freshness_of(
    age_ms: int, *, streaming: bool, market_open: bool | None, limits: QuoteLimits, delayed: bool = False
) -> Freshness:
    """CLOSED out of session; DELAYED where the source says so; LIVE while its stream runs or it is young; else STALE.

    `market_open` is None where neither calendar nor source knows. An old delayed quote is still DELAYED: its
    `exchange_time` tells how old.
    """
    if market_open is False:
        return Freshness.CLOSED
    if delayed:
        return Freshness.DELAYED
    if streaming or age_ms <= limits.live_ms:
        return Freshness.LIVE
    return Freshness.STALE
