"""Numbered cards for what Yahoo alone has: crumbs, world symbols, delays, fundamentals; over the sandbox."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

import pytest
from anyio import to_thread

from app.clock import SystemClock
from app.domain.candles import CandleRange, CandleState, Interval
from app.domain.errors import MalformedPayload, NotPriced, RateLimited, SourceUnavailable
from app.domain.provenance import DataSource
from app.domain.time import to_ist
from app.providers.budget import SourceBudgets
from app.providers.yahoo.adapter import Yahoo, build_yahoo
from app.providers.yahoo.config import YahooConfig
from app.providers.yahoo.known import INDICES, KNOWN
from app.providers.yahoo.symbols import yahoo_instrument
from tests.conformance.rest_bench import sandbox_market
from tests.conformance.yahoo_bench import LONG, UNPACED
from tests.support.sandbox import RunningSandbox, running_sandbox
from tests.yahoo.samples import INFY, NIFTY, RELIANCE, instrument

LAST_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Parties:
    """The provider and its upstream."""

    yahoo: Yahoo
    sandbox: RunningSandbox


@pytest.fixture
async def parties() -> AsyncIterator[Parties]:
    """A sandbox with Yahoo's own delays, and a provider that has asked it nothing yet."""
    market = await to_thread.run_sync(sandbox_market)
    async with running_sandbox(market=market, rate_limits=None) as sandbox:
        config = YahooConfig(api_url=sandbox.url, stream_url=sandbox.yahoo_stream_url, patience=LONG)
        clock = SystemClock()
        yahoo = build_yahoo(config, clock=clock, budgets=SourceBudgets(UNPACED, clock))
        yield Parties(yahoo, sandbox)
        yahoo.close()


def last(length: timedelta) -> CandleRange:
    """The span that ends now."""
    now = SystemClock().now()
    return CandleRange(now - length, now)


async def test_01_cookie_and_crumb_are_got_once(parties):
    """Three requests cold, one warm."""
    assert (await parties.yahoo.quotes.quotes([INFY])).upstream_calls == 3
    assert (await parties.yahoo.quotes.quotes([RELIANCE])).upstream_calls == 1
    counts = [parties.sandbox.count(name) for name in ("yahoo_cookie", "yahoo_crumb", "yahoo_quote")]
    assert counts == [1, 1, 2]


async def test_02_a_stale_crumb_is_renewed_unseen(parties):
    """The call that meets it is answered, in a bounded number of requests."""
    await parties.yahoo.quotes.quotes([INFY])
    await parties.sandbox.fault("yahoo_stale_crumb")
    batch = await parties.yahoo.quotes.quotes([INFY])
    assert INFY.id in batch.quotes
    assert batch.upstream_calls <= 8
    assert (await parties.yahoo.quotes.quotes([INFY])).upstream_calls == 1


async def test_03_quotes_of_india_say_that_they_are_late(parties):
    """A quarter of an hour, and their own time tells the same."""
    quote = (await parties.yahoo.quotes.quotes([INFY])).quotes[INFY.id]
    assert quote.delayed_by == timedelta(minutes=15)
    assert quote.exchange_time is not None
    assert quote.received_at - quote.exchange_time >= timedelta(minutes=14)
    assert (quote.source, quote.in_session) == (DataSource.SANDBOX, True)


async def test_04_every_symbol_of_our_tables_is_priced_in_its_currency(parties):
    """Whatever we say of a world symbol, Yahoo says the same; in one call each for the world and India."""
    world = [yahoo_instrument(symbol) for symbol in KNOWN if parties.sandbox.parts.yahoo.knows(symbol)]
    batch = await parties.yahoo.quotes.quotes(world)
    assert len(world) > 20
    assert (set(batch.quotes), batch.errors) == ({one.id for one in world}, {})
    indices = [instrument(one, NIFTY.kind, tick_size=None) for one in INDICES]
    assert set((await parties.yahoo.quotes.quotes(indices)).quotes) == set(INDICES)
    assert parties.sandbox.count("yahoo_quote") == 2


@pytest.mark.parametrize(
    ("fault", "fields", "expected"),
    [
        ("yahoo_html", {"status": 200}, MalformedPayload),
        ("yahoo_html", {"status": 502}, SourceUnavailable),
        ("yahoo_down", {}, SourceUnavailable),
        ("yahoo_429", {}, RateLimited),
    ],
)
async def test_05_each_fault_has_its_error_and_the_next_call_works(parties, fault, fields, expected):
    """Wherever in the call it strikes first: here at the crumb or the cookie, then at the data."""
    await parties.sandbox.fault(fault, path="/v1/test", count=1, **fields)
    with pytest.raises(expected):
        await parties.yahoo.quotes.quotes([INFY])
    assert (await parties.yahoo.quotes.quotes([INFY])).quotes
    await parties.sandbox.fault(fault, path="/v10", count=1, **fields)
    with pytest.raises(expected):
        await parties.yahoo.fundamentals.fundamentals(INFY)
    assert (await parties.yahoo.fundamentals.fundamentals(INFY)).market_cap


async def test_06_a_missing_and_a_delisted_symbol(parties):
    """Absent from quotes; of a delisted one there are no bars either, and the others are there."""
    await parties.sandbox.fault("yahoo_missing", instrument="INFY.NS")
    assert set((await parties.yahoo.quotes.quotes([INFY, RELIANCE])).quotes) == {RELIANCE.id}
    parties.sandbox.heal()
    await parties.sandbox.fault("yahoo_delisted", instrument="INFY.NS")
    assert set((await parties.yahoo.quotes.quotes([INFY, RELIANCE])).quotes) == {RELIANCE.id}
    with pytest.raises(NotPriced):
        await parties.yahoo.candles.candles(INFY, Interval.DAY, last(5 * LAST_DAY))
    parties.sandbox.heal()
    assert INFY.id in (await parties.yahoo.quotes.quotes([INFY])).quotes


async def test_07_fundamentals_of_a_company(parties):
    """In rupees, with their time."""
    found = await parties.yahoo.fundamentals.fundamentals(INFY)
    assert (found.id, found.source, found.currency) == (INFY.id, DataSource.SANDBOX, "INR")
    assert found.market_cap is not None
    assert found.market_cap > 1e9
    assert found.fifty_two_week_high is not None
    assert found.fifty_two_week_low is not None
    assert found.fifty_two_week_high > found.fifty_two_week_low > 0
    assert found.dividend_yield is None or 0 < found.dividend_yield < 1
    with pytest.raises(NotPriced):
        await parties.yahoo.fundamentals.fundamentals(instrument("NSE:NOSUCH"))


@pytest.mark.parametrize("interval", [Interval.MINUTE_5, Interval.MINUTE_30, Interval.HOUR])
async def test_08_bars_lie_on_the_grid_although_yahoo_sends_a_live_row(parties, interval):
    """The newest forms, every other is final, and none is of the second of a trade."""
    bars = await parties.yahoo.candles.candles(INFY, interval, last(LAST_DAY))
    length = timedelta(minutes=interval.minutes)
    assert {later.time - earlier.time for earlier, later in pairwise(bars)} == {length}
    assert all(bar.time.second == 0 for bar in bars)
    assert {bar.state for bar in bars[:-1]} == {CandleState.FINAL}
    assert bars[-1].state is CandleState.FORMING


@pytest.mark.parametrize("symbol", ["^NSEI", "^GSPC", "^N225", "INR=X", "GC=F", "BTC-USD"])
async def test_09_days_are_stamped_with_their_midnight_in_india(parties, symbol):
    """Whatever the exchange's clock, and one a date."""
    bars = await parties.yahoo.candles.candles(yahoo_instrument(symbol), Interval.DAY, last(30 * LAST_DAY))
    assert len(bars) > 15
    assert {to_ist(bar.time).time().isoformat() for bar in bars} == {"00:00:00"}
    assert len({to_ist(bar.time).date() for bar in bars}) == len(bars)


async def test_10_bars_and_quotes_tell_the_same_price(parties):
    """The last day's close is the price of the quote; rounded to the same places."""
    bars = await parties.yahoo.candles.candles(RELIANCE, Interval.DAY, last(5 * LAST_DAY))
    quote = (await parties.yahoo.quotes.quotes([RELIANCE])).quotes[RELIANCE.id]
    assert bars[-1].close == pytest.approx(quote.last_price, rel=0.01)
    assert all(round(price, 2) == price for bar in bars for price in (bar.open, bar.high, bar.low, bar.close))
