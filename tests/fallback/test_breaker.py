"""The circuit breaker: what it lets through, and what it costs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import LoginRequired, RateLimited, SourceTimeout, SourceUnavailable
from app.domain.feeds import BreakerState
from app.providers.breaker import FAILURES, FIRST_PAUSE, LONGEST_PAUSE, Breaker
from app.providers.budget import Allowance, SourceBudgets
from tests.support.clock import FixedClock

DOWN = SourceUnavailable("it is down")


def broken(clock: FixedClock) -> Breaker:
    """A circuit that has just opened."""
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        assert breaker.refusal() is None
        breaker.failed(DOWN)
    return breaker


def test_it_opens_after_failures_in_a_row_and_says_why() -> None:
    """A success in between starts the count again."""
    clock = FixedClock()
    breaker = Breaker(clock)
    for _ in range(FAILURES - 1):
        breaker.failed(DOWN)
    breaker.succeeded()
    for _ in range(FAILURES - 1):
        breaker.failed(DOWN)
    assert breaker.refusal() is None
    breaker.failed(DOWN)
    assert breaker.refusal() is DOWN
    status = breaker.status("quotes")
    assert (status.state, status.failures, status.retry_in_ms) == (BreakerState.OPEN, FAILURES, FIRST_PAUSE * 1000)
    assert status.problem == "SOURCE_UNAVAILABLE: it is down"


async def test_what_our_own_budget_holds_back_counts_for_nothing() -> None:
    """Fifty fundamentals at once are too much for a second; the source is as well as before. A real 429 counts."""
    clock = FixedClock()
    budgets, breaker = SourceBudgets({"quote": Allowance(per_second=1, default_wait=0.0)}, clock), Breaker(clock)
    await budgets.acquire("quote")
    for _ in range(2 * FAILURES):
        with pytest.raises(RateLimited) as held_back:
            await budgets.acquire("quote")
        breaker.failed(held_back.value)
    assert breaker.status("quotes").state is BreakerState.CLOSED
    budgets.refused("quote")
    for _ in range(FAILURES):
        with pytest.raises(RateLimited) as refused:
            await budgets.acquire("quote")
        breaker.failed(refused.value)
    assert breaker.status("quotes").state is BreakerState.OPEN


def test_after_the_pause_one_call_goes_out_to_see() -> None:
    """The others are refused until it is back; its success closes the circuit."""
    clock = FixedClock()
    breaker = broken(clock)
    clock.advance(FIRST_PAUSE - 0.001)
    assert breaker.refusal() is DOWN
    clock.advance(0.001)
    assert breaker.refusal() is None
    assert breaker.status("quotes").state is BreakerState.HALF_OPEN
    assert breaker.refusal() is DOWN
    breaker.succeeded()
    assert breaker.status("quotes").state is BreakerState.CLOSED
    assert breaker.refusal() is None


def test_each_failed_look_doubles_the_pause_up_to_a_minute() -> None:
    """An outage of hours costs a call a minute."""
    clock = FixedClock()
    breaker = broken(clock)
    for pause in (5, 10, 20, 40, 60, 60):
        assert breaker.status("quotes").retry_in_ms == pause * 1000
        clock.advance(pause)
        assert breaker.refusal() is None
        breaker.failed(SourceTimeout("too slow"))
    assert breaker.status("quotes").problem == "SOURCE_TIMEOUT: too slow"
    assert LONGEST_PAUSE == 60


def test_a_look_that_was_given_up_may_be_made_again_at_once() -> None:
    """Its caller left: nothing is known."""
    clock = FixedClock()
    breaker = broken(clock)
    clock.advance(FIRST_PAUSE)
    assert breaker.refusal() is None
    breaker.given_up()
    assert breaker.status("quotes").state is BreakerState.OPEN
    assert breaker.refusal() is None


def test_a_missing_login_never_opens_it() -> None:
    """It is told without a call, and ends the moment someone logs in."""
    breaker = Breaker(FixedClock())
    for _ in range(10):
        breaker.failed(LoginRequired("log in", login_url="http://127.0.0.1/login"))
    assert breaker.refusal() is None


def test_a_missing_login_is_an_answer_and_closes_it() -> None:
    """The source is back, though nobody is logged in: an alarm over what it said minutes ago would ring all night."""
    clock = FixedClock()
    breaker = broken(clock)
    clock.advance(FIRST_PAUSE)
    assert breaker.refusal() is None
    breaker.failed(LoginRequired("log in", login_url="http://127.0.0.1/login"))
    status = breaker.status("quotes")
    assert (status.state, status.failures, status.problem) == (BreakerState.CLOSED, 0, None)
    assert breaker.is_hopeless, "whoever has another source need not wait for this one"


def test_changes_of_state_are_told_once_each() -> None:
    """Closed to open to half open to closed; a call that changes nothing says nothing."""
    clock, changes = FixedClock(), list[int]()
    breaker = Breaker(clock, on_change=lambda: changes.append(1))
    breaker.succeeded()
    for _ in range(FAILURES):
        breaker.failed(DOWN)
    clock.advance(FIRST_PAUSE)
    breaker.refusal()
    breaker.succeeded()
    assert len(changes) == 3


@given(st.lists(st.sampled_from(["ask", "works", "fails", "leaves", 1.0, 7.0, 61.0])))
def test_whatever_happens_a_source_that_works_again_is_found(events: list[str | float]) -> None:
    """After any past, a minute of patience and one call that works close the circuit."""
    clock = FixedClock()
    breaker = Breaker(clock)
    begun = False
    for event in events:
        if isinstance(event, float):
            clock.advance(event)
        elif event == "ask" and not begun:
            begun = breaker.refusal() is None
        elif begun and event != "ask":
            begun = False
            {"works": breaker.succeeded, "fails": lambda: breaker.failed(DOWN), "leaves": breaker.given_up}[event]()
    if begun:
        breaker.given_up()
    clock.advance(LONGEST_PAUSE)
    assert breaker.refusal() is None
    breaker.succeeded()
    assert breaker.status("quotes").state is BreakerState.CLOSED


@pytest.mark.parametrize("capability", ["quotes", "candles"])
def test_its_status_names_the_capability(capability: str) -> None:
    """So that a page can tell a source's circuits apart."""
    assert Breaker(FixedClock()).status(capability).capability == capability
