"""The order book of a packet, unpacked when somebody looks.

A full packet's bytes come in from `packets`; a Depth like any other goes out with the quote. Ten levels are ten objects
and most of a packet's work; of 4,000 packets a second hardly any book is looked at, and what is kept of the others is
all that the garbage collector would have to walk: with them a full collection of a busy service took a tenth of a
second, every other second. Pure.
"""

import struct

from app.domain.drafts import open_draft
from app.domain.quotes import Depth, DepthLevel

BIDS_AT, ASKS_AT = 64, 124
"""Where the five bids and the five asks of a full packet begin."""

_LEVEL = struct.Struct(">IiHxx")
_open_level = open_draft(DepthLevel)
_set = object.__setattr__

Levels = tuple[DepthLevel, ...]


class PacketDepth(Depth):
    """Equal to the Depth with the same levels. Unpacked at most once; not to be looked at from several threads."""

    __slots__ = ("_divisor", "_packet", "_sides")

    _packet: bytes
    _divisor: float
    _sides: tuple[Levels, Levels] | None

    def __init__(self, packet: bytes, divisor: float) -> None:
        """`packet` is a full one, of 184 bytes; `divisor` makes prices of its integers."""
        _set(self, "_packet", packet)
        _set(self, "_divisor", divisor)
        _set(self, "_sides", None)

    @property
    def bids(self) -> Levels:
        """Buyers, highest price first."""
        return (self._sides or self._unpack())[0]

    @property
    def asks(self) -> Levels:
        """Sellers, lowest price first."""
        return (self._sides or self._unpack())[1]

    def __eq__(self, other: object) -> bool:
        """Whether the levels are the same."""
        if not isinstance(other, Depth):
            return NotImplemented
        return (self.bids, self.asks) == (other.bids, other.asks)

    def __hash__(self) -> int:
        """As that of a Depth with the same levels."""
        return hash((self.bids, self.asks))

    def _unpack(self) -> tuple[Levels, Levels]:
        packet, divisor = self._packet, self._divisor
        sides = _levels(packet[BIDS_AT:ASKS_AT], divisor), _levels(packet[ASKS_AT:], divisor)
        _set(self, "_sides", sides)
        return sides


def _levels(rows: bytes, divisor: float) -> Levels:
    levels = []
    for size, price, orders in _LEVEL.iter_unpack(rows):
        if size:
            level = _open_level()
            level.price, level.quantity, level.orders = price / divisor, size, orders
            level.__class__ = DepthLevel
            levels.append(level)
    return tuple(levels)
