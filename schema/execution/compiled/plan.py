"""What a selection of a record comes to: pure data, made by `planning`, read by `source` and `selection`."""

from dataclasses import dataclass
from typing import TypeAlias

from graphql import GraphQLLeafType

from schema.execution.compiled.computed import Bind


@dataclass(frozen=True, slots=True)
class Attribute:
    """The value is an attribute of the object."""

    name: str


@dataclass(frozen=True, slots=True)
class Computed:
    """The value is what a function of the object says."""

    bind: Bind


@dataclass(frozen=True, slots=True)
class Constant:
    """The value is this text: `__typename`."""

    text: str


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar or an enum."""

    type: GraphQLLeafType
    nullable: bool


@dataclass(frozen=True, slots=True)
class Nested:
    """Another record."""

    record: "Record"
    nullable: bool


@dataclass(frozen=True, slots=True)
class Rows:
    """A list of leaves or of records."""

    item: Leaf | Nested
    nullable: bool


Value: TypeAlias = Leaf | Nested | Rows


@dataclass(frozen=True, slots=True)
class Field:
    """One entry of the response."""

    key: str
    """The response key: alias or name."""
    source: Attribute | Computed | Constant
    value: Value | None
    """How the value is checked and written; None for a Constant, which needs neither."""


@dataclass(frozen=True, slots=True)
class Record:
    """A selection of an object type, in the order of the response."""

    type_name: str
    fields: tuple[Field, ...]
    key: str
    """The selection in one canonical text: equal for two documents that select the same, aliases included."""
    is_pure: bool
    """Nothing below is computed: the answer depends on the objects alone."""
    size: int
    """Entries here and below."""


def nested_record(value: Value | None) -> Record | None:
    """The record that a value is or that a list has; None for leaves."""
    inner = value.item if isinstance(value, Rows) else value
    return inner.record if isinstance(inner, Nested) else None


def records_below(record: Record) -> list[Record]:
    """The records directly below one, in its order."""
    found = (nested_record(field.value) for field in record.fields)
    return [nested for nested in found if nested is not None]
