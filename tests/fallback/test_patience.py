"""How long a source is waited for, what counts as its failure, and what a question cost."""

import anyio
import pytest

from app.domain.errors import (
    InvalidRange,
    LoginRequired,
    MarketDataError,
    NotPriced,
    NotSupported,
    RateLimited,
    SourceUnavailable,
)
from app.domain.feeds import BreakerState
from app.domain.spending import requests_spent
from app.ports import QuoteSource
from app.providers.breaker import FAILURES
from app.providers.fallback import LONGEST, PATIENCE, TURN
from tests.fallback.test_quotes import FUTURE, INFY, WORLD, Pair

DOWN = SourceUnavailable("it is down")
LATE = "KITE: SOURCE_TIMEOUT: KITE did not answer within 3 s"


@pytest.fixture
def pair() -> Pair:
    """Two sources with the usual patience. The first lacks WORLD, the second FUTURE."""
    return Pair(patience=PATIENCE)


def failures(pair: Pair) -> int:
    """Failed calls in a row of the first source."""
    return pair.breakers[0].status("quotes").failures


async def test_what_no_other_source_has_is_waited_for(pair: Pair) -> None:
    """An option has Kite alone: 3.5 s are a slow answer, and no failure."""
    pair.first.seconds = PATIENCE + 0.5
    assert await pair.prices(FUTURE) == {FUTURE.id: (1.0, None)}
    assert failures(pair) == 0


async def test_one_call_serves_both_and_what_another_has_is_asked_for_there_meanwhile(pair: Pair) -> None:
    """The circuit stays closed to everybody; the slow source is asked once."""
    pair.first.seconds = PATIENCE + 0.5
    assert await pair.prices(INFY, FUTURE, WORLD) == {
        INFY.id: (2.0, LATE),
        FUTURE.id: (1.0, None),
        WORLD.id: (2.0, None),
    }
    assert anyio.current_time() == PATIENCE + 0.5
    assert (pair.first.asked, pair.second.asked) == ([[INFY.id, FUTURE.id]], [[INFY.id, WORLD.id]])
    assert failures(pair) == 0


async def test_a_source_that_answers_within_the_patience_is_the_only_one_asked(pair: Pair) -> None:
    """Also where it has some of it alone."""
    pair.first.seconds = PATIENCE - 0.5
    assert await pair.prices(INFY, FUTURE) == {INFY.id: (1.0, None), FUTURE.id: (1.0, None)}
    assert pair.second.asked == []


async def test_a_source_that_hangs_costs_nobody_what_another_has(pair: Pair) -> None:
    """All is answered before the first caller leaves, and the silence counts."""
    pair.first.seconds = 60.0
    batch = await pair.both.quotes([INFY, FUTURE])
    assert anyio.current_time() == LONGEST
    assert batch.quotes[INFY.id].fallback_reason == LATE
    assert (batch.errors[FUTURE.id].code, failures(pair), batch.upstream_calls) == ("SOURCE_TIMEOUT", 1, 2)


async def test_an_answer_that_comes_late_is_better_than_none(pair: Pair) -> None:
    """The other source failed meanwhile and is not asked again; the first choice gives no reason for itself."""
    pair.first.seconds, pair.second.outage = PATIENCE + 0.5, DOWN
    assert await pair.prices(INFY, FUTURE) == {INFY.id: (1.0, None), FUTURE.id: (1.0, None)}
    assert pair.second.asked == [[INFY.id]]


async def test_our_own_queue_is_no_failure_of_the_source(pair: Pair) -> None:
    """Who has another source goes there after the turn, and the reason names the budget."""
    pair.first.queue = 60.0
    for _ in range(FAILURES):
        batch = await pair.both.quotes([INFY])
        assert batch.upstream_calls == 1, "nothing went to the first"
    assert batch.quotes[INFY.id].fallback_reason.startswith("KITE: RATE_LIMITED: our own budget")  # type: ignore[union-attr]  # else the test fails all the same
    assert anyio.current_time() == FAILURES * TURN
    assert (failures(pair), pair.breakers[0].status("quotes").state) == (0, BreakerState.CLOSED)


async def test_the_source_has_all_its_patience_after_our_own_queue(pair: Pair) -> None:
    """A request that waited 1.5 s for its turn was not slow at the source."""
    pair.first.queue, pair.first.seconds = TURN - 0.5, PATIENCE - 0.5
    assert await pair.prices(INFY) == {INFY.id: (1.0, None)}


async def test_a_source_that_owes_an_answer_for_too_long_fails(pair: Pair) -> None:
    """However long the queue before it was."""
    pair.first.queue, pair.first.seconds = TURN - 0.5, PATIENCE + 0.5
    assert await pair.prices(INFY) == {INFY.id: (2.0, LATE)}
    assert failures(pair) == 1


async def test_impatience_closes_the_source_to_nobody_who_has_no_other(pair: Pair) -> None:
    """Shares go elsewhere at once; an option is answered in 3.5 s as before, and that ends no pause of the others."""
    pair.first.seconds = PATIENCE + 0.5
    for _ in range(FAILURES):
        await pair.prices(INFY)
    assert pair.breakers[0].status("quotes").state is BreakerState.OPEN
    assert await pair.prices(FUTURE) == {FUTURE.id: (1.0, None)}
    assert await pair.prices(INFY) == {INFY.id: (2.0, LATE)}
    assert pair.first.asked == [*[[INFY.id]] * FAILURES, [FUTURE.id]]
    pair.clock.advance(60)
    assert await pair.prices(FUTURE) == {FUTURE.id: (1.0, None)}
    assert (failures(pair), pair.breakers[0].status("quotes").state) == (FAILURES, BreakerState.OPEN)


async def test_a_quick_answer_ends_impatience(pair: Pair) -> None:
    """Also to one who would have waited."""
    pair.first.seconds = PATIENCE + 0.5
    for _ in range(FAILURES):
        await pair.prices(INFY)
    pair.first.seconds = PATIENCE - 0.5
    await pair.prices(FUTURE)
    assert pair.breakers[0].status("quotes").state is BreakerState.CLOSED
    assert await pair.prices(INFY) == {INFY.id: (1.0, None)}


async def test_an_outage_after_impatience_closes_the_source_to_all(pair: Pair) -> None:
    """A failure of its own is everybody's."""
    pair.first.seconds = PATIENCE + 0.5
    for _ in range(FAILURES):
        await pair.prices(INFY)
    pair.first.outage = DOWN
    for _ in range(2):
        with pytest.raises(SourceUnavailable):
            await pair.both.quotes([FUTURE])
    assert len(pair.first.asked) == FAILURES + 1


async def spent(pair: Pair, error: MarketDataError, *, requests: int) -> int:
    """What a question cost that ended in this error."""
    pair.first.requests, pair.first.refusal = requests, error
    with pytest.raises(type(error)) as raised:
        await pair.both.quotes([FUTURE])
    return requests_spent(raised.value)


@pytest.mark.parametrize(
    "error",
    [
        RateLimited("429", retry_after_ms=1000),
        InvalidRange("too far back"),
        NotSupported("no such interval"),
        NotPriced("another currency"),
        DOWN,
    ],
    ids=lambda error: error.code,
)
async def test_a_failure_costs_what_was_sent_for_it(pair: Pair, error: MarketDataError) -> None:
    """A 429 was sent and answered; what our own checks or budget refused was not."""
    assert [await spent(pair, error, requests=requests) for requests in (0, 2)] == [0, 2]


async def test_what_a_second_source_cost_is_told_with_the_first_ones_error(pair: Pair) -> None:
    """Nobody is logged in to the first, and the second is down: a request went out in vain."""
    pair.first.outage, pair.first.requests = LoginRequired("log in", login_url="http://127.0.0.1/login"), 0
    pair.second.outage = DOWN
    with pytest.raises(LoginRequired) as raised:
        await pair.both.quotes([INFY])
    assert requests_spent(raised.value) == 1


@pytest.mark.parametrize(("requests", "state"), [(1, BreakerState.CLOSED), (0, BreakerState.OPEN)])
async def test_that_a_source_cannot_is_its_answer_if_it_was_asked(
    pair: Pair, requests: int, state: BreakerState
) -> None:
    """It closes the circuit; what our own checks refused before sending says nothing."""
    for _ in range(FAILURES):
        pair.breakers[0].failed(DOWN)
    pair.clock.advance(5)
    await spent(pair, InvalidRange("too far back"), requests=requests)
    assert pair.breakers[0].status("quotes").state is state
    link = pair.links[0]

    async def works(_: QuoteSource) -> bool:
        return True

    assert await link.ask(works, within=None), "the next call goes out"
