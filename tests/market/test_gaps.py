"""Closes of finished sessions: what a gap in them takes along, and what they are when the day turns."""

from dataclasses import replace
from datetime import date, timedelta

import anyio
import pytest

from app.domain.market_closes import NOT_YET, Closes
from app.domain.provenance import Cost
from app.domain.time import ist_date
from tests.market.world import INPUTS, World, context_of, price, running, whole
from tests.support.patience import PATIENCE

NIFTY, VIX = "NSE:NIFTY 50", "NSE:INDIA VIX"


def test_the_present_session_is_not_among_the_closes_it_is_compared_with() -> None:
    """In the evening the day's own bar is finished; it must not be its own past."""
    friday, monday, tuesday = date(2026, 11, 20), date(2026, 11, 23), date(2026, 11, 24)
    closes = Closes({friday: 1.0, monday: 2.0}, tuesday)
    assert closes.before(monday) == {friday: 1.0}
    assert closes.before(tuesday) == {friday: 1.0, monday: 2.0}


def test_what_is_before_a_gap_does_not_count() -> None:
    """Nor anything where the last session is the gap, nor where later sessions were not asked for."""
    days = [date(2026, 11, day) for day in (17, 18, 19, 20, 23, 24)]
    closes = Closes(dict.fromkeys(days[:4], 1.0), days[4], frozenset({days[1]}))
    assert list(closes.before(days[4])) == days[2:4]
    assert closes.reason(days[4], 3) == no_bar("2026-11-18", 2, 3)
    assert closes.before(days[2]) == {}
    assert closes.before(days[5]) == {}
    assert closes.reason(days[5], 3) == NOT_YET


def no_bar(day: str, since: int, needed: int) -> str:
    """The reason where a source has no bar of a session."""
    return f"NO_BAR: its source has no usable bar of {day}, and {since} sessions since; {needed} are needed"


def days_back(world: World, start: int, end: int) -> tuple[date, date]:
    """From so many days ago up to so many."""
    today = ist_date(world.clock.now())
    return today - timedelta(days=start), today - timedelta(days=end)


async def test_nothing_is_measured_over_a_gap_in_the_day_bars() -> None:
    """What could not be fetched in the middle takes all figures along that need it, with its problem as the reason."""
    world = whole()
    world.refused = {NIFTY: days_back(world, 20, 4), "NSE:NIFTY IT": days_back(world, 10, 8)}
    found = await context_of(world)
    assert found.confidence == pytest.approx(0.25)
    assert {each.input: each.reason for each in found.missing} == dict.fromkeys(
        (f"{NIFTY} day bars", "NSE:NIFTY IT day bars"), "SOURCE_UNAVAILABLE: it is down"
    )
    assert {each.relative_strength_5d for each in found.sectors} == {None}
    assert {each.relative_strength_22d for each in found.sectors} == {None}


async def test_a_session_of_which_a_source_has_no_bar_is_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or one that cannot be: the calendar knows that there was a session. The last one is asked for again."""
    monkeypatch.setattr("app.services.market_context.closes.RETRY_SECONDS", 0.01)
    world = whole()
    right = world.closes[VIX][-30], world.closes[NIFTY][-1]
    world.closes[VIX][-30], world.closes[NIFTY][-1] = float("nan"), 0.0
    async with running(world):
        found = await world.contexts.context(Cost())
        assert {each.input: each.reason for each in found.missing} == {
            f"{NIFTY} day bars": no_bar("2026-11-22", 0, 50),
            f"{VIX} day bars": no_bar("2026-10-24", 29, 252),
        }
        assert found.volatility is not None
        assert found.volatility.percentile is None
        world.closes[VIX][-30], world.closes[NIFTY][-1] = right
        with anyio.fail_after(PATIENCE):
            while (await world.contexts.context(Cost())).confidence < 1:
                world.clock.advance(1.0)
                await anyio.sleep(0.01)
    assert world.bar_calls.count(VIX) == 1


async def test_closes_that_end_before_the_last_session_are_missing_and_looked_for_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After midnight, before the new day's look: named; and who asks has it looked at, whenever its turn would be."""
    monkeypatch.setattr("app.services.market_context.closes.LOOK_SECONDS", 3_600.0)
    world = whole()
    async with running(world):
        assert (await world.contexts.context(Cost())).missing == ()
        world.clock.advance(86_400)
        price(world)
        found = await world.contexts.context(Cost())
        assert {each.input for each in found.missing} == {f"{key} day bars" for key in INPUTS.sessions_of}
        assert {each.reason for each in found.missing} == {NOT_YET}
        assert found.confidence == pytest.approx(0.25)
        with anyio.fail_after(PATIENCE):
            while (await world.contexts.context(Cost())).missing:
                world.clock.advance(1.0)
                await anyio.sleep(0.01)
    assert len(world.bar_calls) == 32


async def test_prices_of_different_sessions_are_not_compared() -> None:
    """A sector that is still at the price of an earlier day has no strength against an index of today."""
    world = whole()
    earlier = world.clock.now() - timedelta(days=1)
    world.priced["NSE:NIFTY IT"] = replace(world.priced["NSE:NIFTY IT"], exchange_time=earlier)
    found = await context_of(world)
    (lack,) = found.missing
    assert lack.input == "NSE:NIFTY IT day bars"
    assert lack.reason.startswith("OTHER_SESSIONS: ")
    assert [each.name for each in found.sectors if each.relative_strength_5d is None] == ["Information technology"]
