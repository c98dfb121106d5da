"""The ledger of ended bars, the mailbox, the pace of questions, the alarm."""

from dataclasses import replace
from datetime import timedelta

import anyio
import pytest

from app.domain.bar_building import BuiltBar
from app.domain.bar_slots import BarSlot
from app.domain.candles import Candle, CandleState
from app.domain.errors import NotSupported
from app.streaming.bars_alarm import Alarm
from app.streaming.bars_ledger import KEPT_BARS, MAX_TRIES, MAX_WAITING, BarLedger, is_same
from app.streaming.bars_mailbox import BarMailbox
from app.streaming.bars_pace import Pace
from tests.live_candles.played import MORNING, PlayedTime, settle

FORMING, FINAL, CORRECTED = CandleState
MINUTE = timedelta(minutes=1)
DELAY = timedelta(seconds=6)


def a_slot(number: int = 0) -> BarSlot:
    opens = MORNING + number * MINUTE
    return BarSlot(opens, opens + MINUTE, opens + MINUTE)


def a_bar(number: int = 0, state: CandleState = FINAL, *, volume: int = 5, high: float = 101.0) -> Candle:
    return Candle(MORNING + number * MINUTE, 100.0, high, 99.0, 100.5, volume, state=state)


def a_ledger() -> BarLedger:
    return BarLedger(tick_size=0.05, delay=DELAY)


def test_an_official_bar_is_told_only_where_it_differs() -> None:
    ledger = a_ledger()
    assert ledger.end(BuiltBar(a_slot(), a_bar(), whole=True), shown=True) == a_bar()

    assert ledger.official(a_bar()) is None
    assert ledger.official(a_bar(volume=6)) == a_bar(volume=6, state=CORRECTED)
    assert ledger.official(a_bar(volume=6)) is None
    assert ledger.next_due is None


def test_bars_differ_by_a_price_step_and_not_by_less() -> None:
    assert is_same(a_bar(), a_bar(high=101.02), 0.05)
    assert not is_same(a_bar(), a_bar(high=101.05), 0.05)
    assert is_same(a_bar(), a_bar(high=101.00001), None)
    assert not is_same(a_bar(), a_bar(high=101.0001), None)
    assert not is_same(a_bar(), a_bar(volume=6), 0.05)


def test_an_open_interest_that_the_source_does_not_send_is_kept() -> None:
    ledger = a_ledger()
    ours = replace(a_bar(), open_interest=70)
    ledger.end(BuiltBar(a_slot(), ours, whole=True), shown=True)

    assert is_same(ours, a_bar(), 0.05)
    assert not is_same(ours, replace(a_bar(), open_interest=71), 0.05)
    told = ledger.official(a_bar(volume=9))
    assert told is not None
    assert told.open_interest == 70


def test_an_official_bar_is_due_some_seconds_after_the_bar_has_settled() -> None:
    """After a closing auction, where one follows."""
    ledger = a_ledger()
    slot = replace(a_slot(), settles=MORNING + timedelta(minutes=20))
    ledger.end(BuiltBar(slot, a_bar(), whole=True), shown=True)

    assert ledger.next_due == MORNING + timedelta(minutes=20) + DELAY
    assert ledger.first_due(MORNING + timedelta(minutes=20)) is None
    assert ledger.first_due(MORNING + timedelta(minutes=21)) == MORNING


def test_a_bar_that_the_source_never_has_is_given_up_after_some_tries() -> None:
    """If it was shown while it formed, and never told as FINAL, it is told as it was seen."""
    ledger = a_ledger()
    ledger.end(BuiltBar(a_slot(), a_bar(), whole=False), shown=True)
    ledger.end(BuiltBar(a_slot(1), a_bar(1), whole=False), shown=False)
    told, tries = [], 0
    while ledger.next_due is not None:
        tries += 1
        told += list(ledger.missed(ledger.next_due + MINUTE))

    assert (told, tries) == ([a_bar()], MAX_TRIES)


def test_a_ledger_is_bounded() -> None:
    ledger = a_ledger()
    for number in range(MAX_WAITING + 10):
        ledger.end(BuiltBar(a_slot(number), a_bar(number), whole=True), shown=True)

    assert len(ledger.told) == KEPT_BARS
    assert ledger.told[-1] == a_bar(MAX_WAITING + 9)
    assert ledger.first_due(MORNING + timedelta(days=1)) == a_bar(10).time


async def test_a_mailbox_replaces_forming_states_and_queues_ended_bars() -> None:
    box = BarMailbox()
    for bar in (a_bar(0, FORMING), a_bar(0, FORMING, volume=6)):
        box.put_forming(bar)
    box.put_ended(a_bar(0, volume=7))
    box.put_forming(a_bar(1, FORMING))
    box.spend(2)

    changes = await box.take()
    assert changes.bars == (a_bar(0, volume=7), a_bar(1, FORMING))
    assert (changes.upstream_calls, changes.lost_since) == (2, None)
    assert box.take_now().bars == ()


async def test_a_bar_that_was_corrected_before_it_was_taken_comes_in_both_states() -> None:
    box = BarMailbox()
    box.put_ended(a_bar())
    box.put_ended(a_bar(volume=9, state=CORRECTED))
    box.put_forming(a_bar(1, FORMING))

    assert (await box.take()).bars == (a_bar(),)
    assert (await box.take()).bars == (a_bar(volume=9, state=CORRECTED), a_bar(1, FORMING))


async def test_a_full_mailbox_says_from_where_to_look_again() -> None:
    box = BarMailbox(size=3)
    for number in (1, 2, 0, 3, 4, 5, 6):
        box.put_ended(a_bar(number))

    changes = await box.take()
    assert changes.lost_since == a_bar(0).time
    assert [bar.time for bar in changes.bars] == [a_bar(6).time]


async def test_a_failure_is_raised_to_whoever_takes() -> None:
    box = BarMailbox()
    box.fail(NotSupported("no"))

    with pytest.raises(NotSupported, match="no"):
        await box.take()


def test_pauses_double_up_to_a_minute_and_begin_anew_after_an_answer() -> None:
    clock = PlayedTime()
    pace = Pace(clock)

    assert [pace.failed() for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    pace.answered()
    assert pace.not_before == clock.now() + timedelta(seconds=1)
    assert pace.failed() == 1


async def test_an_alarm_waits_for_a_ring_or_for_its_time() -> None:
    clock, waits = PlayedTime(), []
    alarm = Alarm(clock.sleep)

    async def wait(seconds: float | None) -> None:
        await alarm.wait(seconds)
        waits.append(clock.monotonic())

    async with anyio.create_task_group() as tasks:
        for seconds, action in ((5.0, None), (None, alarm.ring), (60.0, alarm.ring)):
            tasks.start_soon(wait, seconds)
            await settle()
            if action is not None:
                action()
            await clock.advance(5)
    assert waits == [5, 5, 10]
