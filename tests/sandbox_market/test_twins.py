"""Scalars and columns agree to the last bit: everything that stands in the sandbox twice."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.sandbox.flow import build_flow
from app.sandbox.market import SimulatedMarket
from app.sandbox.money import step_of
from app.sandbox.noise import key_of, mix, mix_range
from app.sandbox.pricing import Option, Proportional
from app.sandbox.rules import build_spots
from app.sandbox.spots import LAST, SLOTS, Shape

SPOTS = build_spots(3)
minutes = st.integers(20_000_000, 40_000_000)
names = st.sampled_from(sorted(SPOTS))
COUNT = 40


@given(key=st.integers(0, 2**64 - 1), first=st.integers(-1_000, 2**40))
def test_mix_of_a_range(key: int, first: int) -> None:
    """The hash of numpy's unsigned integers is that of Python's."""
    assert mix_range(key, first, 5).tolist() == [mix(key, first + offset) for offset in range(5)]


def test_keys_do_not_depend_on_the_process() -> None:
    """A pinned value: changing it changes every price."""
    assert mix(key_of(1, "NSE:INFY", 3), 42) == 9_122_156_843_634_934_806
    assert key_of("ab", "c") != key_of("a", "bc")


@given(name=names, first=minutes)
def test_shapes_of_a_range(name: str, first: int) -> None:
    """Minutes one by one and as columns; high and low enclose open and close."""
    spot = SPOTS[name]
    columns = spot.shapes(first, COUNT)
    one_by_one = [spot.shape(first + offset) for offset in range(COUNT)]
    assert [Shape(*row) for row in zip(*(column.tolist() for column in columns), strict=True)] == one_by_one
    assert all(1 <= shape.low <= min(shape.open, shape.close) for shape in one_by_one)
    assert all(shape.high >= max(shape.open, shape.close) for shape in one_by_one)


@given(name=names, minute=minutes)
def test_slots_touch_what_the_shape_says(name: str, minute: int) -> None:
    """First, last, highest and lowest slot are open, close, high and low."""
    spot = SPOTS[name]
    shape = spot.shape(minute)
    slots = [spot.slot(minute, shape, number) for number in range(SLOTS)]
    assert (slots[0], max(slots), min(slots), slots[LAST]) == shape


@given(
    levels=st.lists(st.integers(300_000, 700_000), min_size=2, max_size=20),
    first=minutes,
    left=st.integers(-2_000, 60_000),
    strike=st.integers(300_000, 700_000),
    rising=st.booleans(),
)
def test_rules_are_twins_and_monotone(
    levels: list[int],
    first: int,
    left: int,
    strike: int,
    rising: bool,  # noqa: FBT001 - hypothesis passes it by name
) -> None:
    """Futures and options: columns as scalars, and in one minute never against the spot."""
    spot, step, expiry = SPOTS["NSE:NIFTY 50"], step_of(0.05), first + left
    option = Option(spot, step, 1.0, 0.065, expiry, float(strike), 65_000.0, rising)
    for rule in (option, Proportional(spot, step, 1.0, 0.065, expiry, 0.0001, 77)):
        columns = rule.steps_range(np.array(levels), first).tolist()
        assert columns == [rule.steps(level, first + offset) for offset, level in enumerate(levels)]
        ordered = [rule.steps(level, first) for level in sorted(levels)]
        assert ordered == sorted(ordered, reverse=not rule.rising)


@given(lot=st.integers(1, 5_000), lots=st.floats(0.0, 10_000.0), first=minutes)
def test_flow_of_a_range(lot: int, lots: float, first: int) -> None:
    """Volume and open interest as columns; volume never falls within a minute and is whole at its end."""
    flow = build_flow(seed=5, name="X", lot=lot, lots_per_minute=lots, interest=10 * lots)
    assert flow.volumes(first, 10).tolist() == [flow.volume(first + offset) for offset in range(10)]
    assert flow.open_interests(first, 10).tolist() == [flow.open_interest(first + offset) for offset in range(10)]
    traded = [flow.traded(first, slot) for slot in range(SLOTS)]
    assert traded == sorted(traded)
    assert traded[LAST] == flow.volume(first)


def test_a_listed_contract_trades_where_its_columns_say(market: SimulatedMarket) -> None:
    """Every listed instrument but the one without trading has a rule."""
    assert sum(process is None for process in market._processes.values()) == 1
