"""Rows of bars, and what joins of known spans: laws of the pure parts."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.candles import Candle, CandleRange, CandleState
from app.domain.provenance import DataSource
from app.ports import Coverage
from app.store import candle_rows
from app.store.candle_rows import BarDecoder, decode_known, encode_bars, encode_known, opening_second
from app.store.coverage import with_known
from tests.store.candle_values import FETCHED, at, bar, bars, known

LENGTH = 24
"""Minutes of the little time in which spans join."""


@st.composite
def spans(draw: st.DrawFn) -> Coverage:
    """A known span of some minutes, from one of two sources, of some age."""
    first = draw(st.integers(0, LENGTH - 1))
    source = draw(st.sampled_from([DataSource.KITE, DataSource.YAHOO]))
    return known(first, draw(st.integers(first + 1, LENGTH)), source=source, age=draw(st.integers(0, 9)))


@given(st.lists(spans(), max_size=12))
def test_spans_that_join_say_the_truth_of_every_minute(saves: list[Coverage]):
    """Known is what was ever saved, from the source that saved it last, and since no later than it was fetched."""
    stored: list[Coverage] = []
    minutes: dict[int, Coverage] = {}
    for save in saves:
        stored = with_known(stored, save)
        minutes |= {minute: save for minute in range(LENGTH) if save.span.start <= at(minute) < save.span.end}
    found = {
        minute: each for each in stored for minute in range(LENGTH) if each.span.start <= at(minute) < each.span.end
    }
    assert {minute: each.source for minute, each in found.items()} == {m: last.source for m, last in minutes.items()}
    assert all(each.fetched_at <= minutes[minute].fetched_at for minute, each in found.items())


@given(st.lists(spans(), max_size=12))
def test_spans_that_join_are_as_few_as_can_be(saves: list[Coverage]):
    """In order, none empty, none overlapping, and those that touch are of different sources."""
    stored: list[Coverage] = []
    for save in saves:
        stored = with_known(stored, save)
        assert save in stored or any(
            each.span.start <= save.span.start and save.span.end <= each.span.end and each.source is save.source
            for each in stored
        )
    assert all(each.span.start < each.span.end for each in stored)
    for before, after in pairwise(stored):
        assert before.span.end <= after.span.start
        assert before.span.end < after.span.start or before.source is not after.source


INSTANTS = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 -- bounds


@given(INSTANTS, INSTANTS, INSTANTS, st.sampled_from(DataSource))
def test_known_spans_survive_the_trip(start: datetime, end: datetime, fetched: datetime, source: DataSource):
    """To the microsecond, for every year and source."""
    span = Coverage(CandleRange(start, end), source, fetched)
    assert decode_known(encode_known([span])) == [span]


@given(INSTANTS)
def test_the_opening_second_is_the_first_that_is_not_before(instant: datetime):
    """So a bar that opens at a whole second is on the same side of both."""
    found = datetime.fromtimestamp(opening_second(instant), UTC)
    assert timedelta(0) <= found - instant < timedelta(seconds=1)


def test_bars_survive_the_trip():
    """As the class itself would have built them: equal, of the same hash, and as frozen."""
    made = [bar(0), bar(1, interest=4), bar(2, state=CandleState.CORRECTED)]
    found = BarDecoder().decode(encode_bars(made))
    assert found == made
    assert [hash(each) for each in found] == [hash(each) for each in made]
    assert all(type(each) is Candle for each in found)
    with pytest.raises(AttributeError):
        found[0].close = 1.0  # type: ignore[misc]


def test_equal_instants_are_one_object():
    """Series of the same minutes share them, which saves their making and their memory."""
    decoder = BarDecoder()
    [infy], [tcs] = (decoder.decode(encode_bars([bar(0, price)])) for price in (1.0, 2.0))
    assert infy.time is tcs.time


def test_the_memory_of_instants_is_bounded(monkeypatch: pytest.MonkeyPatch):
    """It starts anew when it is full, in the middle of an answer too; the answer is right all the same."""
    monkeypatch.setattr(candle_rows, "REMEMBERED", 10)
    decoder = BarDecoder()
    for first in (0, 5, 40):
        assert decoder.decode(encode_bars(bars(first, first + 25))) == bars(first, first + 25)
    assert len(decoder._instants) <= 10


def test_a_bar_with_several_faults_names_them_all():
    """So that they are mended at once."""
    bad = Candle(FETCHED.replace(tzinfo=None, microsecond=1), 1.0, 2.0, 0.5, float("nan"), 0, state=CandleState.FORMING)
    with pytest.raises(
        ValueError, match=r"FORMING, it has no time zone, it does not open .* second, a price is no num"
    ):
        encode_bars([bad])
