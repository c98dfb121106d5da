"""Subscriptions: from a prepared operation to its results, one for each payload of its source.

The transports call `subscribe`; the engine executes each event as it does any operation.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable
from contextlib import aclosing
from typing import cast

from graphql import ExecutionResult, GraphQLError
from graphql.execution import create_source_event_stream

from schema.execution.engine import Engine, Prepared, Result, new_operation_id
from schema.execution.executor import OperationExecutor
from schema.execution.failures import format_errors, log_bug
from schema.execution.records import OperationContext


async def subscribe(
    engine: Engine, prepared: Prepared, context: OperationContext
) -> AsyncGenerator[Result, None] | Result:
    """The results of a subscription, or the one that says why there are none.

    A result without `data` is the last one. Close the generator (`aclose`) to end the subscription: its source's
    `finally` has run when that returns. It is pulled: what the source yields waits until the last result is taken.
    """
    operation_id = new_operation_id()
    executor = engine.executor(prepared, context)
    source = await open_source(engine, executor, operation_id)
    if not isinstance(source, Source):
        engine.finish(prepared, operation_id, source)
        return source
    return _events(engine, prepared, executor, source, context, operation_id)


async def open_source(engine: Engine, executor: OperationExecutor, operation_id: str) -> "Source | Result":
    """The payloads of a subscription, to be closed; or the result that says why there are none."""
    try:
        source = create_source_event_stream(executor)
        if executor.is_awaitable(source):
            source = await source
    except Exception as error:  # noqa: BLE001 - as in `Engine.execute`
        source = ExecutionResult(None, [GraphQLError("internal", original_error=error)])
    if isinstance(source, ExecutionResult):
        return {"errors": format_errors(source.errors or (), operation_id)}
    return Source(cast("AsyncIterable[object]", source), engine.limits.close_seconds)


async def execute_event(
    engine: Engine, executor: OperationExecutor, payload: object, context: OperationContext, operation_id: str
) -> Result:
    """The result of one payload, in a context that no other event has. Raises what is a bug."""
    event = executor.build_per_event_executor(payload)
    event.context_value = context
    return await engine.complete(event, context, operation_id)


async def _events(
    engine: Engine,
    prepared: Prepared,
    executor: OperationExecutor,
    source: "Source",
    context: OperationContext,
    operation_id: str,
) -> AsyncGenerator[Result, None]:
    events = 0
    last: Result = {}
    engine.running += 1
    try:
        async with aclosing(source) as payloads:
            async for payload in payloads:
                last = await execute_event(engine, executor, payload, context.fresh(), operation_id)
                events += 1
                yield last
    except Exception as error:  # noqa: BLE001 - as in `Engine.execute`; closing and cancelling pass through
        last = engine.errors_only(error, operation_id)
        yield last
    finally:
        engine.running -= 1
        engine.finish(prepared, operation_id, last, events)


class Source:
    """A subscription's source as an iterator that can be closed, within a bound, whatever the resolver returned."""

    def __init__(self, source: AsyncIterable[object], close_seconds: float) -> None:
        self._iterator = aiter(source)
        self._close_seconds = close_seconds

    def __aiter__(self) -> "Source":
        return self

    def __anext__(self) -> Awaitable[object]:
        return self._iterator.__anext__()

    async def aclose(self) -> None:
        """Close the source; one that does not close in time is logged and left alone."""
        close = getattr(self._iterator, "aclose", None)
        if close is None:
            return
        try:
            async with asyncio.timeout(self._close_seconds):
                await close()
        except TimeoutError:
            log_bug(TimeoutError(f"a subscription's source did not close in {self._close_seconds:g} s"), "")
