"""Which path each instrument follows, and how: the one place where instruments meet prices.

`build_spots` makes all paths of a seed; `price_rule` finds the rule of one instrument among them; `trading_flow`
its volume and book. Nothing here depends on the day, so a token has the same prices in every process.
"""

from collections.abc import Mapping
from datetime import date

from app.domain.instruments import Exchange, Instrument, InstrumentKind
from app.sandbox.flow import Flow, build_flow
from app.sandbox.money import Step, step_of
from app.sandbox.names import (
    CHAINS,
    COMMODITIES,
    CURRENCIES,
    FUND_OF,
    FUNDS,
    INDICES,
    NIFTY_50,
    OTHER_STOCKS,
    SMALL_CONTRACTS,
)
from app.sandbox.noise import key_of
from app.sandbox.pricing import Itself, Option, Pricing, Proportional
from app.sandbox.spots import Spot, build_spot

INDEX_STEP = step_of(0.05)
FINE_STEP = step_of(0.0001)
"""Of the hidden paths behind currencies and commodities."""
TICKS = ((250.0, 0.01), (1_000.0, 0.05), (5_000.0, 0.1), (10_000.0, 0.5), (20_000.0, 1.0), (float("inf"), 5.0))
"""NSE tick sizes by price, since 2025."""
CARRY = {Exchange.NFO: 0.065, Exchange.BFO: 0.065, Exchange.CDS: 0.02, Exchange.MCX: 0.05}
WOBBLE = 0.0001
"""A future or a twin strays so far from its fair price."""
CLOSE_OF_EXPIRY = 15 * 60 + 30
"""Minute of the IST day from which an option has no time left."""
IST_MINUTES = 330
MINUTES_A_DAY = 1_440
VIX = "NSE:INDIA VIX"
INDEX_MOVES = {VIX: (0.03, 0.21, -0.5), "NSE:NIFTY 50": (0.0045, 0.25, 1.0), "BSE:SENSEX": (0.0045, 0.25, 0.95)}
"""Volatility of a session, reach and shared part; VIX stays within 10 and 25 and moves against the market."""
OTHER_INDEX_MOVES = (0.006, 0.3, 0.75)
COMMODITY_VOLATILITY = 0.28
"""A year's, of options on commodities."""
LIQUID_TURNOVER, OTHER_TURNOVER = 6e9, 1.2e9
"""Rupees a session, on average, of the NIFTY 50's and of other shares."""
SESSION_MINUTES = 375
MOST_UNITS_A_MINUTE = 800_000.0
"""So that a day around the clock stays under the ticker's 32-bit volume."""
MOST_UNITS_OPEN = 1e9
"""The same for open interest."""
DAYS_TO_CENTRE = 20
"""Volume of an option falls with the distance of its strike from the price this long before expiry."""
_CHAIN = {chain.name: chain for chain in CHAINS}
_LIQUID = frozenset(stock.symbol for stock in NIFTY_50)


def tick_of(price: float) -> float:
    """The tick size of a share at a price."""
    return next(tick for below, tick in TICKS if price < below)


def minute_of(day: date, minute: int = 0) -> int:
    """Minutes since the epoch at a minute of an IST day."""
    return (day.toordinal() - date(1970, 1, 1).toordinal()) * MINUTES_A_DAY - IST_MINUTES + minute


def build_spots(seed: int) -> dict[str, Spot]:
    """All paths: by instrument id, or EXCHANGE:NAME for the hidden ones behind commodities and currencies."""
    spots: dict[str, Spot] = {}

    def add(name: str, step: Step, price: float, moves: tuple[float, float, float]) -> None:
        volatility, reach, shared = moves
        spots[name] = build_spot(
            seed=seed, name=name, step=step, price=price, volatility=volatility, reach=reach, shared=shared
        )

    for index in INDICES:
        name = f"{index.exchange}:{index.symbol}"
        add(name, INDEX_STEP, index.level, INDEX_MOVES.get(name, OTHER_INDEX_MOVES))
    for stock in NIFTY_50 + OTHER_STOCKS + FUNDS:
        name = f"NSE:{stock.symbol}"
        own = (key_of(seed, name, "character") & 0xFFFF) / 65536.0
        calm = stock.symbol == "LIQUIDBEES"
        moves = (0.00005, 0.002, 0.0) if calm else (0.0065 + 0.0035 * own, 0.45, 0.35 + 0.2 * own)
        add(name, step_of(tick_of(stock.price)), stock.price, moves)
    for exchange, futures in ((Exchange.MCX, COMMODITIES), (Exchange.CDS, CURRENCIES)):
        for future in futures:
            reach = 0.25 if exchange is Exchange.MCX else 0.06
            moves = (future.session_volatility, reach, 0.0)
            add(f"{exchange}:{future.symbol}", FINE_STEP, future.price, moves)
    return spots


def spot_name(instrument: Instrument) -> str:
    """Name of the path behind an instrument."""
    if instrument.expiry is not None:
        name = instrument.name or ""
        return instrument.underlying_id or f"{instrument.exchange}:{SMALL_CONTRACTS.get(name, name)}"
    if instrument.id in FUND_OF:
        return FUND_OF[instrument.id]
    if instrument.exchange is Exchange.BSE and instrument.kind is not InstrumentKind.INDEX:
        return spot_name_of_twin(instrument)
    return instrument.id


def spot_name_of_twin(instrument: Instrument) -> str:
    """The path of a BSE share: that of the same symbol on the NSE."""
    twin = f"NSE:{instrument.symbol}"
    return FUND_OF.get(twin, twin)


def price_rule(instrument: Instrument, spots: Mapping[str, Spot], *, base_price: float, seed: int) -> Pricing:
    """How the instrument's price follows. Raises KeyError for an instrument of another universe."""
    spot = spots[spot_name(instrument)]
    step = step_of(instrument.tick_size) if instrument.tick_size else INDEX_STEP
    scale = spot.step.size / step.size
    if instrument.strike is not None and instrument.expiry is not None:
        return _option(instrument, instrument.expiry, instrument.strike, spot, step)
    key = key_of(seed, instrument.id, "wobble")
    if instrument.expiry is not None:
        carry, expiry = CARRY[instrument.exchange], minute_of(instrument.expiry, CLOSE_OF_EXPIRY)
        return Proportional(spot, step, scale, carry, expiry, WOBBLE, key)
    if spot_name(instrument) == instrument.id:
        return Itself(spot, step)
    ratio = base_price / (spot.level * spot.step.size)
    return Proportional(spot, step, scale * ratio, 0.0, 0, WOBBLE, key)


def _option(instrument: Instrument, expiry: date, strike: float, spot: Spot, step: Step) -> Option:
    chain = _CHAIN.get(instrument.name or "")
    volatility = chain.volatility if chain else COMMODITY_VOLATILITY
    return Option(
        spot=spot,
        step=step,
        scale=spot.step.size / step.size,
        carry=CARRY[instrument.exchange],
        expiry=minute_of(expiry, CLOSE_OF_EXPIRY),
        strike=strike / step.size,
        deviation=volatility * spot.level * spot.step.size / step.size,
        rising=instrument.kind is InstrumentKind.CALL,
    )


def trading_flow(instrument: Instrument, pricing: Pricing, *, base_price: float, seed: int) -> Flow | None:
    """Volume, open interest and book; None for indices."""
    if instrument.kind is InstrumentKind.INDEX:
        return None
    size = 0.4 + 1.2 * (key_of(seed, instrument.id, "size") & 0xFFFF) / 65536.0
    lot = instrument.lot_size or 1
    if instrument.expiry is None:
        turnover = LIQUID_TURNOVER if instrument.symbol in _LIQUID else OTHER_TURNOVER
        twin = 0.05 if instrument.exchange is Exchange.BSE else 1.0
        units = min(MOST_UNITS_A_MINUTE, twin * size * turnover / base_price / SESSION_MINUTES)
        lots, interest = units / lot, 0.0
    else:
        lots, interest = _derivative_flow(instrument, instrument.expiry, pricing, size)
        lots, interest = min(lots, MOST_UNITS_A_MINUTE / lot), min(interest, MOST_UNITS_OPEN / lot)
    return build_flow(seed=seed, name=instrument.id, lot=lot, lots_per_minute=lots, interest=interest)


def _derivative_flow(instrument: Instrument, expiry: date, pricing: Pricing, size: float) -> tuple[float, float]:
    busy = 4.0 if instrument.name in _CHAIN else 1.0
    if not isinstance(pricing, Option):
        return 30.0 * size * busy, 40_000.0 * size * busy
    spot = pricing.spot
    centre = spot.boundary(minute_of(expiry) - DAYS_TO_CENTRE * MINUTES_A_DAY) * pricing.scale
    distance = (pricing.strike / centre - 1.0) / 0.02
    near = size * busy / (1.0 + distance * distance)
    return 150.0 * near, 60_000.0 * near
