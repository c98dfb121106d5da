"""Everything that makes one instrument's numbers: its path, its rule and its flow.

`Process` is pure. `Tape` answers the same questions for all instruments of a market and remembers the newest
minutes of each path, because thousands of options ask for the same ones; forgetting it changes no answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np

from app.domain.instruments import InstrumentKind
from app.sandbox.columns import Columns
from app.sandbox.flow import Flow
from app.sandbox.hours import EPOCH
from app.sandbox.pricing import Pricing, own_shapes
from app.sandbox.rules import price_rule, trading_flow
from app.sandbox.spots import Shape, Shapes, Spot
from app.sandbox.universe import NEVER_TRADED, Listed

LISTED_FOR = timedelta(days=100)
"""Contracts are listed so long before they expire; older history does not exist."""
SHAPES_KEPT = 8
"""Minutes of one path: this one, the last ones, and the close of the day before."""
RANGES_KEPT = 32
"""Of up to a day's minutes: 32 bytes each, 50 KB a range."""
LONGEST_RANGE_KEPT = 1_500
WIDE_BAND, BAND, NARROW_BAND = 0.2, 0.1, 0.05
"""Price bands: shares without derivatives, all others, currencies."""


@dataclass(frozen=True, slots=True)
class Process:
    """One instrument's rule and flow."""

    listed: Listed
    pricing: Pricing
    flow: Flow | None
    band: float | None
    """Width of the price band as a fraction; None for indices."""
    band_of: float | None
    """What the band is a fraction of, in steps; None: of the previous close."""
    first_day: int
    """Number of the day from which there is history."""

    def columns(self, shapes: Shapes, first: int) -> Columns:
        """Consecutive minutes of the path, from `first` on, as minutes of the instrument."""
        own, count = own_shapes(self.pricing, shapes, first), len(shapes.open)
        nothing = np.zeros(count, dtype=np.int64)
        volume = self.flow.volumes(first, count) if self.flow else nothing
        interest = self.flow.open_interests(first, count) if self.flow and self.flow.interest else nothing
        return Columns(*own, volume, interest)

    @property
    def has_interest(self) -> bool:
        """Whether there is open interest."""
        return self.flow is not None and self.flow.interest > 0


def build_process(listed: Listed, spots: Mapping[str, Spot], *, seed: int) -> Process | None:
    """The process of an instrument; None for the one that never trades."""
    instrument = listed.instrument
    if instrument.id == NEVER_TRADED:
        return None
    pricing = price_rule(instrument, spots, base_price=listed.base_price, seed=seed)
    expiry = instrument.expiry
    return Process(
        listed=listed,
        pricing=pricing,
        flow=trading_flow(instrument, pricing, base_price=listed.base_price, seed=seed),
        band=_band(listed),
        band_of=instrument.strike / pricing.step.size if instrument.strike else None,
        first_day=_day_number(expiry - LISTED_FOR) if expiry else 0,
    )


def _day_number(day: date) -> int:
    return (day - EPOCH).days


def _band(listed: Listed) -> float | None:
    instrument = listed.instrument
    if instrument.kind is InstrumentKind.INDEX:
        return None
    if instrument.expiry is None:
        return BAND if listed.has_derivatives else WIDE_BAND
    if instrument.strike is not None:
        return WIDE_BAND
    return NARROW_BAND if instrument.segment == "CDS-FUT" else BAND


class Forming(NamedTuple):
    """A minute of a path up to one of its slots, in the path's steps."""

    minute: int
    slot: int
    high: int
    low: int
    last: int


class Tape:
    """The newest minutes of all paths. Safe to share between threads: entries are replaced, never changed."""

    def __init__(self) -> None:
        self._shapes: dict[int, dict[int, Shape]] = {}
        self._ranges: dict[tuple[int, int, int], Shapes] = {}
        self._forming: dict[int, Forming] = {}

    def shape(self, spot: Spot, minute: int) -> Shape:
        """A whole minute."""
        kept = self._shapes.get(spot.minute_key, {})
        found = kept.get(minute)
        if found is None:
            found = spot.shape(minute)
            if len(kept) >= SHAPES_KEPT:
                kept = {key: kept[key] for key in sorted(kept)[1:]}
            self._shapes[spot.minute_key] = {**kept, minute: found}
        return found

    def shapes(self, spot: Spot, first: int, count: int) -> Shapes:
        """Consecutive whole minutes."""
        if count > LONGEST_RANGE_KEPT:
            return spot.shapes(first, count)
        key = (spot.minute_key, first, count)
        found = self._ranges.get(key)
        if found is None:
            found = spot.shapes(first, count)
            kept = self._ranges if len(self._ranges) < RANGES_KEPT else {}
            self._ranges = {**kept, key: found}
        return found

    def forming(self, spot: Spot, minute: int, slot: int) -> Forming:
        """A minute up to a slot."""
        state = self._forming.get(spot.minute_key)
        if state is not None and state.minute == minute and state.slot == slot:
            return state
        shape = self.shape(spot, minute)
        if state is None or state.minute != minute or state.slot > slot:
            state = Forming(minute, 0, shape.open, shape.open, shape.open)
        high, low, last = state.high, state.low, state.last
        for number in range(state.slot + 1, slot + 1):
            last = spot.slot(minute, shape, number)
            high, low = max(high, last), min(low, last)
        state = Forming(minute, slot, high, low, last)
        self._forming[spot.minute_key] = state
        return state
