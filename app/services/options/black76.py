"""Black-76: implied volatilities and greeks of a whole chain at once.

Comes in: one forward, a time to expiry, a rate, and arrays of strikes, kinds and prices, one entry an option. Goes out:
arrays of the same length, NaN where there is no answer. Called by the option chain; pure.

The model and what it assumes:
- European options on a forward F with a lognormal distribution: C = e^(-rT) (F N(d1) - K N(d2)),
  P = e^(-rT) (K N(-d2) - F N(-d1)), d1 = (ln(F/K) + s^2 T / 2) / (s sqrt T), d2 = d1 - s sqrt T.
- T in years of 365 calendar days (not 252 sessions) up to 15:30 in India on the day of expiry, when the underlying's
  close settles the option; nights and weekends count like any other time, so on the last day it falls by the second.
- r continuously compounded and constant (RISK_FREE_RATE). Where no future of the expiry has a price the forward is the
  spot carried at r, without dividends: a dividend before expiry makes calls look cheap and puts dear then.
- One volatility an option: no smile is fitted, and options at the same strike may disagree.
- Indian index and stock options are European and cash or physically settled at expiry, so the model fits their style.
Greeks follow common usage, but are those of the forward: delta (e^(-rT) N(d1) for a call) and gamma for 1 of F, theta
for one calendar day with F unchanged (a derivative, so on the last day more than what is left), vega for 0.01 of
volatility. Pages that use Black-Scholes on the spot show a theta with the spot unchanged and a delta for 1 of spot.
"""

from dataclasses import dataclass
from math import erfc, pi, sqrt

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

LOWEST, HIGHEST = 1e-4, 10.0
"""Volatilities that are looked for, as fractions a year: 0.01 % to 1,000 %. Expiry-day wings reach some hundred %."""
STEPS = 100
"""Newton converges in some 5; each step that would leave its bracket halves it instead, so 50 suffice for any price."""
PRECISION = 1e-12
"""Relative to the forward: what a price may differ from the one that is looked for."""
DAYS = 365.0
POINT = 0.01

_erfc = np.frompyfunc(erfc, 1, 1)


@dataclass(frozen=True, slots=True)
class Terms:
    """What all options of an expiry share."""

    forward: float
    """Price of the underlying for delivery at expiry, above 0."""
    years: float
    """Time to expiry, above 0."""
    rate: float
    """Continuously compounded, a year, as a fraction."""

    @property
    def discount(self) -> float:
        """The present value of 1 at expiry."""
        return float(np.exp(-self.rate * self.years))


@dataclass(frozen=True, slots=True)
class Greeks:
    """Arrays, one entry an option; NaN where the volatility is."""

    delta: Floats
    gamma: Floats
    theta: Floats
    vega: Floats


def prices(terms: Terms, strikes: Floats, is_call: Flags, volatilities: Floats) -> Floats:
    """What the model says each option is worth now."""
    d1, d2 = _distances(terms, strikes, volatilities)
    sign = np.where(is_call, 1.0, -1.0)
    value = sign * (terms.forward * _normal(sign * d1) - strikes * _normal(sign * d2))
    return np.asarray(terms.discount * value)


def implied_volatilities(terms: Terms, strikes: Floats, is_call: Flags, observed: Floats) -> Floats:
    """The volatility at which the model's price is the observed one.

    NaN where no volatility is: a price that is not above intrinsic value, not below the forward's (call) or the
    strike's (put) present value, or of a volatility outside LOWEST to HIGHEST.
    """
    sign = np.where(is_call, 1.0, -1.0)
    floor = terms.discount * np.maximum(sign * (terms.forward - strikes), 0.0)
    ceiling = terms.discount * np.where(is_call, terms.forward, strikes)
    nothing = PRECISION * terms.forward
    with np.errstate(invalid="ignore"):
        solvable = (observed > floor + nothing) & (observed < ceiling - nothing)
    found = np.full(len(strikes), np.nan)
    if solvable.any():
        found[solvable] = _solve(terms, strikes[solvable], is_call[solvable], observed[solvable])
    return found


def greeks(terms: Terms, strikes: Floats, is_call: Flags, volatilities: Floats) -> Greeks:
    """The sensitivities at these volatilities."""
    d1, _ = _distances(terms, strikes, volatilities)
    sign = np.where(is_call, 1.0, -1.0)
    spread = volatilities * sqrt(terms.years)
    density = terms.discount * _density(d1)
    decay = -terms.forward * density * volatilities / (2 * sqrt(terms.years))
    value = prices(terms, strikes, is_call, volatilities)
    return Greeks(
        delta=np.asarray(sign * terms.discount * _normal(sign * d1)),
        gamma=np.asarray(density / (terms.forward * spread)),
        theta=np.asarray((decay + terms.rate * value) / DAYS),
        vega=np.asarray(_slope(terms, d1) * POINT),
    )


def _solve(terms: Terms, strikes: Floats, is_call: Flags, observed: Floats) -> Floats:
    """Newton's steps inside a bracket that shrinks: all options at once."""
    low, high = np.full(len(strikes), LOWEST), np.full(len(strikes), HIGHEST)
    # The inflection of the price in the volatility: from there Newton never overshoots.
    guess = np.sqrt(2 * np.abs(np.log(terms.forward / strikes)) / terms.years)
    guess = np.clip(guess, 0.05, 2.0)
    tolerance = PRECISION * terms.forward
    for _ in range(STEPS):
        error = prices(terms, strikes, is_call, guess) - observed
        low, high = np.where(error < 0, guess, low), np.where(error > 0, guess, high)
        slope = _slope(terms, _distances(terms, strikes, guess)[0])
        with np.errstate(divide="ignore", invalid="ignore"):
            step = guess - error / slope
        inside = (step > low) & (step < high)
        following = np.where(inside, step, (low + high) / 2)
        settled = (np.abs(error) <= tolerance) | (high - low <= PRECISION)
        guess = np.where(settled, guess, following)
        if settled.all():
            break
    at_the_edge = (guess <= LOWEST * (1 + 1e-9)) | (guess >= HIGHEST * (1 - 1e-9))
    return np.where(at_the_edge, np.nan, guess)


def _slope(terms: Terms, d1: Floats) -> Floats:
    """How the price grows with the volatility."""
    return np.asarray(terms.forward * terms.discount * _density(d1) * sqrt(terms.years))


def _density(values: Floats) -> Floats:
    return np.asarray(np.exp(-(values**2) / 2) / sqrt(2 * pi))


def _distances(terms: Terms, strikes: Floats, volatilities: Floats) -> tuple[Floats, Floats]:
    spread = volatilities * sqrt(terms.years)
    d1 = np.log(terms.forward / strikes) / spread + spread / 2
    return np.asarray(d1), np.asarray(d1 - spread)


def _normal(values: Floats) -> Floats:
    """The cumulative normal distribution, exact in both tails."""
    return np.asarray(_erfc(-values / sqrt(2)), dtype=np.float64) / 2
