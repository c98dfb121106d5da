"""The loader of one operation."""

import asyncio
import gc
from collections.abc import Awaitable, Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

import anyio
import pytest

from app.domain.errors import MarketDataError, SourceUnavailable
from app.domain.instruments import Instrument
from app.domain.provenance import Cost
from app.domain.quotes import Quote
from app.services.quotes.service import QuoteService
from schema.loaders import Prices, QuoteLoader
from tests.streaming.stage import a_quote, an_instrument


class SlowQuotes:
    """A quote service that answers when it is told to: A and B with quotes, everything else with an error."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.answer = anyio.Event()
        self.held: dict[str, Quote] = {}
        self.looked_up: list[list[str]] = []

    def at_hand(
        self, instruments: Sequence[Instrument], *, max_age: timedelta | None, cost: Cost
    ) -> dict[str, Quote | MarketDataError | None]:
        """What is held, whatever its age."""
        self.looked_up.append([instrument.symbol for instrument in instruments])
        cost.from_cache += sum(item.id in self.held for item in instruments)
        return {item.id: self.held.get(item.id) for item in instruments}

    async def quotes(
        self, instruments: Sequence[Instrument], *, max_age: timedelta | None, cost: Cost
    ) -> Mapping[str, Quote | MarketDataError]:
        """Note the question and wait."""
        self.asked.append([instrument.symbol for instrument in instruments])
        await self.answer.wait()
        known = {symbol: a_quote(symbol, 1.0) for symbol in ("A", "B")}
        return {item.id: known.get(item.symbol) or SourceUnavailable("down") for item in instruments}


def a_loader() -> tuple[QuoteLoader, SlowQuotes]:
    """A loader before a slow service."""
    quotes = SlowQuotes()
    return QuoteLoader(cast("QuoteService", quotes), Cost()), quotes


async def test_prices_of_one_operation_are_one_question_for_each_age_limit() -> None:
    """Whatever is asked twice is asked once, and each gets its own answer or error."""
    loader, quotes = a_loader()
    quotes.answer.set()
    asked = [("A", None), ("B", None), ("A", None), ("C", None), ("A", 0)]

    answers = await asyncio.gather(
        *(loader.price(an_instrument(symbol), age) for symbol, age in asked), return_exceptions=True
    )

    assert quotes.asked == [["A", "B", "C"], ["A"]]
    assert [getattr(answer, "id", None) for answer in answers] == ["NSE:A", "NSE:B", "NSE:A", None, "NSE:A"]
    assert isinstance(answers[3], SourceUnavailable)


async def test_prices_at_hand_take_no_turn_and_stay_the_same_for_the_operation() -> None:
    """Where everything is held the answer is a list; an instrument has one price in every field, counted once."""
    quotes, cost = SlowQuotes(), Cost()
    prices = Prices(cast("QuoteService", quotes), cost)
    a, b = (an_instrument(symbol) for symbol in "AB")
    quotes.held = {"NSE:A": (first := a_quote("A", 1.0)), "NSE:B": (other := a_quote("B", 1.0))}

    assert prices.each([a, a], None) == [first, first]
    quotes.held["NSE:A"] = a_quote("A", 2.0)
    assert prices.each([b, a], None) == [other, first]
    assert prices.one(a, None) is first
    assert prices.each([a], 0) == [quotes.held["NSE:A"]]
    assert quotes.looked_up == [["A", "A"], ["B"], ["A"]]
    assert quotes.asked == []


async def test_only_what_is_not_at_hand_is_asked_for() -> None:
    """Each answer and each error stands at its place, those that were found among them."""
    quotes = SlowQuotes()
    prices = Prices(cast("QuoteService", quotes), Cost())
    a, b, c = (an_instrument(symbol) for symbol in "ABC")
    quotes.held = {"NSE:A": a_quote("A", 7.0)}
    quotes.answer.set()
    unknown = SourceUnavailable("not found")

    answers = prices.each([c, a, unknown, b, c], None)
    alone = prices.one(b, None)
    assert not isinstance(answers, list)
    assert not isinstance(alone, Quote)
    first, second, third, fourth, fifth = await answers

    assert quotes.asked == [["C", "B"]]
    assert (await alone) is fourth
    assert isinstance(first, SourceUnavailable)
    assert fifth is first
    assert (second, third) == (quotes.held["NSE:A"], unknown)
    with pytest.raises(SourceUnavailable):
        await cast("Awaitable[Quote]", prices.one(c, None))


async def test_error_at_hand_is_raised_where_one_price_is_asked_for() -> None:
    """An instrument that is known to have no price."""
    quotes = SlowQuotes()
    quotes.held = cast("dict[str, Quote]", {"NSE:A": SourceUnavailable("none")})
    with pytest.raises(SourceUnavailable):
        Prices(cast("QuoteService", quotes), Cost()).one(an_instrument("A"), None)


async def test_error_of_a_price_that_was_given_up_is_nobodys_alarm() -> None:
    """A client that leaves before the source fails must not make an error line each time."""
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    loader, quotes = a_loader()
    with anyio.move_on_after(0.01) as patience:
        await loader.price(an_instrument("C"), None)
    assert patience.cancelled_caught

    quotes.answer.set()
    await anyio.sleep(0.01)
    del loader
    gc.collect()

    assert complaints == []


async def test_field_that_is_given_up_does_not_take_the_price_from_another() -> None:
    """Two fields share one price; cancelling one leaves the other's."""
    loader, quotes = a_loader()
    first = asyncio.ensure_future(loader.price(an_instrument("A"), None))  # noqa: TID251 - a field's own task
    second = asyncio.ensure_future(loader.price(an_instrument("A"), None))  # noqa: TID251 - and another's
    await anyio.sleep(0.01)
    first.cancel()
    quotes.answer.set()

    assert (await second).last_price == 1.0
    with pytest.raises(asyncio.CancelledError):
        await first
