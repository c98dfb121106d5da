"""What is shared and what is bounded: selections by what they select, memory, a list's one instant."""

import gc
import traceback
import tracemalloc
import weakref
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from graphql import GraphQLObjectType, get_named_type
from graphql.execution.collect_fields import FieldDetailsList, collect_fields

from app.domain.errors import UnknownInstrument
from schema.execution.compiled.library import ENTRY_BYTES, MAX_BYTES, WORTH, Library
from schema.execution.compiled.planning import MAX_ENTRIES
from schema.execution.compiled.selection import Selection
from schema.execution.executor import OperationExecutor
from tests.execution_compiled.test_compiles import executed_fields
from tests.execution_compiled.world import NOW, SCHEMA, Case, Thing, compiled_for, context

LEVELS = 15


def things(name: str, count: int) -> list[Thing]:
    """Right objects of a type."""
    kind = SCHEMA.type_map[name]
    assert isinstance(kind, GraphQLObjectType)
    return [Thing(kind, str(seed), 0.0) for seed in range(count)]


def asked(query: str, library: Library, **flags: bool) -> tuple[OperationExecutor, GraphQLObjectType, FieldDetailsList]:
    """What asks for the first root field of a query, its type and its nodes."""
    executor = Case(query, flags).executor(compiled_for(query, library))
    root = SCHEMA.query_type
    assert root
    fields = collect_fields(SCHEMA, executor.fragments, executor.variable_values, root, executor.operation)
    group = next(iter(fields.grouped_field_set.values()))
    kind = get_named_type(root.fields[group[0].node.name.value].type)
    assert isinstance(kind, GraphQLObjectType)
    return executor, kind, group


def selection(query: str, library: Library, **flags: bool) -> Selection | None:
    """What the first root field of a query compiles to."""
    executor, kind, group = asked(query, library, **flags)
    return executor.compiled_for(kind, group, WORTH)


def aliased(prefix: str, length: int) -> str:
    """Thirty fields under names of some length."""
    return " ".join(f"{prefix}_{number}{'x' * length}: lastPrice" for number in range(30))


def test_documents_that_select_the_same_share_the_function() -> None:
    """Written as a fragment, behind a condition, merged, or over another field: it is the same selection."""
    library = Library()
    plain = selection("{ allCandle { open close } }", library)
    assert plain is not None
    same = (
        selection("{ oneCandle { ...F } } fragment F on Candle { open ... { close } }", library),
        selection("query ($p: Boolean!) { allCandle { open high @skip(if: $p) close } }", library, p=True),
        selection("{ allCandle { open } allCandle { close } }", library),
    )
    assert all(found is plain for found in same)
    assert len(library) == 1


def test_other_names_and_orders_are_other_selections() -> None:
    """A key stands for the bytes of the answer."""
    library = Library()
    queries = ("{ open close }", "{ close open }", "{ open shut: close }", "{ open close: open }", "{ open }")
    keys = [found.key for query in queries if (found := selection(f"{{ allCandle {query} }}", library))]
    assert len(set(keys)) == len(queries)


def test_a_selection_is_pure_unless_something_is_computed_below() -> None:
    """Only what depends on the objects alone may be kept."""
    library = Library()
    pure = selection("{ oneQuoteUpdate { sequence quotes { id depth { bids { price } } } } }", library)
    computed = selection("{ oneQuoteUpdate { sequence quotes { id ageMs } } }", library)
    assert pure is not None
    assert pure.is_pure
    assert computed is not None
    assert not computed.is_pure


def test_the_variables_of_a_request_choose_its_selection() -> None:
    """The same document, one request after the other."""
    query = "query ($p: Boolean!) { allQuote { id lastPrice @include(if: $p) } }"
    compiled = compiled_for(query)
    for flag in (True, False, True):
        case = Case(query, {"p": flag})
        assert case.answer(compiled) == case.answer(None)


def test_the_clock_is_read_once_for_a_list() -> None:
    """All quotes of an answer are of one age and judged at one instant."""
    instants = iter([NOW])
    found = selection("{ allQuote { id ageMs } }", Library())
    seen: Any = context("0", 0.0)
    seen.services.clock = SimpleNamespace(now=lambda: next(instants))
    assert found is not None
    rows: Any = found.of_list(things("Quote", 20), seen)
    assert {row["ageMs"] for row in rows} == {0}


def test_one_bad_object_costs_its_neighbours_nothing() -> None:
    """The error stands in its place; the objects beside it are still compiled."""
    query = "{ manyQuote { id lastPrice open close: previousClose } }"
    quotes = [*things("Quote", 9), UnknownInstrument("no NSE:X"), None]
    case = Case(query, {}, root=SimpleNamespace(manyQuote=quotes))
    compiled = compiled_for(query)
    assert executed_fields(case.executor(compiled)) == {"Root.manyQuote": 1}
    answer = orjson.loads(case.answer(compiled))
    assert [error["path"] for error in answer["errors"]] == [["manyQuote", 9]]
    assert case.answer(compiled) == case.answer(None)


def test_a_huge_selection_goes_the_ordinary_way() -> None:
    """Nobody can have the server write functions of any length."""
    aliases = " ".join(f"a{number}: symbol" for number in range(MAX_ENTRIES // LEVELS))

    def nested(levels: int) -> str:
        return f"{{ {aliases} underlying {nested(levels - 1) if levels else '{ id }'} }}"

    assert selection(f"{{ oneInstrument {nested(LEVELS - 3)} }}", Library()) is not None
    assert selection(f"{{ oneInstrument {nested(LEVELS - 1)} }}", Library()) is None


def test_a_full_library_forgets_and_goes_on() -> None:
    """Memory is bounded, whatever documents come."""
    library = Library(worth=1)
    query = "{ allCandle { open } }"
    compiled = compiled_for(query, library)
    case = Case(query, {})
    before = case.answer(compiled)
    library.take(MAX_BYTES)
    assert len(library) == 0
    assert executed_fields(case.executor(compiled)) == {"Root.allCandle": 1}
    assert case.answer(compiled) == before


@pytest.mark.parametrize("length", [1, 80])
def test_whatever_documents_come_a_library_remembers_so_many_bytes(length: int) -> None:
    """Long names of fields count by their length; what was compiled last is there."""
    most = 400_000
    library = Library(worth=1, most=most)
    documents = [f"{{ allQuote {{ {aliased(f'a{number}', length)} }} }}" for number in range(40)]
    held: list[int] = []
    for query in documents:
        found = selection(query, library)
        assert found is not None
        held.append(len(library))
        assert len(library) * found.memory <= library.size <= most
        assert selection(query, library) is found
    assert max(held) > 1
    assert held.count(1) > 1, "it forgot again and again"


def test_a_document_that_is_asked_in_many_ways_is_bounded_too() -> None:
    """Each set of conditions is remembered by itself, also where nothing can be compiled."""
    library = Library(worth=1, most=30_000)
    names = [f"p{number}" for number in range(8)]
    declared = ", ".join(f"${name}: Boolean!" for name in names)
    fields = " ".join(f"a{name}: id @include(if: ${name})" for name in names)
    query = f"query ({declared}) {{ allQuote {{ id {fields} }} }}"
    compiled = compiled_for(query, library)
    for number in range(256):
        flags = {name: bool(number >> bit & 1) for bit, name in enumerate(names)}
        case = Case(query, flags)
        case.answer(compiled)
        assert library.size <= 30_000
        assert len(compiled._known) * ENTRY_BYTES <= library.size


def test_what_is_forgotten_is_freed_without_the_cyclic_collector() -> None:
    """Which comes rarely: once in a million objects (`app.domain.garbage`)."""
    library = Library(worth=1)
    found = selection("{ allQuote { id depth { bids { price } } } }", library)
    assert found is not None
    function = weakref.ref(found.one)
    gc.disable()
    try:
        del found
        assert function() is not None
        library.take(MAX_BYTES)
        assert function() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("length", [1, 80])
def test_a_selection_knows_what_it_takes(length: int) -> None:
    """Within a fifth of what Python allocates for it."""
    library = Library(worth=1)
    assert selection(f"{{ allQuote {{ {aliased('a', length)} }} }}", library) is not None
    executor, kind, group = asked(f"{{ allQuote {{ {aliased('b', length)} }} }}", library)
    gc.collect()
    tracemalloc.start()
    try:
        found = executor.compiled_for(kind, group, WORTH)
        del executor, kind, group
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found is not None
    assert 0.8 < found.memory / taken < 1.2


def test_a_traceback_shows_the_generated_line() -> None:
    """Who looks for a bug in a compiled function finds its text."""
    found = selection("{ allCandle { open state } }", Library())
    assert found is not None
    with pytest.raises(AttributeError) as caught:
        found.of_list([object()], None)
    shown = "".join(traceback.format_exception(caught.value))
    assert "selection of Candle" in shown
    assert "v = o.open" in shown
