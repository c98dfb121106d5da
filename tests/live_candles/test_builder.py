"""Bars from ticks: the laws that hold for any ticks, and what the builder decides."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from app.domain.bar_building import BarBuilder, BuiltBar
from app.domain.bar_slots import BarSlots
from app.domain.candles import Candle, CandleState, Interval
from app.domain.provenance import DataSource
from app.domain.ticks import Tick
from app.domain.time import ist_date, ist_datetime
from tests.live_candles.played import INFY, MORNING, indian_hours, open_hours

HOURS, INDIAN = open_hours(), indian_hours()
SECOND = timedelta(seconds=1)


def tick(at: datetime, price: float = 100.0, volume: int | None = None, *, received: datetime | None = None) -> Tick:
    return Tick(INFY.id, price, DataSource.SANDBOX, received or at, volume=volume, exchange_time=at)


def a_builder(interval: Interval = Interval.MINUTE, *, indian: bool = False) -> BarBuilder:
    return BarBuilder(BarSlots(INFY, interval, INDIAN if indian else HOURS).at)


def build(ticks: Iterable[Tick], interval: Interval = Interval.MINUTE) -> list[BuiltBar]:
    """All bars of the ticks, the forming one last."""
    builder = a_builder(interval)
    bars = [bar for each in ticks for bar in builder.add(each)]
    return [*bars, builder.forming] if builder.forming else bars


def candles(bars: Iterable[BuiltBar]) -> list[Candle]:
    return [bar.candle for bar in bars if bar.candle is not None]


def merged(bars: Sequence[Candle], interval: Interval) -> list[Candle]:
    """Longer bars, as the dictionary defines them."""
    slots = BarSlots(INFY, interval, HOURS)

    def opens(bar: Candle) -> datetime:
        slot = slots.at(bar.time)
        assert slot is not None
        return slot.opens

    groups = [(time, list(members)) for time, members in groupby(bars, key=opens)]
    return [
        Candle(
            time,
            members[0].open,
            max(bar.high for bar in members),
            min(bar.low for bar in members),
            members[-1].close,
            sum(bar.volume for bar in members),
        )
        for time, members in groups
    ]


@st.composite
def tick_sequences(draw: st.DrawFn) -> list[Tick]:
    """Ticks over some minutes and days; some late, some without a trade, volume from zero each day."""
    at, volume, day = MORNING, 0, ist_date(MORNING)
    ticks = []
    for _ in range(draw(st.integers(1, 40))):
        at += draw(st.sampled_from([timedelta(0), 5 * SECOND, 40 * SECOND, timedelta(minutes=4), timedelta(hours=19)]))
        if ist_date(at) != day:
            day, volume = ist_date(at), 0
        volume += draw(st.integers(0, 30))
        late = draw(st.sampled_from([0, 0, 0, 1, 70]))
        ticks.append(tick(at - late * SECOND, draw(st.integers(95, 105)) * 1.0, volume, received=at))
    return ticks


@given(tick_sequences(), st.sampled_from([Interval.MINUTE_3, Interval.MINUTE_5, Interval.HOUR]))
def test_longer_bars_are_the_merge_of_minutes_for_any_ticks(ticks: list[Tick], interval: Interval) -> None:
    minutes = [replace(bar, state=CandleState.FINAL) for bar in candles(build(ticks))]
    longer = [replace(bar, state=CandleState.FINAL) for bar in candles(build(ticks, interval))]

    assert longer == merged(minutes, interval)


@given(tick_sequences())
def test_every_bar_is_possible_and_bars_follow_one_another(ticks: list[Tick]) -> None:
    bars = build(ticks)
    prices = {each.last_price for each in ticks}

    for bar in candles(bars):
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        assert {bar.open, bar.high, bar.low, bar.close} <= prices
        assert bar.volume >= 0
    opens = [bar.slot.opens for bar in bars]
    assert opens == sorted(set(opens))
    assert all(bar.candle is None or bar.candle.state is CandleState.FINAL for bar in bars[:-1])


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 50), st.integers(99, 101)), min_size=1, max_size=40))
def test_no_volume_of_a_day_is_lost(moves: list[tuple[int, int, int]]) -> None:
    """The bars' volumes are the cumulative volume's way from the first tick to the last one."""
    at, volume, ticks = MORNING, 1_000, []
    for seconds, grown, price in moves:
        at, volume = at + seconds * SECOND, volume + grown
        ticks.append(tick(at, float(price), volume))

    assert sum(bar.volume for bar in candles(build(ticks))) == volume - (ticks[0].volume or 0)


@given(tick_sequences(), st.sets(st.integers(1, 38)))
def test_missed_ticks_lose_no_volume(ticks: list[Tick], missed: set[int]) -> None:
    """Whichever ticks of a day do not arrive, as long as the last one does."""
    day = [
        each
        for each in ticks
        if ist_date(each.received_at) == ist_date(MORNING) and each.exchange_time == each.received_at
    ]
    seen = [each for number, each in enumerate(day) if number in {0, len(day) - 1} or number not in missed]

    assert sum(bar.volume for bar in candles(build(seen))) == sum(bar.volume for bar in candles(build(day)))


@given(tick_sequences(), st.integers(0, 39))
def test_whatever_was_seen_whole_is_what_the_exchange_has(ticks: list[Tick], begin: int) -> None:
    """Watching begins somewhere: bars that say `whole` are those of one who saw everything."""
    in_order = [each for each in ticks if each.exchange_time == each.received_at]
    everything = {bar.time: bar for bar in candles(build(in_order))}

    for bar in build(in_order[begin:]):
        if bar.whole and bar.candle is not None:
            assert everything[bar.candle.time] == bar.candle


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 30)), min_size=3, max_size=9),
    st.integers(0, 8),
    st.integers(0, 8),
)
def test_a_seeded_bar_is_what_the_exchange_has(moves: list[tuple[int, int]], begin: int, answered: int) -> None:
    """Watching begins at some tick of a bar; the source answers with its bar of a later one; our ticks go on."""
    at, volume, ticks = MORNING, 0, [tick(MORNING - SECOND, 90.0, 0)]
    for number, (seconds, grown) in enumerate(moves):
        at, volume = at + seconds * SECOND, volume + grown + 1
        ticks.append(tick(at, 100.0 + number * 7 % 10, volume))
    first, until = 1 + begin % len(moves), 1 + max(begin % len(moves), answered % len(moves))
    (answer,), (true,) = candles(build(ticks[: until + 1])), candles(build(ticks))
    builder = a_builder()
    builder.add(ticks[first])
    builder.mark()
    for each in ticks[first + 1 :]:
        builder.add(each)
    assert builder.slot is not None
    builder.seed(builder.slot, answer)

    assert not builder.lacks_beginning
    assert candles(builder.advance(MORNING + timedelta(minutes=1))) == [replace(true, state=CandleState.FINAL)]


def test_the_clock_ends_a_bar_in_which_no_tick_comes_any_more() -> None:
    builder = a_builder()
    builder.add(tick(MORNING - SECOND, 100.0, 10))
    builder.add(tick(MORNING, 101.0, 15))

    assert builder.advance(MORNING + 59 * SECOND) == []
    (ended,) = builder.advance(MORNING + 60 * SECOND)
    assert ended.candle == Candle(MORNING, 101, 101, 101, 101, 5)
    assert ended.whole
    assert builder.forming is None


def test_a_tick_that_comes_after_the_end_of_its_bar_is_ignored_but_for_its_volume() -> None:
    builder = a_builder()
    builder.add(tick(MORNING - SECOND, 100.0, 10))
    builder.add(tick(MORNING, 101.0, 15))
    builder.advance(MORNING + 60 * SECOND)

    assert builder.add(tick(MORNING + 59 * SECOND, 500.0, 20)) == []
    assert builder.add(tick(MORNING + 61 * SECOND, 102.0, 22)) == []
    (bar,) = candles(builder.advance(MORNING + timedelta(minutes=2)))
    assert (bar.open, bar.high, bar.volume) == (102, 102, 7)


def test_a_stamp_far_in_the_future_counts_as_received() -> None:
    """One garbled packet must not end every bar of the coming years."""
    builder = a_builder()
    builder.add(tick(MORNING - SECOND, 100.0, 10))
    builder.add(tick(MORNING + timedelta(days=4_000), 101.0, 15, received=MORNING))
    builder.add(tick(MORNING + SECOND, 102.0, 16))

    assert builder.forming is not None
    assert builder.forming.candle == Candle(MORNING, 101, 102, 101, 102, 6, state=CandleState.FORMING)


def test_a_tick_without_a_trade_opens_no_bar() -> None:
    """The order book alone has changed. An index has no volume: each of its ticks is a value."""
    book = [tick(MORNING - SECOND, 100.0, 10), tick(MORNING, 100.0, 10)]
    index = [tick(MORNING - SECOND, 100.0), tick(MORNING, 100.0)]

    assert candles(build(book)) == []
    assert [(bar.close, bar.volume) for bar in candles(build(index))] == [(100, 0)]


def test_volume_starts_anew_each_day_and_the_pre_open_belongs_to_the_first_bar() -> None:
    builder = a_builder(indian=True)
    monday, wednesday = MORNING.date(), MORNING.date() + timedelta(days=2)
    builder.add(tick(ist_datetime(monday, 15, 29), 100.0, 9_000))
    builder.add(tick(ist_datetime(wednesday, 9, 8), 101.0, 400))
    builder.add(tick(ist_datetime(wednesday, 9, 15), 102.0, 450))

    assert builder.forming is not None
    assert builder.forming.candle is not None
    assert (builder.forming.candle.open, builder.forming.candle.volume) == (102, 450)
    assert builder.forming.whole


def test_a_first_tick_that_tells_of_a_session_of_before_begins_no_bar() -> None:
    """Who subscribes in the evening gets the last packet of the day."""
    builder = a_builder(indian=True)
    close = ist_datetime(MORNING.date(), 15, 29)

    assert builder.add(tick(close, 100.0, 9_000, received=close + timedelta(hours=3))) == []
    assert builder.forming is None
    assert builder.watching


def test_after_an_interruption_the_open_bar_is_not_whole_until_it_is_seeded() -> None:
    builder = a_builder()
    builder.add(tick(MORNING - SECOND, 100.0, 10))
    builder.add(tick(MORNING, 101.0, 15))
    builder.interrupt()
    interrupted = builder.forming
    assert interrupted is not None
    assert not interrupted.whole

    builder.add(tick(MORNING + 30 * SECOND, 103.0, 40))
    builder.mark()
    builder.seed(interrupted.slot, Candle(MORNING, 101, 120, 90, 103, 30))
    assert builder.forming is not None
    assert builder.forming.whole
    assert builder.forming.candle == Candle(MORNING, 101, 120, 90, 103, 30, state=CandleState.FORMING)


def test_an_answer_from_before_an_interruption_is_not_used() -> None:
    builder = a_builder()
    builder.add(tick(MORNING, 101.0, 15))
    builder.mark()
    builder.interrupt()
    builder.add(tick(MORNING + 30 * SECOND, 103.0, 40))
    assert builder.forming is not None
    builder.seed(builder.forming.slot, Candle(MORNING, 101, 120, 90, 103, 30))

    assert not builder.forming.whole


def test_open_interest_is_that_of_the_newest_tick_in_the_bar() -> None:
    ticks = [
        replace(tick(MORNING + seconds * SECOND, 100.0 + seconds, 10 + seconds), open_interest=500 + seconds)
        for seconds in (-1, 0, 7)
    ]

    assert [bar.open_interest for bar in candles(build(ticks))] == [507]
