"""Request budgets: the law, the queue, and what a refusal does."""

import itertools
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import RateLimited
from app.providers.budget import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    WINDOW_SECONDS,
    Allowance,
    Lane,
    SourceBudgets,
)
from app.providers.kite.limits import ALLOWANCES, Endpoint, kite_budgets
from tests.support.clock import FixedClock
from tests.support.virtual_time import VIRTUAL_TIME, LoopClock

steps = st.lists(st.tuples(st.sampled_from(["ask", "refuse"]), st.floats(0, 3)), max_size=60)


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """A queue of seconds takes no time, and is exact."""
    return VIRTUAL_TIME


@given(per_second=st.integers(1, 10), steps=steps)
def test_no_second_ever_holds_more_than_the_allowance(per_second, steps):
    """Whatever the order of asking, waiting and refusals: in any window of one second at most the allowance."""
    lane = Lane(Allowance(per_second, 5.0))
    now, grants = 0.0, []
    for action, seconds in steps:
        now += seconds
        if action == "refuse":
            lane.refuse(now)
        elif lane.grant(now):
            grants.append(now)
    for first, beyond in zip(grants, grants[per_second:], strict=False):
        assert beyond - first > 1.0


@given(per_second=st.integers(1, 10), steps=steps)
def test_a_call_that_waits_until_it_is_due_is_granted(per_second, steps):
    """`due` is neither too early nor, by one ulp, too late."""
    lane = Lane(Allowance(per_second, 5.0))
    now = 0.0
    for action, seconds in steps:
        now += seconds
        if action == "refuse":
            lane.refuse(now)
        due = lane.due(now, ahead=0)
        assert due == now or not lane.grant(due - 0.001)
        now = max(now, due)
        assert lane.grant(now)


def test_the_turn_behind_others_is_known_beforehand():
    """With one request a second, the third in the queue goes out two windows after the first."""
    lane = Lane(Allowance(1, 5.0))
    assert lane.due(10.0, ahead=0) == 10.0
    assert lane.due(10.0, ahead=2) == pytest.approx(10.0 + 2 * WINDOW_SECONDS)


async def test_beyond_the_deadline_it_says_at_once_when_to_ask_again():
    """No waiting for a turn that comes too late, and the number is exact."""
    clock = FixedClock()
    budgets = SourceBudgets({"quote": Allowance(1, 0.5)}, clock)
    await budgets.acquire("quote")
    clock.advance(0.25)
    with anyio.fail_after(0.2), pytest.raises(RateLimited) as caught:
        await budgets.acquire("quote")
    assert caught.value.retry_after_ms == pytest.approx(800, abs=1)
    with pytest.raises(RateLimited):
        await budgets.acquire("quote", within=0.79)
    clock.advance(0.8)
    await budgets.acquire("quote", within=0)


async def test_waiters_are_served_in_the_order_of_asking():
    """Fair, and never two within a second."""
    clock = LoopClock()
    budgets = SourceBudgets({"quote": Allowance(1, 5.0)}, clock)
    served: list[tuple[int, float]] = []

    async def ask(number: int) -> None:
        await budgets.acquire("quote")
        served.append((number, clock.monotonic()))

    async with anyio.create_task_group() as group:
        for number in range(3):
            group.start_soon(ask, number)
            await checkpoint()
    assert [number for number, _ in served] == [0, 1, 2]
    times = [at for _, at in served]
    assert all(later - earlier > 1.0 for earlier, later in itertools.pairwise(times))


async def test_a_cancelled_waiter_gives_its_place_back():
    """The one behind goes out when the cancelled one would have."""
    clock = LoopClock()
    budgets = SourceBudgets({"quote": Allowance(1, 5.0)}, clock)
    await budgets.acquire("quote")
    begun = clock.monotonic()
    async with anyio.create_task_group() as group:
        group.start_soon(budgets.acquire, "quote")
        await checkpoint()
        with anyio.move_on_after(0.1):
            await budgets.acquire("quote")
        assert budgets.status()[0].waiting == 1
        group.cancel_scope.cancel()
    assert budgets.status()[0].waiting == 0
    await budgets.acquire("quote")
    assert clock.monotonic() - begun == pytest.approx(WINDOW_SECONDS, abs=0.001)


async def test_a_refusal_sends_away_whom_it_makes_too_late():
    """A promise made before the pause is taken back at once, also from those far back in the queue."""
    budgets = SourceBudgets({"quote": Allowance(1, 5.0)}, LoopClock())
    await budgets.acquire("quote")
    refusals: list[int] = []

    async def ask() -> None:
        try:
            await budgets.acquire("quote", within=2.5)
        except RateLimited as error:
            refusals.append(error.retry_after_ms)

    with anyio.fail_after(1):
        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            group.start_soon(ask)
            await anyio.sleep(0.01)
            lane = budgets._lanes["quote"]
            lane._pause = LONGEST_PAUSE_SECONDS
            lane._paused_until = -1.0 + LoopClock().monotonic()
            budgets.refused("quote")
    assert all(ms == pytest.approx(10_000, abs=1_100) for ms in refusals)
    assert len(refusals) == 2


def test_refusals_double_the_pause_up_to_ten_seconds_and_start_again_after_a_calm():
    """Several refusals of requests that were under way together count once."""
    lane = Lane(Allowance(3, 5.0))
    pauses, now = [], 100.0
    for _ in range(6):
        lane.refuse(now)
        lane.refuse(now + 0.001)
        pauses.append(round(lane.due(now, ahead=0) - now, 3))
        now = lane.due(now, ahead=0)
    assert pauses == [FIRST_PAUSE_SECONDS, 2, 4, 8, LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS]
    now += 60
    lane.refuse(now)
    assert lane.due(now, ahead=0) == now + FIRST_PAUSE_SECONDS


async def test_the_status_says_what_is_left():
    """One entry a class, in whole requests."""
    clock = FixedClock()
    budgets = kite_budgets(clock)
    await budgets.acquire("historical")
    status = {budget.endpoint: budget for budget in budgets.status()}
    assert set(status) == {"quote", "historical", "other"}
    assert (status["historical"].per_second, status["historical"].available_now) == (3.0, 2.0)
    budgets.refused("historical")
    assert {budget.endpoint: budget.available_now for budget in budgets.status()}["historical"] == 0.0
    clock.advance(WINDOW_SECONDS)
    assert {budget.endpoint: budget.available_now for budget in budgets.status()}["historical"] == 3.0


def test_every_endpoint_has_a_budget():
    """Kite counts quotes and history apart from the rest."""
    assert {endpoint.budget for endpoint in Endpoint} == set(ALLOWANCES)
