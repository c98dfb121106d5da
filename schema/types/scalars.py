"""The contract's own scalars, and the Python types behind them."""

from datetime import date, datetime
from typing import NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from app.domain.errors import InvalidInput
from app.domain.ticks import Cursor
from app.domain.time import IST

BigInt = NewType("BigInt", int)
"""An int that travels as a JSON number although it may be longer than 32 bits."""

BIG_INT_LIMIT = 2**53 - 1
"""The largest integer that every JSON parser keeps exact."""


def parse_big_int(value: object) -> int:
    """An int within +-(2^53 - 1). Raises GraphQLError for anything else, true and false included."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > BIG_INT_LIMIT:
        msg = f"a BigInt is a whole number within +-(2^53 - 1), not {str(value)[:40]!r}"
        raise GraphQLError(msg)
    return value


def parse_instant(value: object) -> datetime:
    """An aware instant. Raises GraphQLError for text without an offset: a guess could be hours wrong."""
    example = "2026-11-20T09:15:00+05:30"
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        instant = None
    if instant is None:
        msg = f"a DateTime is RFC 3339 text such as {example!r}, not {str(value)[:40]!r}"
        raise GraphQLError(msg)
    if instant.tzinfo is None:
        msg = f"{str(value)[:40]!r} has no offset; write for example {example!r} or end it with Z"
        raise GraphQLError(msg)
    return instant


def parse_date(value: object) -> date:
    """A calendar date. Raises GraphQLError for anything but YYYY-MM-DD."""
    try:
        return date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        msg = f"a Date is written YYYY-MM-DD, for example '2026-11-26', not {str(value)[:40]!r}"
        raise GraphQLError(msg) from None


def parse_cursor(value: object) -> Cursor:
    """A cursor that an earlier TickBatch gave. Raises GraphQLError for anything else."""
    try:
        return Cursor.parse(value if isinstance(value, str) else "")
    except InvalidInput as error:
        raise GraphQLError(error.message) from None


def write_instant(value: datetime) -> str:
    """The instant as clocks in India show it, with +05:30."""
    return value.astimezone(IST).isoformat()


SCALARS: dict[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="An instant, RFC 3339 with offset; sent with +05:30, as Indian exchanges write it.",
        specified_by_url="https://datatracker.ietf.org/doc/html/rfc3339",
        serialize=write_instant,
        parse_value=parse_instant,
    ),
    date: strawberry.scalar(
        name="Date",
        description="A calendar date, YYYY-MM-DD.",
        serialize=date.isoformat,
        parse_value=parse_date,
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A signed integer up to 2^53-1, sent as a JSON number (volumes overflow GraphQL Int).",
        serialize=int,
        parse_value=parse_big_int,
    ),
    Cursor: strawberry.scalar(
        name="Cursor",
        description="An opaque position in a stream of ticks, epoch:sequence.",
        serialize=str,
        parse_value=parse_cursor,
    ),
}
