"""From what graphql-core collected of a selection to a plan, or to the word that it has to go the ordinary way."""

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetailsList
from strawberry.types.field import StrawberryField

from schema.execution.compiled.computed import binding
from schema.execution.compiled.plan import (
    Attribute,
    Computed,
    Constant,
    Field,
    Leaf,
    Nested,
    Record,
    Rows,
    Value,
    nested_record,
)

MAX_ENTRIES = 500
"""Entries of one plan: every field of every type once is 150. Beyond, ordinary execution costs what it costs."""

DEFINITION = "strawberry-definition"
"""Where Strawberry leaves its own field in graphql-core's."""


class NotCompilable(Exception):
    """The selection has something that only ordinary execution can do."""


class Planner:
    """Plans the selections of one operation with the variables of one request, each field group as it is collected.

    graphql-core's own `collect_subfields` opens fragments, judges `@skip` and `@include`, merges and orders.
    """

    def __init__(self, executor: Executor[None]) -> None:
        self._executor = executor
        self._entries = 0

    def record(self, record_type: GraphQLObjectType, group: FieldDetailsList) -> Record:
        """The plan of what a field group selects of a type. Raises NotCompilable."""
        if record_type.interfaces or record_type.is_type_of:
            raise NotCompilable(record_type.name)
        collected = self._executor.collect_subfields(record_type, group)
        if collected.new_defer_usages:
            raise NotCompilable(record_type.name)
        planned = [self._field(record_type, key, nodes) for key, nodes in collected.grouped_field_set.items()]
        fields = tuple(field for field, _ in planned)
        nested = [record for record in map(nested_record, (field.value for field in fields)) if record is not None]
        return Record(
            type_name=record_type.name,
            fields=fields,
            key=f"{record_type.name}{{{','.join(text for _, text in planned)}}}",
            is_pure=all(record.is_pure for record in nested) and not any(map(_is_computed, fields)),
            size=len(fields) + sum(record.size for record in nested),
        )

    def _field(self, parent: GraphQLObjectType, key: str, group: FieldDetailsList) -> tuple[Field, str]:
        """The entry, and its part of the record's key."""
        self._entries += 1
        name = group[0].node.name.value
        if self._entries > MAX_ENTRIES or any(details.fragment_variable_values for details in group):
            raise NotCompilable(name)
        if name == "__typename":
            return Field(key, Constant(parent.name), None), f"{key}:{name}"
        field = parent.fields.get(name)
        if field is None or field.args:
            raise NotCompilable(name)
        value = self._value(field.type, group)
        planned = Field(key, _source(field), value)
        nested = nested_record(value)
        return planned, f"{key}:{name}{nested.key if nested else ''}"

    def _value(self, kind: GraphQLOutputType, group: FieldDetailsList) -> Value:
        nullable = not is_non_null_type(kind)
        plain = kind if nullable else kind.of_type  # type: ignore[union-attr]  # non-null, as just asked
        if is_leaf_type(plain):
            return Leaf(plain, nullable)
        if is_object_type(plain):
            return Nested(self.record(plain, group), nullable)
        if is_list_type(plain):
            item = self._value(plain.of_type, group)
            if not isinstance(item, Rows):
                return Rows(item, nullable)
        raise NotCompilable(str(kind))


def _source(field: GraphQLField) -> Attribute | Computed:
    """Where the value comes from, if Strawberry would do no more than read the attribute or call the resolver."""
    known = field.extensions.get(DEFINITION)
    if not isinstance(known, StrawberryField) or known.extensions or known.default_resolver is not getattr:
        raise NotCompilable(str(field))
    bind = binding(known.metadata)
    if bind is not None:
        return Computed(bind)
    if known.is_basic_field and getattr(field.resolve, "_is_default", False) and known.python_name.isidentifier():
        return Attribute(known.python_name)
    raise NotCompilable(known.python_name)


def _is_computed(field: Field) -> bool:
    return isinstance(field.source, Computed)
