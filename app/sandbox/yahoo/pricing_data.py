"""A tick of the stream as Yahoo writes it: base64 of a protobuf message, in JSON.

Comes in: a security and its reading. Goes out: the text message. Pure, and written by hand: four kinds of fields need
no library. Like Yahoo, it says little: what is no cryptocurrency has no open, no range and no previous close.
"""

import struct
from base64 import b64encode

import orjson

from app.sandbox.yahoo.board import Reading
from app.sandbox.yahoo.directory import Security

VARINT, BYTES, FIXED_32 = 0, 2, 5
"""Wire types."""
QUOTE_TYPES = {"EQUITY": 8, "INDEX": 9, "CURRENCY": 14, "FUTURE": 18, "ETF": 20, "CRYPTOCURRENCY": 41}
MARKET_HOURS = {"PRE": 0, "REGULAR": 1, "POST": 2, "CLOSED": 2}
_GROUP, _MORE = 0x7F, 0x80


def varint(value: int) -> bytes:
    """A whole number that is not negative, seven bits a byte, lowest first."""
    groups = bytearray()
    while value > _GROUP:
        groups.append(value & _GROUP | _MORE)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def _tag(field: int, wire_type: int) -> bytes:
    return varint(field << 3 | wire_type)


def text(field: int, value: str) -> bytes:
    """A string."""
    encoded = value.encode()
    return _tag(field, BYTES) + varint(len(encoded)) + encoded if encoded else b""


def number(field: int, value: float) -> bytes:
    """A float of 32 bits."""
    return _tag(field, FIXED_32) + struct.pack("<f", value) if value else b""


def whole(field: int, value: int) -> bytes:
    """An int32 that is not negative."""
    return _tag(field, VARINT) + varint(value) if value else b""


def signed(field: int, value: int) -> bytes:
    """A sint64, whose sign is its lowest bit."""
    return _tag(field, VARINT) + varint(value << 1 if value >= 0 else (-value << 1) - 1) if value else b""


def pricing_data(security: Security, reading: Reading, state: str) -> bytes:
    """The protobuf message. Times in milliseconds; zeros are left out, as protobuf has it."""
    coin = security.quote_type == "CRYPTOCURRENCY"
    return b"".join(
        (
            text(1, security.symbol),
            number(2, reading.price),
            signed(3, int(reading.time.timestamp() * 1000)),
            text(4, security.currency) if coin else b"",
            text(5, security.venue.code),
            whole(6, QUOTE_TYPES[security.quote_type]),
            whole(7, MARKET_HOURS[state]),
            number(8, reading.change_percent),
            signed(9, reading.volume),
            _range(reading) if coin else b"",
            number(12, reading.change),
            number(15, reading.open) if coin else b"",
            signed(27, security.price_hint),
        )
    )


def _range(reading: Reading) -> bytes:
    return number(10, reading.high) + number(11, reading.low)


def pricing_message(data: bytes) -> str:
    """The text message around it, as version 2 of the stream sends it."""
    return orjson.dumps({"type": "pricing", "message": b64encode(data).decode()}).decode()
