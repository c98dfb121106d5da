"""Kite's binary ticker format: frames to packets, packets to domain objects. Pure, no state.

A frame comes in from `intake`; quotes and ticks go out to it. Layout, big-endian: a count, then for
each packet its length and its bytes; the length tells the mode. Prices are signed integers in the
segment's smallest unit; where 0 means `not known`, it is as in `parse`.
https://kite.trade/docs/connect/v3/websocket/ and upstream.md 1.7.
"""

import struct
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import cast

from app.domain.drafts import open_draft, quick_constructor
from app.domain.errors import MalformedPayload
from app.domain.provenance import DataSource
from app.domain.quotes import Depth, DepthLevel, Quote, StreamMode, price_change
from app.domain.ticks import Tick
from app.domain.time import from_epoch

LTP, INDEX_QUOTE, INDEX_FULL, QUOTE, FULL = 8, 28, 32, 44, 184
"""Lengths of the packets that exist."""

MODES = {
    LTP: StreamMode.LTP,
    INDEX_QUOTE: StreamMode.QUOTE,
    INDEX_FULL: StreamMode.FULL,
    QUOTE: StreamMode.QUOTE,
    FULL: StreamMode.FULL,
}
"""What a packet's length says about its mode."""

_NSE, _CDS, _BSE, _BCD, _INDICES, _NCO = 1, 3, 4, 6, 9, 12
_DIVISORS = {_CDS: 1e7, _BCD: 1e4, _NCO: 1e4}
_PAISE = 100.0
_WITHOUT_OPEN_INTEREST = frozenset({_NSE, _BSE, _INDICES})

_COUNT = struct.Struct(">H")
_HEAD = struct.Struct(">HI")
_LTP = struct.Struct(">Ii")
_INDEX = struct.Struct(">6i4x")
_TRADE = struct.Struct(">IiIiIII4i")
_TIMES = struct.Struct(">5I")
_LEVEL = struct.Struct(">IiHxx")
_SMALL_TICK = struct.Struct(">4xi I 4x I")
_FULL_TICK = struct.Struct(">Ii I 4x I 28x I 8x I Ii 52x Ii")
"""What a tick needs: price, quantity, volume; and of a FULL packet open interest, time, best bid and best ask."""

_new_quote, _new_tick, _new_depth = quick_constructor(Quote), quick_constructor(Tick), quick_constructor(Depth)
_open_level, _open_tick = open_draft(DepthLevel), open_draft(Tick)

_TIMES_AT, _DEPTH_AT, _ASKS_AT, _INDEX_TIME_AT = 44, 64, 124, 28

KEPT_INSTANTS = 4_096
"""Seconds that need not be made into datetimes again: each packet has two, and all of a second have the same ones."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands in one binary message."""

    packets: list[tuple[int, bytes]]
    """Instrument token and packet, in order; only lengths that exist."""
    unknown: list[int]
    """Lengths that do not exist; such packets are left out."""
    malformed: bool
    """The frame ends before or after its last packet does."""


def split_frame(data: bytes) -> Frame:
    """The packets of a message. A heartbeat, one byte, has none. Never raises: what is readable is kept."""
    packets: list[tuple[int, bytes]] = []
    unknown: list[int] = []
    return Frame(packets, unknown, malformed=not take_packets(data, packets, unknown))


def take_packets(data: bytes, packets: list[tuple[int, bytes]], unknown: list[int]) -> bool:
    """Add what stands in a message to both lists of a Frame; whether it ends where its last packet does."""
    end = len(data)
    if end < _COUNT.size:
        return True
    at, lengths, head = _COUNT.size, MODES, _HEAD.unpack_from
    for _ in range(data[0] << 8 | data[1]):
        if at + _HEAD.size > end:
            return False
        length, token = head(data, at)
        start = at + 2
        at = start + length
        if at > end:
            return False
        if length in lengths:
            packets.append((token, data[start:at]))
        else:
            unknown.append(length)
    return at == end


def decode_quote(packet: bytes, instrument_id: str, source: DataSource, received_at: datetime) -> Quote | None:
    """The quote that a packet carries, None if it was never priced; what its mode lacks is None.

    Raises MalformedPayload for a length that does not exist.
    """
    if len(packet) in (FULL, QUOTE):
        return _trade(packet, instrument_id, source, received_at)
    token, raw_last = _head_of(packet)
    if not raw_last:
        return None
    if len(packet) == LTP:
        return _new_quote(instrument_id, raw_last / _divisor(token), source, received_at, StreamMode.LTP)
    return _index(packet, instrument_id, source, received_at)


def decode_tick(packet: bytes, instrument_id: str, source: DataSource, received_at: datetime) -> Tick | None:
    """The tick that a packet carries, None if it was never priced; what its mode lacks is None.

    Raises MalformedPayload for a length that does not exist.
    """
    if len(packet) == FULL:
        return _full_tick(packet, instrument_id, source, received_at)
    token, raw_last = _head_of(packet)
    if not raw_last:
        return None
    last = raw_last / _divisor(token)
    if len(packet) == QUOTE:
        _, quantity, volume = _SMALL_TICK.unpack_from(packet)
        traded = volume if _segment(token) != _INDICES else None
        return _new_tick(instrument_id, last, source, received_at, quantity or None, traded)
    exchange_time = _index_time(packet) if len(packet) == INDEX_FULL else None
    return _new_tick(instrument_id, last, source, received_at, exchange_time=exchange_time)


def _head_of(packet: bytes) -> tuple[int, int]:
    if len(packet) not in MODES:
        raise MalformedPayload(f"the ticker sent a packet of {len(packet)} bytes, a length that does not exist")
    token, raw_last = _LTP.unpack_from(packet)
    return token, raw_last


def _full_tick(packet: bytes, instrument_id: str, source: DataSource, received_at: datetime) -> Tick | None:
    token, last, quantity, volume, interest, epoch, bids, bid, asks, ask = _FULL_TICK.unpack_from(packet)
    if not last:
        return None
    segment = token & 0xFF
    divisor = _DIVISORS.get(segment, _PAISE)
    tick = _open_tick()
    tick.id, tick.last_price, tick.source, tick.received_at = instrument_id, last / divisor, source, received_at
    tick.last_quantity = quantity or None
    tick.volume = volume if segment != _INDICES else None
    tick.bid = bid / divisor if bids else None
    tick.ask = ask / divisor if asks else None
    tick.open_interest = interest if interest or segment not in _WITHOUT_OPEN_INTEREST else None
    tick.exchange_time = _instant(epoch)
    tick.__class__ = Tick
    return cast("Tick", tick)


def _segment(token: int) -> int:
    return token & 0xFF


def _divisor(token: int) -> float:
    return _DIVISORS.get(token & 0xFF, _PAISE)


@lru_cache(maxsize=KEPT_INSTANTS)
def _instant(epoch: int) -> datetime | None:
    return from_epoch(epoch) if epoch else None


def _open_interest(value: int, token: int) -> int | None:
    return value if value or _segment(token) not in _WITHOUT_OPEN_INTEREST else None


def _price(value: int, divisor: float) -> float | None:
    # Before the first trade of a day the exchange sends 0: there is no such price.
    return value / divisor if value else None


def _index_time(packet: bytes) -> datetime | None:
    return _instant(int.from_bytes(packet[_INDEX_TIME_AT:], "big"))


def _index(packet: bytes, instrument_id: str, source: DataSource, received_at: datetime) -> Quote:
    token, raw_last, high, low, opening, close = _INDEX.unpack_from(packet)
    divisor = _divisor(token)
    last, previous_close = raw_last / divisor, _price(close, divisor)
    change, percent = price_change(last, previous_close)
    return _new_quote(
        instrument_id,
        last,
        source,
        received_at,
        MODES[len(packet)],
        open=_price(opening, divisor),
        high=_price(high, divisor),
        low=_price(low, divisor),
        previous_close=previous_close,
        change=change,
        change_percent=percent,
        exchange_time=_index_time(packet) if len(packet) == INDEX_FULL else None,
    )


def _trade(packet: bytes, instrument_id: str, source: DataSource, received_at: datetime) -> Quote | None:
    """A packet of something that trades: QUOTE, or FULL with the times, the open interest and the depth."""
    token, raw_last, quantity, average, volume, buying, selling, opening, high, low, close = _TRADE.unpack_from(packet)
    if not raw_last:
        return None
    divisor = _divisor(token)
    last, previous_close = raw_last / divisor, _price(close, divisor)
    change, percent = price_change(last, previous_close)
    traded = interest = highest = lowest = exchanged = 0
    depth = None
    full = len(packet) == FULL
    if full:
        traded, interest, highest, lowest, exchanged = _TIMES.unpack_from(packet, _TIMES_AT)
        depth = _depth(packet, divisor)
    return _new_quote(
        instrument_id,
        last,
        source,
        received_at,
        MODES[len(packet)],
        _price(opening, divisor),
        _price(high, divisor),
        _price(low, divisor),
        previous_close,
        change,
        percent,
        volume if _segment(token) != _INDICES else None,
        _price(average, divisor),
        quantity or None,
        _instant(traded),
        buying,
        selling,
        _open_interest(interest, token) if full else None,
        highest or None,
        lowest or None,
        depth=depth,
        exchange_time=_instant(exchanged),
    )


def _depth(packet: bytes, divisor: float) -> Depth:
    return _new_depth(_side(packet[_DEPTH_AT:_ASKS_AT], divisor), _side(packet[_ASKS_AT:], divisor))


def _side(rows: bytes, divisor: float) -> tuple[DepthLevel, ...]:
    levels = []
    for size, price, orders in _LEVEL.iter_unpack(rows):
        if size:
            level = _open_level()
            level.price, level.quantity, level.orders = price / divisor, size, orders
            level.__class__ = DepthLevel
            levels.append(level)
    return tuple(levels)
