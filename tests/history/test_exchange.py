"""The main cases once more, against the sandbox exchange over HTTP, on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.candle_merge import FINER
from app.domain.candles import Candle, CandleRange, CandleState, Interval
from app.domain.errors import LoginRequired
from app.ports import CandleStore
from app.store.candles import SqlCandleStore
from app.store.engine import open_database
from tests.history.exchange import open_exchange
from tests.history.market import DAY, NOW, at
from tests.support.clock import FixedClock
from tests.support.stores import MemoryCandleStore

INFY = "NSE:INFY"
KINDS = (INFY, "NSE:NIFTY 50", "NSE:TATASTEEL", "MCX:CRUDEOIL26DECFUT", "CDS:USDINR26DECFUT", "NFO:NIFTY26DECFUT")
"""Hours with and without an auction, evenings, currencies, futures with open interest."""


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[CandleStore]:
    """An empty store of each kind."""
    async with open_database(database_url) as database:
        yield SqlCandleStore(database, FixedClock())


async def test_a_year_of_five_minute_bars(store: CandleStore) -> None:
    """Four requests cold, none warm, none after a restart; nothing is missing of what the calendar expects."""
    async with open_exchange(store, NOW) as exchange:
        cold = await exchange.ask(INFY, Interval.MINUTE_5, NOW - 365 * DAY, end=at("2026-11-07"))
        assert (cold.upstream_calls, exchange.requests) == (4, 4)
        warm = await exchange.ask(INFY, Interval.MINUTE_5, NOW - 365 * DAY, end=at("2026-11-07"))
        assert (warm.upstream_calls, exchange.requests) == (0, 4)
        assert warm.candles == cold.candles
        assert (warm.count, warm.missing, warm.problem) == (warm.expected, (), None)
    async with open_exchange(store, NOW) as exchange:
        again = await exchange.ask(INFY, Interval.MINUTE_5, NOW - 365 * DAY, end=at("2026-11-07"))
        assert (again.upstream_calls, exchange.requests, again.candles) == (0, 0, cold.candles)


async def test_the_open_bar_and_the_next_one(store: CandleStore) -> None:
    """A chart of a page that polls: one request, then one for each bar, and the bars are the exchange's own."""
    async with open_exchange(store, NOW) as exchange:
        first = await exchange.ask(INFY, Interval.MINUTE, last=100, include_forming=True)
        again = await exchange.ask(INFY, Interval.MINUTE, last=100, include_forming=True)
        assert again == replace(first, upstream_calls=0)
        assert exchange.requests == 1
        exchange.sandbox.clock.shift(seconds=60)
        second = await exchange.ask(INFY, Interval.MINUTE, last=100, include_forming=True)
        assert exchange.requests == 2
        assert [bar.state for bar in second.candles[-2:]] == [CandleState.FINAL, CandleState.FORMING]
        assert second.candles[:98] == first.candles[1:99]
        span = CandleRange(second.candles[0].time, NOW + timedelta(seconds=60))
        official = await exchange.kite.candles.candles(exchange.listed[INFY], Interval.MINUTE, span)
        assert list(second.candles[:-1]) == official[:-1]


async def test_a_failure_half_way(store: CandleStore) -> None:
    """The exchange breaks after some pieces; what came is stored, and later only the rest is asked for."""
    async with open_exchange(store, NOW) as exchange:
        recent = await exchange.ask(INFY, Interval.HOUR, NOW - 300 * DAY, end=at("2026-11-07"))
        await exchange.sandbox.fault("http_error", path="/instruments/historical", status=503, count=1)
        half = await exchange.ask(INFY, Interval.HOUR, NOW - 600 * DAY, end=at("2026-11-07"))
        assert (half.candles, half.upstream_calls) == (recent.candles, 1)
        assert half.missing[-1].end == recent.candles[0].time
        assert half.problem is not None
        assert half.problem.startswith("SOURCE_UNAVAILABLE: ")
        whole = await exchange.ask(INFY, Interval.HOUR, NOW - 600 * DAY, end=at("2026-11-07"))
        assert (whole.missing, whole.problem, exchange.requests) == ((), None, 3)


async def test_a_login_that_died(store: CandleStore) -> None:
    """Stored bars are served, the rest is named; without any bar the error says where to log in."""
    async with open_exchange(store, NOW) as exchange:
        await exchange.ask(INFY, Interval.DAY, at("2026-10-01"), end=at("2026-11-07"))
        await exchange.sandbox.fault("dead_token")
        series = await exchange.ask(INFY, Interval.DAY, at("2026-10-01"))
        assert series.candles[-1].time == at("2026-11-06")
        assert (series.missing[0].start, series.missing[-1].end) == (at("2026-11-08"), at("2026-11-21"))
        assert series.problem is not None
        assert series.problem.startswith("LOGIN_REQUIRED: ")
        with pytest.raises(LoginRequired):
            await exchange.ask(INFY, Interval.DAY, at("2026-11-10"))


@pytest.mark.parametrize("always_open", [False, True])
@pytest.mark.parametrize("key", KINDS)
async def test_derived_bars_are_the_exchanges_own(key: str, always_open: bool) -> None:  # noqa: FBT001 - a parameter
    """Every interval from stored minutes, over days with all kinds of hours, equals what the exchange says."""
    end = NOW - timedelta(seconds=90)
    span = CandleRange(at("2026-11-22" if always_open else "2026-11-19"), end)
    async with open_exchange(MemoryCandleStore(), NOW, always_open=always_open) as exchange:
        minutes = await exchange.ask(key, Interval.MINUTE, span.start, end=span.end)
        requests = exchange.requests
        for interval in FINER:
            derived = await exchange.ask(key, interval, span.start, end=span.end)
            official = await exchange.kite.candles.candles(exchange.listed[key], interval, span)
            assert list(derived.candles) == [bar for bar in official if over(bar, interval)]
            assert derived.count == derived.expected
        assert minutes.count > 700
        assert exchange.requests == requests + len(FINER)


def over(bar: Candle, interval: Interval) -> bool:
    """Whether the bar had ended by now."""
    return bar.time + timedelta(minutes=interval.minutes or 0) <= NOW
