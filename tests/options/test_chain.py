"""Option chains: rows around the money, what they are priced on, and what is unknown."""

from dataclasses import replace
from datetime import date, timedelta
from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidInput, MarketDataError, NotSupported
from app.domain.instruments import InstrumentKind
from app.domain.options import OptionLeg, OptionRow
from app.domain.provenance import Cost, DataSource
from app.domain.quotes import Depth, DepthLevel, Quote
from app.services.options.listing import expires_at
from app.services.options.positions import max_pain, put_call_ratio
from tests.options.market import FAR, NEAR, NIFTY, RATE, STRIKES, VOLATILITY, Market, derivative, options
from tests.support.clock import FixedClock


async def test_the_future_of_the_expiry_is_what_options_are_priced_on() -> None:
    """Its volatilities are those that made the prices; two calls for the whole chain."""
    market = Market()
    market.price_options(FAR, 24_560.0)
    found = await market.chain(FAR)
    assert (found.forward, found.forward_source) == (24_560.0, f"the future {market.future.id}")
    assert (found.spot, found.at_the_money_strike) == (24_510.0, 24_550.0)
    assert [row.strike for row in found.rows] == [24_550.0 + 50 * step for step in range(-5, 6)]
    for row in found.rows:
        assert row.call is not None
        assert row.put is not None
        assert row.call.implied_volatility == pytest.approx(VOLATILITY, rel=1e-6)
        assert row.put.implied_volatility == pytest.approx(VOLATILITY, rel=1e-6)
        assert row.call.delta is not None
        assert row.put.delta is not None
        assert row.call.delta - row.put.delta == pytest.approx(
            exp(-RATE * (expires_at(FAR) - market.clock.now()) / timedelta(days=365))
        )
    assert market.asked == [2, 22]
    assert found.expiries == (NEAR, FAR)


async def test_without_a_future_the_spot_is_carried_to_expiry() -> None:
    """And the chain says so, with the rate."""
    market = Market()
    carried = 24_510.0 * exp(RATE * ((expires_at(NEAR) - market.clock.now()) / timedelta(days=365)))
    market.price_options(NEAR, carried)
    found = await market.chain()
    assert found.expiry == NEAR
    assert found.forward == pytest.approx(carried)
    assert found.forward_source == "NSE:NIFTY 50 plus carry at 0.065 a year"
    call = found.rows[0].call
    assert call is not None
    assert call.implied_volatility == pytest.approx(VOLATILITY, rel=1e-6)


async def test_without_any_price_of_the_underlying_no_volatility_is_made_up() -> None:
    """Rows around the middle of the list, prices as they are, and nothing derived."""
    market = Market(spot=None, future=None)
    market.price_options(NEAR, 24_510.0)
    found = await market.chain()
    assert (found.spot, found.forward, found.at_the_money_strike) == (None, None, None)
    assert found.rows[5].strike == STRIKES[len(STRIKES) // 2]
    leg = found.rows[5].call
    assert leg is not None
    assert leg.quote is not None
    assert (leg.implied_volatility, leg.delta, leg.gamma, leg.theta, leg.vega) == (None,) * 5


@pytest.mark.parametrize("price", [0.0, -24_510.0, float("nan")])
async def test_a_forward_that_cannot_be_is_none(price: float) -> None:
    """Of the future the spot stands in, carried; without a spot that can be one there is no money and no volatility."""
    market = Market(future=price)
    market.price_options(FAR, 24_560.0)
    found = await market.chain(FAR)
    said = f"NOT_A_PRICE: its source says {price:g}"
    assert [(each.input, each.reason) for each in found.missing] == [(market.future.id, said)]
    assert found.forward_source == "NSE:NIFTY 50 plus carry at 0.065 a year"
    market.put(NIFTY, price)
    found = await market.chain(FAR)
    assert (found.spot, found.forward, found.at_the_money_strike) == (None, None, None)
    assert {each.input for each in found.missing} == {NIFTY.id, market.future.id}


async def test_a_price_that_tells_nothing_has_no_volatility() -> None:
    """Stale, without a price, below intrinsic value, or last traded too long ago: each is null, the others are not."""
    market = Market()
    market.price_options(FAR, 24_560.0)
    stale, absent, below, old, fine = (derivative(InstrumentKind.CALL, FAR, strike) for strike in STRIKES[7:12])
    market.stale.add(stale.id)
    del market.quoted[absent.id]
    market.put(below, 24_560.0 - (below.strike or 0.0) - 100.0)
    ages_ago = market.clock.now() - timedelta(minutes=6)
    market.quoted[old.id] = replace(market.quoted[old.id], last_trade_time=ages_ago)
    found = await market.chain(FAR)
    legs = {row.call.instrument.id: row.call for row in found.rows if row.call is not None}
    for option in (stale, absent, below, old):
        assert legs[option.id].implied_volatility is None
        assert legs[option.id].delta is None
    assert legs[stale.id].quote is None
    assert legs[below.id].quote is not None
    assert legs[fine.id].implied_volatility == pytest.approx(VOLATILITY, rel=1e-6)


async def test_the_middle_of_the_book_counts_before_the_last_trade() -> None:
    """A last trade may be of another minute; bid and ask are of now."""
    market = Market()
    market.price_options(FAR, 24_560.0)
    option = derivative(InstrumentKind.CALL, FAR, 24_550.0)
    right = market.quoted[option.id].last_price
    book = Depth((DepthLevel(right - 1, 75, 1),), (DepthLevel(right + 1, 75, 1),))
    market.quoted[option.id] = replace(market.quoted[option.id], last_price=right * 2, depth=book)
    found = await market.chain(FAR, 1)
    call = found.rows[1].call
    assert call is not None
    assert call.implied_volatility == pytest.approx(VOLATILITY, rel=1e-6)


async def test_after_the_close_of_the_last_day_nothing_is_derived() -> None:
    """No time is left to be volatile in."""
    market = Market()
    market.price_options(NEAR, 24_510.0)
    market.clock.set(expires_at(NEAR))
    market.put(NIFTY, 24_510.0)
    found = await market.chain(NEAR)
    assert found.forward is None
    assert found.at_the_money_strike == 24_500.0
    assert all(row.call is not None and row.call.implied_volatility is None for row in found.rows)


@pytest.mark.parametrize(
    ("expiry", "each_side", "error", "message"),
    [
        (date(2026, 11, 27), 5, InvalidInput, "those that are listed expire on 2026-11-26, 2026-12-29"),
        (None, 0, InvalidInput, "between 1 and 60"),
        (None, 61, InvalidInput, "between 1 and 60"),
    ],
)
async def test_what_cannot_be_had_says_what_can(
    expiry: date | None, each_side: int, error: type[MarketDataError], message: str
) -> None:
    """In the message: the expiries that are listed, the bounds."""
    with pytest.raises(error, match=message):
        await Market().chain(expiry, each_side)


async def test_an_underlying_without_options_is_not_supported() -> None:
    """By name."""
    market = Market()
    market.listed = [market.future]
    with pytest.raises(NotSupported, match="no options are listed on NSE:NIFTY 50"):
        await market.chain()


async def test_a_live_chain_comes_again_when_a_price_has_changed() -> None:
    """And not before."""
    market = Market()
    market.price_options(FAR, 24_560.0)
    updates = market.chains.updates(NIFTY.id, expiry=FAR, strikes_each_side=1, throttle=0.0, cost=Cost())
    first = await anext(updates)
    option = derivative(InstrumentKind.PUT, FAR, 24_550.0)
    market.put(option, 1_000.0, interest=5)
    second = await anext(updates)
    await updates.aclose()
    assert first.rows[1].put != second.rows[1].put
    assert first.rows[1].call == second.rows[1].call
    assert len(market.asked) == 4


def row(strike: float, calls: int | None, puts: int | None) -> OptionRow:
    """A row with open interest alone."""

    def leg(kind: InstrumentKind, interest: int | None) -> OptionLeg:
        option = derivative(kind, FAR, strike)
        now = FixedClock().now()
        quote = Quote(option.id, 1.0, DataSource.SANDBOX, now, open_interest=interest)
        return OptionLeg(option, quote, None, None, None, None, None)

    return OptionRow(strike, leg(InstrumentKind.CALL, calls), leg(InstrumentKind.PUT, puts))


INTERESTS = st.lists(st.tuples(st.integers(0, 1_000), st.integers(0, 1_000)), min_size=1, max_size=12)


@given(INTERESTS)
def test_ratio_and_max_pain_by_a_loop_over_all_prices(interests: list[tuple[int, int]]) -> None:
    """Computed a second time, in another way."""
    rows = [row(100.0 + 10 * at, calls, puts) for at, (calls, puts) in enumerate(interests)]
    calls, puts = (sum(each) for each in zip(*interests, strict=True))
    assert put_call_ratio(rows) == (puts / calls if calls else None)
    if not calls and not puts:
        assert max_pain(rows) is None
        return
    paid = {}
    for price in (each.strike for each in rows):
        writers_of_calls = sum(
            count * (price - each.strike)
            for each, (count, _) in zip(rows, interests, strict=True)
            if price > each.strike
        )
        writers_of_puts = sum(
            count * (each.strike - price)
            for each, (_, count) in zip(rows, interests, strict=True)
            if price < each.strike
        )
        paid[price] = writers_of_calls + writers_of_puts
    found = max_pain(rows)
    assert found is not None
    assert paid[found] == min(paid.values())


@pytest.mark.parametrize(
    ("rows", "ratio", "pain"),
    [
        ([row(100.0, None, 5), OptionRow(110.0, None, None)], None, None),
        ([row(100.0, 7, None), row(110.0, 3, None)], None, None),
        ([row(100.0, None, None)], None, None),
        ([row(100.0, None, 6), row(110.0, 3, None)], 2.0, 100.0),
        ([row(100.0, 0, 5)], None, 100.0),
        ([row(100.0, 5, 0)], 0.0, 100.0),
    ],
    ids=["no calls", "no puts", "neither", "some of both", "calls are none", "puts are none"],
)
def test_an_unknown_side_is_not_an_empty_one(rows: list[OptionRow], ratio: float | None, pain: float | None) -> None:
    """Without any known open interest of calls or of puts there is neither figure; a known zero is a number."""
    assert put_call_ratio(rows) == ratio
    assert max_pain(rows) == pain


@pytest.mark.parametrize("silent", ["price", "open interest"])
async def test_puts_without_open_interest_are_missing(silent: str) -> None:
    """Whether they have no price, or a price alone: no ratio of 0.0, no pain at the lowest strike."""
    market = Market()
    market.price_options(FAR, 24_560.0)
    puts = [each for each in options(FAR) if each.kind is InstrumentKind.PUT]
    for put in puts:
        if silent == "price":
            del market.quoted[put.id]
        else:
            market.quoted[put.id] = replace(market.quoted[put.id], open_interest=None)
    found = await market.chain(FAR, 2)
    assert (found.put_call_ratio, found.max_pain) == (None, None)
    shown = [each.put.instrument.id for each in found.rows if each.put is not None]
    wanted = {"price": [(key, "NOT_PRICED: no trade") for key in shown]}.get(
        silent, [(f"{key} open interest", "NOT_PRICED: its source gives no open interest") for key in shown]
    )
    assert [(each.input, each.reason) for each in found.missing] == wanted
