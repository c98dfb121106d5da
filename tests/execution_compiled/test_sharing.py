"""What is shared and what is bounded: selections by what they select, memory, a list's one instant."""

import traceback
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from graphql import GraphQLObjectType, get_named_type
from graphql.execution.collect_fields import collect_fields

from app.domain.errors import UnknownInstrument
from schema.execution.compiled.library import MAX_ROOM, WORTH, Library
from schema.execution.compiled.planning import MAX_ENTRIES
from schema.execution.compiled.selection import Selection
from tests.execution_compiled.test_compiles import executed_fields
from tests.execution_compiled.world import NOW, SCHEMA, Case, Thing, compiled_for, context

LEVELS = 15


def things(name: str, count: int) -> list[Thing]:
    """Right objects of a type."""
    kind = SCHEMA.type_map[name]
    assert isinstance(kind, GraphQLObjectType)
    return [Thing(kind, str(seed), 0.0) for seed in range(count)]


def selection(query: str, library: Library, **flags: bool) -> Selection | None:
    """What the first root field of a query compiles to."""
    executor = Case(query, flags).executor(compiled_for(query, library))
    root = SCHEMA.query_type
    assert root
    fields = collect_fields(SCHEMA, executor.fragments, executor.variable_values, root, executor.operation)
    group = next(iter(fields.grouped_field_set.values()))
    kind = get_named_type(root.fields[group[0].node.name.value].type)
    return executor.compiled_for(kind, group, WORTH)


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
    library.take(MAX_ROOM)
    assert len(library) == 0
    assert executed_fields(case.executor(compiled)) == {"Root.allCandle": 1}
    assert case.answer(compiled) == before


def test_a_traceback_shows_the_generated_line() -> None:
    """Who looks for a bug in a compiled function finds its text."""
    found = selection("{ allCandle { open state } }", Library())
    assert found is not None
    with pytest.raises(AttributeError) as caught:
        found.of_list([object()], None)
    shown = "".join(traceback.format_exception(caught.value))
    assert "selection of Candle" in shown
    assert "v = o.open" in shown
