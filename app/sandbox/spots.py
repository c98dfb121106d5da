"""Paths of the prices from which all others follow: shares, indices, commodities, currencies.

A path is defined minute by minute, at every minute of all time, whatever the calendar says. `price at the
boundary of minutes m-1 and m` = level * (1 + x) / (1 - x), where x is the sum of the octaves at m, so it
is always positive and always comes back. A minute opens at its first boundary and closes a step or so from its
second; its high and low are drawn from a hash, beyond both. Within the minute, slots of half a second go from
the open over the high and the low, at hashed places, to the close, and never leave the range that they have to
touch. So a minute's bar costs the same as one price, and no slot can contradict it.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from app.sandbox.money import Step
from app.sandbox.noise import Ints, Octave, key_of, mix, mix_range, wander, wander_range

SLOTS = 120
"""Slots of a minute: a new price each half second at most, as Kite's ticker sends them."""
LAST = SLOTS - 1
PERIODS = (3, 11, 37, 127, 419, 1_423, 4_801, 16_223, 54_799, 180_001, 600_011)
"""Minutes: three to more than a year; primes, so that no two scales turn together."""
SHARED_FROM = 37
"""Shares follow the market over half an hour and more; below, each goes its own way."""
SESSION_MINUTES = 375
SPREAD_OF_SUM = 0.9
"""Deviation of the summed octaves over a minute, in units of amplitude / sqrt(period); measured."""
COARSEST_SHARE = 0.45
"""Of the reach that finer octaves leave, how much one octave may take."""
WICK_OF_MINUTE = 1.5
"""Length of the longest wick, in deviations of a minute."""
MARKET = "market"


class Shape(NamedTuple):
    """A minute in price steps."""

    open: int
    high: int
    low: int
    close: int


class Shapes(NamedTuple):
    """Consecutive minutes in price steps, as columns."""

    open: Ints
    high: Ints
    low: Ints
    close: Ints


@dataclass(frozen=True, slots=True)
class Spot:
    """One path."""

    step: Step
    level: float
    """The centre of the path, in steps."""
    octaves: tuple[Octave, ...]
    wick: float
    """Longest wick as a fraction of the price."""
    minute_key: int
    slot_key: int

    def boundary(self, minute: int) -> int:
        """The price at the beginning of a minute, in steps."""
        x = wander(self.octaves, minute)
        return max(1, int(self.level * (1.0 + x) / (1.0 - x) + 0.5))

    def shape(self, minute: int) -> Shape:
        """Open, high, low and close of a minute."""
        word = mix(self.minute_key, minute)
        first, second = self.boundary(minute), self.boundary(minute + 1)
        close = max(1, second + (((word & 0xFFFF) * 3) >> 16) - 1)
        reach = self.wick * first
        above, below = ((word >> 16) & 0xFFFF) / 65536.0, ((word >> 32) & 0xFFFF) / 65536.0
        high = max(first, close) + int(reach * above * above + 0.5)
        low = max(1, min(first, close) - int(reach * below * below + 0.5))
        return Shape(first, high, low, close)

    def shapes(self, first: int, count: int) -> Shapes:
        """`shape` of `count` minutes from `first` on."""
        x = wander_range(self.octaves, first, count + 1)
        edges = np.maximum((self.level * (1.0 + x) / (1.0 - x) + 0.5).astype(np.int64), 1)
        words = mix_range(self.minute_key, first, count).view(np.int64)
        opens = edges[:-1]
        closes = np.maximum(edges[1:] + (((words & 0xFFFF) * 3) >> 16) - 1, 1)
        reach = self.wick * opens
        above, below = ((words >> 16) & 0xFFFF) / 65536.0, ((words >> 32) & 0xFFFF) / 65536.0
        highs = np.maximum(opens, closes) + (reach * above * above + 0.5).astype(np.int64)
        lows = np.minimum(opens, closes) - (reach * below * below + 0.5).astype(np.int64)
        return Shapes(opens, highs, np.maximum(lows, 1), closes)

    def slot(self, minute: int, shape: Shape, slot: int) -> int:
        """The price in a slot of a minute, 0 to LAST, given the minute's shape."""
        word = mix(self.slot_key, minute)
        high_at = 1 + (((word & 0xFFFF) * (SLOTS - 2)) >> 16)
        low_at = 1 + ((((word >> 16) & 0xFFFF) * (SLOTS - 3)) >> 16)
        low_at += low_at >= high_at
        stops = [(0, shape.open), (high_at, shape.high), (low_at, shape.low), (LAST, shape.close)]
        if low_at < high_at:
            stops[1], stops[2] = stops[2], stops[1]
        index = 1 if slot <= stops[1][0] else 2 if slot <= stops[2][0] else 3
        (left_at, left), (right_at, right) = stops[index - 1], stops[index]
        if slot == left_at:
            return left
        if slot == right_at:
            return right
        swing = 1 + ((shape.high - shape.low) >> 2)
        jitter = (((mix(word, slot) >> 32) * (2 * swing + 1)) >> 32) - swing
        straight = left + (right - left) * (slot - left_at) // (right_at - left_at)
        return min(shape.high, max(shape.low, straight + jitter))


def build_spot(  # noqa: PLR0913 - one path has this many knobs, and each call names them
    *, seed: int, name: str, step: Step, price: float, volatility: float, reach: float, shared: float
) -> Spot:
    """A path around a price. `volatility`: deviation of a session's return; `reach`: bound of the sum of octaves.

    `shared`: how much of it is the market's own movement, 1 with it to -1 against it.
    """
    minute = volatility / SESSION_MINUTES**0.5
    spread = (shared * shared + (1.0 - abs(shared)) ** 2) ** 0.5
    scale = minute / (2.0 * SPREAD_OF_SUM * spread)
    octaves: list[Octave] = []
    left = reach
    for period in PERIODS:
        amplitude = min(scale * period**0.5, COARSEST_SHARE * left)
        left -= amplitude
        own, market = key_of(seed, name, period), key_of(seed, MARKET, period)
        octaves.append(Octave(period, amplitude, own, market, shared if period >= SHARED_FROM else 0.0))
    return Spot(
        step=step,
        level=price / step.size,
        octaves=tuple(octaves),
        wick=WICK_OF_MINUTE * minute,
        minute_key=key_of(seed, name, "minute"),
        slot_key=key_of(seed, name, "slot"),
    )
