"""Subscriptions: each event in a context of its own, every source closed, errors as results."""

import gc
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import anyio
import strawberry
from graphql.execution.collect_fields import FieldDetails
from structlog.typing import EventDict

from schema.execution.engine import Engine, Prepared, Result
from schema.execution.events import subscribe
from schema.execution.limits import Limits
from schema.execution.records import GraphQLRequest
from tests.execution.conftest import Bench
from tests.support.toy import Info, Ledger, ToyContext


async def opened(bench: Bench, query: str) -> AsyncGenerator[Result, None]:
    """A subscription that has begun."""
    results = await subscribe(bench.engine, bench.ready(query), ToyContext(bench.ledger))
    assert not isinstance(results, dict)
    return results


async def test_events_come_in_order_and_the_source_is_closed(bench: Bench):
    """To the end, then `finally`, then the record with the number of events."""
    assert await bench.stream("subscription C{count(to:3)}") == [{"data": {"count": n}} for n in range(3)]

    assert bench.ledger.closed == ["count"]
    (record,) = bench.ledger.records
    assert (record.name, record.kind, record.events) == ("C", "subscription", 3)


async def test_a_long_subscription_keeps_nothing_of_its_past_events(bench: Bench):
    """graphql-core remembers collected fields in the executor that all events of a subscription come from."""
    results = await opened(bench, 'subscription{quotes(ids:["a"], times:300){id again{id}}}')
    async with aclosing(results):
        await anext(results)
        before = remembered_fields()
        for _ in range(200):
            await anext(results)
        assert remembered_fields() < before + 50


def remembered_fields() -> int:
    """Collected fields that anything in the process refers to."""
    return sum(isinstance(item, FieldDetails) for item in gc.get_objects())


async def test_each_event_has_fresh_loaders(bench: Bench):
    """A loader that lived as long as the connection would serve the first price for ever."""
    results = await bench.stream('subscription{quotes(ids:["a","bb"], times:3){loadedPrice again{loadedPrice}}}')

    assert bench.ledger.batches == [["a", "bb"]] * 3
    assert [result["extensions"] for result in results] == [{"cost": {"loaded": 2}}] * 3


async def test_variables_hold_for_every_event(bench: Bench):
    """Also in the selections that each event executes."""
    results = await bench.stream(
        "subscription($ids:[ID!]!,$no:Boolean!){quotes(ids:$ids){id lastPrice @skip(if:$no)}}", ids=["a"], no=True
    )

    assert results == [{"data": {"quotes": [{"id": "a"}]}}] * 2


async def test_closing_the_results_closes_the_source(bench: Bench):
    """While it waits between two events."""
    async with aclosing(await opened(bench, 'subscription{silent(name:"s")}')) as results:
        assert await anext(results) == {"data": {"silent": "s"}}
        assert bench.ledger.closed == []

    assert bench.ledger.closed == ["s"]
    assert len(bench.ledger.records) == 1


async def test_cancelling_the_reader_closes_the_source(bench: Bench):
    """While it waits for the next event."""
    with anyio.move_on_after(0.05):
        async with aclosing(await opened(bench, 'subscription{silent(name:"s")}')) as results:
            async for _ in results:
                pass

    assert bench.ledger.closed == ["s"]


async def test_source_that_refuses_ends_with_its_error(bench: Bench):
    """A result without data: the stream never began."""
    results = await bench.stream("subscription{refused}")

    assert results == [
        {"errors": [{"message": "there is no instrument X",
                     "extensions": {"code": "UNKNOWN_INSTRUMENT", "retryable": False}}]}
    ]  # fmt: skip
    assert bench.ledger.records[0].error_codes == ("UNKNOWN_INSTRUMENT",)


async def test_permission_is_asked_before_the_source_opens(bench: Bench):
    """One result, with the field's place."""
    (result,) = await bench.stream("subscription{secret}")

    errors: Any = result["errors"]
    assert (errors[0]["extensions"]["code"], errors[0]["path"]) == ("FORBIDDEN", ["secret"])


async def test_source_that_breaks_ends_masked(bench: Bench, logs: list[EventDict]):
    """What it sent stays sent; then one error, and no secret."""
    first, last = await bench.stream("subscription{breaks}")

    assert first == {"data": {"breaks": 0}}
    assert "data" not in last
    assert "INTERNAL" in str(last)
    assert "hunter2" not in str(last)
    assert bench.ledger.records[0].events == 1
    assert len(logs) == 1


async def test_events_are_pulled(bench: Bench):
    """A reader that does not read makes the source wait: nothing piles up in between."""
    async with aclosing(await opened(bench, 'subscription{endless(name:"e", pause:0)}')) as results:
        await anext(results)
        await anyio.sleep(0.05)

    assert bench.ledger.records[0].events == 1


async def test_source_that_does_not_close_is_left_alone(logs: list[EventDict]):
    """Within its bound: one broken source cannot keep a socket, or the service, from closing."""

    class Stubborn(AsyncIterator[int]):
        async def __anext__(self) -> int:
            return 1

        async def aclose(self) -> None:
            await anyio.sleep_forever()

    @strawberry.type
    class Query:
        a: int = 1

    @strawberry.type
    class Subscription:
        @strawberry.subscription
        async def numbers(self, info: Info) -> AsyncGenerator[int, None]:
            return Stubborn()  # type: ignore[return-value]  # any asynchronous iterator will do

    schema = strawberry.Schema(Query, None, Subscription)
    engine = Engine(schema, on_operation=lambda _: None, limits=Limits(close_seconds=0.05))
    prepared = engine.prepare(GraphQLRequest("subscription{numbers}"))
    assert isinstance(prepared, Prepared)
    results = await subscribe(engine, prepared, ToyContext(Ledger()))
    assert not isinstance(results, dict)

    with anyio.fail_after(2):
        async with aclosing(results) as stream:
            assert await anext(stream) == {"data": {"numbers": 1}}

    assert len(logs) == 1
