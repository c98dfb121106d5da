"""Every kind of leaf with every value that it does not expect; instants and lists besides."""

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import get_named_type, get_nullable_type, is_leaf_type, is_list_type
from hypothesis import given
from hypothesis import strategies as st

from schema.execution.compiled.instants import MAX_KNOWN, InstantTexts
from schema.types.scalars import write_instant
from tests.execution_compiled.world import GOOD, ODD, RECORDS, Case, Raises, Soon, compiled_for, make


def kinds_of_leaf() -> Iterator[Any]:
    """One field for each leaf type, null or not, alone or in a list."""
    seen = set()
    for name, record in RECORDS.items():
        for field, definition in record.fields.items():
            known = definition.extensions["strawberry-definition"]
            if (
                str(definition.type) not in seen
                and is_leaf_type(get_named_type(definition.type))
                and known.is_basic_field
            ):
                seen.add(str(definition.type))
                yield pytest.param(name, field, known.python_name, definition.type, id=str(definition.type))


class Holder:
    """An object with one attribute, which may raise."""

    def __init__(self, attribute: str, value: object) -> None:
        self._held = attribute, value

    def __getattr__(self, name: str) -> object:
        attribute, value = self.__dict__["_held"]
        if name != attribute:
            raise AttributeError(name)
        if value is Raises:
            raise Raises(name)
        return value


def values(kind: Any) -> list[object]:
    """Right values and odd ones; of a list, each of them between two right ones."""
    plain = get_nullable_type(kind)
    if is_list_type(plain):
        item = make(get_nullable_type(plain.of_type), "right", 0.0)
        return [*ODD, *([item, odd, item] for odd in values(plain.of_type)), (item, item), [], ()]
    return [*ODD, *(make(plain, str(seed), 0.0) for seed in range(12))]


@pytest.mark.parametrize(("name", "field", "attribute", "kind"), list(kinds_of_leaf()))
async def test_odd_values_make_the_same_answers_and_errors(name: str, field: str, attribute: str, kind: Any) -> None:
    """In a record that may be null, in a list, and in a list with holes."""
    query = f"{{ some{name} {{ {field} again: {field} }} many{name} {{ {field} }} all{name} {{ {field} }} }}"
    compiled = compiled_for(query)
    right = Holder(attribute, make(get_nullable_type(kind), "right", 0.0))
    for value in values(kind):
        held = Holder(attribute, value)
        rows = {f"some{name}": held, f"many{name}": (right, None, held), f"all{name}": [right, right]}
        for root in (rows, {**rows, f"all{name}": [right, held]}):
            case = Case(query, {}, root=SimpleNamespace(**root))
            assert await case.answered(compiled) == await case.answered(None), value


class PricedError(Exception):
    """An error that looks like a record."""

    price = 1.0


class PricedSoon(Soon):
    """A promise that looks like a record."""

    price = 1.0


@pytest.mark.parametrize("fields", ["__typename", "price"])
async def test_what_is_no_object_is_none_for_compiled_code_either(fields: str) -> None:
    """An error is raised, a promise is kept, null is null, though all of them may have attributes of the right name."""
    below = f"{{ {fields} }}"
    lists = f"manyDepthLevel {below} allDepthLevel {below} someDepth {{ bids {below} asks {below} }}"
    query = f"{{ someDepthLevel {below} {lists} }}"
    compiled = compiled_for(query)
    right = Holder("price", 1.0)
    for value in (*ODD, PricedError(), PricedSoon(right), PricedSoon(None)):
        rows = {"manyDepthLevel": [right, value], "allDepthLevel": [right]}
        depth = SimpleNamespace(bids=[right, right], asks=(right, value))
        for root in (rows, {**rows, "allDepthLevel": [right, value]}):
            case = Case(query, {}, root=SimpleNamespace(someDepthLevel=value, someDepth=depth, **root))
            assert await case.answered(compiled) == await case.answered(None), value


@given(st.lists(st.datetimes(max_value=datetime(9999, 12, 30), timezones=st.just(UTC))))  # noqa: DTZ001 - made aware
def test_instants_are_written_as_the_scalar_writes_them(instants: list[datetime]) -> None:
    """The first time, and when they are known."""
    texts = InstantTexts()
    for instant in [*instants, *instants]:
        assert (texts.known.get(instant) or texts.write(instant)) == write_instant(instant)


def test_texts_of_instants_are_bounded() -> None:
    """A long chart does not fill the memory."""
    texts = InstantTexts()
    for second in range(MAX_KNOWN + 10):
        texts.write(datetime.fromtimestamp(second, UTC))
    assert len(texts.known) <= MAX_KNOWN


def test_every_scalar_has_a_right_value() -> None:
    """A new scalar belongs among the values of these tests."""
    scalars = {
        get_named_type(field.type).name
        for record in RECORDS.values()
        for field in record.fields.values()
        if is_leaf_type(get_named_type(field.type)) and not hasattr(get_named_type(field.type), "values")
    }
    assert scalars == set(GOOD)
