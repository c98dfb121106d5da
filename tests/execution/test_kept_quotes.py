"""Quotes as JSON that is kept: the bytes of writing them, written once, never an old one, and bounded."""

from collections.abc import Sequence
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.quotes import Quote
from schema.execution.kept_quotes import OVERHEAD, EncodedQuotes
from tests.streaming.stage import a_quote


class CountingWriter:
    """Writes quotes as their id and price, under a key, and counts them."""

    def __init__(self, key: str = "id lastPrice", filler: str = "") -> None:
        self.key = key
        self.written = 0
        self._filler = filler

    def one(self, item: object, bound: tuple[object, ...]) -> object:
        """Refuses prices below zero, as a selection refuses what is not plainly right."""
        assert isinstance(item, Quote)
        assert bound == ()
        self.written += 1
        if item.last_price < 0:
            raise LookupError
        return {"key": self.key[-1], "id": item.id, "lastPrice": item.last_price, "filler": self._filler}


def read(rows: Sequence[object]) -> list[dict[str, object]]:
    """What a client gets."""
    return list(orjson.loads(orjson.dumps(rows)))


@given(
    st.lists(st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from("xy"), st.integers(1, 2)))),
    st.integers(0, 9).map(lambda quotes: quotes * 2 * OVERHEAD),
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
            assert 0 <= encoded.size <= most
            assert len(encoded) * OVERHEAD <= encoded.size


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


def test_newer_states_take_the_place_of_older_ones() -> None:
    """A day of ticks counts as much as the last of each."""
    encoded, writer = EncodedQuotes(), CountingWriter()
    encoded.rows([a_quote(symbol, 1) for symbol in "AB"], writer)
    taken = encoded.size
    for _ in range(100):
        encoded.rows([a_quote(symbol, 1) for symbol in "AB"], writer)
    assert encoded.size == taken
    assert writer.written == 202


def test_long_texts_and_long_selections_are_counted_by_their_length() -> None:
    """A client that names its fields at length takes no more memory than one that asks for many quotes."""
    most = 1_000_000
    encoded, filler = EncodedQuotes(most), "x" * 10_000
    quotes = [a_quote(f"S{number}", 1) for number in range(30)]
    for number in range(20):
        encoded.rows(quotes, CountingWriter(f"{number}", filler))
        assert len(encoded) * len(filler) <= encoded.size <= most
    encoded = EncodedQuotes(most)
    for number in range(200):
        encoded.rows(quotes[:1], CountingWriter(f"{filler}{number}"))
        assert len(encoded) * len(filler) <= encoded.size <= most


def test_a_text_beyond_the_bound_is_written_and_not_kept() -> None:
    """The answer is right all the same."""
    encoded, writer = EncodedQuotes(10_000), CountingWriter(filler="x" * 10_000)
    quote = a_quote("A", 1)
    for _ in range(2):
        assert read(encoded.rows([quote], writer)) == [writer.one(quote, ())]
    assert (len(encoded), encoded.size, writer.written) == (0, 0, 4)


def test_what_is_not_plainly_right_is_left_to_ordinary_execution() -> None:
    """What the writer refuses, and errors that stand in the place of a quote."""
    encoded, writer = EncodedQuotes(), CountingWriter()
    with pytest.raises(LookupError):
        encoded.rows([a_quote("A", -1)], writer)
    with pytest.raises(AttributeError):
        encoded.rows([a_quote("A", 1), OSError()], writer)
