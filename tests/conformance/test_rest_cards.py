"""Numbered cards for every provider of prices, history and instruments. Add a provider: one bench, one line below."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import ceil

import anyio
import pytest

from app.clock import SystemClock
from app.domain.candles import Candle, CandleRange, Interval
from app.domain.errors import (
    InvalidInput,
    InvalidRange,
    LoginRequired,
    MalformedPayload,
    NotSupported,
    RateLimited,
    SourceTimeout,
    SourceUnavailable,
)
from app.domain.instruments import Instrument
from app.domain.provenance import DataSource
from tests.conformance.rest_bench import Bench, BrokerBench, OpenBench, OpenBrokerBench, open_kite_bench
from tests.conformance.yahoo_bench import open_yahoo_bench
from tests.support.patience import PATIENCE

BROKERS = [pytest.param(open_kite_bench, id="kite")]
BENCHES = [*BROKERS, pytest.param(open_yahoo_bench, id="yahoo")]


@pytest.fixture(params=BENCHES)
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """Each provider, without pacing."""
    open_bench: OpenBench = request.param
    async with open_bench() as running:
        yield running


@pytest.fixture(params=BROKERS)
async def broker_bench(request: pytest.FixtureRequest) -> AsyncIterator[BrokerBench]:
    """Each provider with a login, a master and contracts."""
    open_bench: OpenBrokerBench = request.param
    async with open_bench() as running:
        yield running


@pytest.fixture(params=BROKERS)
async def paced_bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """Each provider with its own budgets, against an upstream that enforces them."""
    open_bench: OpenBench = request.param
    async with open_bench(paced=True) as running:
        yield running


@pytest.fixture(params=BENCHES)
async def hurried_bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """Each provider with little patience."""
    open_bench: OpenBench = request.param
    async with open_bench(hurried=True) as running:
        yield running


def last(length: timedelta) -> CandleRange:
    """The span that ended at the last full minute."""
    end = SystemClock().now().replace(second=0, microsecond=0)
    return CandleRange(end - length, end)


# ---------------------------------------------------------------- quotes


async def test_01_a_known_symbol_is_priced_and_labelled(bench):
    """Price, times in UTC, and never the label of the real exchange."""
    batch = await bench.quotes.quotes([bench.share])
    quote = batch.quotes[bench.share.id]
    assert quote.last_price > 0
    assert quote.source is bench.quotes.source is DataSource.SANDBOX
    assert quote.exchange_time is not None
    assert quote.exchange_time.tzinfo is UTC
    assert abs(quote.received_at - quote.exchange_time) < timedelta(minutes=2)
    assert (quote.depth is not None) == bench.has_depth
    assert quote.depth is None or 0 < len(quote.depth.bids) <= 5
    assert (batch.errors, batch.upstream_calls, bench.sent("quote")) == ({}, 1, 1)


async def test_02_an_unknown_one_among_many_is_absent(bench):
    """The others are answered, by symbol and by token alike."""
    unknown = replace(bench.share, id="NSE:NOSUCH", symbol="NOSUCH", instrument_token=None)
    gone = replace(bench.share, id="NSE:GONE", symbol="GONE", instrument_token=4_294_967_295)
    asked = [bench.share, unknown, bench.index, gone, bench.ampersand]
    batch = await bench.quotes.quotes(asked)
    assert set(batch.quotes) == {bench.share.id, bench.index.id, bench.ampersand.id}
    assert batch.errors == {}


async def test_03_symbols_that_need_escaping_arrive(bench):
    """Spaces and ampersands, asked by symbol."""
    asked = [replace(one, instrument_token=None) for one in (bench.ampersand, bench.index, bench.share)]
    assert set((await bench.quotes.quotes(asked)).quotes) == {one.id for one in asked}


async def test_04_above_the_batch_limit_is_cut_into_as_few_requests_as_possible(bench):
    """Every instrument is answered once, and the requests are told."""
    asked = bench.many(2 * bench.batch_limit + 1)
    batch = await bench.quotes.quotes(asked)
    assert set(batch.quotes) == {one.id for one in asked}
    assert batch.upstream_calls == bench.sent("quote") == ceil(len(asked) / bench.batch_limit)


async def test_05_by_symbol_the_address_keeps_its_length(bench):
    """500 long symbols do not fit into one address; the upstream refuses long ones."""
    asked = [replace(one, instrument_token=None) for one in reversed(bench.many(bench.batch_limit))]
    batch = await bench.quotes.quotes(asked)
    assert len(batch.quotes) == len(asked)


async def test_06_an_index_has_no_volume_and_a_contract_has_open_interest(broker_bench):
    """Unknown is None, never 0."""
    quotes = (await broker_bench.quotes.quotes([broker_bench.index, broker_bench.contract, broker_bench.share])).quotes
    assert (quotes[broker_bench.index.id].volume, quotes[broker_bench.index.id].depth) == (None, None)
    assert quotes[broker_bench.contract.id].open_interest is not None
    assert quotes[broker_bench.share.id].open_interest is None


async def test_07_nothing_asked_is_the_callers_mistake(bench):
    """Without a request."""
    with pytest.raises(InvalidInput):
        await bench.quotes.quotes([])
    assert bench.sent("quote") == 0


async def test_08_one_failed_request_of_several_is_partial(bench):
    """Errors by id for what failed, quotes for the rest."""
    asked = bench.many(bench.batch_limit + 100)
    await bench.fault("http_error", path="/quote", status=503, count=1)
    batch = await bench.quotes.quotes(asked)
    assert set(batch.quotes) | set(batch.errors) == {one.id for one in asked}
    assert set(batch.quotes) & set(batch.errors) == set()
    assert batch.quotes
    assert all(isinstance(error, SourceUnavailable) for error in batch.errors.values())


# ---------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("http_error", SourceUnavailable),
        ("html_502", SourceUnavailable),
        ("rate_limit", RateLimited),
        ("garbage", MalformedPayload),
        ("no_content_type", MalformedPayload),
        ("json_list", MalformedPayload),
    ],
)
async def test_09_each_fault_has_its_error_and_the_next_call_works(bench, kind, expected):
    """For prices and history alike, and the provider is whole again afterwards."""
    count = bench.attempts if kind == "rate_limit" else 1
    await bench.fault(kind, path="/quote", count=count)
    await bench.fault(kind, path="/instruments/historical", count=count)
    with pytest.raises(expected) as quotes:
        await bench.quotes.quotes([bench.share])
    with pytest.raises(expected) as candles:
        await bench.candles.candles(bench.share, Interval.MINUTE, last(timedelta(hours=1)))
    for caught in (quotes, candles):
        assert caught.value.retryable
        assert "Simulated" not in caught.value.message
        assert "<html>" not in caught.value.message
    assert (await bench.quotes.quotes([bench.share])).quotes
    assert await bench.candles.candles(bench.share, Interval.MINUTE, last(timedelta(hours=1)))


async def test_09_a_brokers_envelope_without_its_type_is_malformed(broker_bench):
    """Whatever its status: elsewhere a 500 is a 500."""
    await broker_bench.fault("no_error_type", path="/quote", count=1)
    with pytest.raises(MalformedPayload):
        await broker_bench.quotes.quotes([broker_bench.share])
    assert (await broker_bench.quotes.quotes([broker_bench.share])).quotes


async def test_10_an_upstream_that_stalls_is_a_timeout(hurried_bench):
    """Within the provider's patience, and the loop goes on meanwhile."""
    await hurried_bench.fault("latency", path="/quote", seconds=30, count=1)
    with anyio.fail_after(PATIENCE), pytest.raises(SourceTimeout):
        await hurried_bench.quotes.quotes([hurried_bench.share])


async def test_11_a_cancelled_call_harms_no_other(bench):
    """Neither the connection pool nor the budget."""
    await bench.fault("latency", path="/quote", seconds=0.3, count=1)
    with anyio.move_on_after(0.1):
        await bench.quotes.quotes([bench.share])
    assert (await bench.quotes.quotes([bench.share])).quotes


# ---------------------------------------------------------------- sessions


async def test_12_without_a_login_nothing_is_sent(broker_bench):
    """The error says where to log in."""
    broker_bench.log_out()
    with pytest.raises(LoginRequired) as caught:
        await broker_bench.quotes.quotes([broker_bench.share])
    assert caught.value.login_url
    assert broker_bench.sent("quote") == 0


async def test_13_a_token_that_dies_is_told_and_a_new_one_takes_over(broker_bench):
    """Prices, history, and prices again, without a restart."""
    assert (await broker_bench.quotes.quotes([broker_bench.share])).quotes
    await broker_bench.end_sessions()
    with pytest.raises(LoginRequired):
        await broker_bench.quotes.quotes([broker_bench.share])
    with pytest.raises(LoginRequired):
        await broker_bench.candles.candles(broker_bench.share, Interval.DAY, last(timedelta(days=5)))
    assert len(broker_bench.rejected) == 1
    await broker_bench.log_in()
    assert (await broker_bench.quotes.quotes([broker_bench.share])).quotes


# ---------------------------------------------------------------- history


def is_regular(bars: list[Candle]) -> bool:
    """Sorted, unique, and in UTC."""
    times = [bar.time for bar in bars]
    return times == sorted(set(times)) and all(time.tzinfo is UTC for time in times)


async def test_14_bars_lie_in_the_half_open_span(bench):
    """The bar at the start is in, the one at the end is not."""
    span = last(timedelta(hours=1))
    bars = await bench.candles.candles(bench.share, Interval.MINUTE_5, span)
    assert is_regular(bars)
    assert bars
    assert all(span.start <= bar.time < span.end for bar in bars)
    first = bars[0].time
    assert [bar.time for bar in await one_bar(bench, first)] == [first]


async def one_bar(bench: Bench, opens: datetime) -> list[Candle]:
    """The bars of exactly five minutes."""
    return await bench.candles.candles(bench.share, Interval.MINUTE_5, CandleRange(opens, opens + timedelta(minutes=5)))


async def test_15_adjoining_spans_give_each_bar_once(bench):
    """Nothing is lost or doubled at the edge."""
    span = last(timedelta(hours=2))
    middle = span.start + timedelta(hours=1)
    whole = await bench.candles.candles(bench.index, Interval.MINUTE, span)
    parts = [
        *await bench.candles.candles(bench.index, Interval.MINUTE, CandleRange(span.start, middle)),
        *await bench.candles.candles(bench.index, Interval.MINUTE, CandleRange(middle, span.end)),
    ]
    assert parts == whole
    assert len(whole) == 120


@pytest.mark.parametrize("interval", [Interval.HOUR, Interval.DAY])
async def test_16_the_longest_span_is_one_request_and_a_second_more_is_refused(bench, interval):
    """Here, before it is sent."""
    longest = bench.candles.longest_span(interval)
    span = last(longest)
    assert is_regular(await bench.candles.candles(bench.share, interval, span))
    assert bench.sent("historical") == 1
    with pytest.raises(InvalidRange):
        await bench.candles.candles(bench.share, interval, replace(span, start=span.start - timedelta(seconds=1)))
    assert bench.sent("historical") == 1


async def test_17_an_interval_that_the_source_has_not_is_not_supported(bench):
    """`longest_span` says None and no request is sent."""
    missing = [interval for interval in Interval if bench.candles.longest_span(interval) is None]
    for interval in missing:
        with pytest.raises(NotSupported):
            await bench.candles.candles(bench.share, interval, last(timedelta(days=1)))
    assert bench.sent("historical") == 0


async def test_18_a_contract_has_open_interest_in_its_bars(broker_bench):
    """A share has None."""
    span = last(timedelta(hours=1))
    contract = await broker_bench.candles.candles(broker_bench.contract, Interval.MINUTE_15, span)
    share = await broker_bench.candles.candles(broker_bench.share, Interval.MINUTE_15, span)
    assert {bar.open_interest is None for bar in contract} == {False}
    assert {bar.open_interest is None for bar in share} == {True}


async def test_19_a_span_without_trading_is_empty(bench):
    """The future, or before the first listing."""
    ahead = CandleRange(last(timedelta(0)).end + timedelta(days=2), last(timedelta(0)).end + timedelta(days=3))
    assert await bench.candles.candles(bench.share, Interval.MINUTE, ahead) == []


# ---------------------------------------------------------------- the master


async def test_20_the_master_is_the_upstreams_own(broker_bench):
    """Row for row: ids, tokens, kinds, expiries, strikes, steps and lots; without a login."""
    broker_bench.log_out()
    dump = await broker_bench.instruments.instruments()
    assert dump.skipped_rows == 0
    assert len(dump.instruments) == len(broker_bench.listed)
    assert [comparable(one) for one in dump.instruments] == [
        comparable(broker_bench.listed[one.id]) for one in dump.instruments
    ]


def comparable(one: Instrument) -> Instrument:
    """What a master may leave out is left out."""
    return replace(one, name=None, underlying_id=None, segment=None)


async def test_21_an_underlying_leads_to_an_instrument(broker_bench):
    """Every link ends in the same master, and every index option has one."""
    dump = await broker_bench.instruments.instruments()
    ids = {one.id for one in dump.instruments}
    linked = {one.underlying_id for one in dump.instruments if one.underlying_id}
    assert linked <= ids
    assert {"NSE:NIFTY 50", "NSE:NIFTY BANK", "NSE:INFY"} <= linked


async def test_22_the_same_master_has_the_same_digest(broker_bench):
    """A sync can tell that nothing changed."""
    first, second = [await broker_bench.instruments.instruments() for _ in range(2)]
    assert first.digest == second.digest


# ---------------------------------------------------------------- pace


async def test_23_the_provider_keeps_the_sources_pace_by_itself(paced_bench):
    """Many callers at once: the upstream never has to refuse one."""
    span = last(timedelta(minutes=10))
    bars: list[int] = []

    async def price() -> None:
        assert (await paced_bench.quotes.quotes([paced_bench.share])).quotes

    async def chart() -> None:
        bars.append(len(await paced_bench.candles.candles(paced_bench.share, Interval.MINUTE, span)))

    async with anyio.create_task_group() as group:
        for _ in range(2):
            group.start_soon(price)
        for _ in range(6):
            group.start_soon(chart)
    assert bars == [10] * 6
    assert (paced_bench.sent("quote"), paced_bench.sent("historical")) == (2, 6)
