"""`marketPhase` as a stream: at once, at each transition, and after a jump of the clock."""

from contextlib import aclosing
from datetime import datetime, timedelta

import anyio
import pytest

from app.domain.calendar import TradingCalendar
from app.domain.instruments import Exchange
from app.domain.phases import Phase
from app.domain.time import IST
from app.services.phase_changes import phase_changes
from app.services.phases import PhaseService
from tests.support.clock import FixedClock

BEFORE_OPEN = datetime(2026, 11, 23, 9, 14, 59, 950_000, tzinfo=IST)
PATIENCE = 5
"""Seconds; far less than LOOK_SECONDS, far more than any wait here."""


class RunningClock(FixedClock):
    """Starts at an instant and goes on with the loop's time."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self._begun = anyio.current_time()

    def now(self) -> datetime:
        """The start and what has passed since."""
        return super().now() + timedelta(seconds=anyio.current_time() - self._begun)


@pytest.fixture
def phases(shipped: TradingCalendar) -> PhaseService:
    """The Indian calendar."""
    return PhaseService(shipped, lambda _: False)


async def test_the_present_phase_comes_first_and_the_next_at_its_transition(phases: PhaseService) -> None:
    """It wakes for the transition itself, not for the next look at the clock."""
    clock = RunningClock(BEFORE_OPEN)
    async with aclosing(phase_changes(phases, clock, Exchange.NSE)) as changes:
        with anyio.fail_after(PATIENCE):
            first, second = await anext(changes), await anext(changes)
    assert (first.phase, second.phase) == (Phase.PRE_OPEN, Phase.OPEN)
    assert second.since == first.next_transition


async def test_each_exchange_has_its_own_hours(phases: PhaseService) -> None:
    """MCX is open when NSE is not."""
    async with aclosing(phase_changes(phases, FixedClock(BEFORE_OPEN), Exchange.MCX)) as changes:
        assert (await anext(changes)).phase is Phase.OPEN


async def test_a_jump_of_the_clock_is_noticed(phases: PhaseService) -> None:
    """A laptop slept over the close and a night: the present phase is told, not the ones between."""
    clock = FixedClock(BEFORE_OPEN)
    async with aclosing(phase_changes(phases, clock, Exchange.NSE, look_seconds=0.01)) as changes:
        assert (await anext(changes)).phase is Phase.PRE_OPEN
        clock.set(BEFORE_OPEN + timedelta(days=1))
        with anyio.fail_after(PATIENCE):
            assert (await anext(changes)).reason == "Prakash Gurpurb Sri Guru Nanak Dev"


async def test_the_same_phase_on_another_day_is_told(phases: PhaseService) -> None:
    """Its `since` and `nextTransition` are others."""
    clock = FixedClock(BEFORE_OPEN)
    async with aclosing(phase_changes(phases, clock, Exchange.NSE, look_seconds=0.01)) as changes:
        before = await anext(changes)
        clock.set(BEFORE_OPEN + timedelta(days=2))
        with anyio.fail_after(PATIENCE):
            after = await anext(changes)
    assert before.phase is after.phase
    assert before.next_transition != after.next_transition


async def test_nothing_is_told_twice(phases: PhaseService) -> None:
    """While the phase lasts the stream is silent, however often it looks."""
    async with aclosing(phase_changes(phases, FixedClock(BEFORE_OPEN), Exchange.NSE, look_seconds=0.001)) as changes:
        await anext(changes)
        with anyio.move_on_after(0.1) as waiting:
            await anext(changes)
    assert waiting.cancelled_caught
