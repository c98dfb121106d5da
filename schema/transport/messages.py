"""Messages of the graphql-transport-ws protocol: text in, checked messages out; and those we send. Pure.

The protocol: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from schema.execution.records import Formatted
from schema.transport.decode import Undecodable, decode

PROTOCOL = "graphql-transport-ws"

MAX_ID_CHARACTERS = 256
"""An id is repeated in every message of its operation; clients use a UUID."""

MAX_REASON_BYTES = 123
"""What a close frame can carry."""


class InvalidMessage(Exception):
    """A message that the protocol does not know: the socket is closed with 4400 and this reason."""


@dataclass(frozen=True, slots=True)
class ConnectionInit:
    """The client's first message."""

    payload: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks for a pong with the same payload."""

    payload: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class Pong:
    """An answer to a ping, or a sign of life."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """An operation of any kind."""

    id: str
    query: str
    operation_name: str | None
    variables: Mapping[str, object] | None
    extensions: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class Complete:
    """The client wants no more of an operation."""

    id: str


Message = ConnectionInit | Ping | Pong | Subscribe | Complete


def parse_message(text: str) -> Message:
    """The message in a text frame. Raises InvalidMessage."""
    try:
        raw = decode(text)
    except Undecodable as error:
        raise InvalidMessage(f"the message {error}") from None
    if not isinstance(raw, dict):
        msg = "a message must be a JSON object"
        raise InvalidMessage(msg)
    kind = raw.get("type")
    parse = PARSERS.get(kind) if isinstance(kind, str) else None
    if parse is None:
        msg = "a message must have a type that clients may send"
        raise InvalidMessage(msg)
    return parse(raw)


def _connection_init(raw: Mapping[str, object]) -> ConnectionInit:
    return ConnectionInit(_optional_object(raw, "payload") or {})


def _ping(raw: Mapping[str, object]) -> Ping:
    return Ping(_optional_object(raw, "payload"))


def _pong(raw: Mapping[str, object]) -> Pong:
    _optional_object(raw, "payload")
    return Pong()


def _complete(raw: Mapping[str, object]) -> Complete:
    return Complete(_id(raw))


def _subscribe(raw: Mapping[str, object]) -> Subscribe:
    identifier = _id(raw)
    payload = _optional_object(raw, "payload")
    if payload is None:
        msg = "the payload of subscribe must be an object"
        raise InvalidMessage(msg)
    query, name = payload.get("query"), payload.get("operationName")
    if not isinstance(query, str):
        msg = "the query of subscribe must be a string"
        raise InvalidMessage(msg)
    if name is not None and not isinstance(name, str):
        msg = "the operationName of subscribe must be a string or null"
        raise InvalidMessage(msg)
    return Subscribe(
        identifier, query, name, _optional_object(payload, "variables"), _optional_object(payload, "extensions")
    )


PARSERS: Mapping[str, Callable[[Mapping[str, object]], Message]] = {
    "connection_init": _connection_init,
    "ping": _ping,
    "pong": _pong,
    "subscribe": _subscribe,
    "complete": _complete,
}


def _id(raw: Mapping[str, object]) -> str:
    value = raw.get("id")
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID_CHARACTERS:
        msg = f"the id must be a string of 1 to {MAX_ID_CHARACTERS} characters"
        raise InvalidMessage(msg)
    return value


def _optional_object(raw: Mapping[str, object], name: str) -> Mapping[str, object] | None:
    value = raw.get(name)
    if value is None or isinstance(value, dict):
        return value
    msg = f"{name} must be an object"
    raise InvalidMessage(msg)


ACK = '{"type":"connection_ack"}'
PING = '{"type":"ping"}'


def pong(payload: Mapping[str, object] | None) -> str:
    """The answer to a ping."""
    message: dict[str, object] = {"type": "pong"}
    if payload is not None:
        message["payload"] = payload
    return orjson.dumps(message).decode()


def next_message(identifier: str, encoded: bytes) -> str:
    """A result, encoded already, of an operation."""
    return f'{{"id":{_quoted(identifier)},"type":"next","payload":{encoded.decode()}}}'


def next_head(identifier: str) -> bytes:
    """What stands before a result in `next_message`."""
    return f'{{"id":{_quoted(identifier)},"type":"next","payload":'.encode()


NEXT_TAIL = b"}"
"""What stands after it."""


def error_message(identifier: str, errors: Sequence[Formatted]) -> str:
    """The end of an operation that failed."""
    return orjson.dumps({"id": identifier, "type": "error", "payload": list(errors)}).decode()


def complete_message(identifier: str) -> str:
    """The end of an operation that is done."""
    return f'{{"id":{_quoted(identifier)},"type":"complete"}}'


def _quoted(identifier: str) -> str:
    return orjson.dumps(identifier).decode()


def close_reason(text: str) -> str:
    """A text cut to what a close frame can carry."""
    return text.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
