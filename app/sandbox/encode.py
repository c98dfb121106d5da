"""Kite's binary packets.

Comes in: a snapshot of the simulated market. Goes out: ltp (8 bytes), quote (44), full (184) and index (28, 32) packets
and frames of them, big-endian. Called by the clockwork. The vendor's own decoder is the oracle in the tests.
"""

import struct
from collections.abc import Sequence
from datetime import datetime

from app.domain.quotes import StreamMode
from app.sandbox.shapes import Level, Snapshot

INDEX_SEGMENT = 9
_DIVISORS = {3: 10_000_000, 6: 10_000, 12: 10_000}
"""CDS has seven decimals, BCD and NCO four, everything else two (KiteTicker, `token & 0xff`)."""
_PAISE = 100
_U32_MAX = 0xFFFFFFFF
_I32_MAX = 0x7FFFFFFF
_U16_MAX = 0xFFFF
_LTP = struct.Struct(">Ii")
_INDEX = struct.Struct(">Iiiiiii")
_QUOTE = struct.Struct(">IiIiIIIiiii")
_FULL = struct.Struct(">IiIiIIIiiii" + "IIIII" + "IiHxx" * 10)
_LEVELS = 5
_NO_LEVEL = Level(0.0, 0, 0)
_U16 = struct.Struct(">H")
_U32 = struct.Struct(">I")
_INDEX_FULL_SIZE = _INDEX.size + 4
_CLOCK_START, _CLOCK_END = 60, 64
"""Where a full packet carries the exchange's time."""


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
    head = _quote_values(token, shown, divisor)
    if mode is StreamMode.QUOTE:
        return _QUOTE.pack(*head)
    return _FULL.pack(*head, *_full_values(shown), *_depth_values(shown, divisor))


def fingerprint(packet: bytes) -> bytes:
    """What must differ for a packet to be sent again: everything but the exchange's clock."""
    if len(packet) == _INDEX_FULL_SIZE:
        return packet[:-4]
    if len(packet) == _FULL.size:
        return packet[:_CLOCK_START] + packet[_CLOCK_END:]
    return packet


def frame(packets: Sequence[bytes]) -> bytes:
    """A message of packets: their count, then each with its length before it."""
    parts = [_U16.pack(len(packets))]
    for packet in packets:
        parts += (_U16.pack(len(packet)), packet)
    return b"".join(parts)


def _price(value: float, divisor: int) -> int:
    raw = round(value * divisor)
    return raw if -_I32_MAX <= raw <= _I32_MAX else max(-_I32_MAX, min(_I32_MAX, raw))


def _count(value: int | None) -> int:
    return value if value and 0 <= value <= _U32_MAX else min(_U32_MAX, max(0, value or 0))


def _epoch(instant: datetime | None) -> int:
    return int(instant.timestamp()) if instant else 0


def _index(token: int, mode: StreamMode, shown: Snapshot, divisor: int) -> bytes:
    last, close = _price(shown.last_price, divisor), _price(shown.close, divisor)
    high, low, opened = (_price(value, divisor) for value in (shown.high, shown.low, shown.open))
    packet = _INDEX.pack(token, last, high, low, opened, close, last - close)
    return packet if mode is StreamMode.QUOTE else packet + _U32.pack(_epoch(shown.exchange_time))


def _quote_values(token: int, shown: Snapshot, divisor: int) -> tuple[int, ...]:
    return (
        token,
        _price(shown.last_price, divisor),
        _count(shown.last_quantity),
        _price(shown.average_price or 0.0, divisor),
        _count(shown.volume),
        _count(shown.buy_quantity),
        _count(shown.sell_quantity),
        _price(shown.open, divisor),
        _price(shown.high, divisor),
        _price(shown.low, divisor),
        _price(shown.close, divisor),
    )


def _full_values(shown: Snapshot) -> tuple[int, ...]:
    return (
        _epoch(shown.last_trade_time),
        _count(shown.oi),
        _count(shown.oi_day_high),
        _count(shown.oi_day_low),
        _epoch(shown.exchange_time),
    )


def _depth_values(shown: Snapshot, divisor: int) -> list[int]:
    values: list[int] = []
    for side in (shown.buy or (), shown.sell or ()):
        for level in (*side, *([_NO_LEVEL] * (_LEVELS - len(side)))):
            values += (_count(level.quantity), _price(level.price, divisor), min(_U16_MAX, level.orders))
    return values
