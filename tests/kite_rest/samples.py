"""Instruments and Kite's own answers about them (shapes of kiteconnect-mocks)."""

from datetime import date
from typing import Any

from app.domain.instruments import Exchange, Instrument, InstrumentKind


def instrument(
    instrument_id: str = "NSE:INFY",
    token: int | None = 408065,
    *,
    kind: InstrumentKind = InstrumentKind.EQUITY,
    expiry: date | None = None,
) -> Instrument:
    """One row of a master."""
    exchange, symbol = instrument_id.split(":", 1)
    return Instrument(
        id=instrument_id,
        exchange=Exchange(exchange),
        symbol=symbol,
        name=None,
        kind=kind,
        segment=exchange,
        instrument_token=token,
        exchange_token=None,
        tick_size=0.05,
        lot_size=1,
        expiry=expiry,
        strike=None,
        underlying_id=None,
        currency="INR",
    )


def equities(count: int, *, with_tokens: bool = True) -> list[Instrument]:
    """That many different ones."""
    return [instrument(f"NSE:S{n}", 256 * (n + 1) + 1 if with_tokens else None) for n in range(count)]


def quote_of(token: int = 408065, **changes: Any) -> dict[str, Any]:
    """Kite's full quote of a share."""
    quote: dict[str, Any] = {
        "instrument_token": token,
        "timestamp": "2026-11-20 15:45:56",
        "last_trade_time": "2026-11-20 15:29:59",
        "last_price": 1412.95,
        "last_quantity": 5,
        "buy_quantity": 0,
        "sell_quantity": 5191,
        "volume": 7360198,
        "average_price": 1412.47,
        "oi": 0,
        "oi_day_high": 0,
        "oi_day_low": 0,
        "net_change": 0,
        "lower_circuit_limit": 1250.7,
        "upper_circuit_limit": 1528.6,
        "ohlc": {"open": 1396, "high": 1421.75, "low": 1395.55, "close": 1389.65},
        "depth": {
            "buy": [{"price": 1412.9, "quantity": 10, "orders": 2}] + [{"price": 0, "quantity": 0, "orders": 0}] * 4,
            "sell": [{"price": 1412.95, "quantity": 5191, "orders": 13}]
            + [{"price": 0, "quantity": 0, "orders": 0}] * 4,
        },
    }
    return quote | changes


def index_quote(token: int = 256265) -> dict[str, Any]:
    """Kite's quote of an index: most fields are not there."""
    return {
        "instrument_token": token,
        "timestamp": "2026-11-20 15:45:56",
        "last_price": 25903.4,
        "net_change": 0,
        "ohlc": {"open": 25800.1, "high": 25950, "low": 25750.05, "close": 25850.25},
    }
