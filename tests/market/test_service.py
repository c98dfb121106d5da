"""The context as a whole: computed once, of fresh inputs alone, and honest about the rest."""

from dataclasses import replace
from datetime import date, timedelta
from math import sqrt

import anyio
import pytest
from anyio import run
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.constituents import Membership
from app.domain.errors import LoginRequired, NotSupported, UnknownInstrument
from app.domain.market_closes import NOT_YET
from app.domain.market_context import Breadth
from app.domain.market_members import breadth_of, movers_of
from app.domain.market_trend import TrendWeights, measured, regime_of
from app.domain.provenance import Cost
from app.services.market_context import service
from tests.market.world import INPUTS, MEMBERS, QUOTED, World, context_of, running, whole
from tests.support.patience import PATIENCE

NIFTY, VIX = "NSE:NIFTY 50", "NSE:INDIA VIX"
LOGIN = LoginRequired("log in", login_url="http://127.0.0.1/login")


async def test_with_everything_there_nothing_is_missing() -> None:
    """Every part is filled, each input shows up where it belongs, and the confidence is 1."""
    found = await context_of(whole())
    assert found.missing == ()
    assert found.confidence == 1.0
    assert (len(found.sectors), len(found.indices)) == (14, 6)
    assert (len(found.world), len(found.currencies), len(found.commodities)) == (9, 5, 6)
    assert [sector.rank for sector in found.sectors] == list(range(1, 15))
    assert all(sector.relative_strength_22d is not None for sector in found.sectors)


async def test_the_parts_are_what_the_measures_say_of_the_inputs() -> None:
    """Put together a second time by hand."""
    world = whole()
    found = await context_of(world)
    listed = world.lists.lists[0]
    view = found.views[NIFTY]
    assert view.breadth == breadth_of(world.find(NIFTY), listed, world.priced)
    assert view.ranked == movers_of(listed, world.priced)
    nifty = world.priced[NIFTY]
    closes = world.closes[NIFTY][-60:]
    values = measured(closes, last=nifty.last_price, previous_close=nifty.previous_close, breadth=view.breadth)
    assert (found.regime, found.confidence) == regime_of(values, TrendWeights())
    assert found.volatility is not None
    assert found.volatility.implied_daily_move_percent == pytest.approx(world.priced[VIX].last_price / sqrt(252))
    below = sum(close < found.volatility.value for close in world.closes[VIX][-252:])
    equal = sum(close == found.volatility.value for close in world.closes[VIX][-252:])
    assert found.volatility.percentile == pytest.approx(100 * (below + equal / 2) / 252)


async def test_an_empty_world_gives_no_number_at_all() -> None:
    """No verdict, no level, no breadth; the confidence is 0, and every input is named with its reason."""
    world = World()
    world.lists.lists.clear()
    found = await context_of(world)
    assert (found.regime, found.volatility, found.confidence) == (None, None, 0.0)
    assert found.views[NIFTY].breadth is None
    assert found.views[NIFTY].ranked is None
    assert not any((found.indices, found.sectors, found.world, found.currencies, found.commodities))
    missing = {each.input: each.reason for each in found.missing}
    assert missing.keys() >= {*QUOTED, f"{NIFTY} members", f"{NIFTY} day bars", f"{VIX} day bars"}
    assert missing[NIFTY] == "NOT_PRICED: no trade"
    assert missing[f"{NIFTY} day bars"] == "SOURCE_UNAVAILABLE: it is down"
    assert missing[f"{NIFTY} members"].startswith("NOT_SUPPORTED: the members of NSE:NIFTY 50 are not known")


@settings(max_examples=60)
@given(st.sets(st.sampled_from([*QUOTED, *MEMBERS])), st.sets(st.sampled_from(list(INPUTS.sessions_of))))
def test_every_input_is_either_used_or_missing(prices: set[str], bars: set[str]) -> None:
    """Whatever is taken away: nothing disappears without a word, and nothing stands in for it."""
    run(check_without, prices, bars)


async def check_without(prices: set[str], bars: set[str]) -> None:
    world = whole()
    for key in prices:
        del world.priced[key]
    for key in bars:
        del world.closes[key]
    found = await context_of(world)
    missing = [each.input for each in found.missing]
    assert len(missing) == len(set(missing))
    assert {name for name in missing if not name.endswith("day bars")} == prices
    assert {name.removesuffix(" day bars") for name in missing if name.endswith("day bars")} == bars
    moves = [*found.indices, *found.world, *found.currencies, *found.commodities]
    shown = {move.instrument.id for move in moves} | {sector.instrument.id for sector in found.sectors}
    assert shown == set(QUOTED) - {VIX} - prices
    assert (found.volatility is None) == (VIX in prices)
    if found.volatility is not None:
        assert (found.volatility.percentile is None) == (VIX in bars)
    breadth = found.views[NIFTY].breadth
    assert (breadth.unpriced if breadth else len(MEMBERS)) == len(prices & set(MEMBERS))
    weights = {"day move": 0.3, "distance from averages": 0.25, "breadth": 0.25, "slope": 0.2}
    there = {each.name for each in found.regime.evidence} if found.regime else set()
    gone = {
        "day move": {NIFTY} & prices or {NIFTY} & bars,
        "distance from averages": {NIFTY} & prices or {NIFTY} & bars,
        "breadth": breadth is None,
        "slope": {NIFTY} & bars,
    }
    assert there == {name for name in weights if not gone[name]}
    assert found.confidence == pytest.approx(sum(weights[name] for name in there))


async def test_a_stale_price_is_a_missing_one() -> None:
    """It counts nowhere, and its age is the reason."""
    world = whole()
    world.stale = {NIFTY, MEMBERS[0]}
    found = await context_of(world)
    missing = {each.input: each.reason for each in found.missing}
    assert missing == dict.fromkeys((NIFTY, MEMBERS[0]), "STALE: the last price is of 2026-11-23T04:30:00+00:00")
    breadth = found.views[NIFTY].breadth
    assert breadth is not None
    assert breadth.unpriced == 1


async def test_without_a_login_every_reason_says_so() -> None:
    """The scar of the service that this replaces: an expired token answered `sideways, VIX 18, confidence 0.5`."""
    world = whole()
    world.errors = dict.fromkeys((*QUOTED, *MEMBERS), LOGIN)
    world.closes.clear()
    found = await context_of(world)
    assert (found.regime, found.volatility, found.confidence) == (None, None, 0.0)
    prices = [each for each in found.missing if not each.input.endswith("day bars")]
    assert {each.reason for each in prices} == {"LOGIN_REQUIRED: log in"}


async def test_an_instrument_that_there_is_not_is_missing_like_any_other() -> None:
    """An index that was renamed, a member that was delisted."""
    world = whole()
    world.unknown = {"NSE:NIFTY MEDIA", MEMBERS[1]}
    found = await context_of(world)
    missing = {each.input: each.reason for each in found.missing}
    assert missing[MEMBERS[1]] == "UNKNOWN_INSTRUMENT: there is no NSE:M1"
    assert "NSE:NIFTY MEDIA day bars" in missing or "NSE:NIFTY MEDIA" in missing
    assert len(found.sectors) == 13


async def test_a_list_of_members_that_is_too_old_raises_the_alarm() -> None:
    """It is used, with its date, and named; its breadth counts in the score with its weight, and not as fresh."""
    world = whole()
    world.lists.lists[:] = [Membership(NIFTY, date(2026, 3, 30), MEMBERS, "an old file")]
    found = await context_of(world)
    (alarm,) = found.missing
    assert alarm.input == "NSE:NIFTY 50 members"
    assert "older than 7 months: import a newer one" in alarm.reason
    breadth = found.views[NIFTY].breadth
    assert breadth is not None
    assert breadth.constituents_as_of == date(2026, 3, 30)
    assert found.confidence == pytest.approx(0.75)
    fresh = await context_of(whole())
    assert (found.regime, fresh.confidence) == (fresh.regime, 1.0)


async def test_one_computation_serves_everybody_for_a_second() -> None:
    """A hundred callers at once are one question for prices; the day bars were asked for before."""
    world = whole()
    async with running(world):
        await world.contexts.context(Cost())
        bars = len(world.bar_calls)
        costs = [Cost() for _ in range(100)]
        world.clock.advance(1.0)
        async with anyio.create_task_group() as tasks:
            for cost in costs:
                tasks.start_soon(world.contexts.context, cost)
        assert world.quote_calls == 2
        assert sum(cost.upstream_calls for cost in costs) == 1
        assert len(world.bar_calls) == bars == 16


async def test_day_bars_are_asked_for_again_when_they_failed_and_on_the_next_day(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A source that is back is noticed; a new session is part of the next day's closes."""
    monkeypatch.setattr("app.services.market_context.closes.RETRY_SECONDS", 0.01)
    monkeypatch.setattr("app.services.market_context.closes.LOOK_SECONDS", 0.01)
    world = whole()
    del world.closes[VIX]
    async with running(world):
        assert [each.input for each in (await world.contexts.context(Cost())).missing] == [f"{VIX} day bars"]
        world.closes[VIX] = [14.0] * 260
        world.clock.advance(1.0)
        with anyio.fail_after(PATIENCE):
            while (await world.contexts.context(Cost())).missing:
                world.clock.advance(1.0)
                await anyio.sleep(0.01)
        asked = world.bar_calls.count(NIFTY)
        world.clock.advance(86_400)
        with anyio.fail_after(PATIENCE):
            while world.bar_calls.count(NIFTY) == asked:  # noqa: ASYNC110 - no event says so
                await anyio.sleep(0.01)


async def test_another_index_has_a_view_of_its_own() -> None:
    """Computed when asked for, and no part of everybody's context; without a list it says what to import."""
    world = whole()
    world.lists.lists.append(Membership("NSE:NIFTY IT", date(2026, 9, 30), MEMBERS[:3], "a file"))
    async with running(world):
        view = await world.contexts.view("NSE:NIFTY IT", Cost())
        assert view.breadth is not None
        assert view.breadth.advances + view.breadth.declines + view.breadth.unchanged == 3
        assert list((await world.contexts.context(Cost())).views) == [NIFTY]
        with pytest.raises(NotSupported, match="indices import"):
            await world.contexts.view("NSE:NIFTY PHARMA", Cost())
        world.unknown.add("NSE:NOTHING")
        with pytest.raises(UnknownInstrument):
            await world.contexts.view("NSE:NOTHING", Cost())


async def test_any_number_of_indices_may_be_asked_for_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while the context is computed; each asked twice is one question, and the newest few are kept."""
    monkeypatch.setattr(service, "MAX_INDICES", 3)
    world = whole()
    names = [f"NSE:I{number}" for number in range(12)]
    world.lists.lists.extend(Membership(name, date(2026, 9, 30), MEMBERS[:4], "a file") for name in names)
    found: dict[str, Breadth | None] = {}

    async def look(name: str) -> None:
        found[name] = (await world.contexts.view(name, Cost())).breadth

    async with running(world), anyio.create_task_group() as tasks:
        tasks.start_soon(context_of_running, world)
        for name in names:
            tasks.start_soon(look, name)
    assert all(breadth is not None and breadth.index.id == name for name, breadth in found.items())
    assert world.quote_calls == 1 + len(names)
    await world.contexts.view(names[-1], Cost())
    assert world.quote_calls == 1 + len(names)
    await world.contexts.view(names[0], Cost())
    assert world.quote_calls == 2 + len(names)


async def context_of_running(world: World) -> None:
    """One context of a world that runs."""
    await world.contexts.context(Cost())


async def test_who_waits_for_a_slow_source_does_not_ask_it_again() -> None:
    """A computation that takes longer than its answer is good for serves all who waited for it."""
    world = whole()
    world.seconds_per_call = 8.0
    async with running(world), anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(context_of_running, world)
    assert world.quote_calls == 1


async def test_who_leaves_while_it_computes_leaves_the_others_an_answer() -> None:
    """The next in the queue computes."""
    world = whole()
    world.gate = anyio.Event()
    async with running(world):
        with anyio.CancelScope() as first:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(context_of_running, world)
                await anyio.wait_all_tasks_blocked()
                first.cancel()
        world.gate.set()
        assert (await world.contexts.context(Cost())).confidence == 1.0
    assert world.quote_calls == 2


async def test_only_the_first_questions_wait_for_day_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    """A history that does not answer costs a few seconds once, not at every question."""
    monkeypatch.setattr(service, "FIRST_PATIENCE", 0.02)
    world = whole()
    assert {each.reason for each in (await world.contexts.context(Cost())).missing} == {NOT_YET}
    with anyio.move_on_after(0) as at_once:
        await world.contexts.context(Cost())
    assert not at_once.cancelled_caught


async def test_a_halted_member_is_unpriced() -> None:
    """Its source goes on quoting the price of the day on which it was halted, with that day's change."""
    world = whole()
    before = world.clock.now() - timedelta(days=3)
    world.priced[MEMBERS[0]] = replace(world.priced[MEMBERS[0]], last_trade_time=before)
    found = await context_of(world)
    breadth = found.views[NIFTY].breadth
    assert breadth is not None
    assert breadth.unpriced == 1
    assert [(each.input, each.reason) for each in found.missing] == [
        (MEMBERS[0], "STALE: its last price is of 2026-11-20, that of other members of 2026-11-23")
    ]


async def test_a_price_without_a_previous_close_is_named() -> None:
    """It has no change, so what is made of changes lacks it: the day move, a sector's rank, a member's direction."""
    world = whole()
    for key in (NIFTY, "NSE:NIFTY IT", MEMBERS[0], "YAHOO:BZ=F"):
        world.put(key, 100.0, None)
    found = await context_of(world)
    assert {each.input for each in found.missing} == {
        f"{NIFTY} previous close",
        "NSE:NIFTY IT previous close",
        "YAHOO:BZ=F previous close",
        MEMBERS[0],
    }
    assert {each.reason for each in found.missing} == {"NOT_PRICED: its source gives no previous close"}
    assert len(found.sectors) == 13
    assert found.confidence == pytest.approx(0.7)


async def test_an_index_that_never_moved_has_no_unit_to_measure_in() -> None:
    """Named, not divided by."""
    world = whole()
    world.closes[NIFTY] = [100.0] * 60
    found = await context_of(world)
    assert [(each.input, each.reason[:5]) for each in found.missing] == [(f"{NIFTY} day bars", "FLAT:")]
    assert found.confidence == pytest.approx(0.25)


async def test_closes_of_another_day_do_not_stand_in_for_those_of_today(monkeypatch: pytest.MonkeyPatch) -> None:
    """The history fails from the second day on: its inputs are missing then, though there are old ones."""
    monkeypatch.setattr("app.services.market_context.closes.RETRY_SECONDS", 0.01)
    monkeypatch.setattr("app.services.market_context.closes.LOOK_SECONDS", 0.01)
    world = whole()
    async with running(world):
        assert (await world.contexts.context(Cost())).confidence == 1.0
        world.closes.clear()
        world.clock.advance(86_400)
        with anyio.fail_after(PATIENCE):
            while (await world.contexts.context(Cost())).confidence == 1.0:
                world.clock.advance(1.0)
                await anyio.sleep(0.01)
        found = await world.contexts.context(Cost())
    reasons = {each.input: each.reason for each in found.missing}
    assert reasons[f"{NIFTY} day bars"] == "SOURCE_UNAVAILABLE: it is down"


def test_the_inputs_that_ship_are_those_of_the_issue() -> None:
    """Fourteen sectors; twenty symbols of the world; their date is theirs."""
    inputs = INPUTS
    assert len(inputs.sectors) == 14
    assert len(inputs.world) + len(inputs.currencies) + len(inputs.commodities) == 20
    assert all(key.startswith("YAHOO:") for key in (*inputs.world, *inputs.currencies, *inputs.commodities))
    assert inputs.as_of == date(2026, 11, 22)
