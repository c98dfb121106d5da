"""The JSON of quotes, in Kite's three shapes.

Comes in: a snapshot. Goes out: the object under the instrument's key. Pure; called by the quote endpoints.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from app.domain.time import to_ist
from app.sandbox.shapes import Level, Snapshot

QuoteShape = Callable[[Snapshot], dict[str, Any]]


def wall_clock(instant: datetime | None) -> str | None:
    """`2026-11-22 10:15:00`: naive, in India, as quotes carry it."""
    return None if instant is None else to_ist(instant).strftime("%Y-%m-%d %H:%M:%S")


def ltp_shape(shown: Snapshot) -> dict[str, Any]:
    """`/quote/ltp`."""
    return {"instrument_token": shown.instrument_token, "last_price": shown.last_price}


def ohlc_shape(shown: Snapshot) -> dict[str, Any]:
    """`/quote/ohlc`. The close is that of the session before."""
    ohlc = {"open": shown.open, "high": shown.high, "low": shown.low, "close": shown.close}
    return ltp_shape(shown) | {"ohlc": ohlc}


def full_shape(shown: Snapshot) -> dict[str, Any]:
    """`/quote`. Indices have no depth, volume, open interest or price band."""
    common = ohlc_shape(shown) | {
        "timestamp": wall_clock(shown.exchange_time),
        "net_change": round(shown.last_price - shown.close, 4),
    }
    if shown.buy is None or shown.sell is None:
        return common
    return common | {
        "last_trade_time": wall_clock(shown.last_trade_time),
        "last_quantity": shown.last_quantity,
        "average_price": shown.average_price,
        "volume": shown.volume,
        "buy_quantity": shown.buy_quantity,
        "sell_quantity": shown.sell_quantity,
        "oi": shown.oi or 0,
        "oi_day_high": shown.oi_day_high or 0,
        "oi_day_low": shown.oi_day_low or 0,
        "lower_circuit_limit": shown.lower_circuit_limit,
        "upper_circuit_limit": shown.upper_circuit_limit,
        "depth": {"buy": _side(shown.buy), "sell": _side(shown.sell)},
    }


def _side(levels: Sequence[Level]) -> list[dict[str, float]]:
    return [{"price": level.price, "quantity": level.quantity, "orders": level.orders} for level in levels]


QUOTE_SHAPES: Mapping[str, QuoteShape] = {"full": full_shape, "ohlc": ohlc_shape, "ltp": ltp_shape}
