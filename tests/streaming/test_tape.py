"""The law of resuming: exact where the tape reaches, and never silent where it does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidInput
from app.domain.ticks import Cursor, Tick
from app.streaming.tape import Interruption, TickTape
from tests.streaming.stage import a_tick

SYMBOLS = ("A", "B")
events = st.lists(st.sampled_from(["A", "B", "both down", "B down"]), max_size=40)


@given(events, st.data(), st.integers(1, 12))
def test_a_replay_is_exact_or_says_that_it_is_not(script: list[str], data: st.DataObject, reach: int) -> None:
    """From any cursor, for any of the instruments, with a ring of any size."""
    tape = TickTape("epoch", reach=reach)
    for symbol in SYMBOLS:
        tape.begin(f"NSE:{symbol}")
    start = tape.sequence
    happened: list[tuple[int, str]] = []
    for event in script:
        down = {"both down": Interruption(None), "B down": Interruption(frozenset({"NSE:B"}))}
        happened.append((tape.append(down.get(event) or a_tick(event, tape.sequence))[0], event))
        assert len(tape._entries) <= reach
    after = data.draw(st.integers(start, tape.sequence))
    ids = data.draw(st.sets(st.sampled_from(SYMBOLS), min_size=1))
    replay = tape.replay(tape.position(Cursor("epoch", after)), {f"NSE:{symbol}" for symbol in ids})
    relevant = [
        sequence
        for sequence, event in happened
        if sequence > after and (event in ids or event == "both down" or (event == "B down" and "B" in ids))
    ]
    found = [sequence for sequence, _ in replay.entries]
    assert replay.gap is (found != relevant)
    assert found == relevant[len(relevant) - len(found) :]


def test_an_instrument_that_was_not_recorded_at_the_cursor_is_a_gap() -> None:
    """Even if nothing else happened in between."""
    tape = TickTape("epoch")
    tape.begin("NSE:A")
    cursor = Cursor("epoch", tape.sequence)
    tape.begin("NSE:B")
    assert not tape.replay(tape.position(cursor), {"NSE:A"}).gap
    assert tape.replay(tape.position(cursor), {"NSE:A", "NSE:B"}).gap


def test_recording_that_stopped_in_between_is_a_gap() -> None:
    tape = TickTape("epoch")
    tape.begin("NSE:A")
    cursor = Cursor("epoch", tape.append(a_tick("A", 1))[0])
    tape.end("NSE:A")
    tape.begin("NSE:A")
    assert tape.replay(tape.position(cursor), {"NSE:A"}).gap


def test_a_cursor_of_another_epoch_is_a_gap_before_what_is_left() -> None:
    tape = TickTape("new")
    tape.begin("NSE:A")
    tape.append(a_tick("A", 1))
    replay = tape.replay(tape.position(Cursor("old", 7_000)), {"NSE:A"})
    assert replay.gap
    assert [item.volume for _, item in replay.entries if isinstance(item, Tick)] == [1]


def test_a_slow_instrument_stays_resumable_while_a_busy_one_fills_the_tape() -> None:
    """What was forgotten concerns the busy one alone."""
    tape = TickTape("epoch", reach=5)
    for symbol in SYMBOLS:
        tape.begin(f"NSE:{symbol}")
    cursor = Cursor("epoch", tape.append(a_tick("A", 1))[0])
    for volume in range(100):
        tape.append(a_tick("B", volume))
    assert not tape.replay(tape.position(cursor), {"NSE:A"}).gap
    assert tape.replay(tape.position(cursor), {"NSE:B"}).gap


def test_a_cursor_from_the_future_is_refused() -> None:
    tape = TickTape("epoch")
    with pytest.raises(InvalidInput, match="epoch:5 is ahead of the stream"):
        tape.position(Cursor("epoch", 5))
