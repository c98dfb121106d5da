"""What surrounds the price: volume, open interest and the order book, from hashes of minute and slot.

Pure functions of the keys in `Flow`. The volume of a minute is traded in its slots, so that it never falls and
is complete in the last one.
"""

from dataclasses import dataclass

import numpy as np

from app.sandbox.money import Step
from app.sandbox.noise import Ints, Octave, key_of, mix, mix_range, wander, wander_range
from app.sandbox.shapes import Level
from app.sandbox.spots import LAST, SLOTS

LEVELS = 5
INTEREST_PERIODS = ((47, 0.04), (4_801, 0.3))
"""Minutes and amplitudes of the two waves of open interest."""
MOST_ORDERS = 60
"""Orders at one price at the most."""
DEPTH_OF_MINUTE = 0.1
"""Lots at one price at the most, of those that trade in a minute."""
PENDING = 9
"""Orders beyond the fifth level, in units of those before it."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Trading in one instrument."""

    lot: int
    lots_per_minute: float
    volume_key: int
    book_key: int
    interest: float
    """Mean open interest in lots; 0 for what is no derivative."""
    waves: tuple[Octave, ...]

    def volume(self, minute: int) -> int:
        """Units traded in a whole minute."""
        busy = (mix(self.volume_key, minute) & 0xFFFF) / 65536.0
        return int(self.lots_per_minute * (0.25 + 2.25 * busy * busy) + 0.5) * self.lot

    def volumes(self, first: int, count: int) -> Ints:
        """`volume` of consecutive minutes."""
        busy = (mix_range(self.volume_key, first, count).view(np.int64) & 0xFFFF) / 65536.0
        return (self.lots_per_minute * (0.25 + 2.25 * busy * busy) + 0.5).astype(np.int64) * self.lot

    def traded(self, minute: int, slot: int) -> int:
        """Units traded from the beginning of a minute to a slot of it, inclusive."""
        whole = self.volume(minute)
        if slot == LAST:
            return whole
        within = (mix(self.book_key, minute * SLOTS + slot) & 0xFFFF) / 65536.0
        return int(whole // self.lot * (slot + within) / SLOTS) * self.lot

    def open_interest(self, minute: int) -> int:
        """Open interest in units; it stands still within a minute."""
        return int(self.interest * (1.0 + wander(self.waves, minute))) * self.lot

    def open_interests(self, first: int, count: int) -> Ints:
        """`open_interest` of consecutive minutes."""
        return (self.interest * (1.0 + wander_range(self.waves, first, count))).astype(np.int64) * self.lot

    def last_quantity(self, slot: int) -> int:
        """Units of the last trade in a slot, counted from the epoch."""
        word = mix(self.volume_key, -slot)
        most = max(1, int(self.lots_per_minute / 30))
        return (1 + (word & 0xFFFF) * most * (word >> 16 & 0xFF) // (0x10000 * 0x100)) * self.lot

    def sides(self, last: int, slot: int, step: Step) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Five bids and five asks around the last price in steps; it is the best bid or the best ask."""
        word = mix(self.book_key, slot)
        spread = 1 + (word >> 62 & 1)
        bid = last if word >> 63 else last - spread
        return self._side(bid, -1, word, step), self._side(bid + spread, 1, mix(word, 1), step)

    def _side(self, best: int, direction: int, word: int, step: Step) -> tuple[Level, ...]:
        most = max(8, int(self.lots_per_minute * DEPTH_OF_MINUTE))
        levels: list[Level] = []
        for distance in range(LEVELS):
            steps = best + direction * distance
            lots = 1 + ((word >> (12 * distance) & 0xFFF) * most >> 12)
            orders = 1 + (word >> (12 * distance + 4) & 0xFF) % min(lots, MOST_ORDERS)
            levels.append(Level(step.price(steps), lots * self.lot, orders) if steps > 0 else Level(0.0, 0, 0))
        return tuple(levels)

    def pending(self, side: tuple[Level, ...], minute: int) -> int:
        """All orders of one side in units, given its first levels."""
        beyond = self.lot * (1 + int(self.lots_per_minute * (mix(self.book_key, -minute) & 0xFF) / 16.0))
        return beyond + PENDING * sum(level.quantity for level in side)


def build_flow(*, seed: int, name: str, lot: int, lots_per_minute: float, interest: float) -> Flow:
    """The flow of one instrument by its name."""
    waves = tuple(
        Octave(period, amplitude, key_of(seed, name, "interest", period), 0, 0.0)
        for period, amplitude in INTEREST_PERIODS
    )
    return Flow(lot, lots_per_minute, key_of(seed, name, "volume"), key_of(seed, name, "book"), interest, waves)
