"""Messages of the stream to quotes and ticks."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yfinance.pricing_pb2 import PricingData

from app.domain.errors import MarketDataError, NotPriced
from app.domain.provenance import DataSource
from app.domain.quotes import Quote, StreamMode
from app.providers.yahoo.intake import Intake, payload, subscriptions
from app.providers.yahoo.pricing import decode
from app.providers.yahoo.updates import PAUSE_MS, Update, collected, to_quote, to_tick
from tests.yahoo.samples import INFY, NOW

TIME = 1795405500000


def update(price: float = 100.0, **fields: object) -> Update:
    """A message of INFY."""
    return Update(**{"symbol": "INFY.NS", "price": price, "time_ms": TIME, "currency": "INR", **fields})  # type: ignore[arg-type]  # by name


def quote(message: Update) -> Quote:
    """The state that a message gives."""
    return to_quote(message, INFY, mode=StreamMode.FULL, source=DataSource.SANDBOX, received_at=NOW)


def test_a_message_is_decoded_and_what_it_does_not_carry_is_none():
    """0 is how proto3 says nothing."""
    data = PricingData(
        id="INFY.NS", price=1523.4, time=TIME, currency="INR", change=-3.1, day_volume=42, market_hours=1
    )
    read = decode(data.SerializeToString())
    assert (read.symbol, read.time_ms, read.currency, read.volume, read.open, read.bid) == (
        "INFY.NS",
        TIME,
        "INR",
        42,
        None,
        None,
    )


def test_prices_are_rounded_from_float32_and_the_close_follows_from_the_change():
    """1523.4 arrives as 1523.4000244140625."""
    data = PricingData(id="INFY.NS", price=1523.4, time=TIME, currency="INR", change=23.4, change_percent=1.56)
    state = quote(collected(None, decode(data.SerializeToString())))
    assert (state.last_price, state.previous_close, state.change, state.change_percent) == (1523.4, 1500.0, 23.4, 1.56)
    assert state.exchange_time == datetime(2026, 11, 23, 3, 45, tzinfo=UTC)


def test_what_earlier_messages_said_holds():
    """Until another says otherwise; the newest price decides."""
    first = collected(None, update(100.0, open=99.0, high=101.0, volume=10, previous_close=98.0))
    second = collected(first, update(102.0, high=102.0, change=4.0, time_ms=TIME + 1000))
    state = quote(second)
    assert (state.last_price, state.open, state.high, state.volume, state.previous_close, state.change) == (
        102.0,
        99.0,
        102.0,
        10,
        98.0,
        4.0,
    )


def test_another_session_begins_anew():
    """Yesterday's open is no open of today's."""
    first = collected(None, update(open=99.0, volume=10, previous_close=98.0))
    assert quote(collected(first, update(time_ms=TIME + PAUSE_MS + 1))).open is None


@pytest.mark.parametrize(("seconds", "delayed"), [(1, False), (59, False), (60, True), (900, True)])
def test_a_price_of_some_time_ago_says_that_it_is_delayed(seconds: int, delayed: bool) -> None:  # noqa: FBT001 - a case
    """The stream has no word for it, but each message has its time."""
    behind = timedelta(seconds=seconds)
    sent = int((NOW - behind).timestamp() * 1000)
    assert quote(update(time_ms=sent)).delayed_by == (behind if delayed else None)
    assert quote(update(time_ms=0)).delayed_by is None


def test_unchanged_and_unknown_are_told_apart():
    """A change of 0 is not carried, so without a close there is no change."""
    state = quote(collected(None, update(100.0)))
    assert (state.previous_close, state.change, state.in_session) == (None, None, True)


def test_another_currency_is_no_price():
    """As for quotes."""
    with pytest.raises(NotPriced):
        quote(update(currency="USD"))
    with pytest.raises(NotPriced):
        to_tick(update(currency="USD"), INFY, source=DataSource.SANDBOX, received_at=NOW)


@given(st.binary(max_size=60))
def test_bytes_are_an_update_or_malformed(data: bytes):
    """Total, and so is what becomes of it."""
    try:
        read = collected(None, decode(data))
        quote(read)
    except MarketDataError:
        return
    assert read.symbol


@given(
    st.text(max_size=30)
    | st.binary(max_size=30)
    | st.sampled_from(["{}", "[]", "{", '{"message": 3}', '{"message": "="}'])
)
def test_any_text_is_counted_and_harms_nothing(message: str | bytes):
    """The stream goes on."""
    intake = Intake(DataSource.SANDBOX)
    intake.decode = decode
    intake.accept(message, NOW)
    assert intake.counters.frames == 1
    assert intake.counters.malformed + intake.counters.packets == 1


@pytest.mark.parametrize("wrap", ['{{"type":"pricing","message":"{}"}}', '{{"message":"{}"}}', "{}"])
def test_both_versions_of_the_stream_are_read(wrap: str):
    """Version 1 is base64 alone."""
    data = PricingData(id="INFY.NS", price=1.0).SerializeToString()
    text = wrap.format(base64.b64encode(data).decode())
    assert payload(text) == payload(text.encode()) == data


def test_subscriptions_are_cut_into_messages():
    """In order."""
    assert subscriptions("subscribe", {"B", "A", "C"}, chunk=2) == ['{"subscribe":["A","B"]}', '{"subscribe":["C"]}']
    assert subscriptions("subscribe", set(), chunk=2) == []
