"""Kite's binary packets.

Comes in: a snapshot of the simulated market. Goes out: ltp (8 bytes), quote (44), full (184) and index (28, 32) packets
and frames of them, big-endian. Called by the clockwork. The vendor's own decoder is the oracle in the tests.
"""

import struct
from collections.abc import Sequence

from app.domain.quotes import StreamMode
from app.sandbox.shapes import Level, Snapshot

INDEX_SEGMENT = 9
_DIVISORS = {3: 10_000_000, 6: 10_000, 12: 10_000}
"""CDS has seven decimals, BCD and NCO four, everything else two (KiteTicker, `token & 0xff`)."""
_PAISE = 100
_U32 = 0xFFFFFFFF
_I32 = 0x7FFFFFFF
_LTP = struct.Struct(">Ii")
_INDEX = struct.Struct(">Iiiiiii")
_QUOTE = struct.Struct(">IiIiIIIiiii")
_FULL_TAIL = struct.Struct(">IIIII")
_LEVEL = struct.Struct(">IiHxx")
_EMPTY_LEVEL = bytes(_LEVEL.size)
_LEVELS = 5
_U16_MAX = 0xFFFF
_U16 = struct.Struct(">H")
_INDEX_FULL = 32
_FULL = 184
_FULL_CLOCK = slice(60, 64)


def divisor_of(token: int) -> int:
    """How many parts of its currency a price of this instrument is counted in."""
    return _DIVISORS.get(token & 0xFF, _PAISE)


def encode_packet(token: int, mode: StreamMode, shown: Snapshot) -> bytes:
    """One packet, without its length."""
    divisor = divisor_of(token)
    if mode is StreamMode.LTP:
        return _LTP.pack(token, _price(shown.last_price, divisor))
    if token & 0xFF == INDEX_SEGMENT:
        return _index(token, mode, shown, divisor)
    head = _quote(token, shown, divisor)
    return head if mode is StreamMode.QUOTE else head + _full_tail(shown, divisor)


def fingerprint(packet: bytes) -> bytes:
    """What must differ for a packet to be sent again: everything but the exchange's clock."""
    if len(packet) == _INDEX_FULL:
        return packet[:-4]
    if len(packet) == _FULL:
        return packet[: _FULL_CLOCK.start] + packet[_FULL_CLOCK.stop :]
    return packet


def frame(packets: Sequence[bytes]) -> bytes:
    """A message of packets: their count, then each with its length before it."""
    parts = [_U16.pack(len(packets))]
    for packet in packets:
        parts += (_U16.pack(len(packet)), packet)
    return b"".join(parts)


def _price(value: float | None, divisor: int) -> int:
    return 0 if value is None else max(-_I32, min(_I32, round(value * divisor)))


def _count(value: int | None) -> int:
    return min(_U32, max(0, value or 0))


def _index(token: int, mode: StreamMode, shown: Snapshot, divisor: int) -> bytes:
    last, close = _price(shown.last_price, divisor), _price(shown.close, divisor)
    high, low, opened = (_price(value, divisor) for value in (shown.high, shown.low, shown.open))
    packet = _INDEX.pack(token, last, high, low, opened, close, last - close)
    return packet if mode is StreamMode.QUOTE else packet + struct.pack(">I", int(shown.exchange_time.timestamp()))


def _quote(token: int, shown: Snapshot, divisor: int) -> bytes:
    return _QUOTE.pack(
        token,
        _price(shown.last_price, divisor),
        _count(shown.last_quantity),
        _price(shown.average_price, divisor),
        _count(shown.volume),
        _count(shown.buy_quantity),
        _count(shown.sell_quantity),
        _price(shown.open, divisor),
        _price(shown.high, divisor),
        _price(shown.low, divisor),
        _price(shown.close, divisor),
    )


def _full_tail(shown: Snapshot, divisor: int) -> bytes:
    traded = shown.last_trade_time
    tail = _FULL_TAIL.pack(
        int(traded.timestamp()) if traded else 0,
        _count(shown.oi),
        _count(shown.oi_day_high),
        _count(shown.oi_day_low),
        int(shown.exchange_time.timestamp()),
    )
    return tail + _side(shown.buy or (), divisor) + _side(shown.sell or (), divisor)


def _side(levels: Sequence[Level], divisor: int) -> bytes:
    packed = [
        _LEVEL.pack(_count(level.quantity), _price(level.price, divisor), min(_U16_MAX, level.orders))
        for level in levels[:_LEVELS]
    ]
    return b"".join(packed) + _EMPTY_LEVEL * (_LEVELS - len(packed))
