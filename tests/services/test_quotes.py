"""QuoteService: where each answer comes from, and whose error is whose."""

from datetime import date, timedelta

import anyio
import pytest
from structlog.testing import capture_logs

from app.domain.errors import (
    InvalidInput,
    LoginRequired,
    MarketDataError,
    NotPriced,
    RateLimited,
    SourceError,
    SourceUnavailable,
)
from app.domain.provenance import Cost, DataSource
from app.domain.quotes import Quote, no_price_at
from tests.services.fakes import MONDAY_NOON, an_instrument, some_instruments
from tests.services.quote_bench import bench

INFY = an_instrument("NSE:INFY")


async def test_the_running_stream_costs_no_call() -> None:
    """What the stream carries is answered from it."""
    async with bench() as at:
        at.stream.states = {"NSE:INFY": Quote("NSE:INFY", 9.0, DataSource.SANDBOX, MONDAY_NOON)}
        cost = Cost()
        answers = await at.ask(INFY, max_age=0, cost=cost)
    assert answers == at.stream.states
    assert (at.source.calls, cost) == ([], Cost(from_stream=1))


async def test_what_was_asked_for_joins_the_stream() -> None:
    """After a call, its instruments are kept hot, its quotes remembered; unpriced ones are not."""
    async with bench() as at:
        at.source.absent = {"NSE:GONE"}
        await at.ask(INFY, an_instrument("NSE:GONE"))
    assert at.stream.hot == [["NSE:INFY"]]
    assert [quote.id for quote in at.remembered] == ["NSE:INFY"]


async def test_what_is_asked_of_the_stream_stays_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instruments that are answered from the stream are renewed, once, while somebody asks for them."""
    monkeypatch.setattr("app.services.quotes.service.RENEW_SECONDS", 0.02)
    async with bench() as at:
        at.stream.states = {"NSE:INFY": Quote("NSE:INFY", 9.0, DataSource.SANDBOX, MONDAY_NOON)}
        for _ in range(3):
            await at.ask(INFY)
        await anyio.sleep(0.07)
    assert at.stream.hot == [["NSE:INFY"]]


async def test_a_young_price_comes_from_memory() -> None:
    """A second question within a second costs nothing; one later is asked anew."""
    async with bench() as at:
        cost = Cost()
        await at.ask(INFY)
        at.clock.advance(0.9)
        await at.ask(INFY, cost=cost)
        assert cost == Cost(from_cache=1)
        at.clock.advance(0.2)
        await at.ask(INFY, cost=cost)
        assert cost == Cost(from_cache=1, upstream_calls=1)


@pytest.mark.parametrize(
    ("max_age", "age", "calls"),
    [(0, 0, 2), (0.5, 0.4, 1), (0.5, 0.5, 2), (5, 4.9, 1), (5, 5.1, 2), (600, 59, 1), (600, 61, 2), (60, -1, 2)],
)
async def test_the_callers_limit_decides_on_memory(max_age: float, age: float, calls: int) -> None:
    """Exactly prices younger than the limit are reused; 60 s is the most; a clock set back makes nothing young."""
    async with bench() as at:
        await at.ask(INFY)
        at.clock.advance(age)
        await at.ask(INFY, max_age=max_age)
    assert len(at.source.calls) == calls


async def test_a_negative_limit_is_refused() -> None:
    """An age below 0 is a mistake of the caller."""
    async with bench() as at:
        with pytest.raises(InvalidInput, match="0 or more"):
            await at.ask(INFY, max_age=-1)


async def test_an_absent_instrument_is_not_priced() -> None:
    """The error names it, its neighbour has its quote, and the next question within a second costs no call."""
    async with bench() as at:
        at.source.absent = {"NSE:GONE"}
        answers = await at.ask(INFY, an_instrument("NSE:GONE"))
        again = await at.ask(an_instrument("NSE:GONE"))
    error = answers["NSE:GONE"]
    assert str(again["NSE:GONE"]) == str(error)
    assert isinstance(error, NotPriced)
    assert "NSE:GONE has no price at SANDBOX" in error.message
    assert isinstance(answers["NSE:INFY"], Quote)
    assert len(at.source.calls) == 1


async def test_who_was_asked_is_named_again_from_memory() -> None:
    """The source that stood in has no price; the first choice was not asked and is not named."""
    async with bench() as at:
        gone = an_instrument("NSE:GONE")
        at.source.errors = {gone.id: no_price_at(DataSource.YAHOO, gone.id)}
        answers = [await at.ask(gone) for _ in range(2)]
    assert len(at.source.calls) == 1
    assert {str(answer[gone.id]).partition(":")[2].partition(":")[0] for answer in answers} == {
        "GONE has no price at YAHOO"
    }


@pytest.mark.parametrize("in_session", [False, True, None])
async def test_what_cannot_have_changed_is_asked_for_less_often(in_session: bool | None) -> None:  # noqa: FBT001 - a source's word
    """The price of a market that its source calls closed, and that there is none, holds 5 s unless told otherwise."""
    async with bench() as at:
        at.source.in_session = in_session
        at.source.absent = {"NSE:GONE"}
        gone = an_instrument("NSE:GONE")
        await at.ask(INFY, gone)
        at.clock.advance(4.9)
        await at.ask(gone)
        assert len(at.source.calls) == 1
        await at.ask(INFY)
        assert len(at.source.calls) == (1 if in_session is False else 2)
        await at.ask(INFY, gone, max_age=1)
        assert at.source.calls[-1] == ([gone.id] if in_session is not False else [INFY.id, gone.id])
        at.clock.advance(5.0)
        await at.ask(gone)
        assert at.source.calls[-1] == [gone.id]


async def test_an_expired_contract_costs_no_call() -> None:
    """A contract has no price after its last day, and still has one on it."""
    async with bench() as at:
        today = date(2026, 11, 23)
        old = an_instrument("NFO:NIFTY26OCTFUT", expiry=today - timedelta(days=1))
        last = an_instrument("NFO:NIFTY26NOVFUT", expiry=today)
        answers = await at.ask(old, last)
    assert "NFO:NIFTY26OCTFUT expired on 2026-11-22" in str(answers[old.id])
    assert isinstance(answers[last.id], Quote)
    assert at.source.calls == [[last.id]]


async def test_a_failed_part_of_a_batch_concerns_its_instruments_alone() -> None:
    """One chunk's error goes to its keys; the others are priced; every request is counted."""
    async with bench() as at:
        at.source.errors = {"NSE:S1": SourceUnavailable("HTTP 503")}
        at.source.upstream_calls = 2
        cost = Cost()
        answers = await at.ask(*some_instruments(3), cost=cost)
    assert [type(answer) for answer in answers.values()] == [Quote, SourceUnavailable, Quote]
    assert cost.upstream_calls == 2


@pytest.mark.parametrize(
    ("failure", "calls"),
    [
        (SourceUnavailable("HTTP 502"), 1),
        (RateLimited("spent", retry_after_ms=700), 0),
        (LoginRequired("log in", login_url="http://here/auth/kite/login"), 0),
    ],
)
async def test_a_failed_call_gives_each_instrument_its_error(failure: MarketDataError, calls: int) -> None:
    """The source's own error, with retry time and login address; an old price is never given instead."""
    async with bench() as at:
        await at.ask(INFY)
        at.clock.advance(2)
        at.source.failure = failure
        cost = Cost()
        answers = await at.ask(INFY, an_instrument("NSE:TCS"), cost=cost)
    assert answers == {"NSE:INFY": failure, "NSE:TCS": failure}
    assert cost == Cost(upstream_calls=calls)


async def test_a_bug_in_a_source_reaches_callers_as_an_error_and_the_log_as_a_traceback() -> None:
    """Nobody hangs, and the service goes on."""
    async with bench() as at:
        at.source.failure = KeyError("content-type")
        with capture_logs() as logs:
            answers = await at.ask(INFY)
        at.source.failure = None
        recovered = await at.ask(INFY)
    assert type(answers["NSE:INFY"]) is SourceError
    assert [entry["event"] for entry in logs] == ["quote_batch_failed"]
    assert isinstance(recovered["NSE:INFY"], Quote)
