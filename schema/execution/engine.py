"""The engine: requests in, results out, by the specification and within the limits.

The transports call `prepare`, then `execute`, or for a subscription `schema.execution.events`. Strawberry has defined
the types; parsing, limits, validation and execution are ours, on graphql-core, so that the path of a known document is
short.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from random import getrandbits
from typing import Any, cast

import strawberry
from graphql import ExecutionResult, GraphQLField, GraphQLObjectType
from graphql.execution.values import VariableValues

from app.domain.errors import MarketDataError
from schema.execution.documents import Document, DocumentCache, Operation
from schema.execution.executor import OperationExecutor, build_executor
from schema.execution.failures import (
    codes_of,
    domain_error,
    failure,
    format_errors,
    formatted,
    graphql_failure,
    internal_error,
    limit_failure,
    log_bug,
)
from schema.execution.limits import DEFAULT_COST_MODEL, DEFAULT_LIMITS, CostModel, LimitExceeded, Limits, check_limit
from schema.execution.records import (
    ALL_KINDS,
    NOTHING,
    FailureKind,
    Formatted,
    GraphQLRequest,
    OperationContext,
    OperationKind,
    OperationRecord,
    RequestFailure,
)
from schema.execution.roots import Replay

Result = dict[str, object]
"""A response: `data`, then `errors` and `extensions` where there are any; without `data` nothing was executed."""


@dataclass(slots=True)
class Prepared:
    """An operation that may be executed once."""

    request: GraphQLRequest
    operation: Operation
    variables: VariableValues
    started: float

    @property
    def kind(self) -> OperationKind:
        """What `execute` (query, mutation) or `events.subscribe` takes."""
        return self.operation.kind


class Engine:
    """Executes GraphQL requests against a schema. Belongs to one event loop; many operations run at once."""

    def __init__(
        self,
        schema: strawberry.Schema,
        *,
        on_operation: Callable[[OperationRecord], None],
        limits: Limits = DEFAULT_LIMITS,
        cost_model: CostModel = DEFAULT_COST_MODEL,
        monotonic: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`on_operation` is called once for each operation, on the loop; it must not raise.

        Raises ValueError for a schema with Strawberry extensions or operation directives: nothing would run them.
        """
        if schema.extensions or schema.directives:
            msg = "the engine runs no Strawberry extensions or operation directives: build the schema without them"
            raise ValueError(msg)
        self._schema = schema._schema  # noqa: SLF001 - Strawberry's only way to the graphql-core schema
        self.limits = limits
        self._documents = DocumentCache(self._schema, limits, cost_model)
        self._on_operation = on_operation
        self._monotonic = monotonic
        self.running = 0
        """Operations under way, subscriptions included."""

    def prepare(
        self, request: GraphQLRequest, *, allow: Collection[OperationKind] = ALL_KINDS
    ) -> Prepared | RequestFailure:
        """The operation with its variables, checked; or why it cannot be executed."""
        started = self._monotonic()
        outcome = self._prepare(request, allow, started)
        if isinstance(outcome, RequestFailure):
            self._refused(request, outcome, started)
        return outcome

    def _prepare(
        self, request: GraphQLRequest, allow: Collection[OperationKind], started: float
    ) -> Prepared | RequestFailure:
        document = self._documents.document(request.query)
        if not isinstance(document, Document):
            return document
        operation = document.choose(request.operation_name)
        if isinstance(operation, RequestFailure):
            return operation
        if operation.kind not in allow:
            return failure(FailureKind.NOT_ALLOWED, f"a {operation.kind} is not allowed here", "METHOD_NOT_ALLOWED")
        variables = self._variables(operation, request.variables or {})
        if isinstance(variables, RequestFailure):
            return variables
        return Prepared(request, operation, variables, started)

    def _variables(self, operation: Operation, given: Mapping[str, object]) -> VariableValues | RequestFailure:
        """Price first: coercing the variables of an operation that is too costly would be work for nothing."""
        limit = self.limits.max_cost
        try:
            check_limit("DOCUMENT_TOO_COSTLY", "estimated cost", value=operation.price(given), limit=limit)
        except LimitExceeded as exceeded:
            return limit_failure(exceeded)
        values = operation.variables.values(given, max_errors=self.limits.max_coercion_errors)
        if isinstance(values, VariableValues):
            return values
        return graphql_failure(FailureKind.VARIABLES, values, "BAD_USER_INPUT")

    def turn_away(self, prepared: Prepared, error: Exception) -> Formatted:
        """Record that an operation was not executed because its context could not be built; the error to send."""
        operation_id = new_operation_id()
        result = self.errors_only(error, operation_id)
        self.finish(prepared, operation_id, result)
        return cast("list[Formatted]", result["errors"])[0]

    async def execute(self, prepared: Prepared, context: OperationContext) -> Result:
        """The result of a query or a mutation. Never raises but for cancellation."""
        result = self.begin(prepared, context)
        return result if isinstance(result, dict) else await result

    def begin(self, prepared: Prepared, context: OperationContext) -> Result | Coroutine[Any, Any, Result]:
        """The result of a query or a mutation, or what must be awaited for it because a resolver waits. Never raises.

        An answer that is at hand takes no timer, no task and no turn of the loop.
        """
        operation_id = new_operation_id()
        try:
            data = self._at_once(prepared, context)
            if isinstance(data, dict):
                result = with_extensions({"data": data}, context)
            else:
                executor = self.executor(prepared, context, replay=data)
                outcome = executor.execute_operation()
                if executor.is_awaitable(outcome):
                    return self._wait(prepared, executor, cast("Awaitable[ExecutionResult]", outcome), operation_id)
                executor.release()
                result = self._result(cast("ExecutionResult", outcome), context, operation_id)
        except Exception as error:  # noqa: BLE001 - the boundary: a caller never sees a bug of ours, the log does
            result = self._bug(error, operation_id)
        self.finish(prepared, operation_id, result)
        return result

    def _at_once(self, prepared: Prepared, context: OperationContext) -> dict[str, object] | Replay | None:
        """The data, if all root fields are plainly right at once; else what has been resolved so far, None: nothing."""
        operation = prepared.operation
        if operation.roots is None:
            return None
        return operation.roots.run(prepared.variables.coerced, context, prepared.request.extensions)

    async def _wait(
        self,
        prepared: Prepared,
        executor: OperationExecutor,
        outcome: Awaitable[ExecutionResult],
        operation_id: str,
    ) -> Result:
        result: Result = {}
        self.running += 1
        try:
            result = await self._within_time(outcome, executor.context_value, operation_id)
        except asyncio.CancelledError:
            result = {"errors": [formatted("cancelled by the client", "CANCELLED")]}
            raise
        except Exception as error:  # noqa: BLE001 - as in `begin`
            result = self._bug(error, operation_id)
        finally:
            self.running -= 1
            executor.release()
            self.finish(prepared, operation_id, result)
        return result

    async def complete(self, executor: OperationExecutor, context: OperationContext, operation_id: str) -> Result:
        """What an executor makes of its operation, or of one event, within the time limit. Raises what is a bug."""
        outcome = executor.execute_operation()
        if executor.is_awaitable(outcome):
            return await self._within_time(cast("Awaitable[ExecutionResult]", outcome), context, operation_id)
        return self._result(cast("ExecutionResult", outcome), context, operation_id)

    async def _within_time(
        self, outcome: Awaitable[ExecutionResult], context: OperationContext, operation_id: str
    ) -> Result:
        seconds = self.limits.execution_seconds
        try:
            async with asyncio.timeout(seconds):
                completed = await _uncancelled(outcome)
        except TimeoutError:
            error = formatted(f"given up after {seconds:g} s: ask for less", "OPERATION_TIMEOUT", retryable=True)
            return {"data": None, "errors": [error]}
        return self._result(completed, context, operation_id)

    @staticmethod
    def _result(completed: ExecutionResult, context: OperationContext, operation_id: str) -> Result:
        result: Result = {"data": completed.data}
        if completed.errors:
            result["errors"] = format_errors(completed.errors, operation_id)
        return with_extensions(result, context)

    def executor(
        self, prepared: Prepared, context: OperationContext, *, replay: Replay | None = None
    ) -> OperationExecutor:
        """What executes the operation with this context. `replay`: what is resolved already."""
        extensions = prepared.request.extensions
        return build_executor(self._schema, prepared.operation, prepared.variables, context, extensions, replay=replay)

    def subscription_field(self, name: str) -> GraphQLField:
        """The definition of a field that a valid subscription selects."""
        root = cast("GraphQLObjectType", self._schema.subscription_type)
        return cast("GraphQLField", root.fields[name])

    def errors_only(self, error: Exception, operation_id: str) -> Result:
        """The result of an operation that has no data: a domain error as it is, anything else logged and masked."""
        if isinstance(error, MarketDataError):
            return {"errors": [domain_error(error)]}
        return {"errors": self._bug(error, operation_id)["errors"]}

    def _bug(self, error: Exception, operation_id: str) -> Result:
        log_bug(error, operation_id)
        return {"data": None, "errors": [internal_error(operation_id)]}

    def finish(self, prepared: Prepared, operation_id: str, result: Result, events: int = 0) -> None:
        """Record that an operation has ended; `result` is its last one."""
        request, operation = prepared.request, prepared.operation
        errors = cast("list[Formatted]", result.get("errors", ()))
        record = OperationRecord(
            operation_id,
            operation.name,
            operation.kind,
            request.transport,
            request.request_id,
            duration_ms=self._elapsed_ms(prepared.started),
            error_codes=codes_of(errors) if errors else (),
            extensions=cast("Mapping[str, object]", result.get("extensions", NOTHING)),
            events=events,
        )
        self._on_operation(record)

    def _refused(self, request: GraphQLRequest, refusal: RequestFailure, started: float) -> None:
        record = OperationRecord(
            operation_id=new_operation_id(),
            name=request.operation_name,
            kind=None,
            transport=request.transport,
            request_id=request.request_id,
            duration_ms=self._elapsed_ms(started),
            error_codes=codes_of(refusal.errors),
        )
        self._on_operation(record)

    def _elapsed_ms(self, started: float) -> float:
        return (self._monotonic() - started) * 1000


def with_extensions(result: Result, context: OperationContext) -> Result:
    """The result with what the operation's context has to say, if anything."""
    extensions = context.extensions()
    if extensions:
        result["extensions"] = extensions
    return result


class OrphanedResolver(Exception):
    """A resolver awaited something that was cancelled by another: a future that two fields shared, for example.

    Left alone it would look like a cancellation of the whole operation, which nobody asked for.
    """


async def _uncancelled(outcome: Awaitable[ExecutionResult]) -> ExecutionResult:
    try:
        return await outcome
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        msg = "a resolver awaited something that was cancelled"
        raise OrphanedResolver(msg) from error


def new_operation_id() -> str:
    """Sixteen hexadecimal digits that no other operation has. No secret, so they need not be unpredictable."""
    return f"{getrandbits(64):016x}"
