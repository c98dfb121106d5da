"""The laws of the mailboxes: newest state is never lost, every tick is delivered or counted, memory is bounded."""

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.feeds import FeedState
from app.domain.quotes import StreamMode
from app.domain.update_merge import BATCH_TICKS
from app.streaming.quotebox import QuoteMailbox
from app.streaming.tape import Interruption, Replay, TickTape
from app.streaming.tickbox import TickChanges, TickMailbox
from tests.streaming.stage import a_quote, a_tick

SYMBOLS = ("A", "B", "C")
EVERYONE = Interruption(None)


def take_all(mailbox: TickMailbox) -> list[TickChanges]:
    """Batches until the box is empty."""
    batches: list[TickChanges] = []
    while (batch := mailbox.take_now()) is not None:
        batches.append(batch)
    return batches


@given(st.lists(st.one_of(st.sampled_from(SYMBOLS), st.none())))
def test_a_state_mailbox_holds_the_newest_of_each_and_counts_what_it_merged(script: list[str | None]) -> None:
    """None is a take. Whatever the order: the newest is there, and puts = quotes + merged."""
    box = QuoteMailbox(StreamMode.FULL, FeedState.LIVE, {})
    unseen: dict[str, float] = {}
    put = 0
    for price, symbol in enumerate([*script, None]):
        if symbol is not None:
            box.put(a_quote(symbol, price))
            unseen[f"NSE:{symbol}"] = price
            put += 1
            assert len(box._newest) <= len(SYMBOLS)
            continue
        changes = box.take_now()
        if changes is None:
            assert put == 0
            continue
        assert {quote.id: quote.last_price for quote in changes.quotes} == unseen
        assert len(unseen) + changes.merged == put
        unseen, put = {}, 0


def test_a_state_mailbox_leaves_out_what_is_below_its_mode() -> None:
    """While the source still switches to full, a quote without depth would look like a lost book."""
    box = QuoteMailbox(StreamMode.FULL, FeedState.LIVE, {})
    box.put(a_quote("A", 1, StreamMode.QUOTE))
    assert box.take_now() is None
    box.put(a_quote("A", 2, StreamMode.FULL))
    assert box.take_now() is not None


async def test_a_new_feed_state_wakes_the_reader_without_quotes() -> None:
    box = QuoteMailbox(StreamMode.LTP, FeedState.LIVE, {})
    box.tell(FeedState.LIVE)
    assert box.take_now() is None
    async with anyio.create_task_group() as group:

        async def stall() -> None:
            box.tell(FeedState.STALLED)

        group.start_soon(stall)
        changes = await box.take()
    assert (changes.quotes, changes.merged, changes.feed) == ([], 0, FeedState.STALLED)
    assert box.take_now() is None


async def test_a_cancelled_take_loses_nothing() -> None:
    """Cancelled while it waits, and while something is there."""
    quotes, ticks, tape = QuoteMailbox(StreamMode.LTP, FeedState.LIVE, {}), *tick_box()
    for box in (quotes, ticks):
        with anyio.move_on_after(0.01):
            await box.take()
    quotes.put(a_quote("A", 1))
    ticks.put(tape.append(a_tick("A", 1)))
    assert len((await quotes.take()).quotes) == len((await ticks.take()).ticks) == 1


def tick_box(size: int = 5) -> tuple[TickMailbox, TickTape]:
    tape = TickTape("epoch")
    return TickMailbox(tape, Replay(0, [], gap=False), {}, size=size), tape


steps = st.lists(st.one_of(st.just("tick"), st.just("take"), st.just("other")), max_size=60)


@given(steps, st.integers(1, 8))
def test_every_tick_is_delivered_in_order_or_counted_as_missed(script: list[str], size: int) -> None:
    """However slow the reader: before each batch exactly `missed` ticks fell out, and the box stays bounded."""
    box, tape = tick_box(size)
    expected = sent = 0
    for step in [*script, "take"]:
        if step == "tick":
            sent += 1
            box.put(tape.append(a_tick("A", sent)))
            assert len(box._entries) <= size
        elif step == "other":
            tape.append(a_tick("B", 0))
        else:
            for batch in take_all(box):
                assert not batch.gap
                volumes = [tick.volume for tick in batch.ticks]
                assert volumes == list(range(expected + batch.missed + 1, expected + batch.missed + len(volumes) + 1))
                expected += batch.missed + len(volumes)
    assert expected == sent


@given(st.lists(st.sampled_from(["tick", "gap", "take"]), max_size=40), st.integers(1, 6))
def test_no_batch_reaches_across_a_gap(script: list[str], size: int) -> None:
    """Each gap stands before the first tick after it, counts 1 at least, and survives falling out of the box."""
    box, tape = tick_box(size)
    stretch, volume = 0, 0
    stretches: dict[int, int] = {}
    seen = 0
    for step in [*script, "take"]:
        if step == "gap":
            stretch += 1
            box.put(tape.append(EVERYONE))
        elif step == "tick":
            volume += 1
            stretches[volume] = stretch
            box.put(tape.append(a_tick("A", volume)))
        else:
            for batch in take_all(box):
                reached = {stretches[tick.volume or 0] for tick in batch.ticks} or {stretch}
                assert len(reached) == 1
                assert batch.gap is (reached.pop() > seen)
                assert batch.missed >= batch.gap
                seen = stretches[batch.ticks[-1].volume or 0] if batch.ticks else stretch
    assert seen == stretch


def test_a_batch_is_bounded_and_its_cursor_is_where_it_ends() -> None:
    """A reader that comes late gets several messages, each quick to encode."""
    box, tape = tick_box(size=10_000)
    for volume in range(2_500):
        box.put(tape.append(a_tick("A", volume)))
    tape.append(a_tick("B", 0))
    batches = take_all(box)
    assert [len(batch.ticks) for batch in batches] == [BATCH_TICKS, BATCH_TICKS, 500]
    assert [batch.cursor.sequence for batch in batches] == [1_000, 2_000, 2_501]
    assert box.cursor == batches[-1].cursor


def test_a_replay_has_room_of_its_own() -> None:
    """A resumed reader loses nothing to the first tick that comes before its first take."""
    tape = TickTape("epoch")
    tape.begin("NSE:A")
    for volume in range(50):
        tape.append(a_tick("A", volume))
    box = TickMailbox(tape, tape.replay(1, {"NSE:A"}), {}, size=5)
    box.put(tape.append(a_tick("A", 50)))
    [batch] = take_all(box)
    assert ([tick.volume for tick in batch.ticks], batch.missed) == (list(range(51)), 0)


@pytest.mark.parametrize("count", [0, 1, 9])
def test_a_dropped_gap_is_still_a_gap(count: int) -> None:
    box, tape = tick_box(size=3)
    box.put(tape.append(EVERYONE))
    for volume in range(count):
        box.put(tape.append(a_tick("A", volume)))
    [batch] = take_all(box)
    assert (batch.gap, batch.missed) == (True, 1 + max(0, count - 3))


def test_a_state_mailbox_knows_how_many_updates_a_quicker_reader_would_have_had() -> None:
    """As many as the liveliest instrument had new states, however many instruments changed."""
    box = QuoteMailbox(StreamMode.LTP, FeedState.LIVE, {})
    for price in range(1, 5):
        for symbol in ("A", "B"):
            box.put(a_quote(symbol, price))
    box.put(a_quote("C", 1))

    first = box.take_now()
    box.put(a_quote("A", 9))
    second = box.take_now()

    assert first is not None
    assert second is not None
    assert (first.updates_merged, first.merged) == (3, 6)
    assert (second.updates_merged, second.merged) == (0, 0)
