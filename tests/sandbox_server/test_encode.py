"""The binary packets, with the vendor's decoder as the oracle."""

import struct
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.quotes import StreamMode
from app.domain.time import IST
from app.sandbox.encode import divisor_of, encode_packet, fingerprint, frame
from app.sandbox.shapes import Level, Snapshot
from tests.sandbox_server.tiny_market import CRUDE, FUTURE, INFY, NIFTY, USDINR, TinyMarket
from tests.sandbox_server.vendor import vendor_ticks
from tests.support.clock import MONDAY_MORNING

paise = st.integers(0, 2**31 - 1)
counts = st.integers(0, 2**32 - 1)
moments = st.integers(0, 2**32 - 1).map(lambda seconds: datetime.fromtimestamp(seconds, IST))
segments = st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 12])


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Any snapshot that fits the wire."""
    token = draw(st.integers(1, 2**24 - 1)) * 256 + draw(segments)
    divisor = divisor_of(token)
    levels = st.builds(Level, paise.map(lambda raw: raw / divisor), counts, st.integers(0, 65_535))
    book = st.lists(levels, min_size=5, max_size=5).map(tuple)
    prices: dict[str, Any] = {
        name: draw(paise) / divisor for name in ("last_price", "open", "high", "low", "close", "average_price")
    }
    numbers: dict[str, Any] = {
        name: draw(counts)
        for name in ("last_quantity", "volume", "buy_quantity", "sell_quantity", "oi", "oi_day_high", "oi_day_low")
    }
    return Snapshot(
        instrument_token=token,
        **prices,
        **numbers,
        last_trade_time=draw(moments),
        exchange_time=draw(moments),
        lower_circuit_limit=None,
        upper_circuit_limit=None,
        buy=draw(book),
        sell=draw(book),
    )


@given(st.lists(snapshots(), min_size=1, max_size=4))
def test_full_packets_come_out_as_they_went_in(batch: list[Snapshot]) -> None:
    """Every field of every packet of a frame survives the vendor's decoder exactly."""
    message = frame([encode_packet(shown.instrument_token, StreamMode.FULL, shown) for shown in batch])

    ticks = vendor_ticks(message)

    assert len(message) == 2 + 186 * len(batch)
    for shown, tick in zip(batch, ticks, strict=True):
        assert tick["mode"] == "full"
        assert tick["instrument_token"] == shown.instrument_token
        assert tick["last_price"] == shown.last_price
        assert tick["average_traded_price"] == shown.average_price
        assert tick["ohlc"] == {"open": shown.open, "high": shown.high, "low": shown.low, "close": shown.close}
        assert (tick["volume_traded"], tick["last_traded_quantity"]) == (shown.volume, shown.last_quantity)
        assert (tick["total_buy_quantity"], tick["total_sell_quantity"]) == (shown.buy_quantity, shown.sell_quantity)
        assert (tick["oi"], tick["oi_day_high"], tick["oi_day_low"]) == (shown.oi, shown.oi_day_high, shown.oi_day_low)
        assert tick["exchange_timestamp"].timestamp() == shown.exchange_time.timestamp()
        assert shown.last_trade_time is not None
        assert tick["last_trade_time"].timestamp() == shown.last_trade_time.timestamp()
        assert [tuple(level.values()) for level in tick["depth"]["buy"]] == [
            (level.quantity, level.price, level.orders) for level in shown.buy or ()
        ]
        assert len(tick["depth"]["sell"]) == 5


@given(snapshots(), st.sampled_from([(StreamMode.LTP, 8, "ltp"), (StreamMode.QUOTE, 44, "quote")]))
def test_lower_modes_carry_less(shown: Snapshot, expected: tuple[StreamMode, int, str]) -> None:
    """8 and 44 bytes, with the same prices."""
    mode, size, name = expected

    packet = encode_packet(shown.instrument_token, mode, shown)
    tick = vendor_ticks(frame([packet]))[0]

    assert len(packet) == size
    assert (tick["mode"], tick["last_price"]) == (name, shown.last_price)


@pytest.mark.parametrize(("mode", "size"), [(StreamMode.LTP, 8), (StreamMode.QUOTE, 28), (StreamMode.FULL, 32)])
def test_indices_have_packets_of_their_own(mode: StreamMode, size: int) -> None:
    """28 bytes in quote mode, a time more in full; high, low, open, close in this order; not tradable."""
    shown = TinyMarket().snapshot(NIFTY, MONDAY_MORNING)
    assert shown is not None

    packet = encode_packet(NIFTY, mode, shown)
    tick = vendor_ticks(frame([packet]))[0]

    assert len(packet) == size
    assert tick["tradable"] is False
    assert tick["last_price"] == 24567.15
    if mode is not StreamMode.LTP:
        assert tick["ohlc"] == {"open": 24565.15, "high": 24572.15, "low": 24562.15, "close": 24566.15}
    if mode is StreamMode.FULL:
        assert tick["exchange_timestamp"].timestamp() == MONDAY_MORNING.timestamp()


@pytest.mark.parametrize(
    ("token", "divisor"), [(INFY, 100), (FUTURE, 100), (CRUDE, 100), (USDINR, 10**7), (6, 10**4), (12, 10**4), (9, 100)]
)
def test_prices_are_counted_by_segment(token: int, divisor: int) -> None:
    """Currency has seven decimals, BCD and NCO four, the others two."""
    assert divisor_of(token) == divisor


def test_negative_prices_are_signed() -> None:
    """Crude oil at -37.63 is a signed integer on the wire."""
    shown = TinyMarket().snapshot(CRUDE, MONDAY_MORNING)
    assert shown is not None

    packet = encode_packet(CRUDE, StreamMode.LTP, replace(shown, last_price=-37.63))

    assert struct.unpack(">Ii", packet) == (CRUDE, -3763)


def test_what_does_not_fit_is_cut_to_what_does() -> None:
    """Prices, counts and orders beyond the wire's integers become the largest; nothing raises."""
    shown = TinyMarket().snapshot(INFY, MONDAY_MORNING)
    assert shown is not None
    huge = replace(shown, last_price=1e12, volume=2**40, buy=(Level(1e12, 2**40, 2**20),), last_trade_time=None)

    packet = encode_packet(INFY, StreamMode.FULL, huge)

    assert len(packet) == 184
    assert struct.unpack_from(">i", packet, 4) == (2**31 - 1,)
    assert struct.unpack_from(">I", packet, 16) == (2**32 - 1,)
    assert struct.unpack_from(">I", packet, 44) == (0,)
    assert struct.unpack_from(">IiH", packet, 64) == (2**32 - 1, 2**31 - 1, 2**16 - 1)


@pytest.mark.parametrize("token", [INFY, NIFTY])
def test_the_clock_alone_is_no_change(token: int) -> None:
    """A packet that differs in nothing but the exchange's time is not worth sending; a price is."""
    market = TinyMarket()
    now, later = (market.snapshot(token, MONDAY_MORNING + timedelta(seconds=pause)) for pause in (0, 9))
    assert now is not None
    assert later is not None
    later = replace(later, last_trade_time=now.last_trade_time)
    moved = replace(now, last_price=now.last_price + 0.05)

    prints = [fingerprint(encode_packet(token, StreamMode.FULL, shown)) for shown in (now, later, moved)]

    assert prints[0] == prints[1] != prints[2]
