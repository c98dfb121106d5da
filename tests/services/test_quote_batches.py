"""QuoteService: the upstream calls that callers share, and what becomes of those who leave."""

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.errors import (
    NotPriced,
    RateLimited,
    SourceTimeout,
    SourceUnavailable,
)
from app.domain.instruments import Instrument
from app.domain.provenance import Cost
from app.domain.quotes import Quote
from app.services.quotes import batches as quote_batches
from app.services.quotes.service import QuoteService
from tests.services.fakes import CountingQuotes, SetClock, StillStream, an_instrument, some_instruments
from tests.services.quote_bench import Answers, bench, gather
from tests.support.virtual_time import VIRTUAL_TIME

INFY = an_instrument("NSE:INFY")


async def test_fifty_quotes_cost_one_call() -> None:
    """A page of 50 instruments is one upstream call, and says so in its cost."""
    async with bench() as at:
        cost = Cost()
        answers = await at.ask(*some_instruments(50), cost=cost)
    assert [len(call) for call in at.source.calls] == [50]
    assert all(isinstance(answer, Quote) and answer.id == key for key, answer in answers.items())
    assert cost == Cost(upstream_calls=1)


async def test_fifty_single_questions_at_once_cost_one_call() -> None:
    """Fifty clients that ask for one instrument each share one call; each is told that it waited for one."""
    async with bench() as at:
        costs = [Cost() for _ in range(50)]
        await gather(*((at, [one], cost) for one, cost in zip(some_instruments(50), costs, strict=True)))
    assert len(at.source.calls) == 1
    assert all(cost.upstream_calls == 1 for cost in costs)


async def test_fifty_clients_with_ten_of_the_same_500_cost_one_call() -> None:
    """50 clients x 10 of 500 symbols within the window: one call of 500 instruments."""
    async with bench() as at:
        everything = some_instruments(500)
        answers = await gather(*((at, everything[n * 10 : n * 10 + 10], Cost()) for n in range(50)))
    assert [len(call) for call in at.source.calls] == [500]
    assert [set(answer) for answer in answers] == [{f"NSE:S{n * 10 + k}" for k in range(10)} for n in range(50)]


async def test_overlapping_questions_name_each_instrument_once() -> None:
    """The same instrument in many questions stands once in the call."""
    async with bench() as at:
        await gather(*((at, some_instruments(10), Cost()) for _ in range(50)))
    assert [sorted(call) for call in at.source.calls] == [[f"NSE:S{n}" for n in range(10)]]


async def test_what_does_not_need_a_slow_source_does_not_wait_for_it() -> None:
    """Each lane has its own call; an operation that asks in both pays for both."""
    world, cost = an_instrument("YAHOO:^GSPC"), Cost()
    async with bench(second_lane=world) as at, anyio.create_task_group() as tasks:
        at.source.held["NSE:INFY"] = anyio.Event()
        tasks.start_soon(at.ask, INFY, world)
        assert isinstance((await at.ask(world))[world.id], Quote)
        assert at.source.finished == 1, "the other call is still out"
        at.source.held["NSE:INFY"].set()
        at.clock.advance(2.0)
        answers = await at.ask(INFY, world, cost=cost)
    assert all(isinstance(answer, Quote) for answer in answers.values())
    assert sorted(at.source.calls) == [[INFY.id], [world.id], [world.id]], "what is on its way is shared"
    assert cost == Cost(upstream_calls=2)


async def test_a_fetch_that_runs_is_joined_if_it_is_young_enough() -> None:
    """A question during a call waits for it; one that accepts no age at all gets a call of its own."""
    async with bench(latency=0.06) as at:
        prices: dict[str, Answers] = {}

        async def later(name: str, max_age: float | None, seconds: float) -> None:
            await anyio.sleep(seconds)
            prices[name] = await at.ask(INFY, max_age=max_age)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(later, "joined", None, 0.03)
            tasks.start_soon(later, "own", 0, 0.04)
            await at.ask(INFY)
        joined, own = prices["joined"]["NSE:INFY"], prices["own"]["NSE:INFY"]
    assert isinstance(joined, Quote)
    assert isinstance(own, Quote)
    assert (joined.last_price, own.last_price) == (1.0, 2.0)


async def test_questions_during_a_call_become_one_call() -> None:
    """While a call waits for its budget, everything that arrives makes one next call, not one for each window."""
    async with bench(latency=0.15) as at, anyio.create_task_group() as tasks:
        tasks.start_soon(at.ask, INFY)
        for one in some_instruments(8):
            await anyio.sleep(0.015)
            tasks.start_soon(at.ask, one)
    assert [len(call) for call in at.source.calls] == [1, 8]


async def test_a_slow_call_holds_up_the_next_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that hangs does not stop other questions, and no more than a few calls are out at once."""
    monkeypatch.setattr(quote_batches, "PATIENCE", 0.03)
    async with bench(latency=5, deadline=0.4) as at, anyio.create_task_group() as tasks:
        for one in some_instruments(10):
            tasks.start_soon(at.ask, one)
            await anyio.sleep(0.04)
        assert len(at.source.calls) == quote_batches.MAX_RUNNING


async def test_batches_have_at_most_500_instruments() -> None:
    """1,200 instruments are three batches, and the operation is told that it waited for all three."""
    async with bench() as at:
        cost = Cost()
        answers = await at.ask(*some_instruments(1200), cost=cost)
    assert [len(call) for call in at.source.calls] == [500, 500, 200]
    assert (len(answers), cost.upstream_calls) == (1200, 3)


async def test_too_many_waiting_instruments_are_refused_at_once() -> None:
    """What could not be priced before the deadline is RateLimited now, with a time to come back."""
    async with bench(window=5.0, deadline=0.05) as at:
        answers = await at.ask(*some_instruments(4001))
        refused = answers["NSE:S4000"]
        assert isinstance(refused, RateLimited)
        assert refused.retry_after_ms == 8000
        assert isinstance(answers["NSE:S0"], SourceTimeout)


async def test_an_operation_pays_once_for_a_call() -> None:
    """Two loaders of one operation in the same batch count its call once."""
    async with bench() as at:
        cost = Cost()
        await gather((at, [INFY], cost), (at, [an_instrument("NSE:TCS")], cost))
    assert cost.upstream_calls == 1


async def test_a_leaver_cancels_nobody_elses_call() -> None:
    """A caller that is cancelled during the shared call leaves the others with their answers."""
    async with bench(latency=0.05) as at, anyio.create_task_group() as tasks:
        with anyio.move_on_after(0.03) as scope:
            tasks.start_soon(at.ask, INFY)
            await at.ask(INFY)
        assert scope.cancelled_caught
        answers = await at.ask(INFY)
    assert isinstance(answers["NSE:INFY"], Quote)
    assert len(at.source.calls) == 1


async def test_a_call_that_everyone_left_finishes_by_itself() -> None:
    """Its answer serves the next one who asks."""
    async with bench(latency=0.04) as at:
        with anyio.move_on_after(0.02):
            await at.ask(INFY)
        await anyio.sleep(0.06)
        cost = Cost()
        await at.ask(INFY, cost=cost)
    assert cost == Cost(from_cache=1)


async def test_what_nobody_wants_any_more_is_not_asked_for() -> None:
    """Callers that leave within the window cost no call; those who stay are served."""
    async with bench(window=0.04) as at, anyio.create_task_group() as tasks:
        with anyio.move_on_after(0.02):
            await at.ask(*some_instruments(3))
        await anyio.sleep(0.05)
        assert at.source.calls == []
        tasks.start_soon(at.ask, INFY)
        with anyio.move_on_after(0.02):
            await at.ask(INFY, *some_instruments(3))
    assert at.source.calls == [["NSE:INFY"]]


async def test_the_deadline_gives_a_timeout_and_keeps_what_is_there() -> None:
    """A source that does not answer in time is a SourceTimeout that names the instrument."""
    async with bench(latency=1, deadline=0.05) as at:
        answers = await at.ask(INFY)
    assert isinstance(answers["NSE:INFY"], SourceTimeout)
    assert str(answers["NSE:INFY"]) == "NSE:INFY was not priced within 0.05 s; ask again", "no source is accused"
    assert "NSE:INFY" in str(answers["NSE:INFY"])


async def test_stopping_tells_those_who_wait() -> None:
    """When the service stops, callers in a call and in the queue get an error at once."""
    clock = SetClock()
    source = CountingQuotes(clock, latency=10)
    service = QuoteService(source, StillStream(), clock)
    answers: list[Answers] = []

    async def ask(one: Instrument) -> None:
        answers.append(await service.quotes([one], max_age=None, cost=Cost()))

    with anyio.fail_after(1):
        async with anyio.create_task_group() as callers, anyio.create_task_group() as owner:
            owner.start_soon(service.run)
            callers.start_soon(ask, INFY)
            await anyio.sleep(0.03)
            callers.start_soon(ask, an_instrument("NSE:TCS"))
            await anyio.sleep(0.03)
            owner.cancel_scope.cancel()
    assert [type(error) for answer in answers for error in answer.values()] == [SourceUnavailable] * 2


@settings(max_examples=25)
@given(
    callers=st.lists(
        st.tuples(
            st.lists(st.integers(0, 8), unique=True, min_size=1, max_size=5),
            st.integers(0, 12),
            st.integers(1, 12) | st.none(),
            st.sampled_from([0.0, 1.0]),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_whoever_comes_and_goes_nothing_is_left_behind(
    callers: list[tuple[list[int], int, int | None, float]],
) -> None:
    """Callers come at any time and leave at any time: those who stay are served, and no key or batch remains."""
    everything = some_instruments(9)

    async def play() -> tuple[list[Answers], QuoteService]:
        served: list[Answers] = []
        async with bench(window=0.003, latency=0.004) as at:

            async def call(wanted: list[int], start: int, leave: int | None, max_age: float) -> None:
                await anyio.sleep(start / 1000)
                with anyio.move_on_after(None if leave is None else leave / 1000) as scope:
                    served.append(await at.ask(*(everything[n] for n in wanted), max_age=max_age))
                if scope.cancelled_caught:
                    served.append({})

            async with anyio.create_task_group() as tasks:
                for caller in callers:
                    tasks.start_soon(call, *caller)
            await anyio.sleep(0.02)
            return served, at.service

    served, service = anyio.run(play, backend_options=VIRTUAL_TIME[1])
    assert len(served) == len(callers)
    assert all(isinstance(answer, Quote) for answers in served for answer in answers.values())
    [lane] = service._lanes
    assert (len(lane._waiting), len(lane._running), len(lane._newest)) == (0, 0, 0)


@settings(max_examples=40)
@given(
    questions=st.lists(st.lists(st.integers(0, 12), unique=True, max_size=6), max_size=12),
    absent=st.sets(st.integers(0, 12)),
    broken=st.sets(st.integers(0, 12)),
)
def test_each_caller_gets_answers_for_exactly_its_instruments(
    questions: list[list[int]], absent: set[int], broken: set[int]
) -> None:
    """Whoever shares a call: the keys of an answer are those of the question, each with its own kind of answer."""
    everything = some_instruments(13)

    async def play() -> tuple[list[Answers], int]:
        async with bench(window=0.002) as at:
            at.source.absent = {everything[n].id for n in absent}
            at.source.errors = {everything[n].id: SourceUnavailable(str(n)) for n in broken - absent}
            answers = await gather(*((at, [everything[n] for n in wanted], Cost()) for wanted in questions))
        return answers, len(at.source.calls)

    answers, calls = anyio.run(play, backend_options=VIRTUAL_TIME[1])
    assert calls == any(questions)
    for wanted, answer in zip(questions, answers, strict=True):
        assert set(answer) == {everything[n].id for n in wanted}
        for n in wanted:
            kind = NotPriced if n in absent else SourceUnavailable if n in broken else Quote
            assert isinstance(answer[everything[n].id], kind)
