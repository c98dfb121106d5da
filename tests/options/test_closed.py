"""Chains where the market is closed, the book is odd, or the future did not trade: what a volatility is read from."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.errors import LoginRequired, SourceUnavailable
from app.domain.instruments import InstrumentKind
from app.domain.market_context import MissingInput
from app.domain.options import OptionChain, OptionLeg
from app.domain.quotes import Depth, DepthLevel
from app.services.options.legs import observed_price
from app.services.options.listing import expires_at
from tests.options.market import FAR, NEAR, NIFTY, STRIKES, VOLATILITY, Market, derivative, options


def legs(chain: OptionChain) -> list[OptionLeg]:
    """All that there are."""
    return [leg for row in chain.rows for leg in (row.call, row.put) if leg is not None]


async def test_on_a_closed_day_the_last_prices_tell_the_volatility_that_they_had_then() -> None:
    """On Sunday Friday's prices count, with the time that was left when they were made."""
    market = Market()
    market.price_options(FAR, 24_560.0)
    market.closed = market.quoted.keys()
    market.clock.advance(2 * 86_400)
    found = await market.chain(FAR)
    assert found.forward == 24_560.0
    assert found.missing == ()
    for leg in legs(found):
        assert leg.implied_volatility == pytest.approx(VOLATILITY, rel=1e-6)


async def test_in_an_open_market_the_same_prices_are_too_old() -> None:
    """The underlying is elsewhere by now."""
    market = Market()
    market.price_options(FAR, 24_560.0)
    market.clock.advance(600)
    found = await market.chain(FAR)
    assert all(leg.implied_volatility is None for leg in legs(found))


async def test_a_closed_day_after_expiry_derives_nothing() -> None:
    """Not even with the second that was left when the last price was made."""
    market = Market()
    market.clock.set(expires_at(NEAR) - timedelta(seconds=1))
    market.put(NIFTY, 24_510.0)
    market.price_options(NEAR, 24_510.0)
    market.closed = market.quoted.keys()
    market.clock.set(expires_at(NEAR) + timedelta(hours=2))
    found = await market.chain(NEAR)
    assert found.forward is None
    assert all(leg.implied_volatility is None for leg in legs(found))


async def test_a_future_that_did_not_trade_is_not_what_options_are_priced_on() -> None:
    """Those of far months stand still for hours: the spot is carried instead. With a book it counts."""
    market = Market()
    market.price_options(FAR, 24_600.0)
    quote = market.quoted[market.future.id]
    ages_ago = market.clock.now() - timedelta(hours=1)
    market.quoted[market.future.id] = replace(quote, last_price=20_000.0, last_trade_time=ages_ago)
    found = await market.chain(FAR)
    assert found.forward is not None
    assert 24_510.0 < found.forward < 24_800.0
    assert found.forward_source is not None
    assert found.forward_source.startswith("NSE:NIFTY 50 plus carry")
    book = Depth((DepthLevel(24_599.0, 65, 1),), (DepthLevel(24_601.0, 65, 1),))
    market.quoted[market.future.id] = replace(market.quoted[market.future.id], depth=book)
    assert (await market.chain(FAR)).forward == 24_600.0


def level(price: float) -> DepthLevel:
    """One order."""
    return DepthLevel(price, 65, 1)


@pytest.mark.parametrize(
    ("bids", "asks", "price"),
    [
        ((level(9.0),), (level(11.0),), 10.0),
        ((level(10.0),), (level(10.0),), 10.0),
        ((level(12.0),), (level(11.0),), 7.0),
        ((level(0.0),), (level(11.0),), 7.0),
        ((level(9.0),), (level(0.0),), 7.0),
        ((), (level(11.0),), 7.0),
        ((level(9.0),), (), 7.0),
        ((), (), 7.0),
    ],
)
def test_only_a_whole_book_has_a_middle(
    bids: tuple[DepthLevel, ...], asks: tuple[DepthLevel, ...], price: float
) -> None:
    """Crossed, one-sided or without a price: the last trade counts."""
    market = Market()
    option = options(FAR)[0]
    market.put(option, 7.0)
    quote = replace(market.quoted[option.id], depth=Depth(bids, asks))
    assert observed_price(quote, market.clock.now()) == price


async def test_after_the_last_moment_of_an_expiry_the_next_one_is_the_nearest() -> None:
    """Though the old one is listed until midnight, and may be asked for."""
    market = Market()
    market.clock.set(expires_at(NEAR))
    market.put(NIFTY, 24_510.0)
    assert (await market.chain()).expiry == FAR
    assert (await market.chain(NEAR)).expiry == NEAR
    market.clock.set(expires_at(NEAR) - timedelta(seconds=1))
    assert (await market.chain()).expiry == NEAR


async def test_each_price_that_is_not_there_has_its_reason() -> None:
    """The future, a leg; that the chain has none of a kind is no missing price."""
    market = Market(future=None)
    market.price_options(FAR, 24_600.0)
    gone, stale = (derivative(InstrumentKind.CALL, FAR, strike) for strike in STRIKES[12:14])
    market.errors[gone.id] = LoginRequired("log in", login_url="http://127.0.0.1/login")
    market.stale.add(stale.id)
    put = derivative(InstrumentKind.PUT, FAR, STRIKES[13])
    market.listed.remove(put)
    found = await market.chain(FAR, 2)
    assert set(found.missing) == {
        MissingInput(market.future.id, "NOT_PRICED: no trade"),
        MissingInput(gone.id, "LOGIN_REQUIRED: log in"),
        MissingInput(stale.id, "STALE: the last price is of 2026-11-23T04:30:00+00:00"),
    }
    by_strike = {row.strike: row for row in found.rows}
    assert by_strike[STRIKES[13]].put is None


async def test_before_the_first_master_nobody_knows_what_is_listed() -> None:
    """That is no word on the underlying, and worth asking again."""
    market = Market()
    market.listed = []
    market.ready.clear()
    with pytest.raises(SourceUnavailable, match="has not been loaded"):
        await market.chain()
