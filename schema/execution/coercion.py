"""The variables of a request, coerced by a plan that is made once for each operation.

graphql-core looks up every type by name and walks it again for each item of each list. The plan knows the usual
types: leaves, and lists of them. Whatever else comes, every error among it, is graphql-core's own to answer. Called by
`engine`; the plan lives in the document's Operation.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLError,
    GraphQLID,
    GraphQLInputType,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLSchema,
    GraphQLString,
    Undefined,
    VariableDefinitionNode,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from graphql.execution import get_variable_values
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource
from graphql.utilities.coerce_input_value import coerce_default_value

LARGEST_INT = 2**31 - 1

Accept = Callable[[Any], Any]
"""The coerced value; Undefined: graphql-core must say what it is, or what is wrong with it."""

TEXT_TYPES = frozenset({str})
EXACT = {GraphQLID.name: str, GraphQLString.name: str, GraphQLBoolean.name: bool}
"""Built-in types that take a value of this very class as it is."""


class VariablePlan:
    """How the variables of one operation are coerced. Immutable; shared by all its requests."""

    __slots__ = ("_definitions", "_schema", "_steps")

    def __init__(self, schema: GraphQLSchema, definitions: Sequence[VariableDefinitionNode]) -> None:
        self._schema = schema
        self._definitions = definitions
        self._steps = _steps(schema, definitions)
        """None: the operation takes something that is not planned for."""

    def values(self, given: Mapping[str, Any], *, max_errors: int) -> VariableValues | list[GraphQLError]:
        """The coerced variables, or what is wrong with them: exactly what graphql-core says."""
        return self._quickly(given) or get_variable_values(
            self._schema, self._definitions, dict(given), max_errors=max_errors
        )

    def _quickly(self, given: Mapping[str, Any]) -> VariableValues | None:
        if self._steps is None:
            return None
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for signature, accept, missing, bare in self._steps:
            name = signature.name
            value = given.get(name, Undefined)
            if value is Undefined:
                sources[name] = bare
                accepted = missing()
                if accepted is not Undefined:
                    coerced[name] = accepted
                elif is_non_null_type(signature.type):
                    return None
                continue
            accepted = accept(value)
            if accepted is Undefined:
                return None
            sources[name] = VariableValueSource(signature, value)
            coerced[name] = accepted
        return VariableValues(sources, coerced)


_Step = tuple[GraphQLVariableSignature, Accept, Callable[[], Any], VariableValueSource]
"""A variable, how its value is taken, what stands for a missing one, and the source of that."""


def _steps(schema: GraphQLSchema, definitions: Sequence[VariableDefinitionNode]) -> list[_Step] | None:
    steps: list[_Step] = []
    for definition in definitions:
        signature = get_variable_signature(schema, definition)
        if isinstance(signature, GraphQLError):
            return None
        accept, missing = _accept(signature.type), _missing(signature)
        if accept is None or missing is None:
            return None
        steps.append((signature, accept, missing, VariableValueSource(signature)))
    return steps


def _missing(signature: GraphQLVariableSignature) -> Callable[[], Any] | None:
    """The default, a new list each time: a resolver may keep what it gets. None: it does not fit its type."""
    if signature.default is None:
        return lambda: Undefined
    try:
        default = coerce_default_value(signature)
    except TypeError:
        return None
    return (lambda: list(default)) if isinstance(default, list) else (lambda: default)


def _accept(kind: GraphQLInputType) -> Accept | None:
    if is_non_null_type(kind):
        inner = _accept(kind.of_type)
        return None if inner is None else _non_null(inner)
    if is_leaf_type(kind):
        return _or_null(_leaf(kind))
    if is_list_type(kind):
        return _list(kind.of_type)
    return None


def _non_null(inner: Accept) -> Accept:
    return lambda value: Undefined if value is None else inner(value)


def _or_null(inner: Accept) -> Accept:
    return lambda value: None if value is None else inner(value)


def _leaf(kind: GraphQLLeafType) -> Accept:
    if isinstance(kind, GraphQLEnumType):
        members = {name: kind.coerce_input_value(name) for name in kind.values}  # Strawberry's own class of them
        return lambda value: members.get(value, Undefined) if type(value) is str else Undefined
    exact = EXACT.get(kind.name)
    if exact is not None:
        return lambda value: value if type(value) is exact else Undefined
    if kind.name == GraphQLInt.name:
        return lambda value: value if type(value) is int and -LARGEST_INT <= value <= LARGEST_INT else Undefined
    return _custom(kind)


def _custom(kind: GraphQLLeafType) -> Accept:
    coerce = kind.coerce_input_value

    def accept(value: Any) -> Any:
        try:
            return coerce(value)
        except Exception:  # noqa: BLE001 - whatever a scalar raises, graphql-core asks it again and words the error
            return Undefined

    return accept


def _list(item: GraphQLInputType) -> Accept | None:
    inner = item.of_type if is_non_null_type(item) else item
    if is_leaf_type(inner) and EXACT.get(inner.name) is str:
        return _texts
    accept = _accept(item)
    return None if accept is None else _items(accept)


def _texts(value: Any) -> Any:
    """A list of texts as it is: five hundred ids are looked at in a few microseconds."""
    if value is None:
        return None
    if type(value) is list and TEXT_TYPES.issuperset(map(type, value)):
        return list(value)
    return Undefined


def _items(accept: Accept) -> Accept:
    def take(value: Any) -> Any:
        if value is None:
            return None
        if type(value) is not list:
            return Undefined
        taken = [accept(item) for item in value]
        return Undefined if any(item is Undefined for item in taken) else taken

    return take
