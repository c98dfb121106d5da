"""The futures and options that are listed on a day, as instruments; `app.sandbox.universe` adds the prices."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from app.domain.instruments import Exchange, Instrument, InstrumentKind
from app.sandbox.expiries import (
    Trades,
    dated_expiries,
    future_symbol,
    monthly_expiries,
    option_symbol,
    weekly_expiries,
)
from app.sandbox.names import CHAINS, COMMODITIES, CURRENCIES, NIFTY_50, OTHER_STOCKS, ChainName, FutureName, StockName
from app.sandbox.rules import tick_of
from app.sandbox.tokens import future_token, option_token, token_of

LevelOf = Callable[[str], float]
MONTHS_LISTED = 3
FIRST_SHARE = 100
"""Number of the first share among the underlyings, after the indices."""
CONTRACT_VALUE = 750_000.0
"""Rupees that a lot of a share is worth, about."""
LOT_STEP = 25
NO_FUTURES = ("-SM", "-ST", "-BE")
CHEAPEST = 5.0
"""Rupees; shares below it have no derivatives."""
INDEX_TICK = 0.05
COMMODITY_STRIKES = 12
CENTRE_STEPS = 10
"""Chains are centred on every tenth strike, so that a restart within the day finds the same one."""
TUESDAY = 1


@dataclass(frozen=True, slots=True)
class _Underlying:
    """What all contracts on one thing have in common."""

    number: int
    name: str
    id: str | None
    exchange: Exchange
    lot: int
    tick: float
    strike_step: float = 0.0

    def future(self, expiry: date) -> Instrument:
        """The future of an expiry."""
        return self._contract(
            future_symbol(self.name, expiry), InstrumentKind.FUTURE, future_token(self.number, expiry), expiry, None
        )

    def options(self, expiry: date, steps: range, *, monthly: bool) -> Iterator[Instrument]:
        """Calls and puts of an expiry, by strike."""
        for number in steps:
            strike = number * self.strike_step
            for side, kind in (("CE", InstrumentKind.CALL), ("PE", InstrumentKind.PUT)):
                symbol = option_symbol(self.name, expiry, strike, side, monthly=monthly)
                token = option_token(self.number, expiry, number, put=side == "PE")
                yield self._contract(symbol, kind, token, expiry, strike)

    def _contract(
        self, symbol: str, kind: InstrumentKind, exchange_token: int, expiry: date, strike: float | None
    ) -> Instrument:
        return Instrument(
            id=f"{self.exchange}:{symbol}",
            exchange=self.exchange,
            symbol=symbol,
            name=self.name,
            kind=kind,
            segment=f"{self.exchange}-{'FUT' if strike is None else 'OPT'}",
            instrument_token=token_of(exchange_token, self.exchange),
            exchange_token=exchange_token,
            tick_size=self.tick,
            lot_size=self.lot,
            expiry=expiry,
            strike=strike,
            underlying_id=self.id,
            currency="INR",
        )


def chain_contracts(level: LevelOf, today: date, trades: Trades) -> Iterator[Instrument]:
    """Futures and options on indices."""
    for number, chain in enumerate(CHAINS):
        exchange = Exchange(chain.exchange)
        underlying = _Underlying(
            number, chain.name, chain.underlying_id, exchange, chain.lot, INDEX_TICK, chain.strike_step
        )
        months = monthly_expiries(today, weekday=chain.weekday, count=MONTHS_LISTED, trades=trades)
        yield from (underlying.future(expiry) for expiry in months)
        steps = _strikes_around(level(chain.underlying_id), chain.strike_step, chain.strikes)
        for expiry in _chain_expiries(chain, today, months, trades):
            yield from underlying.options(expiry, steps, monthly=expiry in months)


def _chain_expiries(chain: ChainName, today: date, months: list[date], trades: Trades) -> list[date]:
    if not chain.strikes:
        return []
    weeks = weekly_expiries(today, weekday=chain.weekday, count=chain.weeks, trades=trades)
    return sorted({*weeks, *months[:2]})


def _strikes_around(price: float, step: float, each_side: int) -> range:
    centre = round(price / (step * CENTRE_STEPS)) * CENTRE_STEPS
    return range(max(1, centre - each_side), centre + each_side + 1) if each_side else range(0)


def share_contracts(today: date, trades: Trades) -> Iterator[Instrument]:
    """Futures on shares."""
    months = monthly_expiries(today, weekday=TUESDAY, count=MONTHS_LISTED, trades=trades)
    for number, stock in enumerate(NIFTY_50 + OTHER_STOCKS):
        if stock.symbol.endswith(NO_FUTURES) or stock.price < CHEAPEST:
            continue
        underlying = _Underlying(
            FIRST_SHARE + number,
            stock.symbol,
            f"NSE:{stock.symbol}",
            Exchange.NFO,
            _lot_of(stock),
            tick_of(stock.price),
        )
        yield from (underlying.future(expiry) for expiry in months)


def _lot_of(stock: StockName) -> int:
    return max(LOT_STEP, round(CONTRACT_VALUE / stock.price / LOT_STEP) * LOT_STEP)


def commodity_contracts(level: LevelOf, today: date, trades: Trades) -> Iterator[Instrument]:
    """Futures on commodities, and options on some."""
    for number, commodity in enumerate(COMMODITIES):
        underlying = _dated(number, commodity, Exchange.MCX)
        expiries = _dates(commodity, today, trades)
        yield from (underlying.future(expiry) for expiry in expiries)
        if commodity.strike_step:
            steps = _strikes_around(level(f"MCX:{commodity.symbol}"), commodity.strike_step, COMMODITY_STRIKES)
            for expiry in expiries[:2]:
                yield from underlying.options(expiry, steps, monthly=True)


def currency_contracts(today: date, trades: Trades) -> Iterator[Instrument]:
    """Futures on currency pairs."""
    for number, currency in enumerate(CURRENCIES):
        underlying = _dated(number, currency, Exchange.CDS)
        yield from (underlying.future(expiry) for expiry in _dates(currency, today, trades))


def _dates(future: FutureName, today: date, trades: Trades) -> list[date]:
    return dated_expiries(today, day=future.expiry_day, months=future.months, count=MONTHS_LISTED, trades=trades)


def _dated(number: int, future: FutureName, exchange: Exchange) -> _Underlying:
    return _Underlying(number, future.symbol, None, exchange, future.lot, future.tick, future.strike_step)
