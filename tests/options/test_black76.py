"""Black-76 against QuantLib, and its own laws."""

import numpy as np
import pytest
import QuantLib
from hypothesis import assume, example, given
from hypothesis import strategies as st

from app.services.options.black76 import HIGHEST, Terms, greeks, implied_volatilities, prices

TERMS = st.builds(
    Terms, forward=st.floats(10, 100_000), years=st.floats(0.5 / 365, 2.0), rate=st.sampled_from([0.0, 0.05, 0.07])
)
MONEYNESS = st.lists(st.floats(0.7, 1.4), min_size=1, max_size=20)
VOLATILITIES = st.floats(0.03, 1.5)


def chain(terms: Terms, moneyness: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Strikes, each as a call and as a put."""
    strikes = np.repeat(np.array(moneyness) * terms.forward, 2)
    return strikes, np.arange(len(strikes)) % 2 == 0


def calculator(terms: Terms, strike: float, is_call: bool, volatility: float) -> QuantLib.BlackCalculator:  # noqa: FBT001 - an array's entry
    """QuantLib's view of one option."""
    kind = QuantLib.Option.Call if is_call else QuantLib.Option.Put
    payoff = QuantLib.PlainVanillaPayoff(kind, strike)
    return QuantLib.BlackCalculator(payoff, terms.forward, volatility * terms.years**0.5, terms.discount)


@given(TERMS, MONEYNESS, VOLATILITIES)
def test_prices_and_greeks_are_those_of_quantlib(terms: Terms, moneyness: list[float], volatility: float) -> None:
    """To nine digits of the forward, or of the figure."""
    strikes, is_call = chain(terms, moneyness)
    volatilities = np.full(len(strikes), volatility)
    ours, worth = greeks(terms, strikes, is_call, volatilities), prices(terms, strikes, is_call, volatilities)
    for index, (strike, call) in enumerate(zip(strikes.tolist(), is_call.tolist(), strict=True)):
        theirs = calculator(terms, strike, call, volatility)
        assert worth[index] == pytest.approx(theirs.value(), rel=1e-9, abs=1e-12 * terms.forward)
        assert ours.delta[index] == pytest.approx(theirs.deltaForward(), rel=1e-9, abs=1e-9)
        assert ours.gamma[index] == pytest.approx(theirs.gammaForward(), rel=1e-9, abs=1e-9)
        assert ours.vega[index] == pytest.approx(theirs.vega(terms.years) / 100, rel=1e-9, abs=1e-12 * terms.forward)


@given(TERMS, MONEYNESS, VOLATILITIES)
def test_theta_is_what_a_day_takes(terms: Terms, moneyness: list[float], volatility: float) -> None:
    """The derivative in time, by a difference over a thousandth of a day on either side."""
    strikes, is_call = chain(terms, moneyness)
    volatilities, step = np.full(len(strikes), volatility), 1e-3 / 365

    def at(years: float) -> np.ndarray:
        return prices(Terms(terms.forward, years, terms.rate), strikes, is_call, volatilities)

    slope = (at(terms.years - step) - at(terms.years + step)) / (2 * step) / 365
    scale = np.abs(slope).max() + 1e-9 * terms.forward
    np.testing.assert_allclose(greeks(terms, strikes, is_call, volatilities).theta, slope, atol=1e-3 * scale)


@given(TERMS, MONEYNESS, VOLATILITIES)
@example(Terms(24_000.0, 0.5 / 365, 0.07), [1.0], 0.03)
def test_a_price_leads_back_to_its_volatility(terms: Terms, moneyness: list[float], volatility: float) -> None:
    """Wherever the price is worth a paisa more than intrinsic value, which is what a market can tell."""
    strikes, is_call = chain(terms, moneyness)
    worth = prices(terms, strikes, is_call, np.full(len(strikes), volatility))
    sign = np.where(is_call, 1.0, -1.0)
    intrinsic = terms.discount * np.maximum(sign * (terms.forward - strikes), 0.0)
    told = worth - intrinsic > max(0.01, 1e-6 * terms.forward)
    assume(told.any())
    found = implied_volatilities(terms, strikes, is_call, worth)
    np.testing.assert_allclose(found[told], volatility, rtol=1e-6)


def test_a_market_chain_has_the_volatilities_of_quantlib() -> None:
    """NIFTY, nine days before expiry, prices in steps of 0.05."""
    terms = Terms(24_310.0, 9 / 365, 0.065)
    strikes = np.arange(23_500, 25_100, 50.0).repeat(2)
    is_call = np.arange(len(strikes)) % 2 == 0
    smile = 0.12 + 0.8 * ((strikes / terms.forward) - 1) ** 2 * 10
    observed = np.maximum(np.round(prices(terms, strikes, is_call, smile) / 0.05) * 0.05, 0.05)
    found = implied_volatilities(terms, strikes, is_call, observed)
    for strike, call, price, volatility in zip(strikes, is_call, observed, found, strict=True):
        kind = QuantLib.Option.Call if call else QuantLib.Option.Put
        deviation = QuantLib.blackFormulaImpliedStdDev(
            kind, float(strike), terms.forward, float(price), terms.discount, 0.0, 0.01, 1e-12, 1_000
        )
        assert volatility == pytest.approx(deviation / terms.years**0.5, rel=1e-6)


@pytest.mark.parametrize("price", [309.9, 0.0, -1.0, float("nan"), 24_310.0, 1e9])
def test_what_no_volatility_explains_is_unknown(price: float) -> None:
    """At or below intrinsic value, or worth more than the forward: never a number."""
    terms = Terms(24_310.0, 9 / 365, 0.0)
    found = implied_volatilities(terms, np.array([24_000.0]), np.array([True]), np.array([price]))
    assert np.isnan(found).all()


def test_a_volatility_beyond_the_bounds_is_unknown() -> None:
    """A price that would need more than 1,000 % a year."""
    terms = Terms(100.0, 1 / 365, 0.0)
    strikes, is_call = np.array([100.0, 100.0]), np.array([True, True])
    worth = prices(terms, strikes, is_call, np.array([HIGHEST * 1.1, HIGHEST * 0.9]))
    found = implied_volatilities(terms, strikes, is_call, worth)
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(HIGHEST * 0.9, rel=1e-9)
