"""How each kind of leaf is checked and written in generated code. Asked by `source`; anything unusual is `rare`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any, cast

from graphql import GraphQLBoolean, GraphQLFloat, GraphQLID, GraphQLInt, GraphQLLeafType, GraphQLString
from graphql.type.scalars import GRAPHQL_MAX_INT, GRAPHQL_MIN_INT
from strawberry.schema.schema_converter import CustomGraphQLEnumType

from schema.execution.compiled.instants import InstantTexts
from schema.execution.compiled.values import finite
from schema.types.scalars import write_instant


@dataclass(frozen=True, slots=True)
class Form:
    """Of a value in the variable `v`: the test that it is plainly right, and what is written then."""

    test: str
    text: str = "v"
    names: dict[str, object] = field(default_factory=dict)
    """What test and text refer to, apart from builtins."""
    plain: type | None = None
    """Class of the items of a list that may be written as it is."""
    check: Callable[[list[Any]], bool] | None = None
    """What must hold of such a list besides."""


def within_int(values: list[Any]) -> bool:
    """Whether all of these (and Nones) fit in GraphQL's Int."""
    return all(value is None or GRAPHQL_MIN_INT <= value <= GRAPHQL_MAX_INT for value in values)


STRING = Form("type(v) is str", plain=str)
BUILT_IN = {
    GraphQLString.coerce_output_value: STRING,
    GraphQLID.coerce_output_value: STRING,
    GraphQLBoolean.coerce_output_value: Form("type(v) is bool", plain=bool),
    # Infinity and NaN differ from themselves by NaN.
    GraphQLFloat.coerce_output_value: Form("type(v) is float and v - v == 0.0", plain=float, check=finite),
    GraphQLInt.coerce_output_value: Form(
        f"type(v) is int and {GRAPHQL_MIN_INT} <= v <= {GRAPHQL_MAX_INT}", plain=int, check=within_int
    ),
    int: Form("type(v) is int", plain=int),
    date.isoformat: Form("type(v) is date", "v.isoformat()", {"date": date}),
}
"""By what graphql-core would call to write the value."""


class Forms:
    """The forms of a schema's leaf types."""

    def __init__(self) -> None:
        texts = InstantTexts()
        names = {"datetime": datetime, "UTC": UTC, "known": texts.known.get, "write": texts.write}
        instant = Form("type(v) is datetime and v.tzinfo is UTC", "known(v) or write(v)", names)
        self._forms = {**BUILT_IN, write_instant: instant}

    def form(self, leaf_type: GraphQLLeafType) -> Form | None:
        """The form of a type; None: each value must be written as ordinary execution does."""
        if isinstance(leaf_type, CustomGraphQLEnumType):
            enum = cast("type[Enum]", leaf_type.wrapped_cls)
            members = {member: leaf_type.coerce_output_value(member) for member in enum}
            return Form("type(v) is enum", "members[v]", {"enum": enum, "members": members})
        return self._forms.get(leaf_type.coerce_output_value)
