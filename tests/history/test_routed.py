"""History of two sources: who answers, with what label, and that their bars are never mixed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.candles import CandleRange, CandleSeries, Interval
from app.domain.errors import (
    InvalidRange,
    LoginRequired,
    MarketDataError,
    NotPriced,
    NotSupported,
    SourceUnavailable,
)
from app.domain.instruments import Exchange
from app.domain.provenance import Cost, DataSource
from app.services.history.routed import RoutedHistory, Shelf
from app.services.history.service import HistoryService
from app.store.candle_shelf import CandleShelf
from tests.history.bench import exact
from tests.history.market import DAYS, HOURS, INFY, NOW, CalendarMarket, at, between
from tests.services.fakes import SetClock, an_instrument
from tests.support.stores import MemoryCandleStore
from tests.support.virtual_time import VIRTUAL_TIME

SPX = an_instrument("YAHOO:^GSPC")
FUTURE = an_instrument("NFO:INFY26NOVFUT", expiry=at("2026-11-26").date())
LAST_WEEK = between("2026-11-16", "2026-11-21")
DOWN = SourceUnavailable("it does not answer")
LOGIN = LoginRequired("nobody is logged in", login_url="http://127.0.0.1/auth/kite/login")
COARSE: dict[Interval, int] = {interval: days for interval, days in DAYS.items() if interval is not Interval.MINUTE_5}


@dataclass
class Pair:
    """A routed history over two markets that differ: the second's prices are half of the first's before today."""

    history: RoutedHistory
    kite: CalendarMarket
    yahoo: CalendarMarket
    store: MemoryCandleStore
    clock: SetClock

    async def ask(
        self, interval: Interval = Interval.DAY, span: CandleRange | None = LAST_WEEK, **options: Any
    ) -> CandleSeries:
        """One question about INFY, or another instrument."""
        question = {"instrument": INFY, "last": None, "include_forming": False, "cost": Cost()} | options
        instrument = question.pop("instrument")
        start, end = (span.start, span.end) if span else (None, None)
        return await self.history.candles(instrument, interval, start=start, end=end, **question)


@asynccontextmanager
async def running_pair(clock: SetClock, *, first: DataSource = DataSource.KITE) -> AsyncIterator[Pair]:
    """Both sources, running until the block is left. Yahoo has no five minutes, no derivatives; Kite no YAHOO: ids."""
    kite = CalendarMarket(clock, source=DataSource.KITE)
    yahoo = CalendarMarket(clock, source=DataSource.YAHOO, days=dict(COARSE), split_on=NOW.date())
    store = MemoryCandleStore()
    shelves = [
        Shelf(DataSource.KITE, HistoryService(kite, store, clock, HOURS), lambda each: each.exchange != Exchange.YAHOO),
        Shelf(
            DataSource.YAHOO,
            HistoryService(yahoo, CandleShelf(store, DataSource.YAHOO), clock, HOURS),
            lambda each: each.exchange != Exchange.NFO,
        ),
    ]
    history = RoutedHistory(sorted(shelves, key=lambda shelf: shelf.name is not first))
    failures: list[Exception] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(history.run)
        try:
            yield Pair(history, kite, yahoo, store, clock)
        except Exception as failure:  # noqa: BLE001 - raised below, outside of the group that would wrap it
            failures.append(failure)
        finally:
            tasks.cancel_scope.cancel()
    if failures:
        raise failures[0]


@pytest.fixture
async def pair(clock: SetClock) -> AsyncIterator[Pair]:
    """Kite first."""
    async with running_pair(clock) as found:
        yield found


def of(series: CandleSeries) -> set[DataSource]:
    """Who said the bars."""
    return {share.source for share in series.sources}


async def test_the_first_choice_answers(pair: Pair) -> None:
    """Without a label, and the other is not asked."""
    series = await pair.ask()
    assert (of(series), series.fallback_reason) == ({DataSource.KITE}, None)
    assert exact(series, pair.kite)
    assert pair.yahoo.sent == 0


async def test_without_the_first_the_second_answers_and_says_why(pair: Pair) -> None:
    """All its bars, with the first one's error as reason; the cost counts what both took."""
    pair.kite.always = LOGIN
    cost = Cost()
    series = await pair.ask(cost=cost)
    assert (of(series), series.problem) == ({DataSource.YAHOO}, None)
    assert series.fallback_reason == "KITE: LOGIN_REQUIRED: nobody is logged in"
    assert exact(series, pair.yahoo)
    assert series.candles[0].close == pair.kite.truth(Interval.DAY, LAST_WEEK, NOW)[0].close / 2
    assert cost.upstream_calls >= 1


async def test_a_first_choice_that_is_back_answers_itself(pair: Pair) -> None:
    """What the second gave stays apart: the first one's bars are fetched."""
    pair.kite.always = LOGIN
    await pair.ask()
    pair.kite.always = None
    series = await pair.ask()
    assert (of(series), series.fallback_reason) == ({DataSource.KITE}, None)
    assert exact(series, pair.kite)


async def test_what_is_stored_of_the_first_needs_no_second(pair: Pair) -> None:
    """Bars that are there are the first choice's, whether it answers or not."""
    await pair.ask()
    pair.kite.always = DOWN
    series = await pair.ask()
    assert (of(series), series.fallback_reason, series.problem) == ({DataSource.KITE}, None, None)
    assert pair.yahoo.sent == 0


async def test_a_part_of_the_first_is_better_than_a_whole_of_another(pair: Pair) -> None:
    """It says what is missing and why; no bar of the second fills the hole."""
    await pair.ask(span=between("2026-11-18", "2026-11-20"))
    pair.kite.always = DOWN
    series = await pair.ask()
    assert (of(series), series.fallback_reason) == ({DataSource.KITE}, None)
    assert [bar.time for bar in series.candles] == [at("2026-11-18"), at("2026-11-19")]
    assert series.problem == "SOURCE_UNAVAILABLE: it does not answer"
    assert series.missing == (between("2026-11-16", "2026-11-18"), between("2026-11-20", "2026-11-21"))
    assert pair.yahoo.sent == 0


@pytest.mark.parametrize("second", [DOWN, NotPriced("delisted"), InvalidRange("too long ago")], ids=lambda e: e.code)
async def test_if_both_fail_the_first_tells(pair: Pair, second: MarketDataError) -> None:
    """A page shows the way to the login, not what Yahoo lacks."""
    pair.kite.always, pair.yahoo.always = LOGIN, second
    with pytest.raises(LoginRequired, match="nobody is logged in"):
        await pair.ask()


async def test_a_wrong_range_is_nobodys(pair: Pair) -> None:
    """Upside down at one is upside down at all."""
    with pytest.raises(InvalidRange):
        await pair.ask(span=CandleRange(LAST_WEEK.end, LAST_WEEK.start))
    assert (pair.kite.sent, pair.yahoo.sent) == (0, 0)


async def test_an_interval_that_the_second_lacks_is_the_firsts_alone(pair: Pair) -> None:
    """Nothing is made up from other bars; the reason is the first one's."""
    assert of(await pair.ask(Interval.MINUTE_5)) == {DataSource.KITE}
    pair.kite.always = LOGIN
    with pytest.raises(LoginRequired):
        await pair.ask(Interval.MINUTE_5, between("2026-10-05", "2026-10-06"))


async def test_an_interval_that_the_first_lacks_comes_from_the_other(clock: SetClock) -> None:
    """With Yahoo first: it says that it has none, and Kite answers."""
    async with running_pair(clock, first=DataSource.YAHOO) as pair:
        series = await pair.ask(Interval.MINUTE_5)
        assert of(series) == {DataSource.KITE}
        assert series.fallback_reason is not None
        assert series.fallback_reason.startswith("YAHOO: NOT_SUPPORTED: YAHOO has no MINUTE_5 bars")
        assert of(await pair.ask(Interval.DAY)) == {DataSource.YAHOO}


async def test_a_source_that_does_not_carry_it_is_not_asked_and_is_no_reason(pair: Pair) -> None:
    """World symbols are Yahoo's alone, derivatives Kite's."""
    series = await pair.ask(instrument=SPX)
    assert (of(series), series.fallback_reason, pair.kite.sent) == ({DataSource.YAHOO}, None, 0)
    pair.kite.always = DOWN
    with pytest.raises(SourceUnavailable):
        await pair.ask(instrument=FUTURE)
    assert pair.yahoo.refused == 0
    assert [asked.span.start for asked in pair.yahoo.asked] == [LAST_WEEK.start]


async def test_what_nobody_carries_is_not_supported() -> None:
    """With the instrument's name."""
    history = RoutedHistory([])
    with pytest.raises(NotSupported, match=r"no source that is configured has candles of YAHOO:\^GSPC"):
        history.source_of(SPX)


async def test_only_the_first_choice_fills_its_store(pair: Pair) -> None:
    """A backfill waits for it; the second never fills in."""
    assert await pair.history.requests_for(INFY, Interval.DAY, LAST_WEEK) == 1
    pair.kite.always = LOGIN
    with pytest.raises(LoginRequired):
        await pair.history.ensure(INFY, Interval.DAY, LAST_WEEK)
    assert (pair.yahoo.sent, await pair.history.stored(INFY, Interval.DAY, LAST_WEEK)) == (0, [])
    pair.kite.always = None
    assert await pair.history.ensure(INFY, Interval.DAY, LAST_WEEK) == 1
    assert await pair.history.requests_for(INFY, Interval.DAY, LAST_WEEK) == 0
    (known,) = await pair.history.stored(INFY, Interval.DAY, LAST_WEEK)
    assert (known.span, known.source, pair.yahoo.sent) == (LAST_WEEK, DataSource.KITE, 0)
    assert pair.history.source_of(INFY) is DataSource.KITE
    assert pair.history.source_of(SPX) is DataSource.YAHOO


async def test_of_a_market_whose_hours_nobody_knows_nothing_is_expected(pair: Pair) -> None:
    """No count is invented; what was fetched has no holes, and what was not is missing."""
    whole = await pair.ask(Interval.HOUR, instrument=SPX)
    assert (whole.expected, whole.missing, whole.problem) == (None, (), None)
    assert whole.count > 0
    pair.yahoo.always = DOWN
    longer = CandleRange(LAST_WEEK.start - timedelta(days=7), LAST_WEEK.end)
    part = await pair.ask(Interval.HOUR, longer, instrument=SPX)
    assert part.expected is None
    assert part.missing == (CandleRange(longer.start, LAST_WEEK.start),)
    assert part.problem == "SOURCE_UNAVAILABLE: it does not answer"


Step = tuple[Interval, datetime, timedelta, bool, bool]
STEPS = st.lists(
    st.tuples(
        st.sampled_from([Interval.HOUR, Interval.DAY, Interval.WEEK]),
        st.integers(0, 40).map(lambda days: at("2026-10-05") + timedelta(days=days)),
        st.integers(1, 9).map(lambda days: timedelta(days=days)),
        st.booleans(),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60)
@given(STEPS)
def test_no_answer_ever_has_bars_of_both(steps: list[Step]) -> None:
    """Whoever is down when: each answer is a part of what one source says, all of it unless it names a problem."""
    anyio.run(check, steps, backend_options=VIRTUAL_TIME[1])


async def check(steps: list[Step]) -> None:
    async with running_pair(SetClock(NOW)) as pair:
        for interval, start, length, kite_is_up, yahoo_is_up in steps:
            pair.kite.always, pair.yahoo.always = (None if up else DOWN for up in (kite_is_up, yahoo_is_up))
            span = CandleRange(start, min(start + length, at("2026-11-16")))
            try:
                series = await pair.ask(interval, span)
            except SourceUnavailable:
                assert not kite_is_up
                continue
            market = pair.kite if series.fallback_reason is None else pair.yahoo
            assert of(series) <= {market.source}
            assert not (kite_is_up and series.fallback_reason)
            if interval is Interval.WEEK:
                continue
            truth = market.truth(interval, span, NOW)
            assert set(series.candles) <= set(truth)
            assert series.problem is not None or list(series.candles) == truth
