"""Yahoo's quotes and summaries to domain objects."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidRange, MalformedPayload, MarketDataError, NotPriced, SourceError
from app.domain.fundamentals import Fundamentals
from app.domain.instruments import InstrumentKind
from app.domain.provenance import DataSource, Freshness
from app.domain.quotes import Quote, QuoteLimits, freshness_of
from app.providers.yahoo.parse import ParsedQuotes, parse_fundamentals, parse_quotes, parse_search
from app.providers.yahoo.symbols import by_symbol, yahoo_instrument
from tests.yahoo.fake_yahoo import quote_row
from tests.yahoo.samples import INFY, NIFTY, NOW, RELIANCE, SUMMARY, instrument

LEAVES: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, False, 0, -1, 2**70, -0.5, 1e300, 1795405500, "", "INR", "x", "Infinity", [], {}]
)
GARBAGE = LEAVES | st.lists(LEAVES, max_size=2) | st.dictionaries(st.sampled_from(["raw", "quotes", "error"]), LEAVES)


def encoded(value: object) -> bytes:
    """JSON as a server of Yahoo's may send it."""
    return json.dumps(value).encode()


def parsed(*rows: object, instruments: Any = (INFY,)) -> ParsedQuotes:
    """The quotes of an answer with these rows."""
    body = encoded({"quoteResponse": {"result": list(rows), "error": None}})
    return parse_quotes(body, by_symbol(instruments)[0], source=DataSource.SANDBOX, received_at=NOW)


def one(**changed: object) -> Quote:
    """The quote of a changed row."""
    return parsed(quote_row("INFY.NS", **changed)).quotes[INFY.id]


def test_a_quote_has_every_field_that_yahoo_has():
    """Rounded to the share's step; the change is ours."""
    assert one() == Quote(
        id="NSE:INFY",
        last_price=1523.4,
        source=DataSource.SANDBOX,
        received_at=NOW,
        open=1501.5,
        high=1530.0,
        low=1499.95,
        previous_close=1500.0,
        change=23.4,
        change_percent=1.56,
        volume=4242424,
        exchange_time=datetime(2026, 11, 23, 3, 45, tzinfo=UTC),
        delayed_by=timedelta(minutes=15),
        in_session=True,
    )


def test_unknown_is_none_and_never_0():
    """A halted share keeps its last price, its time, and nothing of today."""
    halted = {"regularMarketOpen": 0.0, "regularMarketDayHigh": 0.0, "regularMarketDayLow": None}
    quote = one(**halted, regularMarketPreviousClose=0, regularMarketVolume=0, marketState="CLOSED")
    assert (quote.open, quote.high, quote.low, quote.previous_close, quote.change) == (None,) * 5
    assert (quote.volume, quote.in_session) == (0, False)
    row = {"symbol": "INFY.NS", "regularMarketPrice": 5}
    bare = parsed(row).quotes[INFY.id]
    assert (bare.exchange_time, bare.delayed_by, bare.in_session, bare.volume) == (None,) * 4


@pytest.mark.parametrize(
    "changed", [{"regularMarketPrice": None}, {"regularMarketPrice": 0}, {"symbol": "OTHER.NS"}, {"symbol": 3}]
)
def test_delisted_and_unknown_symbols_are_absent(changed: dict[str, object]):
    """As if Yahoo had not answered them; the others are there."""
    answer = parsed(quote_row("INFY.NS") | changed, quote_row("RELIANCE.NS"), instruments=(INFY, RELIANCE))
    assert (set(answer.quotes), answer.errors) == ({RELIANCE.id}, {})


def test_another_currency_is_no_price():
    """No rate is applied, and no label bent."""
    answer = parsed(quote_row("INFY.NS", currency="USD"))
    assert answer.quotes == {}
    assert isinstance(answer.errors[INFY.id], NotPriced)
    assert "USD" in answer.errors[INFY.id].message


def test_pence_are_pounds():
    """London's shares are quoted in hundredths."""
    vodafone = yahoo_instrument("VOD.L")
    row = quote_row("VOD.L", currency="GBp", regularMarketPrice=91.26, regularMarketPreviousClose=90.0)
    quote = parsed(row, instruments=(vodafone,)).quotes[vodafone.id]
    assert (quote.last_price, quote.previous_close, quote.change) == (0.9126, 0.9, 0.0126)


def test_an_index_without_a_count_has_no_volume_and_a_rate_keeps_its_digits():
    """0 says nothing there."""
    rupee = yahoo_instrument("JPYINR=X")
    rows = (quote_row("^NSEI", regularMarketVolume=0), quote_row("JPYINR=X", regularMarketPrice=0.57648, priceHint=4))
    quotes = parsed(*rows, instruments=(NIFTY, rupee)).quotes
    assert quotes[NIFTY.id].volume is None
    assert quotes[rupee.id].last_price == 0.5765


def test_one_garbled_row_spoils_no_other():
    """It has an error of its own."""
    answer = parsed(
        quote_row("INFY.NS", regularMarketPrice="x"), quote_row("RELIANCE.NS"), instruments=(INFY, RELIANCE)
    )
    assert set(answer.quotes) == {RELIANCE.id}
    assert isinstance(answer.errors[INFY.id], MalformedPayload)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"code": "Not Found", "description": "x"}, NotPriced),
        ({"code": "Bad Request"}, SourceError),
        ({"code": "Unprocessable Entity"}, InvalidRange),
        (3, MalformedPayload),
    ],
)
def test_yahoos_own_words_for_a_refusal(error: object, expected: type[MarketDataError]):
    """They are never passed on."""
    with pytest.raises(expected) as caught:
        parse_quotes(
            encoded({"finance": {"result": None, "error": error}}), {}, source=DataSource.SANDBOX, received_at=NOW
        )
    assert type(caught.value) is expected


@given(st.dictionaries(st.sampled_from(sorted(quote_row("INFY.NS"))), GARBAGE, max_size=3))
def test_a_row_of_garbage_is_a_quote_or_malformed(spoilt: dict[str, object]):
    """Total: nothing else leaves the parser."""
    answer = parsed(quote_row("INFY.NS") | spoilt | {"symbol": "INFY.NS"})
    assert set(answer.errors) | set(answer.quotes) <= {INFY.id}


@given(GARBAGE)
def test_an_answer_of_garbage_is_malformed(value: object):
    """All of it, and in each layer."""
    for body in (value, {"quoteResponse": value}, {"quoteResponse": {"result": value, "error": None}}):
        parse_garbage(lambda body=body: parse_quotes(encoded(body), {}, source=DataSource.SANDBOX, received_at=NOW))
        parse_garbage(lambda body=body: parse_search(encoded(body)))


@given(st.binary(max_size=20))
def test_bytes_are_malformed(body: bytes):
    """Also half a character."""
    parse_garbage(lambda: parse_quotes(body, {}, source=DataSource.SANDBOX, received_at=NOW))


def parse_garbage(parse: Any) -> Any:
    """The result; None for an error of our tree, and no other exception."""
    try:
        return parse()
    except MarketDataError:
        return None


# ---------------------------------------------------------------- fundamentals


def test_fundamentals_of_a_company():
    """The contract's fields."""
    assert parse_fundamentals(encoded(SUMMARY), INFY, source=DataSource.SANDBOX, received_at=NOW) == Fundamentals(
        id="NSE:INFY",
        source=DataSource.SANDBOX,
        as_of=datetime(2026, 11, 23, 3, 45, tzinfo=UTC),
        currency="INR",
        market_cap=6.3e12,
        price_to_earnings=23.5,
        price_to_book=7.4,
        dividend_yield=0.0245,
        earnings_per_share=64.5,
        beta=0.35,
        fifty_two_week_high=2006.45,
        fifty_two_week_low=1307.0,
        sector="Technology",
        industry="Information Technology Services",
    )


def test_unknown_fundamentals_are_none():
    """Absent, wrapped and empty, or a word for a ratio without a denominator."""
    modules = {"summaryDetail": {"trailingPE": "Infinity", "beta": {}, "dividendYield": {"raw": 0.01, "fmt": "1%"}}}
    body = encoded({"quoteSummary": {"result": [modules], "error": None}})
    found = parse_fundamentals(body, INFY, source=DataSource.SANDBOX, received_at=NOW)
    assert (found.price_to_earnings, found.beta, found.market_cap, found.sector, found.currency) == (None,) * 5
    assert (found.dividend_yield, found.as_of) == (0.01, NOW)


def test_fundamentals_in_another_currency_are_not_used():
    """A share of the NSE has rupees; of a symbol of its own Yahoo alone knows."""
    dollars = encoded(json.loads(json.dumps(SUMMARY).replace("INR", "USD")))
    with pytest.raises(NotPriced):
        parse_fundamentals(dollars, INFY, source=DataSource.SANDBOX, received_at=NOW)
    own = parse_fundamentals(encoded(SUMMARY), yahoo_instrument("INFY"), source=DataSource.SANDBOX, received_at=NOW)
    assert own.currency == "INR"


@given(st.sampled_from(["summaryDetail", "defaultKeyStatistics", "assetProfile", "price"]), st.data())
def test_a_summary_of_garbage_is_fundamentals_or_malformed(name: str, data: st.DataObject):
    """Total: a module, or a field of one."""
    modules: Any = SUMMARY["quoteSummary"]["result"][0]  # type: ignore[index]  # a literal
    module = data.draw(GARBAGE | st.dictionaries(st.sampled_from(sorted(modules[name])), GARBAGE, min_size=1))
    spoilt = {**modules, name: {**modules[name], **module} if isinstance(module, dict) else module}
    body = encoded({"quoteSummary": {"result": [spoilt], "error": None}})
    found = parse_garbage(lambda: parse_fundamentals(body, INFY, source=DataSource.SANDBOX, received_at=NOW))
    assert found is None or isinstance(found, Fundamentals)


def test_a_search_has_symbols_and_names():
    """What has no symbol is news."""
    rows = [
        {"symbol": "INFY.NS", "shortname": "INFOSYS"},
        {"isYahooFinance": False},
        {"symbol": "INFY", "longname": "Inf"},
    ]
    assert parse_search(encoded({"quotes": rows})) == [("INFY.NS", "INFOSYS"), ("INFY", "Inf")]
    assert parse_search(encoded({"quotes": []})) == []


# ---------------------------------------------------------------- freshness


@pytest.mark.parametrize(
    ("market_open", "delayed", "age_ms", "expected"),
    [
        (True, True, 100, Freshness.DELAYED),
        (True, True, 60_000, Freshness.DELAYED),
        (None, True, 100, Freshness.DELAYED),
        (False, True, 100, Freshness.CLOSED),
        (True, False, 100, Freshness.LIVE),
        (True, False, 60_000, Freshness.STALE),
    ],
)
def test_a_delayed_quote_is_never_live(market_open: bool | None, delayed: bool, age_ms: int, expected: Freshness):  # noqa: FBT001 -- parameters of the table
    """And out of session it is closed, as every other."""
    judged = freshness_of(age_ms, streaming=False, market_open=market_open, limits=QuoteLimits(), delayed=delayed)
    assert judged is expected


def test_an_etf_is_priced_as_a_share():
    """With its own step."""
    fund = instrument("NSE:NIFTYBEES", InstrumentKind.ETF, tick_size=0.01)
    row = quote_row("NIFTYBEES.NS", regularMarketPrice=293.559998)
    assert parsed(row, instruments=(fund,)).quotes[fund.id].last_price == 293.56
