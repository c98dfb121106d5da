"""What goes into the engine and what it tells about each operation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol

OperationKind = Literal["query", "mutation", "subscription"]

ALL_KINDS: frozenset[OperationKind] = frozenset({"query", "mutation", "subscription"})

NOTHING: Mapping[str, object] = MappingProxyType({})

Formatted = dict[str, object]
"""A GraphQL error as it is sent: message, locations, path, extensions."""


class OperationContext(Protocol):
    """What the engine needs of the object that resolvers see as `info.context`."""

    def fresh(self) -> "OperationContext":
        """Another one of the same caller, with new loaders and a new cost: one per event of a subscription."""
        ...

    def extensions(self) -> dict[str, object]:
        """What goes into the result's `extensions`; empty: the result has none."""
        ...


class GraphQLRequest(NamedTuple):
    """One operation as a client sent it."""

    query: str
    variables: Mapping[str, object] | None = None
    operation_name: str | None = None
    extensions: Mapping[str, object] | None = None
    transport: str = "direct"
    """http, sse, websocket or direct; only told to the operation's record."""
    request_id: str = ""


class FailureKind(StrEnum):
    """Why an operation never started."""

    PARSE = "parse"
    LIMIT = "limit"
    VALIDATION = "validation"
    OPERATION = "operation"
    """The document has not exactly one operation that the request means."""
    NOT_ALLOWED = "not_allowed"
    """A kind of operation that this transport or method does not take."""
    VARIABLES = "variables"


@dataclass(frozen=True, slots=True)
class RequestFailure:
    """An operation that never started: errors and no data."""

    kind: FailureKind
    errors: Sequence[Formatted]

    @property
    def result(self) -> dict[str, object]:
        """The response body."""
        return {"errors": list(self.errors)}


class OperationRecord(NamedTuple):
    """What happened to one operation; a subscription's comes at its end."""

    operation_id: str
    name: str | None
    kind: OperationKind | None
    """None if the document could not be understood."""
    transport: str
    request_id: str
    duration_ms: float
    error_codes: Sequence[str] = ()
    extensions: Mapping[str, object] = NOTHING
    """Those of the result (of a subscription's last event), the cost among them."""
    events: int = 0
    """Results that a subscription sent."""
