"""What is asked of Yahoo for prices, bars and fundamentals, and what is refused before it is sent."""

from datetime import timedelta
from math import ceil

import pytest
from starlette.responses import JSONResponse

from app.clock import SystemClock
from app.domain.candles import CandleRange, Interval
from app.domain.errors import InvalidInput, InvalidRange, NotPriced, NotSupported, SourceUnavailable
from app.domain.time import from_epoch
from app.providers.yahoo.adapter import Yahoo
from app.providers.yahoo.limits import INTERVAL_WORDS, LONGEST_SPANS, MAX_SYMBOLS, REACHES
from app.providers.yahoo.symbols import unlisted_instrument
from tests.yahoo.fake_yahoo import FakeYahoo, html, quote_row, quotes, refusal
from tests.yahoo.samples import FUTURE, INFY, NIFTY, SUMMARY, chart, instrument

NOW = SystemClock().now().replace(second=0, microsecond=0)


def last(length: timedelta) -> CandleRange:
    """The span that ends now."""
    return CandleRange(NOW - length, NOW)


def echo(fake: FakeYahoo) -> None:
    """Let the fake price every symbol."""
    fake.usual = lambda request: quotes(*(quote_row(one) for one in request.query_params["symbols"].split(",")))


async def test_above_the_limit_symbols_are_cut_into_as_few_requests_as_possible(fake: FakeYahoo, yahoo: Yahoo):
    """Each instrument is answered once."""
    echo(fake)
    shares = [instrument(f"NSE:S{number}") for number in range(2 * MAX_SYMBOLS + 1)]
    batch = await yahoo.quotes.quotes(shares)
    assert set(batch.quotes) == {share.id for share in shares}
    sizes = [len(one.query_params["symbols"].split(",")) for one in fake.requests if "quote" in one.url.path]
    assert (len(sizes), max(sizes)) == (ceil(len(shares) / MAX_SYMBOLS), MAX_SYMBOLS)


async def test_one_failed_request_of_several_is_partial(fake: FakeYahoo, yahoo: Yahoo):
    """Errors by id for what failed, quotes for the rest."""
    echo(fake)
    fake.script.append(html(503))
    shares = [instrument(f"NSE:S{number}") for number in range(MAX_SYMBOLS + 10)]
    batch = await yahoo.quotes.quotes(shares)
    assert set(batch.quotes) | set(batch.errors) == {share.id for share in shares}
    assert batch.quotes
    assert {type(error) for error in batch.errors.values()} == {SourceUnavailable}


async def test_derivatives_are_told_and_cost_nothing(fake: FakeYahoo, yahoo: Yahoo):
    """Alone they are the error of the call."""
    echo(fake)
    batch = await yahoo.quotes.quotes([FUTURE, INFY])
    assert set(batch.quotes) == {INFY.id}
    assert isinstance(batch.errors[FUTURE.id], NotSupported)
    sent = len(fake.requests)
    with pytest.raises(NotSupported):
        await yahoo.quotes.quotes([FUTURE])
    with pytest.raises(InvalidInput):
        await yahoo.quotes.quotes([])
    assert len(fake.requests) == sent


async def test_a_symbol_with_an_ampersand_arrives_whole(fake: FakeYahoo, yahoo: Yahoo):
    """In the query and in the path."""
    echo(fake)
    mahindra = instrument("NSE:M&M")
    assert mahindra.id in (await yahoo.quotes.quotes([mahindra])).quotes
    fake.usual = JSONResponse(chart([]))
    await yahoo.candles.candles(mahindra, Interval.DAY, last(timedelta(days=5)))
    assert fake.requests[-1].scope["raw_path"] == b"/v8/finance/chart/M%26M.NS"


async def test_a_chart_is_asked_by_seconds_and_without_adjustment(fake: FakeYahoo, yahoo: Yahoo):
    """The words are Yahoo's; bars outside the span are left out."""
    span, half_an_hour = last(timedelta(hours=2)), timedelta(minutes=30)
    inside = span.start + half_an_hour
    times = (span.start - half_an_hour, inside, span.end + half_an_hour)
    fake.usual = JSONResponse(chart([int(time.timestamp()) for time in times]))
    bars = await yahoo.candles.candles(NIFTY, Interval.HOUR, span)
    assert [bar.time for bar in bars] == [inside]
    query = fake.requests[-1].query_params
    assert (query["interval"], query["includePrePost"]) == ("60m", "false")
    assert (from_epoch(int(query["period1"])), from_epoch(int(query["period2"]))) == (span.start, span.end)


async def test_a_chart_needs_no_crumb(fake: FakeYahoo, yahoo: Yahoo):
    """Bars are there while the crumb is not."""
    fake.crumb_answer = html(503)
    fake.usual = JSONResponse(chart([]))
    assert await yahoo.candles.candles(INFY, Interval.DAY, last(timedelta(days=5))) == []


@pytest.mark.parametrize("interval", LONGEST_SPANS)
async def test_beyond_the_reach_nothing_is_sent(fake: FakeYahoo, yahoo: Yahoo, interval: Interval):
    """Neither too long nor too old; the longest and the oldest are sent."""
    fake.usual = JSONResponse(chart([]))
    now, longest, reach = yahoo.client.clock.now(), LONGEST_SPANS[interval], REACHES[interval]
    second, oldest = timedelta(seconds=1), now - reach
    for start, end in (
        (now - longest - second, now),
        (oldest - timedelta(hours=1), oldest),
        (now, now),
        (now, now - second),
        (now + timedelta(days=365 * 300), now + timedelta(days=365 * 300 + 1)),
    ):
        with pytest.raises(InvalidRange):
            await yahoo.candles.candles(INFY, interval, CandleRange(start, end))
    assert fake.requests == []
    for start in {now - longest, oldest}:
        await yahoo.candles.candles(INFY, interval, CandleRange(start, start + timedelta(days=1)))
    assert fake.counts["chart"] == len({longest, reach})


async def test_an_interval_that_yahoo_has_not_is_not_supported(fake: FakeYahoo, yahoo: Yahoo):
    """And `longest_span` says so."""
    for interval in Interval:
        assert (yahoo.candles.longest_span(interval) is None) == (interval not in INTERVAL_WORDS)
        if interval not in INTERVAL_WORDS:
            with pytest.raises(NotSupported):
                await yahoo.candles.candles(INFY, interval, last(timedelta(days=1)))
    with pytest.raises(NotSupported):
        await yahoo.candles.candles(FUTURE, Interval.DAY, last(timedelta(days=1)))
    assert fake.requests == []


async def test_yahoos_words_for_no_data_and_for_delisted(fake: FakeYahoo, yahoo: Yahoo):
    """Before the first trade there are no bars; of a delisted symbol there is no price."""
    span = last(timedelta(days=5))
    fake.script.append(refusal("chart", 400, "Bad Request", "Data doesn't exist for startDate = 1, endDate = 2"))
    assert await yahoo.candles.candles(INFY, Interval.DAY, span) == []
    fake.script.append(refusal("chart", 404, "Not Found", "No data found, symbol may be delisted"))
    with pytest.raises(NotPriced, match="delisted"):
        await yahoo.candles.candles(INFY, Interval.DAY, span)
    fake.script.append(refusal("chart", 422, "Unprocessable Entity", "must be within the last 60 days."))
    with pytest.raises(InvalidRange):
        await yahoo.candles.candles(INFY, Interval.DAY, span)


async def test_fundamentals_are_one_request(fake: FakeYahoo, yahoo: Yahoo):
    """Of a share; an index has none, and none is asked for."""
    fake.usual = JSONResponse(SUMMARY)
    found = await yahoo.fundamentals.fundamentals(INFY)
    assert (found.id, found.market_cap, found.source) == (INFY.id, 6.3e12, yahoo.fundamentals.source)
    assert fake.counts["quoteSummary"] == 1
    with pytest.raises(NotSupported):
        await yahoo.fundamentals.fundamentals(NIFTY)
    with pytest.raises(NotSupported):
        await yahoo.fundamentals.fundamentals(FUTURE)
    assert fake.counts["quoteSummary"] == 1


async def test_what_no_master_tells_of_may_be_a_company(fake: FakeYahoo, yahoo: Yahoo):
    """Without a Kite login nobody knows the kind of NSE:INFY; that is no reason to refuse it."""
    fake.usual = JSONResponse(SUMMARY)
    unlisted = unlisted_instrument(INFY.id)
    assert unlisted is not None
    assert (await yahoo.fundamentals.fundamentals(unlisted)).market_cap == 6.3e12


async def test_fundamentals_of_an_unknown_symbol_are_not_priced(fake: FakeYahoo, yahoo: Yahoo):
    """With one request: yfinance alone would send six."""
    await yahoo.quotes.quotes([INFY])
    fake.script.append(refusal("quoteSummary", 404, "Not Found", "Quote not found for symbol: INFY.NS"))
    sent = len(fake.requests)
    with pytest.raises(NotPriced):
        await yahoo.fundamentals.fundamentals(INFY)
    assert len(fake.requests) == sent + 1
