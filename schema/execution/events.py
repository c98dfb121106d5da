"""Subscriptions: from a prepared operation to its results, one for each payload of its source.

The transports call `subscribe`; the engine executes each event as it does any operation.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
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
    try:
        source = create_source_event_stream(executor)
        if executor.is_awaitable(source):
            source = await source
    except Exception as error:  # noqa: BLE001 - as in `Engine.execute`
        source = ExecutionResult(None, [GraphQLError("internal", original_error=error)])
    if isinstance(source, ExecutionResult):
        result: Result = {"errors": format_errors(source.errors or (), operation_id)}
        engine.finish(prepared, operation_id, result)
        return result
    return _events(engine, prepared, executor, cast("AsyncIterable[object]", source), context, operation_id)


async def _events(
    engine: Engine,
    prepared: Prepared,
    executor: OperationExecutor,
    source: AsyncIterable[object],
    context: OperationContext,
    operation_id: str,
) -> AsyncGenerator[Result, None]:
    events = 0
    last: Result = {}
    engine.running += 1
    try:
        async with aclosing(Source(source, engine.limits.close_seconds)) as payloads:
            async for payload in payloads:
                event = executor.build_per_event_executor(payload)
                event.context_value = fresh = context.fresh()
                last = await engine.complete(event, fresh, operation_id)
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

    async def __anext__(self) -> object:
        return await anext(self._iterator)

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
