"""The short way of an event: what a subscription's root field comes to is worked out once, not for each payload.

`events` makes one shape a subscription and asks it for each event. What it gives equals what ordinary execution gives;
for a payload that is not plainly right it gives nothing, and ordinary execution says what is wrong.
"""

from typing import Any

from graphql import GraphQLField, GraphQLList, GraphQLNonNull, GraphQLObjectType, GraphQLOutputType
from graphql.execution.collect_fields import collect_fields

from schema.execution.compiled.selection import Selection
from schema.execution.executor import OperationExecutor


class EventShape:
    """The response key of the one root field, and the compiled selection of its value."""

    __slots__ = ("_is_list", "_key", "_resolve", "_selection")

    def __init__(self, key: str, field: GraphQLField, selection: Selection, *, is_list: bool) -> None:
        self._key = key
        self._resolve = field.resolve
        self._selection = selection
        self._is_list = is_list

    def data(self, payload: object, context: object) -> dict[str, Any] | None:
        """The event's data; None where ordinary execution has to look at the payload."""
        selection = self._selection
        try:
            # Strawberry's resolver of a subscription hands the payload over, whatever the arguments.
            value = payload if self._resolve is None else self._resolve(payload, None)
            written = selection.of_list(value, context) if self._is_list else selection.of_one(value, context)
        except Exception:  # noqa: BLE001 - whatever it is, ordinary execution says it, with its path
            return None
        return {self._key: written}


def event_shape(executor: OperationExecutor) -> EventShape | None:
    """The shape of a subscription's events; None if they have to go the ordinary way."""
    root = executor.schema.subscription_type
    if root is None:
        return None
    grouped = collect_fields(
        executor.schema, executor.fragments, executor.variable_values, root, executor.operation
    ).grouped_field_set
    if len(grouped) != 1:
        return None
    key, group = next(iter(grouped.items()))
    field = root.fields.get(group[0].node.name.value)
    if field is None:
        return None
    record_type, is_list = _record_of(field.type)
    selection = None if record_type is None else executor.compiled_for(record_type, group)
    return None if selection is None else EventShape(key, field, selection, is_list=is_list)


def _record_of(output_type: GraphQLOutputType) -> tuple[GraphQLObjectType | None, bool]:
    """The object type of `T!` or `[T!]!`, and whether it is the list; None for any other type."""
    inner = output_type.of_type if isinstance(output_type, GraphQLNonNull) else None
    if isinstance(inner, GraphQLObjectType):
        return inner, False
    if isinstance(inner, GraphQLList) and isinstance(inner.of_type, GraphQLNonNull):
        item = inner.of_type.of_type
        return (item, True) if isinstance(item, GraphQLObjectType) else (None, True)
    return None, False
