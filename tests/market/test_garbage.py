"""Garbage from a source: a price that cannot be one is missing, and nothing that is computed breaks on it."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from math import isfinite

import pytest
from anyio import run
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.market_closes import is_price
from app.domain.quotes import Quote
from tests.market.world import INPUTS, MEMBERS, QUOTED, context_of, whole

NIFTY, VIX, IT = "NSE:NIFTY 50", "NSE:INDIA VIX", "NSE:NIFTY IT"
FIGURES = st.one_of(st.sampled_from([0.0, -0.0, -24_510.0, 5e-324, 1e-4, 1e12, 1.7e308]), st.floats())
COMPUTED = (NIFTY, VIX, IT, MEMBERS[0], MEMBERS[1], INPUTS.commodities[0], INPUTS.currencies[0])


@pytest.mark.parametrize("price", [0.0, -24_510.0, float("nan"), float("inf")])
@pytest.mark.parametrize("key", [NIFTY, VIX, IT, MEMBERS[0], INPUTS.currencies[0]])
async def test_what_cannot_be_a_price_is_missing(key: str, price: float) -> None:
    """Of an index, a share, a currency: named with what its source said; everything else is as ever."""
    world = whole()
    world.put(key, price, 100.0)
    found = await context_of(world)
    assert {each.input: each.reason for each in found.missing} == {key: f"NOT_A_PRICE: its source says {price:g}"}
    assert found.confidence == pytest.approx(0.45 if key == NIFTY else 1.0)
    assert (found.volatility is None) == (key == VIX)


@pytest.mark.parametrize("previous", [0.0, -100.0, float("nan")])
async def test_what_cannot_be_a_previous_close_is_none(previous: float) -> None:
    """The price counts, its change does not."""
    world = whole()
    world.put(NIFTY, 100.0, previous)
    found = await context_of(world)
    assert [each.input for each in found.missing] == [f"{NIFTY} previous close"]
    assert found.confidence == pytest.approx(0.7)
    (shown,) = [each.quote for each in found.indices if each.instrument.id == NIFTY]
    assert (shown.previous_close, shown.change, shown.change_percent) == (None, None, None)


async def test_a_future_on_a_commodity_may_be_below_zero() -> None:
    """As that on WTI was on 2020-04-20."""
    world = whole()
    world.put("YAHOO:CL=F", -37.63, 18.27)
    found = await context_of(world)
    assert found.missing == ()
    assert -37.63 in [each.quote.last_price for each in found.commodities]


@settings(max_examples=150)
@given(
    st.dictionaries(st.sampled_from(COMPUTED), st.tuples(FIGURES, st.none() | FIGURES, st.none() | FIGURES)),
    st.dictionaries(st.tuples(st.sampled_from([NIFTY, VIX, IT]), st.integers(1, 55)), FIGURES),
    st.none() | st.integers(-(2**63), 2**63),
)
def test_no_figure_breaks_the_context(
    prices: dict[str, tuple[float, float | None, float | None]],
    closes: dict[tuple[str, int], float],
    volume: int | None,
) -> None:
    """Whatever prices, previous closes, averages, volumes and closes are: there is a context, and it is of numbers."""
    run(check_with, prices, closes, volume)


async def check_with(
    prices: Mapping[str, tuple[float, float | None, float | None]],
    closes: Mapping[tuple[str, int], float],
    volume: int | None,
) -> None:
    world = whole()
    for key, (last, previous, average) in prices.items():
        world.put(key, last, previous, volume=volume)
        world.priced[key] = replace(world.priced[key], average_price=average)
    for (key, back), close in closes.items():
        world.closes[key][-back] = close
    found = await context_of(world)
    missing = {each.input for each in found.missing}
    for key in set(QUOTED) - set(INPUTS.commodities):
        assert (key in missing) == (not is_price(world.priced[key].last_price))
    for key, back in closes:
        if back <= 22:
            assert (f"{key} day bars" in missing) >= (not is_price(world.closes[key][-back]))
    assert all(isfinite(number) for number in numbers_of(found))
    assert found.regime is None or -1 <= found.regime.score <= 1
    assert found.confidence == 1.0 or missing


def numbers_of(value: object) -> Iterator[float]:
    """Every number that was computed: those of quotes are their source's."""
    if isinstance(value, float):
        yield value
    elif is_dataclass(value) and not isinstance(value, (Quote, type)):
        for each in fields(value):
            yield from numbers_of(getattr(value, each.name))
    elif isinstance(value, Mapping):
        yield from numbers_of(tuple(value.values()))
    elif isinstance(value, tuple):
        for each in value:
            yield from numbers_of(each)
