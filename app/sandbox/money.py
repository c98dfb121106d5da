"""Prices as whole numbers of price steps, so that sums and extremes are exact."""

from decimal import Decimal
from typing import NamedTuple

from app.sandbox.noise import Floats, Ints


class Step(NamedTuple):
    """The smallest price step of an instrument, as the fraction units / scale."""

    units: int
    scale: int

    @property
    def size(self) -> float:
        """The step in the currency."""
        return self.units / self.scale

    def price(self, steps: int) -> float:
        """The float nearest to the decimal price."""
        return steps * self.units / self.scale

    def prices(self, steps: Ints) -> Floats:
        """`price` of each."""
        return steps * self.units / self.scale


def step_of(tick: float) -> Step:
    """The step of a tick size such as 0.05 or 0.0025. Raises ValueError for 0 and less."""
    exact = Decimal(repr(tick))
    if exact <= 0:
        msg = f"a tick of {tick} is no price step"
        raise ValueError(msg)
    units, scale = exact.as_integer_ratio()
    return Step(units, scale)
