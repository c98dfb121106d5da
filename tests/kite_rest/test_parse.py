"""Kite's quotes and candles as domain objects: exact fields, honest unknowns, and garbage that stays harmless."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.domain.candles import Candle, CandleRange
from app.domain.errors import MalformedPayload
from app.domain.instruments import Instrument, InstrumentKind
from app.domain.provenance import DataSource
from app.domain.quotes import Depth, DepthLevel, Quote
from app.domain.time import IST, ist_datetime
from app.providers.kite.parse import ParsedQuotes, parse_candles, parse_quote, parse_quotes
from app.providers.kite.symbols import history_span
from tests.kite_rest.samples import index_quote, instrument, quote_of

NOW = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)
INFY = instrument()
FUTURE = instrument("NFO:NIFTY26DECFUT", 12345602, kind=InstrumentKind.FUTURE, expiry=date(2026, 12, 29))
NIFTY = instrument("NSE:NIFTY 50", 256265, kind=InstrumentKind.INDEX)
START, END = ist_datetime(date(2026, 11, 20)), ist_datetime(date(2026, 11, 21))

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("2026-11-20T09:15:00+0530"),
    lambda inner: st.lists(inner, max_size=7) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def parsed(answer: object, of: Instrument = INFY) -> Quote:
    """One quote, which must be there."""
    quote = parse_quote(answer, of, source=DataSource.SANDBOX, received_at=NOW)
    assert quote is not None
    return quote


def parsed_batch(data: object, *instruments: Instrument) -> ParsedQuotes:
    """An answer to a request by tokens."""
    asked = {str(one.instrument_token): one for one in instruments or [INFY]}
    return parse_quotes(data, asked, source=DataSource.SANDBOX, received_at=NOW)


def test_a_share_has_every_field_in_our_words():
    """Indian wall clock becomes UTC; the close is the previous one; padding of the depth is left out."""
    quote = parsed(quote_of())
    assert (quote.id, quote.last_price, quote.source) == ("NSE:INFY", 1412.95, DataSource.SANDBOX)
    assert (quote.open, quote.high, quote.low, quote.previous_close) == (1396.0, 1421.75, 1395.55, 1389.65)
    assert (quote.change, quote.change_percent) == (23.3, 1.6767)
    assert (quote.volume, quote.average_price, quote.last_quantity) == (7360198, 1412.47, 5)
    assert quote.exchange_time == datetime(2026, 11, 20, 10, 15, 56, tzinfo=UTC)
    assert quote.last_trade_time == datetime(2026, 11, 20, 9, 59, 59, tzinfo=UTC)
    assert quote.exchange_time.tzinfo is UTC
    assert (quote.lower_circuit_limit, quote.upper_circuit_limit) == (1250.7, 1528.6)
    assert quote.depth == Depth((DepthLevel(1412.9, 10, 2),), (DepthLevel(1412.95, 5191, 13),))
    assert quote.received_at == NOW


def test_no_buyers_is_a_fact_and_open_interest_of_a_share_is_not():
    """0 stays where it counts something, and becomes None where there is nothing to count."""
    quote = parsed(quote_of(buy_quantity=0, volume=0, oi=0))
    assert (quote.buy_quantity, quote.volume, quote.open_interest) == (0, 0, None)


def test_a_contract_keeps_its_open_interest_even_when_it_is_zero():
    """Before the first trade it is 0; its extremes are then not known."""
    quote = parsed(quote_of(12345602, oi=0, oi_day_high=0, oi_day_low=0), FUTURE)
    assert (quote.open_interest, quote.open_interest_day_high, quote.open_interest_day_low) == (0, None, None)
    quote = parsed(quote_of(oi=21845, oi_day_high=30000, oi_day_low=10), FUTURE)
    assert (quote.open_interest, quote.open_interest_day_high, quote.open_interest_day_low) == (21845, 30000, 10)


@pytest.mark.parametrize("answer", [index_quote(), quote_of(256265, volume=0, buy_quantity=0)])
def test_an_index_has_neither_volume_nor_depth(answer):
    """Whether Kite leaves the fields out or writes 0 into them."""
    quote = parsed(answer, NIFTY)
    assert quote.previous_close is not None
    assert quote.exchange_time is not None
    unknown: list[object] = [quote.volume, quote.depth, quote.open_interest, quote.buy_quantity, quote.sell_quantity]
    unknown += [quote.average_price, quote.last_quantity, quote.last_trade_time, quote.lower_circuit_limit]
    assert unknown == [None] * 9


def test_before_the_first_trade_of_a_day_zeros_are_unknown():
    """An opening price of 0 would draw a chart down to the floor."""
    ohlc = {"open": 0, "high": 0, "low": 0, "close": 1389.65}
    quote = parsed(
        quote_of(
            ohlc=ohlc, average_price=0, last_quantity=0, last_trade_time="1970-01-01 05:30:00", upper_circuit_limit=0
        )
    )
    assert (quote.open, quote.high, quote.low, quote.average_price, quote.last_quantity) == (None,) * 5
    assert (quote.last_trade_time, quote.upper_circuit_limit) == (None, None)
    assert quote.change == 23.3


def test_without_a_previous_close_there_is_no_change():
    """A first day of trading."""
    quote = parsed(quote_of(ohlc={"open": 10, "high": 11, "low": 9, "close": 0}))
    assert (quote.previous_close, quote.change, quote.change_percent) == (None, None, None)


def test_a_negative_price_is_a_price():
    """Crude oil, April 2020."""
    assert parsed(quote_of(last_price=-37.63)).last_price == -37.63


def test_what_was_never_priced_is_absent():
    """As an unknown symbol is: neither a quote nor an error."""
    answer = parsed_batch({"408065": quote_of(last_price=0)}, INFY, NIFTY)
    assert (answer.quotes, answer.errors) == ({}, {})


def test_an_answer_for_another_token_is_refused_for_that_instrument_alone():
    """The worst answer is another instrument's price."""
    answer = parsed_batch({"408065": quote_of(999), "256265": index_quote()}, INFY, NIFTY)
    assert set(answer.quotes) == {"NSE:NIFTY 50"}
    assert isinstance(answer.errors["NSE:INFY"], MalformedPayload)


@pytest.mark.parametrize(
    "changes",
    [
        {"last_price": None},
        {"last_price": "12"},
        {"last_price": True},
        {"last_price": float("nan")},
        {"last_price": float("inf")},
        {"last_price": 10**400},
        {"volume": -1},
        {"volume": 1.5},
        {"volume": 2**53},
        {"timestamp": "yesterday"},
        {"timestamp": 1234},
        {"last_trade_time": "9999-12-31T23:59:59-10:00"},
        {"ohlc": [1]},
        {"depth": [1]},
        {"depth": {"buy": {"price": 1}}},
        {"depth": {"buy": [{"price": 1}]}},
        {"depth": {"buy": [7]}},
    ],
)
def test_a_field_that_is_not_kites_spoils_its_own_quote_alone(changes):
    """499 others are answered."""
    answer = parsed_batch({"408065": quote_of(**changes), "256265": index_quote()}, INFY, NIFTY)
    assert set(answer.quotes) == {"NSE:NIFTY 50"}
    assert set(answer.errors) == {"NSE:INFY"}


@given(data=json_values | st.dictionaries(st.just("408065"), json_values))
def test_any_json_gives_quotes_or_a_malformed_payload(data):
    """Never another exception."""
    try:
        answer = parsed_batch(data)
    except MalformedPayload:
        return
    assert set(answer.quotes) | set(answer.errors) <= {"NSE:INFY"}


@given(changes=st.dictionaries(st.sampled_from(sorted(quote_of())), json_values))
def test_any_field_may_be_garbage(changes):
    """A quote with any of its fields replaced is a quote, nothing, or a malformed payload."""
    answer = parsed_batch({"408065": quote_of(**changes)})
    assert all(isinstance(error, MalformedPayload) for error in answer.errors.values())


# ---------------------------------------------------------------- candles


def candles(
    rows: object, *, with_open_interest: bool = False, start: datetime = START, end: datetime = END
) -> list[Candle]:
    """Parsed."""
    return parse_candles({"candles": rows}, start=start, end=end, with_open_interest=with_open_interest)


def test_candles_come_sorted_unique_and_in_utc():
    """Of two bars of one instant, the later one of Kite's answer holds."""
    bars = candles(
        [
            ["2026-11-20T09:16:00+0530", 2, 3.5, 1, 2.5, 20],
            ["2026-11-20T09:15:00+0530", 1, 3, 1, 2, 10],
            ["2026-11-20T09:16:00+0530", 2, 3.5, 1, 2.75, 21],
        ]
    )
    assert [bar.time for bar in bars] == [datetime(2026, 11, 20, 3, minute, tzinfo=UTC) for minute in (45, 46)]
    assert [(bar.close, bar.volume, bar.open_interest) for bar in bars] == [(2.0, 10, None), (2.75, 21, None)]
    assert all(type(bar.open) is float and type(bar.volume) is int for bar in bars)


def test_open_interest_is_kept_where_it_was_asked_for():
    """A seventh column that nobody asked for means nothing."""
    row = ["2026-11-20T09:15:00+0530", 1, 3, 1, 2, 10, 0]
    assert candles([row], with_open_interest=True)[0].open_interest == 0
    assert candles([row])[0].open_interest is None


def test_bars_outside_of_the_span_are_left_out():
    """Half-open: the bar at the end is not part of it."""
    first = ist_datetime(date(2026, 11, 20), 9, 15)
    rows = [[f"2026-11-20T09:{minute}:00+0530", 1, 1, 1, 1, 1] for minute in (14, 15, 16)]
    assert [bar.time for bar in candles(rows, start=first, end=first + timedelta(minutes=1))] == [first]


@pytest.mark.parametrize(
    "row",
    [
        None,
        [],
        ["2026-11-20T09:15:00+0530", 1, 1, 1, 1],
        ["2026-11-20T09:15:00+0530", 1, 1, 1, 1, 1, 1, 1],
        ["", 1, 1, 1, 1, 1],
        ["2026-11-20T09:15:00+0530", None, 1, 1, 1, 1],
        ["2026-11-20T09:15:00+0530", 1, 1, 1, 1, -1],
        [1, 1, 1, 1, 1, 1],
    ],
)
def test_one_bar_of_garbage_is_no_series(row):
    """A hole that nobody sees is worse than an error."""
    with pytest.raises(MalformedPayload):
        candles([["2026-11-20T09:15:00+0530", 1, 1, 1, 1, 1], row])


@given(data=json_values | st.fixed_dictionaries({"candles": st.lists(st.lists(json_values, min_size=5, max_size=8))}))
def test_any_json_gives_candles_or_a_malformed_payload(data):
    """Never another exception."""
    try:
        bars = parse_candles(data, start=START, end=END, with_open_interest=True)
    except MalformedPayload:
        return
    assert bars == sorted(bars, key=lambda bar: bar.time)


instants = st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1)).map(  # noqa: DTZ001 -- given IST below
    lambda naive: naive.replace(tzinfo=IST)
)


@settings(max_examples=200)
@given(start=instants, length=st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=60)))
@example(start=ist_datetime(date(2026, 11, 20), 9, 15), length=timedelta(minutes=1))
def test_the_span_asked_of_kite_holds_exactly_the_seconds_of_the_half_open_one(start, length):
    """Kite includes `to`; from the first whole second not before the start to the last one before the end."""
    words = history_span(CandleRange(start.astimezone(UTC), (start + length).astimezone(UTC)))
    first, last = [datetime.fromisoformat(word).replace(tzinfo=IST) for word in words]
    assert start <= first < start + timedelta(seconds=1)
    assert last < start + length <= last + timedelta(seconds=1)
