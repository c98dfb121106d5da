"""The contract of a candle store: in memory, in SQLite, in PostgreSQL."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from math import inf, nan

import anyio
import pytest

from app.domain.candles import Candle, CandleRange, CandleState, Interval
from app.domain.provenance import DataSource
from app.ports import CandleStore, Coverage
from app.store.candles import SqlCandleStore
from app.store.engine import open_database
from tests.store.candle_values import FETCHED, START, at, bar, bars, known, span
from tests.support.clock import FixedClock
from tests.support.stores import MemoryCandleStore

INFY, TCS = "NSE:INFY", "NSE:TCS"
ONE, FIVE = Interval.MINUTE, Interval.MINUTE_5
ALWAYS = CandleRange(datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


@pytest.fixture
async def store(contract_url: str | None) -> AsyncIterator[CandleStore]:
    """An empty store of each kind."""
    if contract_url is None:
        yield MemoryCandleStore()
        return
    async with open_database(contract_url) as database:
        yield SqlCandleStore(database, FixedClock())


async def nothing_of(store: CandleStore, instrument_id: str) -> bool:
    """Whether the minutes of an instrument are neither stored nor known."""
    bars_there = await store.bars(instrument_id, ONE, ALWAYS)
    return not bars_there and not await store.coverage(instrument_id, ONE, ALWAYS)


async def test_a_store_that_holds_nothing_says_so(store: CandleStore):
    """Empty lists and a count of 0, not errors."""
    assert await store.bars(INFY, ONE, ALWAYS) == []
    assert await store.last_bars(INFY, ONE, before=at(9), count=5) == []
    assert await store.coverage(INFY, ONE, ALWAYS) == []
    assert await store.drop(INFY, ONE) == 0


async def test_bars_come_back_as_they_were(store: CandleStore):
    """Every field with its type, in order; those that open at the start are in the span, those at the end not."""
    saved = [bar(0), replace(bar(1, 0.1 + 0.2), volume=2**53 + 1), bar(2, -37.63, interest=7), bar(3, interest=0)]
    corrected = bar(4, state=CandleState.CORRECTED)
    await store.save(INFY, ONE, [*saved, corrected], known(0, 5))
    found = await store.bars(INFY, ONE, ALWAYS)
    assert found == [*saved, corrected]
    assert all(each.time.tzinfo is UTC and type(each) is Candle for each in found)
    assert [type(found[2].open), type(found[2].volume), type(found[2].open_interest)] == [float, int, int]
    assert await store.bars(INFY, ONE, span(1, 3)) == saved[1:3]
    assert await store.bars(INFY, ONE, span(3, 3)) == []


async def test_the_edges_of_a_span_may_lie_between_bars(store: CandleStore):
    """A microsecond decides, as it does for the bars themselves."""
    await store.save(INFY, ONE, bars(0, 4), known(0, 4))
    instant = timedelta(microseconds=1)
    assert await store.bars(INFY, ONE, CandleRange(at(1) + instant, at(3) + instant)) == bars(2, 4)
    assert await store.bars(INFY, ONE, CandleRange(at(1) - instant, at(3) - instant)) == bars(1, 3)
    assert await store.last_bars(INFY, ONE, before=at(2) + instant, count=2) == bars(1, 3)


async def test_any_time_zone_means_the_same_instant(store: CandleStore):
    """Bars and spans in IST are found in UTC, and come back in UTC."""
    ist = timezone(timedelta(hours=5, minutes=30))
    there = Coverage(
        CandleRange(at(0).astimezone(ist), at(1).astimezone(ist)), DataSource.KITE, FETCHED.astimezone(ist)
    )
    await store.save(INFY, ONE, [replace(bar(0), time=at(0).astimezone(ist))], there)
    assert await store.bars(INFY, ONE, span(0, 1)) == [bar(0)]
    [found] = await store.coverage(INFY, ONE, span(0, 1))
    assert {found.span.start.tzinfo, found.span.end.tzinfo, found.fetched_at.tzinfo} == {UTC}
    assert found == known(0, 1)


async def test_series_do_not_mix(store: CandleStore):
    """Another instrument or another interval is another series, for bars, coverage and drop."""
    await store.save(INFY, ONE, bars(0, 3, 1.0), known(0, 3))
    await store.save(TCS, ONE, bars(0, 2, 2.0), known(0, 2))
    await store.save(INFY, FIVE, bars(0, 1, 3.0), known(0, 5))
    assert await store.drop(INFY, ONE) == 3
    assert await nothing_of(store, INFY)
    assert await store.bars(TCS, ONE, ALWAYS) == bars(0, 2, 2.0)
    assert await store.bars(INFY, FIVE, ALWAYS) == bars(0, 1, 3.0)
    assert await store.coverage(INFY, FIVE, ALWAYS) == [known(0, 5)]


async def test_a_series_that_was_dropped_can_be_saved_again(store: CandleStore):
    """As after a split."""
    await store.save(INFY, ONE, bars(0, 3), known(0, 3))
    await store.drop(INFY, ONE)
    await store.save(INFY, ONE, bars(1, 2, 50.0), known(1, 2, age=3))
    assert await store.bars(INFY, ONE, ALWAYS) == bars(1, 2, 50.0)
    assert await store.coverage(INFY, ONE, ALWAYS) == [known(1, 2, age=3)]


async def test_bars_that_are_there_are_replaced(store: CandleStore):
    """The newest save of a bar holds, in each of its fields; the others stay."""
    await store.save(INFY, ONE, bars(0, 4), known(0, 4))
    newer = [bar(minute, 200.0, state=CandleState.CORRECTED, interest=5) for minute in (1, 2)]
    await store.save(INFY, ONE, newer, known(1, 3))
    assert await store.bars(INFY, ONE, ALWAYS) == [bar(0), *newer, bar(3)]


async def test_replace_says_nothing_on_coverage(store: CandleStore):
    """Neither for a new bar nor for one that is known."""
    await store.replace(INFY, ONE, [bar(7, state=CandleState.CORRECTED)])
    assert await store.coverage(INFY, ONE, ALWAYS) == []
    await store.save(INFY, ONE, bars(0, 2), known(0, 2))
    await store.replace(INFY, ONE, [bar(1, 5.0)])
    assert await store.coverage(INFY, ONE, ALWAYS) == [known(0, 2)]
    assert await store.bars(INFY, ONE, ALWAYS) == [bar(0), bar(1, 5.0), bar(7, state=CandleState.CORRECTED)]


async def test_the_last_bars_before_an_instant(store: CandleStore):
    """As many as there are, oldest first, none that opens at the instant; gaps do not count."""
    await store.save(INFY, ONE, [*bars(0, 3), *bars(60, 63)], known(0, 90))
    assert await store.last_bars(INFY, ONE, before=at(62), count=3) == [bar(2), bar(60), bar(61)]
    assert await store.last_bars(INFY, ONE, before=at(2), count=9) == [bar(0), bar(1)]
    assert await store.last_bars(INFY, ONE, before=at(0), count=9) == []
    for none in (0, -1):
        assert await store.last_bars(INFY, ONE, before=at(99), count=none) == []


async def test_a_span_without_bars_can_be_known(store: CandleStore):
    """A holiday: nothing is there, and nobody needs to ask again."""
    await store.save(INFY, ONE, [], known(0, 1440))
    assert await store.coverage(INFY, ONE, span(5, 6)) == [known(0, 1440)]
    assert await store.bars(INFY, ONE, ALWAYS) == []


async def test_spans_are_exact_to_the_microsecond(store: CandleStore):
    """`now` is the end of many a span: asking for it again finds no gap."""
    odd = Coverage(
        CandleRange(START + timedelta(microseconds=1), START + timedelta(microseconds=999_999)),
        DataSource.YAHOO,
        FETCHED + timedelta(microseconds=123_457),
    )
    await store.save(INFY, ONE, [], odd)
    assert await store.coverage(INFY, ONE, span(0, 1)) == [odd]


async def test_coverage_tells_whole_spans_that_touch_the_question(store: CandleStore):
    """Oldest first, uncut; those that end before it or begin after it are left out."""
    spans = [known(40, 50), known(0, 10), known(20, 30), known(60, 70)]
    for each in spans:
        await store.save(INFY, ONE, [], each)
    assert await store.coverage(INFY, ONE, span(10, 45)) == [known(0, 10), known(20, 30), known(40, 50)]
    assert await store.coverage(INFY, ONE, span(11, 19)) == []
    assert await store.coverage(INFY, ONE, span(25, 25)) == [known(20, 30)]
    assert await store.coverage(INFY, ONE, span(30, 60)) == [known(20, 30), known(40, 50), known(60, 70)]


async def test_spans_of_a_source_join(store: CandleStore):
    """Touching and overlapping ones become one, which is as old as its oldest part."""
    await store.save(INFY, ONE, [], known(0, 10, age=5))
    await store.save(INFY, ONE, [], known(20, 30, age=2))
    assert await store.coverage(INFY, ONE, ALWAYS) == [known(0, 10, age=5), known(20, 30, age=2)]
    await store.save(INFY, ONE, [], known(10, 25, age=1))
    assert await store.coverage(INFY, ONE, ALWAYS) == [known(0, 30, age=5)]


async def test_what_is_fetched_again_as_a_whole_is_young(store: CandleStore):
    """No part of the old fetches is left, so neither is their age."""
    await store.save(INFY, ONE, [], known(0, 10, age=5))
    await store.save(INFY, ONE, [], known(12, 20, age=4))
    await store.save(INFY, ONE, [], known(0, 30, age=1))
    assert await store.coverage(INFY, ONE, ALWAYS) == [known(0, 30, age=1)]


async def test_the_newest_source_of_an_instant_holds(store: CandleStore):
    """It is cut out of what another source gave, which keeps the rest and its age; they never join."""
    await store.save(INFY, ONE, [], known(0, 30, age=5))
    await store.save(INFY, ONE, [], known(10, 20, source=DataSource.YAHOO, age=1))
    kept = [known(0, 10, age=5), known(20, 30, age=5)]
    assert await store.coverage(INFY, ONE, ALWAYS) == [kept[0], known(10, 20, source=DataSource.YAHOO, age=1), kept[1]]
    await store.save(INFY, ONE, [], known(5, 25))
    assert await store.coverage(INFY, ONE, ALWAYS) == [known(0, 30, age=5)]


NAIVE = START.replace(tzinfo=None)
BAD_BARS = {
    "FORMING": [bar(0), bar(1, state=CandleState.FORMING)],
    "no time zone": [replace(bar(0), time=NAIVE)],
    "whole second": [replace(bar(0), time=START + timedelta(microseconds=5))],
    "not in order": [bar(1), bar(0)],
    "there twice": [bar(0), bar(1), bar(1, 7.0)],
    "no number": [replace(bar(0), high=nan)],
    "is no number": [replace(bar(0), close=-inf)],
}


async def test_a_bar_that_must_not_be_stored_is_refused(store: CandleStore):
    """With its fault in the message, and nothing of the whole save is stored."""
    for fault, bad in BAD_BARS.items():
        with pytest.raises(ValueError, match=fault):
            await store.save(INFY, ONE, bad, known(0, 5))
        with pytest.raises(ValueError, match=fault):
            await store.replace(INFY, ONE, bad)
        assert await nothing_of(store, INFY), fault


BAD_SPANS = {
    "is empty": known(1, 1),
    "2026-01-05T03:50:00.00:00 to 2026-01-05T03:46:00.00:00 is empty": known(5, 1),
    "time zone": replace(known(0, 1), fetched_at=NAIVE),
    "without a time zone": replace(known(0, 1), span=CandleRange(NAIVE, NAIVE + timedelta(days=1))),
}


async def test_a_span_that_means_nothing_is_refused(store: CandleStore):
    """And its bars are not stored either."""
    for fault, bad in BAD_SPANS.items():
        with pytest.raises(ValueError, match=fault):
            await store.save(INFY, ONE, bars(0, 1), bad)
        assert await nothing_of(store, INFY), fault


async def test_tasks_that_save_one_series_at_once_lose_nothing(store: CandleStore):
    """Ten of them, each with its own part of the day, in any order: all bars, one span."""
    async with anyio.create_task_group() as group:
        for part in range(10):
            first = part * 7 % 10 * 20
            group.start_soon(store.save, INFY, ONE, bars(first, first + 20), known(first, first + 20))
    assert await store.bars(INFY, ONE, ALWAYS) == bars(0, 200)
    assert await store.coverage(INFY, ONE, ALWAYS) == [known(0, 200)]


async def test_bars_come_as_columns_too(store: CandleStore):
    """The same bars, of every state, and none."""
    saved = [bar(0), bar(1, interest=7), bar(2, state=CandleState.CORRECTED)]
    await store.save(INFY, ONE, saved, known(0, 5))
    for within in (ALWAYS, span(1, 2), span(3, 5)):
        chunk = await store.chunk(INFY, ONE, within)
        assert list(chunk.bars(0, len(chunk))) == await store.bars(INFY, ONE, within)


async def test_the_opening_of_the_last_bars_says_where_to_begin(store: CandleStore):
    """As many before an instant as asked for, or None."""
    await store.save(INFY, ONE, [bar(0), bar(2), bar(4)], known(0, 5))
    assert await store.opening(INFY, ONE, before=at(4), count=2) == at(0)
    assert await store.opening(INFY, ONE, before=at(5), count=1) == at(4)
    assert await store.opening(INFY, ONE, before=at(4), count=3) is None
    assert await store.opening(TCS, ONE, before=at(4), count=1) is None


async def test_every_write_of_a_series_is_counted(store: CandleStore):
    """One each, and of its own series only: so that somebody who counts his own sees another's."""
    assert await store.writes(INFY, ONE) == 0
    await store.save(INFY, ONE, bars(0, 2), known(0, 2))
    await store.replace(INFY, ONE, [bar(1, 7.0)])
    assert await store.writes(INFY, ONE) == 2
    await store.save(INFY, FIVE, [], known(0, 1))
    await store.drop(INFY, ONE)
    await store.save(INFY, ONE, bars(0, 2), known(0, 2))
    assert (await store.writes(INFY, ONE), await store.writes(INFY, FIVE)) == (4, 1)
