"""Laws of merging: whoever was slow, or late, ends with what everybody has."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.domain.bar_updates import bars_so_far, merged_bars
from app.domain.candles import Candle, CandleSeries, CandleState, Interval, SourceShare
from app.domain.feeds import FeedState
from app.domain.provenance import DataSource
from app.domain.quotes import Quote
from app.domain.ticks import Cursor
from app.domain.update_merge import (
    BATCH_TICKS,
    PENDING_TICKS,
    merged_quotes,
    merged_ticks,
    position_after,
    quotes_so_far,
)
from app.domain.updates import QuoteUpdate, Rejection, TickBatch
from schema.live.member import COMPACT_AT, Pending
from tests.streaming.stage import MORNING, a_tick, an_instrument

SYMBOLS = ("A", "B", "C", "D")
OPEN = datetime(2026, 11, 23, 3, 45, tzinfo=UTC)


TICKS = [a_tick("A", volume) for volume in range(1, 48 * BATCH_TICKS + 1)]
"""Each is known by its volume."""


@st.composite
def quote_updates(draw: st.DrawFn) -> list[QuoteUpdate]:
    """A stream: a snapshot that lacks some, then changes."""
    known = draw(st.sets(st.sampled_from(SYMBOLS)))
    lacking = [
        Rejection(symbol, "NOT_PRICED", "none yet", subscribed=True) for symbol in SYMBOLS if symbol not in known
    ]
    never = [Rejection("X", "UNKNOWN_INSTRUMENT", "no such thing", subscribed=False)]
    changes = draw(
        st.lists(st.tuples(st.sets(st.sampled_from(SYMBOLS)), st.sampled_from(list(FeedState))), max_size=40)
    )
    updates = [QuoteUpdate(1, True, [priced(each, 1) for each in sorted(known)], [*lacking, *never], FeedState.LIVE)]
    for number, (changed, feed) in enumerate(changes, start=2):
        updates.append(QuoteUpdate(number, False, [priced(each, number) for each in sorted(changed)], [], feed))
    return updates


def priced(symbol: str, price: float) -> Quote:
    """A quote."""
    return Quote(id=symbol, last_price=price, source=DataSource.SANDBOX, received_at=MORNING)


def known_after(updates: Sequence[QuoteUpdate]) -> object:
    """What a client knows that has seen these: quotes, who is missing for good, the feed and the last number."""
    quotes = {quote.id: quote for update in updates for quote in update.quotes}
    rejected = {
        rejection.id
        for update in updates
        for rejection in update.rejected
        if not (rejection.subscribed and rejection.id in quotes)
    }
    return quotes, rejected, updates[-1].feed, updates[-1].sequence


@given(quote_updates(), st.data())
def test_client_that_was_behind_at_any_moments_knows_the_same(updates: list[QuoteUpdate], data: st.DataObject) -> None:
    """Newest state, growing numbers, and the first it sees is the snapshot."""
    seen: list[QuoteUpdate] = []
    pending = Pending(merged_quotes)
    for update in updates:
        pending.add(update)
        if data.draw(st.booleans()):
            seen += pending.merged()
            pending = Pending(merged_quotes)
    if pending.payloads:
        seen += pending.merged()

    assert known_after(seen) == known_after(updates)
    assert all(before.sequence < after.sequence for before, after in pairwise(seen))
    assert [update.snapshot for update in seen] == [True] + [False] * (len(seen) - 1)


@given(quote_updates(), st.integers(min_value=1), st.booleans())
def test_latecomer_knows_the_same(updates: list[QuoteUpdate], joins: int, compact: bool) -> None:  # noqa: FBT001 - drawn
    """From its snapshot on, whether what it is made of was merged before or not."""
    at = 1 + joins % len(updates)
    before: list[QuoteUpdate] = (
        [quotes_so_far(updates[:at][:-1]), updates[at - 1]] if compact and at > 1 else updates[:at]
    )
    first = quotes_so_far(before)
    assert first.snapshot
    assert first.sequence == at
    assert known_after([first, *updates[at:]]) == known_after(updates)


@given(st.lists(st.lists(st.sampled_from([0, 1, 400, BATCH_TICKS]), max_size=12), min_size=1, max_size=4), st.data())
def test_ticks_received_and_missed_are_those_published(rounds: list[list[int]], data: st.DataObject) -> None:
    """In order, in batches that are not too long, each after the cursor of the one before."""
    volume, batches = 0, list[TickBatch]()
    seen: list[TickBatch] = []
    for sizes in rounds:
        pending = Pending(merged_ticks)
        for size in sizes:
            missed = data.draw(st.sampled_from([0, 0, 0, 3]))
            ticks = TICKS[volume : volume + size]
            volume += len(ticks)
            batches.append(TickBatch(Cursor("e", volume), missed, missed > 0 and data.draw(st.booleans()), ticks, []))
            pending.add(batches[-1])
        if pending.payloads:
            seen += pending.merged()

    published = sum(len(batch.ticks) + batch.missed for batch in batches)
    assert sum(len(batch.ticks) + batch.missed for batch in seen) == published
    volumes = [each.volume or 0 for batch in seen for each in batch.ticks]
    assert volumes == sorted(set(volumes))
    assert all(len(batch.ticks) <= BATCH_TICKS for batch in seen)
    assert not seen or seen[-1].cursor == batches[-1].cursor
    assert any(batch.gap for batch in seen) == any(batch.gap for batch in batches)
    assert all(batch.cursor.sequence >= (batch.ticks[-1].volume or 0) for batch in seen if batch.ticks)


def test_ticks_beyond_the_bound_are_counted() -> None:
    """The oldest go; the gap they had stays told."""
    batches = [
        TickBatch(Cursor("e", number), 0, number == 0, TICKS[:BATCH_TICKS], [])
        for number in range(PENDING_TICKS // BATCH_TICKS + 2)
    ]
    first, *rest = merged_ticks(batches)
    assert (first.missed, first.gap, len(first.ticks), len(rest)) == (2 * BATCH_TICKS, True, BATCH_TICKS, 9)


def test_late_reader_of_ticks_begins_where_the_others_are() -> None:
    """With no ticks, no loss, and what was refused."""
    refused = Rejection("X", "NOT_SUPPORTED", "no", subscribed=False)
    batches = [TickBatch(Cursor("e", 5), 0, False, [], [refused]), TickBatch(Cursor("e", 9), 2, True, TICKS[8:9], [])]
    assert position_after(batches) == TickBatch(Cursor("e", 9), 0, False, [], [refused])


@st.composite
def bar_updates(draw: st.DrawFn) -> list[CandleSeries]:
    """A stream of minutes: a snapshot, forming bars, final ones, some corrected once or twice later."""
    updates = [series([bar(number, number, CandleState.FINAL) for number in range(3)])]
    final: list[int] = []
    for number in range(3, 3 + draw(st.integers(0, 8))):
        updates += [series([bar(number, price, CandleState.FORMING)]) for price in range(draw(st.integers(0, 3)))]
        ended = [bar(number, 90, CandleState.FINAL)]
        corrected = draw(st.sets(st.sampled_from(final))) if final else set()
        ended += [bar(late, number, CandleState.CORRECTED) for late in corrected]
        updates += [series([each]) for each in ended] if draw(st.booleans()) else [series(ended)]
        final.append(number)
    return updates


def bar(number: int, price: float, state: CandleState) -> Candle:
    """The bar of a minute."""
    return Candle(OPEN + timedelta(minutes=number), price, price, price, price, 1, state=state)


def series(bars: Sequence[Candle]) -> CandleSeries:
    """An update, oldest bar first."""
    ordered = tuple(sorted(bars, key=lambda each: each.time))
    share = (SourceShare(DataSource.SANDBOX, len(ordered)),) if ordered else ()
    return CandleSeries(an_instrument("A"), Interval.MINUTE, None, None, ordered, share, upstream_calls=1)


def bars_after(updates: Sequence[CandleSeries]) -> dict[datetime, Candle]:
    """What a client shows that has seen these."""
    return {each.time: each for update in updates for each in update.candles}


@given(bar_updates(), st.data())
def test_chart_that_was_behind_shows_the_same_and_was_told_every_end(
    updates: list[CandleSeries], data: st.DataObject
) -> None:
    """Only forming bars are merged away; of several corrections of a bar the newest may stand for all."""
    seen: list[CandleSeries] = []
    pending = Pending(merged_bars)
    for update in updates:
        pending.add(update)
        if data.draw(st.booleans()):
            seen += pending.merged()
            pending = Pending(merged_bars)
    if pending.payloads:
        seen += pending.merged()

    assert bars_after(seen) == bars_after(updates)
    assert {(each.time, each.state) for each in ends(seen)} == {(each.time, each.state) for each in ends(updates)}
    assert sum(update.upstream_calls for update in seen) == len(updates)
    for update in seen:
        times = [each.time for each in update.candles]
        assert times == sorted(set(times))
        assert sum(share.candles for share in update.sources) == len(times)


def ends(updates: Sequence[CandleSeries]) -> list[Candle]:
    """The bars that ended or were corrected, as often as that was told."""
    return [each for update in updates for each in update.candles if each.state is not CandleState.FORMING]


@given(bar_updates(), st.integers(0, 5), st.integers(min_value=1))
def test_late_chart_begins_with_the_last_bars(updates: list[CandleSeries], snapshot: int, joins: int) -> None:
    """As many as were asked for; then it is told what the others are told."""
    at = 1 + joins % len(updates)
    compacted = Pending(lambda known: [bars_so_far(known, snapshot)])
    for update in updates[:at]:
        compacted.add(update)
    first = bars_so_far(compacted.payloads, snapshot)
    known = bars_after(updates[:at])
    assert [each.time for each in first.candles] == (sorted(known)[-snapshot:] if snapshot else [])
    assert all(known[each.time] == each for each in first.candles)
    assert first == partial(bars_so_far, snapshot=snapshot)([first])


def test_what_waits_is_bounded() -> None:
    """Ten thousand updates of four instruments are a few."""
    pending = Pending(merged_quotes)
    for number in range(10_000):
        pending.add(QuoteUpdate(number, False, [priced(SYMBOLS[number % 4], number)], [], FeedState.LIVE))
    assert len(pending.payloads) <= COMPACT_AT
    assert replace(pending.merged()[0], quotes=[]) == QuoteUpdate(9_999, False, [], [], FeedState.LIVE)
    assert pending.updates == 10_000
