"""One WebSocket that speaks graphql-transport-ws, from its acceptance to its close.

Characteristics: one reader; one task per operation, all owned by one TaskGroup that ends with the socket. An operation
of its own waits for its own send, so a slow client slows its own sources (which merge what they cannot deliver) and
nobody else's. A member of a shared stream is written to by the stream, and its task waits for the end. Not buffered
here. When the socket is gone, however it went, every source of its own has been closed and every stream left.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import cast

from starlette.types import Receive, Scope, Send

from schema.execution.engine import Engine, Prepared, Result, new_operation_id
from schema.execution.events import subscribe
from schema.execution.failures import formatted, internal_error, log_bug
from schema.execution.records import Formatted, GraphQLRequest, OperationContext, RequestFailure
from schema.live.streams import LiveStreams, Serve
from schema.transport.connection import ContextFactory, build_context, connection_info, request_id_of
from schema.transport.encode import encode
from schema.transport.messages import (
    ACK,
    NEXT_TAIL,
    PING,
    PROTOCOL,
    Complete,
    ConnectionInit,
    InvalidMessage,
    Message,
    Ping,
    Subscribe,
    close_reason,
    complete_message,
    error_message,
    next_head,
    next_message,
    parse_message,
    pong,
)
from schema.transport.wire import Stalled, Wire, Writer, direct_wire


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """The bounds of a socket, each with its reason."""

    init_seconds: float = 5.0
    """From the upgrade to `connection_init`, which clients send at once."""
    ping_seconds: float = 20.0
    """Silence from us after which we send `ping`, so that a page can tell a quiet market from a dead service.

    Idle policy: a socket may stay open without operations. It is cut when it does not answer the server's own
    WebSocket pings (`app.server`), which needs no help from the page.
    """
    max_operations: int = 100
    """At once, queries counted: a dashboard has a dozen."""
    max_sockets: int = 5_000
    """In one process; each holds about 60 KB of buffers and tasks."""
    drain_seconds: float = 3.0
    """How long queries and mutations may still run when the service stops."""


class _Operation:
    """An operation in flight, and the Outlet of a shared stream to it."""

    __slots__ = ("_ended", "_head", "_socket", "ready", "streaming", "task")

    def __init__(self, socket: "Socket", identifier: str) -> None:
        self.task: asyncio.Task[None] | None = None
        self.streaming = False
        self.ready: Callable[[], None] | None = None
        """Whom to call when the socket takes more."""
        self._socket = socket
        self._head = next_head(identifier)
        self._ended = False

    def cancel(self) -> None:
        self._ended = True
        if self.task is not None:
            self.task.cancel()

    def write(self, encoded: bytes) -> bool:
        """Say nothing once it has ended: its id may be in use again."""
        return self._ended or self._socket.try_next(self._head, encoded)

    def when_ready(self, callback: Callable[[], None]) -> None:
        self.ready = callback
        self._socket.when_drained()


class _Closed(Exception):
    """The socket is to be closed with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Socket:
    """A connection. `run` serves it; `drain` ends it in good order."""

    def __init__(  # noqa: PLR0913 - all that an endpoint knows of a socket
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        engine: Engine,
        context_factory: ContextFactory,
        limits: SocketLimits,
        live: LiveStreams | None = None,
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._engine = engine
        self._context_factory = context_factory
        self._limits = limits
        self._live = live
        self._writer = None if direct_wire(scope) else Writer(self._write)
        self._wire: Wire = self._writer or cast("Wire", direct_wire(scope))
        self._request_id = request_id_of(scope)
        self._params: Mapping[str, object] | None = None
        self._operations: dict[str, _Operation] = {}
        self._running: set[_Operation] = set()
        self._group = asyncio.TaskGroup()
        self._closed = self._draining = self._spoke = self._awaits_drain = False

    async def run(self) -> None:
        """Serve until either side closes."""
        await self._send({"type": "websocket.accept", "subprotocol": PROTOCOL})
        try:
            await self._serve()
        except* Stalled:
            self._closed = True

    async def _serve(self) -> None:
        async with self._group as group:
            beside = [group.create_task(self._require_init()), group.create_task(self._keep_alive())]
            if self._writer is not None:
                beside.append(group.create_task(self._writer.run()))
            try:
                await self._read()
            except _Closed as closed:
                await self.close(closed.code, closed.reason)
            finally:
                self._closed = True
                for task in beside:
                    task.cancel()
                for operation in list(self._running):
                    operation.cancel()

    async def drain(self, code: int, reason: str) -> None:
        """End subscriptions, let queries and mutations finish for a while, then close: clients connect again."""
        self._draining = True
        finishing = []
        for operation in list(self._running):
            if operation.streaming:
                operation.cancel()
            elif operation.task is not None:
                finishing.append(operation.task)
        if finishing:
            await asyncio.wait(finishing, timeout=self._limits.drain_seconds)
        await self.close(code, reason)

    async def close(self, code: int, reason: str) -> None:
        """Close the socket; nothing is sent after it."""
        if self._closed:
            return
        self._closed = True
        try:
            await self._send({"type": "websocket.close", "code": code, "reason": close_reason(reason)})
        except OSError:
            return  # the client was faster

    async def _require_init(self) -> None:
        await asyncio.sleep(self._limits.init_seconds)
        if self._params is None:
            await self.close(4408, "Connection initialisation timeout")

    async def _keep_alive(self) -> None:
        while True:
            self._spoke = False
            await asyncio.sleep(self._limits.ping_seconds)
            if not self._spoke:
                await self._emit(PING)

    def try_next(self, head: bytes, encoded: bytes) -> bool:
        """Send a `next` message if the socket can take it now."""
        self._spoke = True
        return self._closed or self._wire.try_send(head, encoded, NEXT_TAIL)

    def when_drained(self) -> None:
        """Tell the operations that wait, once the socket takes more."""
        if not self._awaits_drain:
            self._awaits_drain = True
            self._wire.when_drained(self._drained)

    def _drained(self) -> None:
        self._awaits_drain = False
        for operation in list(self._running):
            ready, operation.ready = operation.ready, None
            if ready is not None:
                ready()

    async def _write(self, message: bytes) -> None:
        await self._emit(message.decode())

    async def _emit(self, text: str) -> None:
        if self._closed:
            return
        self._spoke = True
        try:
            await self._send({"type": "websocket.send", "text": text})
        except OSError:
            self._closed = True  # the reader learns it too, and ends everything

    async def _read(self) -> None:
        while True:
            event = await self._receive()
            if event["type"] == "websocket.disconnect" or self._closed:
                return
            text = event.get("text")
            if text is None:
                raise _Closed(4400, "messages must be text frames")
            try:
                message = parse_message(text)
            except InvalidMessage as invalid:
                raise _Closed(4400, str(invalid)) from None
            await self._handle(message)

    async def _handle(self, message: Message) -> None:
        if isinstance(message, Subscribe):
            await self._subscribe(message)
        elif isinstance(message, Complete):
            operation = self._operations.pop(message.id, None)
            if operation is not None:
                operation.cancel()
        elif isinstance(message, Ping):
            await self._emit(pong(message.payload))
        elif isinstance(message, ConnectionInit):
            await self._acknowledge(message)

    async def _acknowledge(self, message: ConnectionInit) -> None:
        if self._params is not None:
            raise _Closed(4429, "Too many initialisation requests")
        self._params = message.payload
        await self._emit(ACK)

    async def _subscribe(self, message: Subscribe) -> None:
        if self._params is None:
            raise _Closed(4401, "Unauthorized")
        if message.id in self._operations:
            raise _Closed(4409, f"Subscriber for {message.id} already exists")
        if self._draining:
            return  # the close that follows makes the client ask again elsewhere
        if len(self._running) >= self._limits.max_operations:
            most = self._limits.max_operations
            error = formatted(f"at most {most} operations at once on one socket", "TOO_MANY_OPERATIONS", limit=most)
            await self._emit(error_message(message.id, [error]))
            return
        operation = _Operation(self, message.id)
        self._operations[message.id] = operation
        self._running.add(operation)
        operation.task = self._group.create_task(self._run(message, operation))
        operation.task.add_done_callback(lambda _: self._running.discard(operation))

    async def _run(self, message: Subscribe, operation: _Operation) -> None:
        try:
            errors = await self._execute(message, operation)
        except Exception as error:  # noqa: BLE001 - one operation's bug must not end the others on its socket
            operation_id = new_operation_id()
            log_bug(error, operation_id)
            errors = [internal_error(operation_id)]
        finally:
            if self._operations.get(message.id) is operation:  # the id may be in use again
                del self._operations[message.id]
        await self._emit(error_message(message.id, errors) if errors else complete_message(message.id))

    async def _execute(self, message: Subscribe, operation: _Operation) -> list[Formatted]:
        """Run one operation and send its results; the errors that end it, if any."""
        request = GraphQLRequest(
            query=message.query,
            variables=message.variables,
            operation_name=message.operation_name,
            extensions=message.extensions,
            transport="websocket",
            request_id=self._request_id,
        )
        prepared = self._engine.prepare(request)
        if isinstance(prepared, RequestFailure):
            return list(prepared.errors)
        info = connection_info(self._scope, transport="websocket", request_id=request.request_id, params=self._params)
        try:
            context = await build_context(self._context_factory, info)
        except Exception as error:  # noqa: BLE001 - the boundary: a caller never sees a bug of ours, the log does
            return [self._engine.turn_away(prepared, error)]
        if prepared.kind != "subscription":
            return await self._next(message.id, await self._engine.execute(prepared, context))
        operation.streaming = True
        return await self._stream(message.id, operation, prepared, context)

    async def _stream(
        self, identifier: str, operation: _Operation, prepared: Prepared, context: OperationContext
    ) -> list[Formatted]:
        serve = self._live.shared(prepared, context) if self._live is not None else None
        if serve is not None:
            return _errors(await self._member(serve, operation))
        results = await subscribe(self._engine, prepared, context)
        if isinstance(results, dict):
            return await self._next(identifier, results)
        async with aclosing(results):
            async for result in results:
                errors = await self._next(identifier, result)
                if errors:
                    return errors
        return []

    async def _member(self, serve: Serve, operation: _Operation) -> Result:
        result = await serve(operation)
        if self._writer is not None:
            await self._writer.flushed()
        return result

    async def _next(self, identifier: str, result: Result) -> list[Formatted]:
        """Send a result; one without `data` is not sent but ends the operation with its errors."""
        if "data" not in result:
            return _errors(result)
        await self._emit(next_message(identifier, encode(result)))
        return []


def _errors(result: Result) -> list[Formatted]:
    errors = result.get("errors")
    return errors if isinstance(errors, list) else []
