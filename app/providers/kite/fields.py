"""Single values of Kite's JSON -> domain values.

Comes in: whatever the JSON had. Goes out: the value, None where Kite's 0 or absence means that it is not
known, or MalformedPayload. Total: no other exception leaves this file. Called by `parse`.
"""

from datetime import UTC, datetime
from math import isfinite

from app.domain.errors import MalformedPayload
from app.domain.time import IST

MAX_INTEGER = 2**53 - 1
"""What a BigInt of our contract can carry; no exchange counts that far."""
EPOCH_YEAR = 1971
"""Kite writes 1970-01-01 for `never`."""


def number(value: object, name: str) -> float:
    """A finite number as a float."""
    if type(value) is float and isfinite(value):  # nearly all of them: 22,500 candles have 90,000 prices
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MalformedPayload(f"Kite sent a {name} that is no number")
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise MalformedPayload(f"Kite sent a {name} beyond any price")
    if not isfinite(value):
        raise MalformedPayload(f"Kite sent a {name} that is not finite")
    return float(value)


def count(value: object, name: str) -> int:
    """A whole number from 0 on; Kite may write it with a fraction of .0."""
    if type(value) is int and 0 <= value <= MAX_INTEGER:
        return value
    amount = number(value, name)
    if amount < 0 or amount > MAX_INTEGER or amount != int(amount):
        raise MalformedPayload(f"Kite sent a {name} that is no count")
    return int(amount)


def known_number(value: object, name: str) -> float | None:
    """A number; None for absent and for 0, which Kite writes for `not known`."""
    return None if value is None else number(value, name) or None


def known_count(value: object, name: str) -> int | None:
    """A count in which 0 is a fact; None for absent."""
    return None if value is None else count(value, name)


def instant(value: object, name: str) -> datetime | None:
    """An instant in UTC of Kite's text, which is Indian wall clock unless it has an offset; None for `never`."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise MalformedPayload(f"Kite sent a {name} that is no time")
    try:
        parsed = datetime.fromisoformat(value)
        aware = parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=IST)
        return aware.astimezone(UTC) if aware.year >= EPOCH_YEAR else None
    except (ValueError, OverflowError):
        raise MalformedPayload(f"Kite sent a {name} that is no time") from None


def mapping(value: object, name: str) -> dict[str, object]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise MalformedPayload(f"Kite sent a {name} that is no object")
    return value


def items(value: object, name: str) -> list[object]:
    """A JSON array."""
    if not isinstance(value, list):
        raise MalformedPayload(f"Kite sent a {name} that is no list")
    return value
