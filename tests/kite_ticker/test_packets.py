"""The decoder, packet by packet against kiteconnect's own, and where that one is wrong by hand."""

import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kiteconnect import KiteTicker

from app.domain.errors import MalformedPayload
from app.domain.provenance import DataSource
from app.domain.quotes import Depth, DepthLevel, Quote, StreamMode, price_change
from app.domain.ticks import Tick
from app.providers.kite.packets import MODES, decode_quote, decode_tick, split_frame
from tests.kite_ticker.wire import HEARTBEAT, Level, frame, full_packet, index_packet, ltp_packet, quote_packet

RECEIVED = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)
ORACLE = KiteTicker("key", "token")
SEGMENTS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12)
WITHOUT_OPEN_INTEREST = (1, 4, 9)

u32 = st.integers(0, 2**32 - 1)
i32 = st.integers(-(2**31), 2**31 - 1)
# The oracle reads prices unsigned, so it can only be asked about those that are not negative.
prices = st.integers(0, 2**31 - 1)
epochs = st.one_of(st.just(0), u32)
tokens = st.builds(lambda number, segment: number << 8 | segment, st.integers(1, 2**24 - 1), st.sampled_from(SEGMENTS))
levels = st.lists(st.builds(Level, u32, prices, st.integers(0, 2**16 - 1)), min_size=10, max_size=10)
trades = st.tuples(prices, u32, prices, u32, u32, u32, prices, prices, prices, prices)
ltp_packets = st.builds(ltp_packet, tokens, prices)
index_packets = st.builds(
    lambda token, fields, epoch: index_packet(token, *fields, epoch=epoch),
    tokens,
    st.tuples(*[prices] * 5, i32),
    st.none() | epochs,
)
quote_packets = st.builds(lambda token, fields: quote_packet(token, *fields), tokens, trades)
full_packets = st.builds(full_packet, tokens, trades, st.tuples(epochs, u32, u32, u32, epochs), levels)
packets = st.one_of(ltp_packets, index_packets, quote_packets, full_packets)


def decode(packet: bytes) -> Quote | None:
    return decode_quote(packet, "NSE:X", DataSource.KITE, RECEIVED)


def tick_of(packet: bytes) -> Tick | None:
    return decode_tick(packet, "NSE:X", DataSource.KITE, RECEIVED)


def as_ours(naive: datetime | None) -> datetime | None:
    """The oracle's naive local time as an instant; it shows epoch 0 as 1970, we as unknown."""
    return datetime.fromtimestamp(naive.timestamp(), UTC) if naive and naive.timestamp() else None


def oracle_quote(raw: Mapping[str, Any]) -> Quote | None:
    """What the oracle decoded, by the rules of our domain."""
    if not raw["last_price"]:
        return None
    segment = raw["instrument_token"] & 0xFF
    ohlc = raw.get("ohlc", {})
    close = ohlc.get("close") or None
    change, percent = price_change(raw["last_price"], close)
    open_interest = raw.get("oi")
    if segment in WITHOUT_OPEN_INTEREST:
        open_interest = open_interest or None
    return Quote(
        id="NSE:X",
        last_price=raw["last_price"],
        source=DataSource.KITE,
        received_at=RECEIVED,
        mode=StreamMode[raw["mode"].upper()],
        open=ohlc.get("open") or None,
        high=ohlc.get("high") or None,
        low=ohlc.get("low") or None,
        previous_close=close,
        change=change,
        change_percent=percent,
        volume=None if segment == 9 else raw.get("volume_traded"),
        average_price=raw.get("average_traded_price") or None,
        last_quantity=raw.get("last_traded_quantity") or None,
        last_trade_time=as_ours(raw.get("last_trade_time")),
        buy_quantity=raw.get("total_buy_quantity"),
        sell_quantity=raw.get("total_sell_quantity"),
        open_interest=open_interest,
        open_interest_day_high=raw.get("oi_day_high") or None,
        open_interest_day_low=raw.get("oi_day_low") or None,
        depth=oracle_depth(raw["depth"]) if "depth" in raw else None,
        exchange_time=as_ours(raw.get("exchange_timestamp")),
    )


def oracle_depth(raw: Mapping[str, list[Mapping[str, Any]]]) -> Depth:
    sides = {
        side: tuple(
            DepthLevel(level["price"], level["quantity"], level["orders"]) for level in raw[side] if level["quantity"]
        )
        for side in ("buy", "sell")
    }
    return Depth(sides["buy"], sides["sell"])


@given(st.lists(packets, max_size=20))
def test_every_packet_of_a_frame_decodes_as_kiteconnect_decodes_it(sent: list[bytes]) -> None:
    """Same packets, same order, same values, whatever the segment and the mode."""
    found = split_frame(frame(*sent))
    assert (found.malformed, found.unknown) == (False, [])
    theirs = ORACLE._parse_binary(frame(*sent))
    assert [token for token, _ in found.packets] == [raw["instrument_token"] for raw in theirs]
    assert [decode(packet) for _, packet in found.packets] == [oracle_quote(raw) for raw in theirs]


@given(full_packets)
def test_a_tick_says_what_the_quote_of_the_same_packet_says(packet: bytes) -> None:
    """Both decoders read the same bytes, so they can never disagree."""
    quote, tick = decode(packet), tick_of(packet)
    if quote is None:
        assert tick is None
        return
    assert quote.depth is not None
    bids, asks = quote.depth.bids, quote.depth.asks
    top_bid, top_ask = struct.unpack_from(">I", packet, 64)[0], struct.unpack_from(">I", packet, 124)[0]
    assert tick == Tick(
        "NSE:X",
        quote.last_price,
        DataSource.KITE,
        RECEIVED,
        quote.last_quantity,
        quote.volume,
        bids[0].price if top_bid else None,
        asks[0].price if top_ask else None,
        quote.open_interest,
        quote.exchange_time,
    )


@given(st.one_of(ltp_packets, index_packets, quote_packets))
def test_a_tick_of_a_short_packet_has_what_the_packet_carries(packet: bytes) -> None:
    quote, tick = decode(packet), tick_of(packet)
    if quote is None:
        assert tick is None
        return
    assert tick is not None
    assert (tick.last_price, tick.last_quantity, tick.volume, tick.exchange_time) == (
        quote.last_price,
        quote.last_quantity,
        quote.volume,
        quote.exchange_time,
    )
    assert tick.bid is tick.ask is tick.open_interest is None


@given(st.binary(max_size=2_000))
def test_garbage_is_split_without_an_exception(data: bytes) -> None:
    """Whatever arrives, what comes out has lengths that exist and decodes."""
    for token, packet in split_frame(data).packets:
        assert len(packet) in MODES
        assert int.from_bytes(packet[:4], "big") == token
        decode(packet)
        tick_of(packet)


@given(st.binary(max_size=200).filter(lambda packet: len(packet) not in MODES))
def test_a_packet_of_an_unknown_length_is_a_malformed_payload(packet: bytes) -> None:
    with pytest.raises(MalformedPayload, match="length that does not exist"):
        decode(packet)
    with pytest.raises(MalformedPayload, match="length that does not exist"):
        tick_of(packet)


@given(st.lists(packets, min_size=1, max_size=5), st.data())
def test_a_truncated_frame_keeps_its_whole_packets(sent: list[bytes], data: st.DataObject) -> None:
    """A cut tail is told, and never read as a shorter packet of another mode."""
    whole = frame(*sent)
    cut = data.draw(st.integers(2, len(whole) - 1))
    found = split_frame(whole[:cut])
    kept = [packet for _, packet in found.packets]
    assert found.malformed
    assert kept == sent[: len(kept)]
    assert len(frame(*kept)) <= cut


def test_a_heartbeat_and_an_empty_message_have_no_packets() -> None:
    assert split_frame(HEARTBEAT).packets == split_frame(b"").packets == []
    assert not split_frame(HEARTBEAT).malformed


def test_unknown_lengths_are_told_and_their_neighbours_kept() -> None:
    known = ltp_packet(408065, 150_025)
    found = split_frame(frame(known, b"\x00" * 13, known, b"ab"))
    assert found.packets == [(408065, known)] * 2
    assert (found.unknown, found.malformed) == ([13], True)


def test_an_oversized_frame_is_malformed() -> None:
    assert split_frame(frame(ltp_packet(1, 1)) + b"more").malformed


def test_prices_are_signed() -> None:
    """MCX crude stood at -37.63 in April 2020; kiteconnect reads 42,949,635.33 there."""
    token = 1 << 8 | 7
    fields = (-3763, 1, -3000, 10, 1, 1, -100, 200, -4000, 1000)
    packet = full_packet(token, fields, (1, 2, 3, 4, 5), [Level(3, -3764, 1)] * 10)
    quote = decode(packet)
    assert quote is not None
    assert (quote.last_price, quote.low, quote.average_price, quote.change) == (-37.63, -40.0, -30.0, -47.63)
    assert quote.depth is not None
    assert quote.depth.bids[0] == DepthLevel(-37.64, 3, 1)
    tick = tick_of(packet)
    assert tick is not None
    assert (tick.last_price, tick.bid, tick.ask) == (-37.63, -37.64, -37.64)


@pytest.mark.parametrize(
    ("segment", "price"), [(1, 1500.25), (3, 0.0150025), (6, 15.0025), (7, 1500.25), (9, 1500.25), (12, 15.0025)]
)
def test_the_segment_decides_on_the_divisor(segment: int, price: float) -> None:
    """Currencies have seven decimals, BCD and NCO four, all others two."""
    quote = decode(ltp_packet(99 << 8 | segment, 150_025))
    assert quote is not None
    assert (quote.last_price, quote.mode) == (price, StreamMode.LTP)


def test_the_order_of_an_index_packet_is_high_low_open_close() -> None:
    quote = decode(index_packet(256265, 2_610_050, 2_620_000, 2_600_000, 2_605_000, 2_600_050, 0, epoch=1_780_000_000))
    assert quote is not None
    assert (quote.high, quote.low, quote.open, quote.previous_close) == (26_200.0, 26_000.0, 26_050.0, 26_000.5)
    assert (quote.change, quote.change_percent) == (100.0, 0.3846)
    assert quote.exchange_time == datetime.fromtimestamp(1_780_000_000, UTC)
    assert (quote.volume, quote.depth, quote.open_interest) == (None, None, None)


def test_open_interest_stands_at_byte_48() -> None:
    """OpenAlgo reads it at 180, which is padding."""
    fields = (100, 1, 100, 1, 1, 1, 100, 100, 100, 100)
    future = decode(full_packet(5 << 8 | 2, fields, (0, 4_200, 5_000, 4_000, 0), []))
    assert future is not None
    assert (future.open_interest, future.open_interest_day_high, future.open_interest_day_low) == (4_200, 5_000, 4_000)
    assert future.last_trade_time is future.exchange_time is None
    assert future.depth == Depth((), ())


@pytest.mark.parametrize(("segment", "open_interest"), [(1, None), (4, None), (9, None), (2, 0), (7, 0), (3, 0)])
def test_no_open_interest_is_a_fact_only_of_a_derivative(segment: int, open_interest: int | None) -> None:
    packet = full_packet(5 << 8 | segment, (100, 1, 100, 1, 1, 1, 100, 100, 100, 100), (0, 0, 0, 0, 0), [])
    quote, tick = decode(packet), tick_of(packet)
    assert quote is not None
    assert tick is not None
    assert (quote.open_interest, tick.open_interest) == (open_interest, open_interest)


def test_what_was_never_priced_has_no_quote_and_no_tick() -> None:
    packet = full_packet(5 << 8 | 2, (0,) * 10, (0,) * 5, [])
    assert (decode(packet), tick_of(packet)) == (None, None)
