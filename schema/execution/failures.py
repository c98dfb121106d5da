"""Errors as a client may see them: the domain's as they are, GraphQL's own with a code, all others masked.

Called by `documents`, `engine` and the transports. What is masked is logged once per operation, with its traceback.
"""

from collections.abc import Iterable, Sequence

import structlog
from graphql import GraphQLError
from strawberry.exceptions import StrawberryGraphQLError

from app.domain.errors import MarketDataError
from schema.execution.limits import LimitExceeded
from schema.execution.records import FailureKind, Formatted, RequestFailure

log = structlog.get_logger()

INTERNAL = "INTERNAL"

MAX_MESSAGE_CHARACTERS = 500
"""graphql-core repeats the caller's own value in a message, which may be a megabyte."""


def formatted(message: str, code: str, **details: object) -> Formatted:
    """An error without a place in the document."""
    return {"message": message, "extensions": {"code": code, **details}}


def failure(kind: FailureKind, message: str, code: str, **details: object) -> RequestFailure:
    """A request that fails with one error."""
    return RequestFailure(kind, (formatted(message, code, **details),))


def graphql_failure(kind: FailureKind, errors: Iterable[GraphQLError], code: str) -> RequestFailure:
    """A request that fails with graphql-core's own errors."""
    return RequestFailure(kind, tuple(_with_code(error, code) for error in errors))


def limit_failure(exceeded: LimitExceeded) -> RequestFailure:
    """A request whose document is over a bound."""
    return failure(FailureKind.LIMIT, exceeded.message, exceeded.code, **exceeded.details)


def domain_error(error: MarketDataError) -> Formatted:
    """A domain error that has no place in the result."""
    return {"message": error.message, "extensions": error.extensions}


def internal_error(operation_id: str) -> Formatted:
    """All that a caller learns of a bug of ours."""
    return formatted(f"internal error; quote operation id {operation_id}", INTERNAL, operationId=operation_id)


def codes_of(errors: Iterable[Formatted]) -> tuple[str, ...]:
    """The distinct codes, in order of appearance."""
    extensions = (error.get("extensions") for error in errors)
    return tuple(dict.fromkeys(str(e["code"]) for e in extensions if isinstance(e, dict) and "code" in e))


def format_errors(errors: Sequence[GraphQLError], operation_id: str) -> list[Formatted]:
    """The errors of an execution, as sent. Bugs among them are logged, in one line per operation."""
    sent, bugs = [], []
    for error in errors:
        cause = _cause(error)
        public = _public(error, cause)
        if public is None:
            bugs.append(error)
            public = _place(error, internal_error(operation_id))
        sent.append(public)
    if bugs:
        _log_bugs(bugs, operation_id)
    return sent


def log_bug(error: BaseException, operation_id: str, **where: object) -> None:
    """One line with the traceback of something that should not have happened."""
    log.error("internal error", operation_id=operation_id, error=type(error).__name__, exc_info=error, **where)


def _log_bugs(bugs: Sequence[GraphQLError], operation_id: str) -> None:
    first = bugs[0]
    log_bug(_cause(first) or first, operation_id, path=first.path, failed_fields=len(bugs))


def _cause(error: GraphQLError) -> Exception | None:
    """What a resolver raised, however often graphql-core wrapped it."""
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def _public(error: GraphQLError, cause: Exception | None) -> Formatted | None:
    """The error as the caller may see it; None if it must be masked.

    A GraphQLError from a resolver is meant for the caller if someone gave it a code. Those of graphql-core carry the
    node of the argument that is wrong; without a node it is one of our values that does not fit the schema.
    """
    if isinstance(cause, MarketDataError):
        return _place(error, domain_error(cause))
    if cause is None:
        return _with_code(error, "BAD_USER_INPUT")
    if not isinstance(cause, GraphQLError):
        return None
    if isinstance(cause, StrawberryGraphQLError):
        return _with_code(error, "FORBIDDEN")
    if cause.nodes or (cause.extensions or {}).get("code"):
        return _with_code(error, "BAD_USER_INPUT")
    return None


def _with_code(error: GraphQLError, code: str) -> Formatted:
    sent: Formatted = {**error.formatted, "message": _cut(error.message)}
    sent["extensions"] = {"code": code, **(error.extensions or {})}
    return sent


def _place(error: GraphQLError, described: Formatted) -> Formatted:
    """The described error with the location and the path of the failed field."""
    sent: Formatted = {"message": described["message"]}
    if error.locations:
        sent["locations"] = [location.formatted for location in error.locations]
    if error.path is not None:
        sent["path"] = error.path
    sent["extensions"] = described["extensions"]
    return sent


def _cut(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE_CHARACTERS else message[:MAX_MESSAGE_CHARACTERS] + " ..."
