"""Instruments of each class, and a small calendar document to break."""

from typing import Any

from app.domain.instruments import Exchange, Instrument, InstrumentKind


def instrument(exchange: Exchange, kind: InstrumentKind, symbol: str = "ABC") -> Instrument:
    """An instrument of which only exchange, kind and id matter."""
    return Instrument(
        id=f"{exchange}:{symbol}",
        exchange=exchange,
        symbol=symbol,
        name=None,
        kind=kind,
        segment=None,
        instrument_token=None,
        exchange_token=None,
        tick_size=None,
        lot_size=None,
        expiry=None,
        strike=None,
        underlying_id=None,
        currency="INR",
    )


STOCK = instrument(Exchange.NSE, InstrumentKind.EQUITY, "INFY")
INDEX = instrument(Exchange.NSE, InstrumentKind.INDEX, "NIFTY 50")
FUTURE = instrument(Exchange.NFO, InstrumentKind.FUTURE, "INFY26NOVFUT")
CALL = instrument(Exchange.NFO, InstrumentKind.CALL, "INFY26NOV1600CE")
DOLLAR = instrument(Exchange.CDS, InstrumentKind.FUTURE, "USDINR26NOVFUT")
GOLD = instrument(Exchange.MCX, InstrumentKind.FUTURE, "GOLD26DECFUT")


def small_document() -> dict[str, Any]:
    """A valid calendar of one week, fresh at each call."""
    return {
        "name": "a week",
        "sources": ["made for a test"],
        "groups": {
            "G": {
                "name": "a week's list",
                "known_from": "2026-06-01",
                "valid_until": "2026-06-07",
                "holidays": [{"date": "2026-06-03", "name": "Half", "open_from": "12:00"}],
                "special_sessions": [{"date": "2026-06-06", "name": "Saturday", "hours": "regular"}],
            }
        },
        "classes": {
            "EQUITY": {
                "group": "G",
                "schedules": [
                    {"valid_from": "2026-06-01", "phases": [["OPEN", "09:00", "15:00"]]},
                    {
                        "valid_from": "2026-06-05",
                        "phases": [["PRE_OPEN", "08:00", "09:00"], ["OPEN", "09:00", "24:00"]],
                    },
                ],
            }
        },
    }
