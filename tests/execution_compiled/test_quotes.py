"""Quotes of the domain, whose JSON is kept, in every place where the schema has quotes."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.errors import UnknownInstrument
from app.domain.provenance import DataSource
from app.domain.quotes import Depth, DepthLevel, Quote
from schema.execution.compiled.library import Library
from tests.execution_compiled.world import NOW, Case, compiled_for

BOOK = Depth((DepthLevel(24_500.05, 75, 2),), ())
GOOD = [Quote(f"NSE:S{number}", 1.5 + number, DataSource.KITE, NOW, depth=BOOK, volume=7) for number in range(3)]
ODD: list[Any] = [
    replace(GOOD[0], last_price=float("nan")),
    replace(GOOD[1], volume=cast("int", 7.5), open=cast("float", 3)),
    replace(GOOD[2], source=cast("DataSource", "KITE")),
    UnknownInstrument("no NSE:X"),
    None,
]
LISTS = st.lists(st.one_of(st.sampled_from(GOOD), st.sampled_from(GOOD), st.sampled_from(ODD)), max_size=6)
SELECTIONS = st.sampled_from(
    ["id lastPrice", "id volume open source", "lastPrice depth { bids { price } }", "id ageMs freshness", "__typename"]
)


@settings(max_examples=40)
@given(st.lists(st.tuples(LISTS, SELECTIONS), min_size=1, max_size=4))
def test_answers_are_the_same_whatever_was_kept_before(questions: list[tuple[list[Any], str]]) -> None:
    """One library, one question after the other: alone, in lists with and without holes, and nested."""
    library = Library(worth=1)
    for quotes, fields in questions:
        below = f"{{ {fields} }}"
        query = (
            f"{{ manyQuote {below} allQuote {below} someQuoteUpdate {{ sequence quotes {below} }} someQuote {below} }}"
        )
        update = SimpleNamespace(sequence=1, quotes=tuple(quotes))
        alone = quotes[0] if quotes else None
        good = [quote for quote in quotes if quote in GOOD]
        for every in (good, quotes):
            root = SimpleNamespace(manyQuote=quotes, allQuote=every, someQuoteUpdate=update, someQuote=alone)
            case = Case(query, {}, root=root)
            ordinary = case.answer(None)
            compiled = compiled_for(query, library)
            assert case.answer(compiled) == ordinary
            assert case.answer(compiled) == ordinary
