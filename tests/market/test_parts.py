"""Volatility, breadth, movers and sectors, by plain arithmetic."""

from dataclasses import replace
from datetime import date, timedelta
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.market_context import VolatilityLevel
from app.domain.market_members import (
    Sector,
    breadth_of,
    membership_on,
    movers_of,
    ranked_sectors,
    relative_strength,
    turnover,
)
from app.domain.market_volatility import percentile_of, volatility_of
from tests.market.samples import NIFTY, VIX, members, priced
from tests.streaming.stage import an_instrument

IDS = [f"NSE:M{number}" for number in range(8)]
CHANGES = st.lists(st.one_of(st.none(), st.floats(-5, 5)), min_size=8, max_size=8)


@pytest.mark.parametrize(
    ("value", "level"),
    [
        (12.99, VolatilityLevel.LOW),
        (13.0, VolatilityLevel.NORMAL),
        (18.0, VolatilityLevel.ELEVATED),
        (25.0, VolatilityLevel.HIGH),
    ],
)
def test_a_short_history_has_fixed_bands_and_no_percentile(value: float, level: VolatilityLevel) -> None:
    """Fewer than 60 sessions."""
    found = volatility_of(VIX, priced(VIX, value, 14.0), [14.0] * 59)
    assert (found.level, found.percentile) == (level, None)
    assert found.implied_daily_move_percent == pytest.approx(value / sqrt(252))
    assert found.change == pytest.approx(value - 14.0)


def test_a_year_of_closes_gives_the_percentile() -> None:
    """Only the last 252 sessions count: the older ones here would change it."""
    closes = [99.0] * 100 + [float(number) for number in range(252)]
    found = volatility_of(VIX, priced(VIX, 226.5, 225.0), closes)
    assert found.percentile == pytest.approx(100 * 227 / 252)
    assert found.level is VolatilityLevel.HIGH
    assert volatility_of(VIX, priced(VIX, 61.5, 225.0), closes).level is VolatilityLevel.LOW


@given(st.lists(st.integers(5, 40), min_size=60, max_size=300), st.integers(0, 50))
def test_the_percentile_counts_what_is_below(closes: list[int], value: int) -> None:
    """Equal values count half."""
    expected = sum(close < value for close in closes) + sum(close == value for close in closes) / 2
    assert percentile_of(value, closes) == pytest.approx(100 * expected / len(closes))


@given(CHANGES)
def test_breadth_counts_every_member_once(changes: list[float | None]) -> None:
    """Advances, declines, unchanged and unpriced are all of them; without a price there is no breadth."""
    quotes = {
        key: priced(key, 100 * (1 + each / 100), 100.0)
        for key, each in zip(IDS, changes, strict=True)
        if each is not None
    }
    found = breadth_of(NIFTY, members(*IDS), quotes)
    if not quotes:
        assert found is None
        return
    assert found is not None
    assert found.advances == sum((quote.change_percent or 0) > 0.01 for quote in quotes.values())
    assert found.advances + found.declines + found.unchanged + found.unpriced == len(IDS)
    assert found.unpriced == changes.count(None)
    assert (found.advance_decline_ratio is None) == (found.declines == 0)
    assert found.percent_advancing == pytest.approx(100 * found.advances / len(quotes))


def test_a_member_without_a_previous_close_is_unpriced() -> None:
    """Its price alone does not say whether it rose."""
    quotes = {IDS[0]: priced(IDS[0], 100.0, None), IDS[1]: priced(IDS[1], 100.0, 100.0)}
    found = breadth_of(NIFTY, members(*IDS[:2]), quotes)
    assert found is not None
    assert (found.unchanged, found.unpriced) == (1, 1)


def test_movers_are_ordered_and_hold_only_what_moved_that_way() -> None:
    """Gainers rose, losers fell, and the most active had the greatest turnover."""
    quotes = {
        IDS[0]: priced(IDS[0], 103.0, 100.0, volume=10),
        IDS[1]: priced(IDS[1], 101.0, 100.0, volume=30),
        IDS[2]: priced(IDS[2], 98.0, 100.0, volume=20),
        IDS[3]: priced(IDS[3], 100.0, 100.0, volume=None),
    }
    found = movers_of(members(*IDS), quotes)
    assert found is not None
    assert [quote.id for quote in found.gainers] == [IDS[0], IDS[1]]
    assert [quote.id for quote in found.losers] == [IDS[2]]
    assert [quote.id for quote in found.most_active] == [IDS[1], IDS[2], IDS[0]]
    assert movers_of(members(*IDS), {}) is None


def test_turnover_takes_the_average_price_where_there_is_one() -> None:
    """Else the last price."""
    quote = priced("NSE:X", 50.0, 40.0, volume=10)
    assert turnover(quote) == 500.0
    assert turnover(replace(quote, average_price=45.0)) == 450.0


def closes(*values: float) -> dict[date, float]:
    """Closes of as many days in a row, the last one the same for all."""
    return {date(2026, 11, 20) - timedelta(days=len(values) - at): value for at, value in enumerate(values, 1)}


def test_sectors_are_ranked_and_compared_with_the_index() -> None:
    """Strength is the difference of the changes over 5 and 22 sessions up to the present price."""
    index = Sector("NIFTY 50", NIFTY, priced(NIFTY, 110.0, 109.0), closes(*[100.0] * 22))
    strong, weak, young = (an_instrument(name) for name in ("NIFTY IT", "NIFTY AUTO", "NIFTY NEW"))
    sectors = [
        Sector("AUTO", weak, priced(weak, 95.0, 100.0), closes(*[95.0] * 17, *[100.0] * 5)),
        Sector("IT", strong, priced(strong, 120.0, 100.0), closes(*[80.0] * 22)),
        Sector("NEW", young, priced(young, 101.0, 100.0), closes(*[100.0] * 5)),
        Sector("UNKNOWN", young, priced(young, 101.0, None), {}),
    ]
    first, second, third = ranked_sectors(sectors, index)
    assert [(each.name, each.rank) for each in (first, second, third)] == [("IT", 1), ("NEW", 2), ("AUTO", 3)]
    assert first.relative_strength_22d == pytest.approx(50.0 - 10.0)
    assert third.relative_strength_5d == pytest.approx(-5.0 - 10.0)
    assert third.relative_strength_22d == pytest.approx(0.0 - 10.0)
    assert second.relative_strength_22d is None
    assert relative_strength(sectors[1], None, 5) is None


def test_a_sector_is_compared_over_the_same_sessions_or_not_at_all() -> None:
    """Five sessions back is the same day for both; where one lacks a session, the others stay where they are."""
    index = Sector("NIFTY 50", NIFTY, priced(NIFTY, 110.0, 109.0), closes(*[100.0] * 22))
    own = closes(*[100.0 + at for at in range(23)])
    whole = Sector("IT", VIX, priced(VIX, 120.0, 100.0), own)
    assert relative_strength(whole, index, 22) == pytest.approx(100 * (120 / 101 - 1) - 10.0)
    lacking = Sector("IT", VIX, whole.quote, {day: close for day, close in own.items() if day != date(2026, 11, 12)})
    assert relative_strength(lacking, index, 5) == pytest.approx(100 * (120 / 118 - 1) - 10.0)
    assert relative_strength(lacking, index, 22) is None
    earlier = Sector("IT", VIX, whole.quote, dict(list(own.items())[:-1]))
    assert relative_strength(earlier, index, 5) is None


def test_the_list_of_a_day_is_the_newest_that_had_begun() -> None:
    """Never one from the future."""
    lists = [members(*IDS[:3], since=date(2026, 3, 30)), members(*IDS[:2], since=date(2026, 9, 30))]
    assert membership_on(lists, date(2026, 9, 29)) == lists[0]
    assert membership_on(lists, date(2026, 9, 30)) == lists[1]
    assert membership_on(lists, date(2026, 1, 1)) is None


def test_a_list_goes_stale_after_seven_months() -> None:
    """A review of the index must have changed it."""
    listed = members(*IDS, since=date(2026, 3, 30))
    assert not listed.is_stale(date(2026, 10, 29))
    assert listed.is_stale(date(2026, 11, 2))
