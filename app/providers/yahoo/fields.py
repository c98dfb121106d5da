"""Single values of Yahoo's JSON -> domain values.

Comes in: whatever the JSON had. Goes out: the value, None where Yahoo says that it is not known, or MalformedPayload.
Total: no other exception leaves this file. Called by the parsers.
"""

from datetime import UTC, datetime, timedelta
from math import isfinite

import orjson

from app.domain.errors import MalformedPayload
from app.domain.time import from_epoch

MAX_INTEGER = 2**53 - 1
"""What a BigInt of our contract can carry."""
FIRST_SECOND, LAST_SECOND = -5_000_000_000, 7_258_118_400
"""1811 to 2200: the Dow begins in 1885, and beyond these date arithmetic ends."""
UNKNOWN_WORDS = frozenset({"", "Infinity", "-Infinity", "NaN", "N/A", "-", "--"})
"""How Yahoo writes a ratio without a denominator."""


def decoded(body: bytes) -> object:
    """The JSON of a body."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        msg = "Yahoo answered with something that is no JSON"
        raise MalformedPayload(msg) from None


def raw(value: object) -> object:
    """The value itself: Yahoo may wrap it as {raw, fmt}, and writes {} for `not known`."""
    return value.get("raw") if isinstance(value, dict) else value


def number(value: object, name: str) -> float:
    """A finite number as a float."""
    if type(value) is float and isfinite(value):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MalformedPayload(f"Yahoo sent a {name} that is no number")
    if abs(value) > MAX_INTEGER or not isfinite(value):
        raise MalformedPayload(f"Yahoo sent a {name} beyond any price")
    return float(value)


def known_number(value: object, name: str) -> float | None:
    """A number; None where it is absent or one of Yahoo's words for that."""
    bare = raw(value)
    if bare is None or (isinstance(bare, str) and bare in UNKNOWN_WORDS):
        return None
    return number(bare, name)


def known_price(value: object, name: str) -> float | None:
    """A number; None also for 0, which no price is and Yahoo writes for `not known`."""
    return known_number(value, name) or None


def known_count(value: object, name: str) -> int | None:
    """A whole number from 0 on, in which 0 is a fact; None for absent."""
    amount = known_number(value, name)
    if amount is None:
        return None
    if amount < 0 or amount != int(amount):
        raise MalformedPayload(f"Yahoo sent a {name} that is no count")
    return int(amount)


def known_text(value: object, name: str) -> str | None:
    """A word; None for absent and empty."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise MalformedPayload(f"Yahoo sent a {name} that is no text")
    return value


def instant(value: object, name: str) -> datetime:
    """An instant in UTC of seconds since 1970."""
    seconds = number(value, name)
    if not FIRST_SECOND <= seconds <= LAST_SECOND:
        raise MalformedPayload(f"Yahoo sent a {name} that is no time")
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds) if seconds < 0 else from_epoch(seconds)


def known_instant(value: object, name: str) -> datetime | None:
    """The same; None for absent and for 0."""
    bare = raw(value)
    return instant(bare, name) if bare else None


def mapping(value: object, name: str) -> dict[str, object]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise MalformedPayload(f"Yahoo sent a {name} that is no object")
    return value


def known_mapping(value: object, name: str) -> dict[str, object]:
    """A JSON object; an empty one for absent."""
    return {} if value is None else mapping(value, name)


def items(value: object, name: str) -> list[object]:
    """A JSON array."""
    if not isinstance(value, list):
        raise MalformedPayload(f"Yahoo sent a {name} that is no list")
    return value


def known_items(value: object, name: str) -> list[object]:
    """A JSON array; an empty one for absent."""
    return [] if value is None else items(value, name)
