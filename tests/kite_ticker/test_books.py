"""The book of a packet: unpacked late, and equal to one that was made at once."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from app.domain.quotes import Depth, DepthLevel
from app.providers.kite.books import ASKS_AT, BIDS_AT, PacketDepth

LEVELS = st.lists(
    st.tuples(st.integers(0, 2**32 - 1), st.integers(-(2**31), 2**31 - 1), st.integers(0, 2**16 - 1)),
    min_size=10,
    max_size=10,
)


def packed(levels: list[tuple[int, int, int]]) -> bytes:
    """A full packet with these five bids and five asks."""
    rows = b"".join(
        size.to_bytes(4, "big") + price.to_bytes(4, "big", signed=True) + orders.to_bytes(2, "big") + b"\0\0"
        for size, price, orders in levels
    )
    return b"\1" * BIDS_AT + rows


@given(LEVELS, st.sampled_from([100.0, 1e4, 1e7]))
def test_a_late_book_is_the_one_that_was_sent(levels: list[tuple[int, int, int]], divisor: float) -> None:
    """In values, equality, hash and text; empty levels are left out."""
    sides = [
        tuple(DepthLevel(price / divisor, size, orders) for size, price, orders in part if size)
        for part in (levels[:5], levels[5:])
    ]
    plain, late = Depth(sides[0], sides[1]), PacketDepth(packed(levels), divisor)
    assert (late.bids, late.asks) == (plain.bids, plain.asks)
    assert late == plain
    assert plain == late
    assert hash(late) == hash(plain)
    assert late == PacketDepth(packed(levels), divisor)
    assert late != replace(plain, bids=(*plain.bids, DepthLevel(1.0, 1, 1)))
    assert late != "a book"


def test_a_book_is_unpacked_once() -> None:
    """Two looks give the very same levels."""
    book = PacketDepth(packed([(1, 100, 1)] * 10), 100.0)
    assert book.bids is book.bids
    assert len(book.asks) == 5
    assert len(packed([(1, 100, 1)] * 10)) == ASKS_AT + 60
