"""How an instrument's price follows from a spot path: itself, in proportion, or as an option.

Every rule is monotone in the spot's price within one minute: time to expiry and wobble stand still from the
first slot of a minute to the last. So the high of a future's minute is the rule of the high of the spot's
minute, and no slot can lie outside. Scalars and arrays agree to the last bit (see `app.sandbox.noise`).

Options follow Black's model of a future with normal instead of lognormal returns (Bachelier): the same
put-call parity, F - K, the skew of a real index for nothing, and no logarithm.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from app.sandbox.money import Step
from app.sandbox.noise import Ints, mix, mix_range
from app.sandbox.spots import Shape, Shapes, Spot

YEAR = 525_600.0
"""Minutes of a year."""
LAST_MOMENTS = 0.1
"""Minutes: options keep this much time however late it is, so that nothing divides by zero."""
TABLE_END = 8.0
"""Deviations from the strike beyond which an option has no time value."""
TABLE_SIZE = 8_192


def _time_value(x: float) -> float:
    """Time value of an option x deviations from its strike, in deviations."""
    density = math.exp(-x * x / 2.0) / math.sqrt(2.0 * math.pi)
    return max(0.0, density - x * math.erfc(x / math.sqrt(2.0)) / 2.0)


_LIST = [_time_value(TABLE_END * index / TABLE_SIZE) for index in range(TABLE_SIZE)] + [0.0, 0.0]
_ARRAY = np.array(_LIST)
_PER_DEVIATION = TABLE_SIZE / TABLE_END


class Pricing(Protocol):
    """From the spot's steps to the instrument's own."""

    @property
    def spot(self) -> Spot:
        """The path that it follows."""
        ...

    @property
    def step(self) -> Step:
        """Its own price step."""
        ...

    @property
    def rising(self) -> bool:
        """False if the price falls when the spot rises."""
        ...

    def steps(self, level: int, minute: int) -> int:
        """The price in own steps, at least 1, for the spot's price in its steps."""
        ...

    def steps_range(self, levels: Ints, first: int) -> Ints:
        """`steps` of consecutive minutes from `first` on."""
        ...


@dataclass(frozen=True, slots=True)
class Itself:
    """The spot is the instrument."""

    spot: Spot
    step: Step
    rising: bool = True

    def steps(self, level: int, minute: int) -> int:
        """The same."""
        del minute
        return level

    def steps_range(self, levels: Ints, first: int) -> Ints:
        """The same."""
        del first
        return levels


@dataclass(frozen=True, slots=True)
class Proportional:
    """A future, a fund, or a share on the other exchange: spot * (1 + carry * time) * (1 +- wobble)."""

    spot: Spot
    step: Step
    scale: float
    """Own steps for a step of the spot."""
    carry: float
    """Interest of a year."""
    expiry: int
    """Minute of expiry."""
    wobble: float
    key: int
    rising: bool = True

    def steps(self, level: int, minute: int) -> int:
        """See Pricing."""
        years = max(self.expiry - minute, 0) / YEAR
        noise = (mix(self.key, minute) & 0xFFFF) / 32768.0 - 1.0
        return max(1, int(level * (self.scale * (1.0 + self.carry * years) * (1.0 + self.wobble * noise)) + 0.5))

    def steps_range(self, levels: Ints, first: int) -> Ints:
        """See Pricing."""
        minutes = np.arange(first, first + len(levels), dtype=np.int64)
        years = np.maximum(self.expiry - minutes, 0) / YEAR
        noise = (mix_range(self.key, first, len(levels)).view(np.int64) & 0xFFFF) / 32768.0 - 1.0
        factor = self.scale * (1.0 + self.carry * years) * (1.0 + self.wobble * noise)
        return np.maximum((levels * factor + 0.5).astype(np.int64), 1)


@dataclass(frozen=True, slots=True)
class Option:
    """A call or a put on the spot's forward price."""

    spot: Spot
    step: Step
    scale: float
    carry: float
    expiry: int
    strike: float
    """In own steps."""
    deviation: float
    """Deviation of the underlying over a year, in own steps."""
    rising: bool
    """True for a call."""

    def steps(self, level: int, minute: int) -> int:
        """See Pricing."""
        left = self.expiry - minute
        distance = level * (self.scale * (1.0 + self.carry * (max(left, 0) / YEAR))) - self.strike
        spread = self.deviation * math.sqrt(max(left, LAST_MOMENTS) / YEAR)
        place = min(abs(distance) / spread * _PER_DEVIATION, float(TABLE_SIZE))
        index = int(place)
        worth = _LIST[index] + (_LIST[index + 1] - _LIST[index]) * (place - index)
        inner = distance if self.rising else -distance
        return max(1, int(spread * worth + max(inner, 0.0) + 0.5))

    def steps_range(self, levels: Ints, first: int) -> Ints:
        """See Pricing."""
        left = self.expiry - np.arange(first, first + len(levels), dtype=np.int64)
        distance = levels * (self.scale * (1.0 + self.carry * (np.maximum(left, 0) / YEAR))) - self.strike
        spread = self.deviation * np.sqrt(np.maximum(left, LAST_MOMENTS) / YEAR)
        place = np.minimum(np.abs(distance) / spread * _PER_DEVIATION, float(TABLE_SIZE))
        index = place.astype(np.int64)
        worth = _ARRAY[index] + (_ARRAY[index + 1] - _ARRAY[index]) * (place - index)
        inner = distance if self.rising else -distance
        steps: Ints = (spread * worth + np.maximum(inner, 0.0) + 0.5).astype(np.int64)
        return np.maximum(steps, 1)


def own_shape(pricing: Pricing, shape: Shape, minute: int) -> Shape:
    """A minute of the spot as a minute of the instrument."""
    opened, high, low, close = (pricing.steps(level, minute) for level in shape)
    return Shape(opened, high, low, close) if pricing.rising else Shape(opened, low, high, close)


def own_shapes(pricing: Pricing, shapes: Shapes, first: int) -> Shapes:
    """Consecutive minutes of the spot, from `first` on, as those of the instrument."""
    opened, high, low, close = (pricing.steps_range(levels, first) for levels in shapes)
    return Shapes(opened, high, low, close) if pricing.rising else Shapes(opened, low, high, close)
