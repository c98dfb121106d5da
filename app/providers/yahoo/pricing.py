"""Yahoo's stream messages -> what they say.

Comes in: the bytes of a PricingData message. Goes out: its fields, None where the message does not carry them
(proto3 has no other way to say so than 0). Called by the intake.

Imports yfinance: to be imported in a worker thread, by `stream` alone.
"""

from math import isfinite

from google.protobuf.message import DecodeError
from yfinance.pricing_pb2 import PricingData

from app.domain.errors import MalformedPayload
from app.providers.yahoo.updates import Update


def decode(data: bytes) -> Update:
    """One message. Raises MalformedPayload for what is none, or has no symbol or no price."""
    message = PricingData()
    try:
        message.ParseFromString(data)
    except DecodeError:
        msg = "Yahoo sent a stream message that is none of its own"
        raise MalformedPayload(msg) from None
    prices = (message.price, message.change, message.previous_close, message.open_price)
    more = (message.day_high, message.day_low, message.bid, message.ask)
    if not message.id or not message.price or not all(map(isfinite, (*prices, *more))):
        msg = "Yahoo sent a stream message without a symbol or a price"
        raise MalformedPayload(msg)
    return Update(
        symbol=message.id,
        price=message.price,
        time_ms=message.time,
        market_hours=message.market_hours,
        currency=message.currency or None,
        price_hint=message.price_hint or None,
        change=message.change or None,
        previous_close=message.previous_close or None,
        open=message.open_price or None,
        high=message.day_high or None,
        low=message.day_low or None,
        volume=message.day_volume or None,
        last_quantity=message.last_size or None,
        bid=message.bid or None,
        ask=message.ask or None,
    )
