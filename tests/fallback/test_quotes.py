"""Quotes from the first source that can answer, with the reason where it was not the first choice."""

from dataclasses import replace

import anyio
import pytest

from app.domain.errors import LoginRequired, MalformedPayload, NotPriced, NotSupported, SourceTimeout, SourceUnavailable
from app.domain.feeds import BreakerState
from app.domain.instruments import Instrument
from app.domain.provenance import DataSource
from app.domain.spending import requests_spent
from app.ports import QuoteSource
from app.providers.breaker import FAILURES, Breaker
from app.providers.fallback import FallbackQuotes, Link
from tests.fallback.sources import ScriptedQuotes
from tests.streaming.stage import an_instrument
from tests.support.clock import FixedClock

INFY, TCS, WORLD, FUTURE = (an_instrument(name) for name in ("INFY", "TCS", "WORLD", "FUTURE"))
LOGIN = LoginRequired("log in", login_url="http://127.0.0.1/login")
DOWN = SourceUnavailable("it is down")


class Pair:
    """A first and a second source. The first lacks WORLD, the second FUTURE."""

    def __init__(self, *, patience: float = 1.0) -> None:
        self.clock = FixedClock()
        self.first, self.second = ScriptedQuotes(self.clock, 1.0), ScriptedQuotes(self.clock, 2.0)
        self.breakers = Breaker(self.clock), Breaker(self.clock)
        self.links: list[Link[QuoteSource]] = [
            Link(DataSource.KITE, self.first, self.breakers[0], lambda instrument: instrument is not WORLD),
            Link(DataSource.YAHOO, self.second, self.breakers[1], lambda instrument: instrument is not FUTURE),
        ]
        self.both = FallbackQuotes(self.links, patience=patience)

    async def prices(self, *instruments: Instrument) -> dict[str, tuple[float, str | None]]:
        """Price and reason by id."""
        batch = await self.both.quotes(instruments)
        return {key: (quote.last_price, quote.fallback_reason) for key, quote in batch.quotes.items()}


async def test_the_first_source_answers_and_the_second_is_not_asked() -> None:
    """No reason is given where there is none."""
    pair = Pair()
    assert await pair.prices(INFY, TCS) == {INFY.id: (1.0, None), TCS.id: (1.0, None)}
    assert pair.second.asked == []


async def test_an_instrument_that_only_the_second_has_is_its_own_first_choice() -> None:
    """Each source is asked once, for what it carries; and that is no fallback."""
    pair = Pair()
    assert await pair.prices(INFY, WORLD) == {INFY.id: (1.0, None), WORLD.id: (2.0, None)}
    assert (pair.first.asked, pair.second.asked) == ([[INFY.id]], [[WORLD.id]])
    assert (await pair.both.quotes([INFY, WORLD])).upstream_calls == 2


async def test_without_a_login_the_second_answers_and_says_why() -> None:
    """Nothing is lost but what the second does not have, which keeps the first one's error."""
    pair = Pair()
    pair.first.outage = LOGIN
    batch = await pair.both.quotes([INFY, FUTURE, WORLD])
    assert batch.quotes[INFY.id].fallback_reason == "KITE: LOGIN_REQUIRED: log in"
    assert batch.quotes[WORLD.id].fallback_reason is None
    assert batch.errors == {FUTURE.id: LOGIN}


async def test_a_source_that_is_too_slow_gives_way() -> None:
    """Within the caller's deadline; the last one has all the time that is left."""
    pair = Pair(patience=0.05)
    pair.first.seconds = 30.0
    pair.second.seconds = 0.1
    found = await pair.prices(INFY)
    assert found == {INFY.id: (2.0, "KITE: SOURCE_TIMEOUT: KITE did not answer within 0.05 s")}
    assert anyio.current_time() == pytest.approx(0.15)


async def test_a_source_that_gives_up_by_itself_is_a_timeout_too() -> None:
    """Also the last one, which nobody hurries; its circuit is not left half open."""
    pair = Pair()
    link = pair.links[1]

    async def give_up(_: QuoteSource) -> None:
        raise TimeoutError

    with pytest.raises(SourceTimeout, match="YAHOO did not answer in time"):
        await link.ask(give_up, within=None)
    assert link.breaker.status("quotes").failures == 1


async def test_a_part_that_failed_is_asked_for_elsewhere() -> None:
    """And only that part."""
    pair = Pair()
    pair.first.failing = {TCS.id: SourceTimeout("late")}
    assert await pair.prices(INFY, TCS) == {INFY.id: (1.0, None), TCS.id: (2.0, "KITE: SOURCE_TIMEOUT: late")}
    assert pair.second.asked == [[TCS.id]]


async def test_what_has_no_price_at_a_source_that_answered_has_none() -> None:
    """A delayed price from elsewhere would hide that it did not trade."""
    pair = Pair()
    pair.first.unpriced = {INFY.id}
    pair.second.failing = {WORLD.id: NotPriced("delisted")}
    batch = await pair.both.quotes([INFY, WORLD])
    assert batch.quotes == {}
    assert str(batch.errors[INFY.id]).startswith("NSE:INFY has no price at KITE: ")
    assert str(batch.errors[WORLD.id]) == "delisted"
    assert pair.second.asked == [[WORLD.id]]


async def test_who_was_asked_is_named_for_what_has_no_price() -> None:
    """Without a login it is the second one that has none; the first was not asked."""
    pair = Pair()
    pair.first.outage, pair.second.unpriced = LOGIN, {INFY.id}
    batch = await pair.both.quotes([INFY])
    assert str(batch.errors[INFY.id]).startswith("NSE:INFY has no price at YAHOO: ")


async def test_when_both_are_down_the_first_ones_error_is_told() -> None:
    """It is the one that a person can do something about."""
    pair = Pair()
    pair.first.outage, pair.second.outage = LOGIN, DOWN
    with pytest.raises(LoginRequired):
        await pair.both.quotes([INFY])


async def test_when_both_are_down_each_instrument_has_the_error_of_its_own_first_choice() -> None:
    """A page that shows the world must not be told to log in to Kite for it."""
    pair = Pair()
    pair.first.outage, pair.first.requests, pair.second.outage = LOGIN, 0, DOWN
    batch = await pair.both.quotes([INFY, WORLD])
    assert (batch.quotes, batch.upstream_calls) == ({}, 1)
    assert {key: error.code for key, error in batch.errors.items()} == {
        INFY.id: "LOGIN_REQUIRED",
        WORLD.id: "SOURCE_UNAVAILABLE",
    }


async def test_what_no_source_carries_is_not_supported_whatever_the_others_say() -> None:
    """Its error says so; the others keep theirs."""
    pair = Pair()
    pair.first.outage = DOWN
    pair.links[1] = Link(DataSource.YAHOO, pair.second, pair.breakers[1], lambda _: False)
    batch = await pair.both.quotes([INFY, WORLD])
    assert batch.errors[INFY.id] is DOWN
    assert isinstance(batch.errors[WORLD.id], NotSupported)
    assert str(batch.errors[WORLD.id]) == "neither KITE nor YAHOO has NSE:WORLD"


async def test_what_one_source_says_of_an_instrument_takes_no_other_one_its_price() -> None:
    """Kite answers for one and fails for the other, of which Yahoo says that it trades in another currency."""
    pair = Pair()
    pair.first.failing = {TCS.id: MalformedPayload("garbage")}
    pair.second.refusal = NotPriced("in another currency")
    batch = await pair.both.quotes([INFY, TCS, FUTURE])
    assert batch.quotes.keys() == {INFY.id, FUTURE.id}
    assert batch.errors[TCS.id].code == "MALFORMED_PAYLOAD"
    with pytest.raises(NotPriced):
        await FallbackQuotes(pair.links[1:]).quotes([TCS])


async def test_that_there_is_no_price_is_an_answer_and_closes_the_circuit() -> None:
    """The one call that was let through came back: the source is there."""
    pair = Pair()
    pair.second.outage = DOWN
    for _ in range(FAILURES):
        with pytest.raises(SourceUnavailable):
            await FallbackQuotes(pair.links[1:]).quotes([WORLD])
    assert pair.breakers[1].status("quotes").state is BreakerState.OPEN
    pair.second.outage, pair.second.refusal = None, NotPriced("in another currency")
    pair.clock.advance(5.0)
    with pytest.raises(NotPriced):
        await FallbackQuotes(pair.links[1:]).quotes([WORLD])
    assert pair.breakers[1].status("quotes").state is BreakerState.CLOSED


async def test_a_source_alone_is_named_for_what_it_lacks() -> None:
    """As `quote(source:)` asks it."""
    pair = Pair()
    batch = await FallbackQuotes(pair.links[:1]).quotes([WORLD])
    assert str(batch.errors[WORLD.id]) == "KITE has no NSE:WORLD"


async def test_an_open_circuit_costs_no_call() -> None:
    """The source is not asked at all until the pause is over, and then once."""
    pair = Pair()
    pair.first.outage = DOWN
    for _ in range(FAILURES):
        await pair.both.quotes([INFY])
    assert pair.breakers[0].status("quotes").state is BreakerState.OPEN
    for _ in range(5):
        assert await pair.prices(INFY) == {INFY.id: (2.0, "KITE: SOURCE_UNAVAILABLE: it is down")}
    assert len(pair.first.asked) == FAILURES
    pair.first.outage = None
    pair.clock.advance(5)
    assert await pair.prices(INFY) == {INFY.id: (1.0, None)}


async def test_an_error_that_is_raised_again_and_again_does_not_grow() -> None:
    """Each raise adds to the traceback of the one object; and nobody is charged for what was not sent."""
    pair = Pair()
    pair.second.outage = SourceUnavailable("it is down")
    for _ in range(FAILURES):
        with pytest.raises(SourceUnavailable):
            await pair.both.quotes([WORLD])
    depths, spent = set[int](), set[int]()
    for _ in range(5):
        with pytest.raises(SourceUnavailable) as raised:
            await pair.both.quotes([WORLD])
        depths.add(len(raised.traceback))
        spent.add(requests_spent(raised.value))
    assert len(depths) == 1
    assert spent == {0}
    assert len(pair.second.asked) == FAILURES


async def test_a_caller_that_leaves_says_nothing_of_the_source() -> None:
    """The breaker lets the next one look."""
    pair = Pair(patience=60.0)
    for _ in range(FAILURES):
        pair.breakers[0].failed(DOWN)
    pair.clock.advance(5)
    pair.first.seconds = 30.0
    with anyio.move_on_after(0.05):
        await pair.both.quotes([INFY])
    assert pair.breakers[0].refusal() is None


async def test_each_instrument_waits_for_the_first_source_that_is_worth_asking() -> None:
    """A source that is sure to refuse, without a login or with an open circuit, costs no time: its lane is left."""
    pair = Pair()

    def lanes() -> list[int]:
        return [pair.both.lane_of(each) for each in (INFY, WORLD, FUTURE)]

    assert (pair.both.lanes, lanes()) == (2, [0, 1, 0])
    pair.links[0] = replace(pair.links[0], has_session=lambda: False)
    assert lanes() == [1, 1, 0], "nobody logged in yet"
    pair.links[0] = replace(pair.links[0], has_session=lambda: True)
    pair.first.outage = LOGIN
    await pair.prices(INFY)
    assert lanes() == [1, 1, 0]
    pair.first.outage = None
    await pair.prices(INFY)
    assert lanes() == [0, 1, 0]
    pair.first.outage = DOWN
    for _ in range(FAILURES - 1):
        await pair.prices(INFY)
        assert lanes() == [0, 1, 0], "one failure may be chance: the next call may take its time"
    await pair.prices(INFY)
    assert lanes() == [1, 1, 0]
    pair.clock.advance(5)
    assert lanes() == [0, 1, 0], "the pause is over: the next call goes out"
