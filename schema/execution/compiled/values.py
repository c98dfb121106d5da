"""What a compiled function may meet: which objects are plain records, and leaves that are not plainly right."""

from collections.abc import Callable
from math import isfinite
from typing import Any

from graphql import Undefined
from strawberry.execution import optimized_is_awaitable

from schema.execution.compiled.plan import Leaf

MAX_CLASSES = 1_000
"""Classes of objects that are remembered as plain; the domain has some dozens."""


class Unexpected(Exception):
    """Ordinary execution has to look at this value."""


class PlainClasses(set[type]):
    """Classes whose instances have fields: no errors, nothing to wait for, not None. Learned as they come."""

    def admit(self, value: object) -> None:
        """Remember the class of an object. Raises Unexpected if it is not plain."""
        if value is None or value is Undefined or isinstance(value, BaseException) or optimized_is_awaitable(value):
            raise Unexpected(value)
        if len(self) < MAX_CLASSES:
            self.add(type(value))


def rare(leaf: Leaf) -> Callable[[Any], object]:
    """The function that writes any value of a leaf as graphql-core does; it raises where that would make an error."""
    coerce = leaf.type.coerce_output_value

    def write(value: Any) -> object:
        if value is None and leaf.nullable:
            return None
        if value is None or value is Undefined or isinstance(value, BaseException) or optimized_is_awaitable(value):
            raise Unexpected(value)
        written: object = coerce(value)
        if written is None or written is Undefined:
            raise Unexpected(value)
        return written

    return write


def finite(values: list[Any]) -> bool:
    """Whether all of these floats (and Nones) are finite; False also where their sum is not."""
    return isfinite(sum(filter(None, values)))


def column(
    leaf: Leaf, plain: type | None = None, check: Callable[[list[Any]], bool] | None = None
) -> Callable[[Any], list[object]]:
    """The function that writes a list of leaves: as it is, if all its items are of the class and pass the check."""
    write = rare(leaf)
    classes = {plain, type(None)} if leaf.nullable else {plain}

    def write_all(values: Any) -> list[object]:
        if type(values) is not list and type(values) is not tuple:
            raise Unexpected(values)
        items: list[object] = [*values]
        if plain is not None and classes.issuperset(map(type, items)) and (check is None or check(items)):
            return items
        return [write(item) for item in items]

    return write_all
