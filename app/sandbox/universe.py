"""The instruments of the simulated exchange: about 2,900 of every kind, by their real names.

`build_universe` lists what is listed on a day: shares and indices always, derivatives by their expiries. A
token never depends on the day (`app.sandbox.tokens`), and the prices depend on nothing else. NEVER_TRADED is
listed and has no price at all.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from app.domain.instruments import Exchange, Instrument, InstrumentKind
from app.sandbox.contracts import chain_contracts, commodity_contracts, currency_contracts, share_contracts
from app.sandbox.names import FUNDS, INDICES, NIFTY_50, OTHER_STOCKS, StockName
from app.sandbox.rules import build_spots, minute_of, price_rule, tick_of
from app.sandbox.spots import Spot
from app.sandbox.tokens import free_token, token_of

NEVER_TRADED = "NSE:925IIFL32A-N0"
"""A bond that is listed and has never traded: no quote, no candle."""
OPENING_MINUTE = 9 * 60 + 15
"""Minute of `today` whose prices centre the option chains and are the base prices of derivatives."""
TYPES = {InstrumentKind.FUTURE: "FUT", InstrumentKind.CALL: "CE", InstrumentKind.PUT: "PE"}
BOND = StockName("925IIFL32A-N0", 760485, 1000.0, 0, "")


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the simulated master."""

    instrument: Instrument
    instrument_type: str
    """Kite's column: EQ FUT CE PE."""
    base_price: float
    """The level around which it trades; of a derivative, its price in the morning of the day."""
    has_derivatives: bool
    """Whether futures or options of this universe are written on it."""


def every_weekday(exchange: Exchange, day: date) -> bool:
    """Trading on all days, as the always-open calendar has it."""
    del exchange, day
    return True


def build_universe(
    *, seed: int, today: date, trades: Callable[[Exchange, date], bool] = every_weekday
) -> tuple[Listed, ...]:
    """All instruments that are listed on a day. `trades`: an expiry on another day moves to the one before."""
    spots = build_spots(seed)
    minute = minute_of(today, OPENING_MINUTE)
    level = _Levels(spots, minute)
    derivatives = [
        *chain_contracts(level, today, lambda day: trades(Exchange.NFO, day)),
        *share_contracts(today, lambda day: trades(Exchange.NFO, day)),
        *commodity_contracts(level, today, lambda day: trades(Exchange.MCX, day)),
        *currency_contracts(today, lambda day: trades(Exchange.CDS, day)),
    ]
    written_on = {instrument.underlying_id for instrument in derivatives}
    rows = [Listed(item, "EQ", price, item.id in written_on) for item, price in _cash()]
    for instrument in derivatives:
        rule = price_rule(instrument, spots, base_price=0.0, seed=seed)
        price = rule.step.price(rule.steps(level.spot_steps(rule.spot), minute))
        rows.append(Listed(instrument, TYPES[instrument.kind], price, has_derivatives=False))
    return tuple(rows)


class _Levels:
    """Prices of the paths at one minute, each computed once."""

    def __init__(self, spots: Mapping[str, Spot], minute: int) -> None:
        self._spots, self._minute = spots, minute
        self._steps: dict[int, int] = {}

    def __call__(self, name: str) -> float:
        spot = self._spots[name]
        return spot.step.price(self.spot_steps(spot))

    def spot_steps(self, spot: Spot) -> int:
        """In the path's own steps."""
        if spot.minute_key not in self._steps:
            self._steps[spot.minute_key] = spot.boundary(self._minute)
        return self._steps[spot.minute_key]


def _cash() -> Iterator[tuple[Instrument, float]]:
    for index in INDICES:
        exchange = Exchange(index.exchange)
        yield _index(exchange, index.symbol, index.exchange_token), index.level
    for stock in NIFTY_50 + OTHER_STOCKS:
        yield _share(stock, InstrumentKind.EQUITY), stock.price
    for fund in FUNDS:
        yield _share(fund, InstrumentKind.ETF), fund.price
    for stock in NIFTY_50 + OTHER_STOCKS + FUNDS:
        if stock.bse_code:
            kind = InstrumentKind.ETF if stock in FUNDS else InstrumentKind.EQUITY
            yield _twin(_share(stock, kind), stock.bse_code), stock.price
    yield replace(_share(BOND, InstrumentKind.OTHER), tick_size=0.01), BOND.price


def _index(exchange: Exchange, symbol: str, exchange_token: int) -> Instrument:
    return Instrument(
        id=f"{exchange}:{symbol}",
        exchange=exchange,
        symbol=symbol,
        name=symbol,
        kind=InstrumentKind.INDEX,
        segment="INDICES",
        instrument_token=token_of(exchange_token, "INDICES"),
        exchange_token=exchange_token,
        tick_size=None,
        lot_size=None,
        expiry=None,
        strike=None,
        underlying_id=None,
        currency="USD" if exchange is Exchange.NSEIX else "INR",
    )


def _share(stock: StockName, kind: InstrumentKind) -> Instrument:
    exchange_token = stock.exchange_token or free_token(stock.symbol)
    return Instrument(
        id=f"NSE:{stock.symbol}",
        exchange=Exchange.NSE,
        symbol=stock.symbol,
        name=stock.company or None,
        kind=kind,
        segment="NSE",
        instrument_token=token_of(exchange_token, "NSE"),
        exchange_token=exchange_token,
        tick_size=tick_of(stock.price),
        lot_size=1000 if stock.symbol.endswith(("-SM", "-ST")) else 1,
        expiry=None,
        strike=None,
        underlying_id=None,
        currency="INR",
    )


def _twin(share: Instrument, code: int) -> Instrument:
    return replace(
        share,
        id=f"BSE:{share.symbol}",
        exchange=Exchange.BSE,
        segment="BSE",
        exchange_token=code,
        instrument_token=token_of(code, "BSE"),
    )
