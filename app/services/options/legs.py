"""The legs of a chain with their volatilities and greeks. Pure; called by `chain`."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import isfinite

import numpy as np

from app.domain.instruments import Instrument, InstrumentKind
from app.domain.options import OptionLeg, OptionRow
from app.domain.quotes import Quote
from app.services.options.black76 import Greeks, Terms, greeks, implied_volatilities

LONGEST_SILENCE = timedelta(minutes=5)
"""A last trade older than this was made at another price of the underlying: it tells no volatility of now."""

Strike = tuple[float, Mapping[InstrumentKind, Instrument]]


def priced_rows(
    strikes: Sequence[Strike], quotes: Mapping[str, Quote], terms: Terms | None, now: datetime
) -> tuple[OptionRow, ...]:
    """One row a strike. `terms` None: nothing to price on, so no volatility is known."""
    options = [option for _, kinds in strikes for option in kinds.values()]
    legs = dict(zip([each.id for each in options], _legs(options, quotes, terms, now), strict=True))

    def leg(kinds: Mapping[InstrumentKind, Instrument], kind: InstrumentKind) -> OptionLeg | None:
        option = kinds.get(kind)
        return None if option is None else legs[option.id]

    return tuple(
        OptionRow(strike, leg(kinds, InstrumentKind.CALL), leg(kinds, InstrumentKind.PUT)) for strike, kinds in strikes
    )


def observed_price(quote: Quote | None, now: datetime) -> float:
    """The price that a volatility is read from: the middle of the best bid and ask, else a recent last trade.

    A book with one side, without a price, or with a bid above the ask (as before the opening) is none. NaN where there
    is neither. `now`: the moment that prices are of; that of the last prices where the market is closed.
    """
    if quote is None:
        return float("nan")
    depth = quote.depth
    if depth is not None and depth.bids and depth.asks:
        bid, ask = depth.bids[0].price, depth.asks[0].price
        if 0 < bid <= ask:
            return (bid + ask) / 2
    at = traded_at(quote)
    if at is None or now - at > LONGEST_SILENCE:
        return float("nan")
    return quote.last_price


def traded_at(quote: Quote) -> datetime | None:
    """When the last price was made; None where nobody says."""
    return quote.last_trade_time or quote.exchange_time


def _legs(
    options: Sequence[Instrument], quotes: Mapping[str, Quote], terms: Terms | None, now: datetime
) -> list[OptionLeg]:
    if terms is None or not options:
        return [OptionLeg(option, quotes.get(option.id), None, None, None, None, None) for option in options]
    strikes = np.array([option.strike for option in options], dtype=np.float64)
    is_call = np.array([option.kind is InstrumentKind.CALL for option in options])
    prices = np.array([observed_price(quotes.get(option.id), now) for option in options])
    volatilities = implied_volatilities(terms, strikes, is_call, prices)
    figures: Greeks = greeks(terms, strikes, is_call, volatilities)
    columns = (volatilities, figures.delta, figures.gamma, figures.theta, figures.vega)
    return [
        OptionLeg(option, quotes.get(option.id), *(_known(value) for value in values))
        for option, *values in zip(options, *(column.tolist() for column in columns), strict=True)
    ]


def _known(value: float) -> float | None:
    return value if isfinite(value) else None
