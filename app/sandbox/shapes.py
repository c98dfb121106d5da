"""What the simulated market says: snapshots, depth levels and bars.

Made by `app.sandbox.market`; encoded to Kite's JSON and binary packets by the sandbox's servers.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class Level(NamedTuple):
    """One price of the order book; all zero where the side has no more orders, as Kite sends it."""

    price: float
    quantity: int
    orders: int


class Bar(NamedTuple):
    """One candle, in the order of Kite's array."""

    time: datetime
    """The instant it opens, aware, +05:30; a day bar opens at 00:00."""
    open: float
    high: float
    low: float
    close: float
    volume: int
    """Units; 0 for indices."""
    oi: int | None
    """Open interest in units at the end of the bar; None where the instrument has none."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A full Kite quote at an instant. Prices in the instrument's currency; None is what indices lack."""

    instrument_token: int
    last_price: float
    open: float
    high: float
    low: float
    close: float
    """The last close of the session before this one."""
    last_trade_time: datetime | None
    """Aware, +05:30, whole seconds."""
    exchange_time: datetime
    """Aware, +05:30, whole seconds; out of hours the end of the last session."""
    last_quantity: int | None
    average_price: float | None
    """Volume weighted average of the session, 2 decimals (4 where the tick is finer)."""
    volume: int | None
    """Units traded in this session."""
    buy_quantity: int | None
    sell_quantity: int | None
    oi: int | None
    """Open interest in units; None for what is no derivative."""
    oi_day_high: int | None
    oi_day_low: int | None
    lower_circuit_limit: float | None
    upper_circuit_limit: float | None
    buy: tuple[Level, ...] | None
    """Five levels, best first; None for indices."""
    sell: tuple[Level, ...] | None
