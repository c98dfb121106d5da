"""The engine executes what Strawberry defined, and tells about each operation once."""

from typing import Any

import anyio
import pytest
import strawberry
from strawberry.extensions import SchemaExtension
from structlog.typing import EventDict

from schema.execution.engine import Engine
from schema.execution.records import GraphQLRequest, RequestFailure
from tests.execution.conftest import Bench
from tests.support.toy import ToyContext, toy_schema

OPERATIONS: list[tuple[str, dict[str, Any]]] = [
    ("{hello __typename}", {}),
    ('{quotes(ids:["a","X","b"]){id lastPrice volume again{id}}}', {}),
    ("query($ids:[ID!]!){quotes(ids:$ids){...f}} fragment f on Quote{id levels{price}}", {"ids": ["a", "b"]}),
    ("query($no:Boolean!){hello @skip(if:$no) a:hello @include(if:$no)}", {"no": True}),
    ("{pick(by:{colour:BLUE}) b:pick(by:{limit:7}) colour(of:BLUE) big(value:9007199254740991)}", {}),
    ("query($by:Filter!){pick(by:$by)}", {"by": {"colour": "BLUE"}}),
    ('query($v:BigInt!, $unused:Int){big(value:$v) n:names hello(name:"x") candles(last:$unused){count}}', {"v": 5}),
    ("{firstQuotes(first:2){loadedPrice again{loadedPrice}}}", {}),
    ("mutation{touch b:touch}", {}),
    ('{__schema{queryType{name fields{name args{name type{kind ofType{name}}}}}} __type(name:"Filter"){isOneOf}}', {}),
]


@pytest.mark.parametrize(("query", "variables"), OPERATIONS)
async def test_result_equals_strawberrys_own(bench: Bench, query: str, variables: dict[str, Any]):
    """Info, enums, inputs, scalars, fragments, directives, introspection: as `Schema.execute` does it."""
    expected = await toy_schema().execute(query, variables, ToyContext(type(bench.ledger)()))
    assert expected.errors is None

    result = await bench.run(query, None, **variables)

    assert result["data"] == expected.data


async def test_one_batch_for_all_fields_of_an_operation(bench: Bench):
    """Loaders gather keys over a tick of the loop: 50 aliases and a list make one load."""
    aliases = " ".join(f'a{n}: quote(id: "K{n}"){{loadedPrice}}' for n in range(50))

    result = await bench.run(f'{{{aliases} quotes(ids:["K1","K99"]){{loadedPrice}}}}')

    assert "errors" not in result
    (batch,) = bench.ledger.batches
    assert sorted(batch) == sorted({f"K{n}" for n in range(50)} | {"K99"})


async def test_result_has_its_parts_in_order(bench: Bench):
    """data, errors, extensions; and only those that are there."""
    full = await bench.run('{quote(id:"a"){loadedPrice} login}')
    plain = await bench.run("{hello}")

    assert list(full) == ["data", "errors", "extensions"]
    assert full["extensions"] == {"cost": {"loaded": 1}}
    assert list(plain) == ["data"]


async def test_mutations_run_one_after_the_other(bench: Bench):
    """By the specification; and each really runs."""
    assert (await bench.run("mutation{a:touch b:touch c:touch}"))["data"] == {"a": 1, "b": 2, "c": 3}


def test_kind_that_is_not_allowed_is_refused(bench: Bench):
    """A GET may not mutate."""
    failure = bench.engine.prepare(GraphQLRequest("mutation{touch}"), allow={"query", "subscription"})

    assert isinstance(failure, RequestFailure)
    assert failure.errors[0]["extensions"] == {"code": "METHOD_NOT_ALLOWED"}


async def test_each_operation_is_recorded_once(bench: Bench):
    """With what the transport knew, and the cost of the result."""
    await bench.run('query Prices{quote(id:"abc"){loadedPrice}}')

    (record,) = bench.ledger.records
    assert (record.name, record.kind, record.transport, record.request_id) == ("Prices", "query", "test", "r-1")
    assert record.extensions == {"cost": {"loaded": 1}}
    assert record.error_codes == ()
    assert record.duration_ms > 0
    assert len(record.operation_id) == 16


async def test_operation_that_takes_too_long_is_given_up():
    """The caller gets an error with a remedy, and the resolver is cancelled."""
    bench = Bench(limits={"execution_seconds": 0.05})

    with anyio.fail_after(2):
        result = await bench.run("{slow(seconds: 30)}")

    assert result["errors"][0]["extensions"] == {"code": "OPERATION_TIMEOUT", "retryable": True}
    assert bench.ledger.records[0].error_codes == ("OPERATION_TIMEOUT",)


async def test_cancelled_operation_is_recorded_and_passes_the_cancellation_on(bench: Bench):
    """A client that leaves cancels; nothing swallows that."""
    with anyio.move_on_after(0.05) as scope:
        await bench.run("{slow(seconds: 30)}")

    assert scope.cancelled_caught
    assert bench.ledger.records[0].error_codes == ("CANCELLED",)


async def test_future_that_another_cancelled_is_a_bug_and_no_cancellation(bench: Bench, logs: list[EventDict]):
    """Else the transport would end the request without an answer."""
    result = await bench.run("{orphan}")

    assert result["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert bench.ledger.records[0].error_codes == ("INTERNAL",)
    assert len(logs) == 1


async def test_bug_in_a_context_is_masked(bench: Bench, logs: list[EventDict]):
    """Even what runs outside of resolvers never reaches the caller."""

    class Broken(ToyContext):
        def extensions(self) -> dict[str, object]:
            msg = "the password is hunter2"
            raise RuntimeError(msg)

    result = await bench.engine.execute(bench.ready("{hello}"), Broken(bench.ledger))

    assert result["data"] is None
    assert "hunter2" not in str(result)
    assert len(logs) == 1


def test_schema_with_extensions_is_refused():
    """The engine would not run them, so it says so at the start."""

    class Unused(SchemaExtension):
        pass

    @strawberry.type
    class Query:
        a: int = 1

    schema = strawberry.Schema(Query, extensions=[Unused])

    with pytest.raises(ValueError, match="extensions"):
        Engine(schema, on_operation=lambda _: None)
