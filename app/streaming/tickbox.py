"""The mailbox of an event stream: every tick in order, for one reader.

The feed puts ticks and interruptions in; a `ticks` subscription takes batches out.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.errors import MarketDataError
from app.domain.ticks import Cursor, Tick
from app.domain.update_merge import BATCH_TICKS
from app.streaming.tape import Entry, Interruption, Replay, TickTape

MAILBOX_TICKS = 10_000
"""Ticks that wait for a slow reader: 20 s of 250 instruments at 2 a second, about 4 MB."""


@dataclass(frozen=True, slots=True)
class TickChanges:
    """A batch of ticks, oldest first."""

    cursor: Cursor
    """Everything up to here was delivered or counted as missed."""
    missed: int
    """Ticks lost before this batch: exact for a reader that fell behind; each gap adds 1, a lower bound."""
    gap: bool
    """The feed broke or the tape did not reach: nobody can count what was lost."""
    ticks: list[Tick]


class TickMailbox:
    """Every tick for one reader, in order.

    Buffered: a bounded ring. Full policy: the oldest entry is dropped and counted exactly in `missed`.
    `put` never waits, so no reader delays another. For one event loop, not thread-safe. `take` is
    cancel-safe: what it did not return stays in the box.

    A gap is where the exchange may have sent what nobody received: the feed was down, or the tape
    does not reach back to the cursor. It counts as 1 in `missed`, since the truth cannot be known.
    """

    def __init__(
        self,
        tape: TickTape,
        replay: Replay,
        rejected: Mapping[str, MarketDataError],
        *,
        size: int = MAILBOX_TICKS,
    ) -> None:
        self.rejected = rejected
        """Why instruments that were asked for are not carried, by id."""
        self.cursor = Cursor(tape.epoch, replay.position)
        """Everything up to here was taken: first where the stream opens, then the end of the last batch."""
        self._tape = tape
        self._entries = deque(replay.entries)
        # A replay has its own room: nothing of it is lost before the first take.
        self._size = size + len(replay.entries)
        self._gap = replay.gap
        self._dropped = 0
        self._filled = asyncio.Event()

    def put(self, entry: Entry) -> None:
        """Keep the entry until it is taken, dropping the oldest one if the box is full."""
        if len(self._entries) >= self._size:
            self._drop_oldest()
        self._entries.append(entry)
        self._filled.set()

    async def take(self) -> TickChanges:
        """Wait until there is something; at most BATCH_TICKS ticks, never across a gap."""
        while (changes := self.take_now()) is None:
            self._filled.clear()
            await self._filled.wait()
        return changes

    def take_now(self) -> TickChanges | None:
        """What `take` would return at once; None if it would wait."""
        if not (self._entries or self._gap):
            return None
        position = self._skip_interruptions()
        ticks: list[Tick] = []
        while self._entries and len(ticks) < BATCH_TICKS:
            sequence, item = self._entries[0]
            if isinstance(item, Interruption):
                break
            self._entries.popleft()
            position = sequence
            ticks.append(item)
        gap, self._gap = self._gap, False
        dropped, self._dropped = self._dropped, 0
        self.cursor = Cursor(self._tape.epoch, self._end(position))
        return TickChanges(self.cursor, dropped + gap, gap, ticks)

    def _skip_interruptions(self) -> int:
        position = 0
        while self._entries and isinstance(self._entries[0][1], Interruption):
            position, _ = self._entries.popleft()
            self._gap = True
        return position

    def _end(self, position: int) -> int:
        # An empty box has delivered everything, other instruments' numbers included: a cursor at the
        # tape's end stays resumable the longest.
        return position if self._entries else self._tape.sequence

    def _drop_oldest(self) -> None:
        _, item = self._entries.popleft()
        if isinstance(item, Interruption):
            self._gap = True
        else:
            self._dropped += 1
