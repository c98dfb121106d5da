"""Packets and frames as Kite's ticker sends them, built by hand for the tests."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

HEARTBEAT = b"\x00"


class Level(NamedTuple):
    """One row of the depth: quantity, price in the smallest unit, orders."""

    quantity: int = 0
    price: int = 0
    orders: int = 0


def ltp_packet(token: int, last: int) -> bytes:
    """8 bytes."""
    return struct.pack(">Ii", token, last)


def index_packet(token: int, *prices: int, epoch: int | None = None) -> bytes:
    """28 bytes of last, high, low, open, close, change; 32 with an epoch."""
    tail = b"" if epoch is None else struct.pack(">I", epoch)
    return struct.pack(">I6i", token, *prices) + tail


def quote_packet(token: int, *fields: int) -> bytes:
    """44 bytes of last, last_quantity, average, volume, buy, sell, open, high, low, close."""
    return struct.pack(">IiIiIII4i", token, *fields)


def full_packet(token: int, fields: Sequence[int], times: Sequence[int], levels: Sequence[Level]) -> bytes:
    """184 bytes: quote, then last trade, oi, oi high, oi low, exchange time, then 5 bids and 5 asks."""
    padded = [*levels, *[Level()] * 10][:10]
    depth = b"".join(struct.pack(">IiHxx", *level) for level in padded)
    return quote_packet(token, *fields) + struct.pack(">5I", *times) + depth


def simple_full(token: int, last: int, *, volume: int = 1_000, epoch: int = 1_780_000_000) -> bytes:
    """A full packet in which only the price, the volume and the clock matter."""
    fields = (last, 5, last, volume, 10, 20, last, last, last, last)
    bids, asks = [Level(7, last - 5, 1)] * 5, [Level(9, last + 5, 2)] * 5
    return full_packet(token, fields, (epoch, 0, 0, 0, epoch), [*bids, *asks])


def frame(*packets: bytes) -> bytes:
    """A binary message."""
    return struct.pack(">H", len(packets)) + b"".join(struct.pack(">H", len(packet)) + packet for packet in packets)
