"""Prices are plausible: ticks, volatility, correlation, futures and options in line with the underlying."""

from datetime import datetime, timedelta
from itertools import pairwise
from math import log
from statistics import correlation, pstdev

import pytest

from app.domain.instruments import InstrumentKind
from app.domain.time import IST
from app.sandbox.market import SimulatedMarket, Snapshot
from app.sandbox.money import step_of

NOW = datetime(2026, 11, 20, 13, 21, 7, tzinfo=IST)


def _snapshots(market: SimulatedMarket, at: datetime = NOW) -> dict[str, Snapshot]:
    shown = {row.instrument.id: market.snapshot(row.instrument.instrument_token or 0, at) for row in market.listed}
    return {key: quote for key, quote in shown.items() if quote is not None}


@pytest.fixture(scope="module")
def quotes(market: SimulatedMarket) -> dict[str, Snapshot]:
    return _snapshots(market)


def _returns(market: SimulatedMarket, key: str, interval: str, days: int) -> list[float]:
    token = market.by_key[key].instrument.instrument_token or 0
    closes = [bar.close for bar in market.candles(token, interval, NOW - timedelta(days=days), NOW, now=NOW)]
    return [log(after / before) for before, after in pairwise(closes)]


def test_prices_are_multiples_of_the_tick_and_print_exactly(
    market: SimulatedMarket, quotes: dict[str, Snapshot]
) -> None:
    """Every price of every quote is the float that its decimal means, at least one tick."""
    for key, quote in quotes.items():
        step = step_of(market.by_key[key].instrument.tick_size or 0.05)
        levels = [level.price for level in (*(quote.buy or ()), *(quote.sell or ())) if level.quantity]
        for price in (quote.last_price, quote.open, quote.high, quote.low, quote.close, *levels):
            steps = round(price / step.size)
            assert steps >= 1, key
            assert step.price(steps) == price == float(f"{price:.4f}"), key


def test_quotes_hang_together(market: SimulatedMarket, quotes: dict[str, Snapshot]) -> None:
    """Order of prices, sides of the book, bands, lots and what the wire can carry."""
    for key, quote in quotes.items():
        instrument = market.by_key[key].instrument
        assert quote.low <= min(quote.open, quote.last_price) <= max(quote.open, quote.last_price) <= quote.high
        if instrument.kind is InstrumentKind.INDEX:
            assert (quote.volume, quote.buy, quote.oi, quote.lower_circuit_limit) == (None, None, None, None)
            continue
        assert quote.buy is not None
        assert quote.sell is not None
        assert len(quote.buy) == len(quote.sell) == 5
        bids, asks = ([level.price for level in side if level.quantity] for side in (quote.buy, quote.sell))
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
        assert all(bid < asks[0] for bid in bids[:1])
        assert quote.last_price in {asks[0], *bids[:1]}
        assert quote.lower_circuit_limit is not None
        assert quote.upper_circuit_limit is not None
        assert quote.lower_circuit_limit <= quote.last_price <= quote.upper_circuit_limit, key
        assert quote.average_price is not None
        assert quote.low - 0.01 <= quote.average_price <= quote.high + 0.01, key
        numbers = (quote.volume, quote.buy_quantity, quote.sell_quantity, quote.last_quantity, quote.oi or 0)
        for number in numbers:
            assert number is not None
            assert 0 <= number < 2**31
            assert number % (instrument.lot_size or 1) == 0, key
        assert (quote.oi is None) == (instrument.expiry is None)
        assert all(level.orders < 2**16 and level.quantity < 2**31 for level in (*quote.buy, *quote.sell))


def test_volumes_of_a_whole_day_fit_the_wire(market: SimulatedMarket) -> None:
    """Even around the clock, the busiest instrument stays under the ticker's unsigned 32 bits."""
    late = _snapshots(market, NOW.replace(hour=23, minute=59, second=59))
    assert max(quote.volume or 0 for quote in late.values()) < 2**32
    assert max(quote.oi or 0 for quote in late.values()) < 2**32


@pytest.mark.parametrize("key", ["NSE:INFY", "NSE:TRENT", "NSE:HDFCBANK", "NSE:YESBANK"])
def test_shares_move_one_or_two_percent_a_day_and_stay_plausible(market: SimulatedMarket, key: str) -> None:
    """Daily deviation and the range over five years."""
    token = market.by_key[key].instrument.instrument_token or 0
    bars = market.candles(token, "day", NOW - timedelta(days=1900), NOW, now=NOW)
    ranges = [bar.high / bar.low - 1 for bar in bars]
    base = market.by_key[key].base_price
    assert 0.008 < pstdev(_returns(market, key, "day", 1900)) < 0.03
    assert 0.01 < sum(ranges) / len(ranges) < 0.05
    assert base / 3.5 < min(bar.low for bar in bars) < max(bar.high for bar in bars) < base * 3.5


def test_vix_stays_between_10_and_25(market: SimulatedMarket) -> None:
    """Over five years, and it does move."""
    token = market.by_key["NSE:INDIA VIX"].instrument.instrument_token or 0
    bars = market.candles(token, "day", NOW - timedelta(days=1900), NOW, now=NOW)
    assert 10 <= min(bar.low for bar in bars) < 14
    assert 18 < max(bar.high for bar in bars) <= 25


def test_shares_correlate_with_the_nifty(market: SimulatedMarket) -> None:
    """Somewhat, as shares do; the SENSEX nearly moves with it, and the VIX against it."""
    nifty = _returns(market, "NSE:NIFTY 50", "day", 500)
    bounds = (
        ("NSE:INFY", 0.3, 0.9),
        ("NSE:SBIN", 0.3, 0.9),
        ("BSE:SENSEX", 0.95, 1.0),
        ("NSE:INDIA VIX", -0.95, -0.3),
    )
    for key, least, most in bounds:
        assert least < correlation(nifty, _returns(market, key, "day", 500)) < most, key


def test_a_price_changes_in_most_slots(market: SimulatedMarket) -> None:
    """A stream of an ordinary share is alive."""
    token = market.by_key["NSE:RELIANCE"].instrument.instrument_token or 0
    seen = [market.last_price(token, NOW + timedelta(milliseconds=500 * slot)) for slot in range(1200)]
    changes = sum(before != after for before, after in pairwise(seen))
    assert changes > 600


def test_futures_follow_their_underlying_with_carry(market: SimulatedMarket, quotes: dict[str, Snapshot]) -> None:
    """Within a few basis points of spot * (1 + interest to expiry)."""
    futures = [row.instrument for row in market.listed if row.instrument.kind is InstrumentKind.FUTURE]
    checked = [future for future in futures if future.underlying_id]
    for future in checked:
        assert future.expiry is not None
        years = (future.expiry - NOW.date()).days / 365
        fair = quotes[str(future.underlying_id)].last_price * (1 + 0.065 * years)
        tolerance = fair * 0.0005 + 2 * (future.tick_size or 0)
        assert quotes[future.id].last_price == pytest.approx(fair, abs=tolerance), future.id
    assert len(checked) > 300


def test_put_call_parity_holds(market: SimulatedMarket, quotes: dict[str, Snapshot]) -> None:
    """Call - put = forward - strike, the same forward for a whole expiry, within the ticks that rounding costs."""
    pairs = 0
    for row in market.listed:
        call = row.instrument
        if call.kind is not InstrumentKind.CALL or call.underlying_id != "NSE:NIFTY 50":
            continue
        assert call.expiry is not None
        put = quotes[call.id[:-2] + "PE"].last_price
        years = (datetime(call.expiry.year, call.expiry.month, call.expiry.day, 15, 30, tzinfo=IST) - NOW).days / 365
        forward = quotes["NSE:NIFTY 50"].last_price * (1 + 0.065 * years)
        assert quotes[call.id].last_price - put == pytest.approx(forward - (call.strike or 0), abs=6)
        pairs += 1
    assert pairs > 300


def test_options_fall_in_value_with_the_distance_of_their_strike(
    market: SimulatedMarket, quotes: dict[str, Snapshot]
) -> None:
    """Calls get cheaper and puts dearer as strikes rise; an option is worth more than a tick near the money."""
    expiries = {row.instrument.expiry for row in market.listed if row.instrument.name == "BANKNIFTY"}
    for expiry in expiries:
        for kind, falls in ((InstrumentKind.CALL, True), (InstrumentKind.PUT, False)):
            chain = sorted(
                (row.instrument.strike or 0, quotes[row.instrument.id].last_price)
                for row in market.listed
                if (row.instrument.name, row.instrument.expiry, row.instrument.kind) == ("BANKNIFTY", expiry, kind)
            )
            prices = [price for _, price in chain]
            assert prices == sorted(prices, reverse=falls)
            assert not prices or prices[len(prices) // 2] > 50
