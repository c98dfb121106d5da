"""Ticks: each change that the exchange sent, in order, and the cursors to resume from."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.errors import InvalidInput
from app.domain.provenance import DataSource


@dataclass(frozen=True, slots=True)
class Tick:
    """One packet of the stream. Prices in the instrument's currency; what the mode did not carry is None."""

    id: str
    """The instrument's id."""
    last_price: float
    source: DataSource
    received_at: datetime
    """When this service received it, UTC."""
    last_quantity: int | None = None
    volume: int | None = None
    """Units traded today, cumulative."""
    bid: float | None = None
    """Best bid; None with an empty side."""
    ask: float | None = None
    open_interest: int | None = None
    exchange_time: datetime | None = None
    """The exchange's own clock, UTC."""


MAX_SEQUENCE_DIGITS = 16
"""More digits than a BigInt has are no sequence."""


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A position in the stream: the epoch changes whenever numbering restarts."""

    epoch: str
    sequence: int

    def __str__(self) -> str:
        return f"{self.epoch}:{self.sequence}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """The cursor that `str` wrote. Raises InvalidInput for anything else."""
        epoch, _, sequence = text.rpartition(":")
        if not (epoch and sequence.isascii() and sequence.isdigit() and len(sequence) <= MAX_SEQUENCE_DIGITS):
            msg = f"{text[:40]!r} is not a cursor; send back the `cursor` of the last TickBatch unchanged"
            raise InvalidInput(msg)
        return cls(epoch, int(sequence))
