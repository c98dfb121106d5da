"""Quotes as JSON that is kept: the bytes of writing them, written once, never an old one, and bounded."""

from collections.abc import Sequence
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.quotes import Quote
from schema.execution.kept_quotes import EncodedQuotes
from tests.streaming.stage import a_quote


class CountingWriter:
    """Writes quotes as their id and price, under a key, and counts them."""

    def __init__(self, key: str = "id lastPrice") -> None:
        self.key = key
        self.written = 0

    def one(self, item: object, bound: tuple[object, ...]) -> object:
        """Refuses prices below zero, as a selection refuses what is not plainly right."""
        assert isinstance(item, Quote)
        assert bound == ()
        self.written += 1
        if item.last_price < 0:
            raise LookupError
        return {"key": self.key, "id": item.id, "lastPrice": item.last_price}


def read(rows: Sequence[object]) -> list[dict[str, object]]:
    """What a client gets."""
    return list(orjson.loads(orjson.dumps(rows)))


@given(
    st.lists(st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from("xy"), st.integers(1, 2)))), st.integers(1, 9)
)
def test_rows_are_what_the_writer_writes_of_these_very_quotes(
    asked: list[list[tuple[str, str, int]]], most: int
) -> None:
    """Whatever was asked before: other selections, other states of the same instrument, the same one twice."""
    states = {(symbol, number): a_quote(symbol, number) for symbol in "ABC" for number in (1, 2)}
    encoded = EncodedQuotes(most)
    for question in asked:
        for key in "xy":
            writer = CountingWriter(key)
            quotes = [states[symbol, number] for symbol, where, number in question if where == key]
            assert read(encoded.rows(quotes, writer)) == [writer.one(quote, ()) for quote in quotes]
    assert len(encoded) <= most


def test_quote_is_written_once_for_all_who_select_the_same() -> None:
    """A newer state is another object and written again, even if it is equal."""
    encoded, writer = EncodedQuotes(), CountingWriter()
    quotes = [a_quote(symbol, 1) for symbol in "AB"]

    for _ in range(3):
        encoded.rows(quotes, writer)
        encoded.rows(quotes[:1], CountingWriter())
    assert writer.written == 2

    encoded.rows([replace(quotes[0]), quotes[1]], writer)
    assert writer.written == 3
    assert len(encoded) == 2


def test_what_is_not_plainly_right_is_left_to_ordinary_execution() -> None:
    """What the writer refuses, and errors that stand in the place of a quote."""
    encoded, writer = EncodedQuotes(), CountingWriter()
    with pytest.raises(LookupError):
        encoded.rows([a_quote("A", -1)], writer)
    with pytest.raises(AttributeError):
        encoded.rows([a_quote("A", 1), OSError()], writer)
