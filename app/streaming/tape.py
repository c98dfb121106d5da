"""The recent past of all recorded instruments, numbered, so that a reader can resume.

The feed appends ticks and interruptions; a tick stream that opens with a cursor replays from here.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile

from app.domain.errors import InvalidInput
from app.domain.ticks import Cursor, Tick

RECENT_TICKS = 50_000
"""Ticks to resume from: 30 s at 1,600 a second, and about 20 MB."""

BEFORE_EVERYTHING = 0
"""A position that no instrument is complete after: the first number goes to the first one recorded."""


@dataclass(frozen=True, slots=True)
class Interruption:
    """A place in the stream where the exchange may have sent what nobody received."""

    instruments: frozenset[str] | None
    """Ids that it touched; None: all of them."""

    def touches(self, instrument_id: str) -> bool:
        """Whether the instrument was interrupted."""
        return self.instruments is None or instrument_id in self.instruments


Entry = tuple[int, Tick | Interruption]
"""A sequence number and what happened there."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What happened after a position, oldest first."""

    position: int
    entries: list[Entry]
    gap: bool
    """The tape does not reach back to the cursor: before these entries something may be missing."""


class TickTape:
    """A ring of the newest entries under one numbering. Full policy: the oldest is forgotten.

    Never waits. For one event loop, not thread-safe. An interruption has a number of its own, so a
    cursor tells whether its owner was told of it.
    """

    def __init__(self, epoch: str, *, reach: int = RECENT_TICKS) -> None:
        self.epoch = epoch
        self.sequence = 0
        """The newest number that was given."""
        self._reach = reach
        self._entries: deque[Entry] = deque()
        self._complete_after: dict[str, int] = {}

    def begin(self, instrument_id: str) -> None:
        """Record the instrument from now on. It takes a number, so that older cursors are seen to be older."""
        self.sequence += 1
        self._complete_after[instrument_id] = self.sequence

    def end(self, instrument_id: str) -> None:
        """Record the instrument no more."""
        del self._complete_after[instrument_id]

    def append(self, item: Tick | Interruption) -> Entry:
        """Number the item and keep it."""
        if len(self._entries) >= self._reach:
            self._forget_oldest()
        self.sequence += 1
        entry = (self.sequence, item)
        self._entries.append(entry)
        return entry

    def record(self, ticks: Iterable[Tick]) -> Iterator[tuple[int, Tick]]:
        """Number and keep the ticks of recorded instruments, leaving out the others. Lazy: each as it is asked for."""
        recorded, held, reach = self._complete_after, self._entries, self._reach
        for tick in ticks:
            if tick.id in recorded:
                if len(held) >= reach:
                    self._forget_oldest()
                self.sequence += 1
                entry = (self.sequence, tick)
                held.append(entry)
                yield entry

    def position(self, after: Cursor | None) -> int | None:
        """Where to replay from; None without a cursor, before everything for one of another numbering.

        Raises InvalidInput for a cursor that this numbering has not reached.
        """
        if after is None:
            return None
        if after.epoch != self.epoch:
            return BEFORE_EVERYTHING
        if after.sequence > self.sequence:
            msg = f"cursor {after} is ahead of the stream; send back the `cursor` of the last TickBatch unchanged"
            raise InvalidInput(msg)
        return after.sequence

    def replay(self, position: int | None, ids: Collection[str]) -> Replay:
        """What the recorded instruments `ids` did after a position; nothing without one."""
        if position is None:
            return Replay(self.sequence, [], gap=False)
        newer = takewhile(lambda entry: entry[0] > position, reversed(self._entries))
        entries = [entry for entry in newer if _concerns(entry[1], ids)]
        entries.reverse()
        return Replay(position, entries, any(self._complete_after[instrument_id] > position for instrument_id in ids))

    def _forget_oldest(self) -> None:
        sequence, item = self._entries.popleft()
        if isinstance(item, Tick):
            if self._complete_after.get(item.id, sequence) < sequence:
                self._complete_after[item.id] = sequence
            return
        for instrument_id, complete_after in self._complete_after.items():
            if item.touches(instrument_id):
                self._complete_after[instrument_id] = max(sequence, complete_after)


def _concerns(item: Tick | Interruption, ids: Collection[str]) -> bool:
    if isinstance(item, Tick):
        return item.id in ids
    return any(item.touches(instrument_id) for instrument_id in ids)
