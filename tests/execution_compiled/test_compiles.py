"""The fast path is taken: what ordinary execution would do field by field is not done at all."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from graphql import GraphQLField, GraphQLObjectType, get_named_type, is_object_type

from schema.execution.compiled.library import WORTH, DocumentSelections, Library
from schema.execution.executor import OperationExecutor
from tests.execution_compiled.world import RECORDS, SCHEMA, Case, compiled_for, finished

NESTING = 2
"""Three levels of a whole context are more entries than are compiled; each type below is looked at by itself."""


def whole(kind: GraphQLObjectType, depth: int = 0) -> str:
    """Every field of a type that takes no arguments and waits for nothing, records in records some levels down."""
    fields = []
    for name, field in kind.fields.items():
        below: Any = get_named_type(field.type)
        if field.args or is_awaited(field) or (is_object_type(below) and depth == NESTING):
            continue
        fields.append(f"{name} {whole(below, depth + 1) if is_object_type(below) else ''}")
    return f"{{ __typename {' '.join(fields)} }}"


def is_awaited(field: GraphQLField) -> bool:
    """Whether a service is asked for its value, as for fundamentals: no selection can be compiled over that."""
    resolver = field.extensions["strawberry-definition"].base_resolver
    return resolver is not None and resolver.is_async


def executed_fields(executor: OperationExecutor) -> Counter[str]:
    """What ordinary execution resolves: `Type.field` with how often."""
    counted: Counter[str] = Counter()
    execute = executor.execute_field

    def execute_field(parent: GraphQLObjectType, source: object, group: Any, *more: Any) -> Any:
        counted[f"{parent.name}.{group[0].node.name.value}"] += 1
        return execute(parent, source, group, *more)

    executor.execute_field = execute_field  # type: ignore[assignment, method-assign]  # to count
    asyncio.run(finished(executor))
    return counted


def case_of(query: str, compiled: DocumentSelections | None) -> Counter[str]:
    """What ordinary execution resolves of a query on right values."""
    return executed_fields(Case(query, {}).executor(compiled))


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_every_field_without_arguments_is_compiled(name: str) -> None:
    """A field that computes something says so with `computed`, or its whole type becomes slow."""
    kind = SCHEMA.type_map[name]
    assert isinstance(kind, GraphQLObjectType)
    for way in ("one", "all", "many"):
        query = f"{{ {way}{name} {whole(kind)} }}"
        case = Case(query, {})
        assert case_of(query, compiled_for(query)) == {f"Root.{way}{name}": 1}
        assert case.answer(compiled_for(query)) == case.answer(None)


def test_a_field_with_arguments_leaves_the_rest_compiled() -> None:
    """Only the objects above it are executed field by field."""
    chart, price = "candles(interval: DAY) { candles { time open } }", "quote { lastPrice depth { bids { price } } }"
    query = f"{{ oneInstrument {{ id {chart} {price} }} }}"
    counted = case_of(query, compiled_for(query))
    assert counted == {"Root.oneInstrument": 1, "Instrument.id": 1, "Instrument.candles": 1, "Instrument.quote": 1}


def test_a_lone_object_is_compiled_when_it_comes_again() -> None:
    """A document that is executed once is not worth the writing; a subscription's is."""
    query = "{ oneQuote { id lastPrice } }"
    compiled = compiled_for(query, Library())
    ordinary = [case_of(query, compiled)["Quote.id"] for _ in range(WORTH + 1)]
    assert ordinary == [1] * (WORTH - 1) + [0, 0]
