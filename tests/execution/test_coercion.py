"""Variables by plan against graphql-core's own coercion."""

from typing import Any

import hypothesis.strategies as st
from graphql import GraphQLError, OperationDefinitionNode, build_schema, parse
from graphql.execution import get_variable_values
from graphql.execution.values import VariableValues
from hypothesis import example, given

from schema.execution.coercion import VariablePlan
from tests.support.toy import Colour, toy_schema

SCHEMA = build_schema(
    """
    scalar Anything
    enum Colour { RED GREEN }
    input Shape { sides: Int! colours: [Colour!] = [RED] }
    type Query { nothing(a: ID, b: String, c: Float, d: Boolean, e: Colour, f: Anything, g: Shape): Int }
    """
)
LEAVES = ("ID", "String", "Int", "Float", "Boolean", "Colour", "Anything", "Shape")
DEFAULTS = {"ID": '"a"', "String": '"b"', "Int": "3", "Float": "1", "Boolean": "true", "Colour": "GREEN"}

types = st.recursive(
    st.sampled_from(LEAVES).flatmap(lambda name: st.sampled_from((name, f"{name}!"))),
    lambda inner: inner.flatmap(lambda item: st.sampled_from((f"[{item}]", f"[{item}]!"))),
    max_leaves=1,
)
leaves = (
    st.none()
    | st.booleans()
    | st.sampled_from((0, 1, -(2**31), 2**31 - 1, 2**31, 10**30, 0.5, 2.0, "RED", "GREEN", "BLUE", "7", ""))
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("sides", "colours")), inner)
)


@st.composite
def definitions(draw: st.DrawFn) -> str:
    """A variable definition, sometimes with a default."""
    kind = draw(types)
    default = DEFAULTS.get(kind.strip("[]!"))
    return f"{kind} = {default}" if default and draw(st.booleans()) else kind


def shown(outcome: VariableValues | list[GraphQLError]) -> object:
    """Everything of it that can be compared; 1, 1.0 and true told apart."""
    if isinstance(outcome, list):
        return [str(error) for error in outcome]
    sources = {name: (str(source.signature.type), repr(source.value)) for name, source in outcome.sources.items()}
    return repr(outcome.coerced), sources


@given(st.lists(definitions(), min_size=1, max_size=3), st.lists(st.tuples(st.booleans(), values), max_size=3))
@example(["[ID!]!"], [(True, ["NSE:INFY", "NSE:TCS"])])
@example(["[ID!]!"], [(True, ["NSE:INFY", 7])])
@example(["[ID!]"], [(True, [None])])
@example(["[Colour]"], [(True, ["RED", None])])
@example(['ID = "a"'], [(True, None)])
@example(["[Int!] = 3"], [])
@example(["Boolean!"], [(True, 1)])
@example(["Int"], [(True, True)])
@example(["[Int!]"], [(True, [1, False])])
def test_plan_says_what_graphql_core_says(kinds: list[str], given_values: list[tuple[bool, Any]]) -> None:
    """The same values, or the same errors, for every type and every JSON value."""
    declared = ", ".join(f"$v{number}: {kind}" for number, kind in enumerate(kinds))
    operation = parse(f"query ({declared}) {{ nothing }}").definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    inputs = {f"v{number}": value for number, (is_sent, value) in enumerate(given_values) if is_sent}

    expected = get_variable_values(SCHEMA, operation.variable_definitions or (), dict(inputs), max_errors=2)
    planned = VariablePlan(SCHEMA, operation.variable_definitions or ()).values(inputs, max_errors=2)

    assert shown(planned) == shown(expected)


def test_enums_become_their_python_class() -> None:
    """Strawberry's enums coerce to members, not to the values behind them."""
    schema = toy_schema()._schema
    operation = parse("query ($colour: Colour!, $more: [Colour!]) { nothing }").definitions[0]
    assert isinstance(operation, OperationDefinitionNode)

    planned = VariablePlan(schema, operation.variable_definitions or ()).values(
        {"colour": "RED", "more": ["BLUE"]}, max_errors=1
    )

    assert not isinstance(planned, list)
    assert planned.coerced == {"colour": Colour.RED, "more": [Colour.BLUE]}


def test_defaults_are_not_shared_between_requests() -> None:
    """A resolver that changes its argument changes nobody else's."""
    operation = parse("query ($ids: [ID!] = [1, 2]) { nothing }").definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    plan = VariablePlan(SCHEMA, operation.variable_definitions or ())

    first = plan.values({}, max_errors=1)
    assert not isinstance(first, list)
    first.coerced["ids"].clear()

    again = plan.values({}, max_errors=1)
    assert not isinstance(again, list)
    assert again.coerced == {"ids": ["1", "2"]}
