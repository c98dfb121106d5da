"""The arithmetic of gaps and pieces: laws for any spans."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.domain.candles import CandleRange
from app.domain.provenance import DataSource
from app.domain.spans import intersect, subtract, union
from app.ports import Coverage
from app.services.history.plan import gaps, known_before, overlap, pieces, trim

START = datetime(2026, 11, 2, tzinfo=UTC)


def span(first: int, last: int) -> CandleRange:
    """A span of minutes."""
    return CandleRange(START + timedelta(minutes=first), START + timedelta(minutes=last))


spans = st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda pair: span(pair[0], pair[0] + pair[1]))
several = st.lists(spans, max_size=6)


@given(spans, several, several)
def test_gaps_hold_what_is_unknown_and_open_and_nothing_that_is_known_and_open(
    whole: CandleRange, known: list[CandleRange], shut: list[CandleRange]
) -> None:
    """Every bar is asked for exactly if it is not there."""
    found = gaps(whole, known, union(shut))
    wanted = [part for rest in subtract(whole, known) for part in subtract(rest, shut)]
    assert [part for gap in found for part in subtract(gap, shut)] == union(wanted)
    for gap in found:
        assert all(not subtract(part, shut) for part in intersect(known, gap))


@given(spans, several, several)
def test_gaps_are_as_few_as_can_be(whole: CandleRange, known: list[CandleRange], shut: list[CandleRange]) -> None:
    """Between two of them there is a bar that is known; at their ends there is no shut time."""
    found = gaps(whole, known, union(shut))
    for one, other in pairwise(found):
        assert subtract(CandleRange(one.end, other.start), shut)
    assert all(trim(gap, shut) == gap for gap in found)


@given(spans, several, st.integers(1, 15))
def test_pieces_are_the_gap_newest_first(gap: CandleRange, shut: list[CandleRange], longest: int) -> None:
    """None is longer than a request may be, and none overlaps another."""
    found = list(pieces(gap, timedelta(minutes=longest), union(shut)))
    assert found == sorted(found, key=lambda piece: piece.start, reverse=True)
    assert all(piece.length <= timedelta(minutes=longest) for piece in found)
    assert not any(overlap(one, other) for one, other in pairwise(found))
    assert union(part for piece in found for part in subtract(piece, shut)) == union(subtract(gap, shut))


def test_what_adjoins_a_gap_has_only_shut_time_between() -> None:
    """Friday's bars adjoin Monday's, those of last week do not."""

    def known(first: int, last: int) -> Coverage:
        return Coverage(span(first, last), DataSource.SANDBOX, START)

    gap, shut = span(30, 40), [span(22, 30)]
    assert known_before(gap, [known(0, 5), known(10, 22), known(45, 50)], shut) == known(10, 22)
    assert known_before(gap, [known(10, 21)], shut) is None
    assert known_before(gap, [known(45, 50)], shut) is None
