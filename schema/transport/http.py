"""GraphQL over HTTP: POST of JSON, and GET for queries and event streams.

An ASGI endpoint for a Starlette Route. It decides the media type, the status and the method's rights; `requests`
parses, the engine executes, `sse` streams.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.domain.errors import MarketDataError
from schema.execution.engine import Engine, Prepared, Result
from schema.execution.events import subscribe
from schema.execution.records import (
    ALL_KINDS,
    FailureKind,
    Formatted,
    GraphQLRequest,
    OperationContext,
    OperationKind,
    RequestFailure,
)
from schema.live.streams import LiveStreams, Serve
from schema.transport.connection import ContextFactory, build_context, connection_info, request_id_of
from schema.transport.encode import encode
from schema.transport.negotiate import Accepted, Media, negotiate
from schema.transport.requests import (
    ClientLeft,
    RequestRefused,
    check_headers,
    discard_body,
    parse_body,
    parse_query_string,
    read_body,
)
from schema.transport.sse import EventStream, single

KNOWN_ACCEPTS = 256
"""Distinct Accept headers remembered; a front end has one or two."""

UNCHANGING_HEADERS = ((b"cache-control", b"no-store"), (b"vary", b"accept"))

READING_KINDS = ALL_KINDS - {"mutation"}
"""What a GET may do."""

CONTEXT_STATUS = {"FORBIDDEN": HTTPStatus.FORBIDDEN, "UNAUTHENTICATED": HTTPStatus.UNAUTHORIZED}
"""Status of a caller whom the context factory turned away, by the error's code."""


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """The bounds of a request, each with its reason."""

    max_body_bytes: int = 1_048_576
    """10,000 ids of the longest symbols are 300 KB; no operation that passes the other limits needs more."""
    body_seconds: float = 10.0
    """From the headers to the last byte; a phone on a train sends 1 MB in that time."""
    linger_seconds: float = 1.0
    """After a refusal, what is left of the body is thrown away for so long: closing at once would reset the connection,
    and a client in the middle of its upload would never read why."""
    keep_alive_seconds: float = 12.0
    """Between comments on a quiet stream: proxies cut what is silent for 15 to 60 s."""
    max_streams: int = 5_000
    """Event streams open at once; each holds a socket and some tasks."""
    drain_seconds: float = 3.0
    """How long requests may still run when the service stops; then they are told so, before the server cuts them."""


DEFAULT_HTTP_LIMITS = HttpLimits()


class GraphQLHttp:
    """The endpoint. `graphiql` answers browsers that come without a query; None: they get a 400 like anyone."""

    def __init__(
        self,
        engine: Engine,
        *,
        context_factory: ContextFactory,
        graphiql: Callable[[Request], Response] | None = None,
        limits: HttpLimits = DEFAULT_HTTP_LIMITS,
        live: LiveStreams | None = None,
    ) -> None:
        """`live`: the streams that alike subscriptions share; None: each is executed on its own."""
        self._engine = engine
        self._context_factory = context_factory
        self._graphiql = graphiql
        self._limits = limits
        self._live = live
        self._accepted = lru_cache(maxsize=KNOWN_ACCEPTS)(_accepted)
        self._streams: dict[EventStream, asyncio.Event] = {}
        self._requests: set[asyncio.Timeout] = set()
        self._stop_at: float | None = None
        self._stopping = False

    @property
    def open_streams(self) -> int:
        """Event streams served at this moment."""
        return len(self._streams)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; every failure is a GraphQL JSON body."""
        headers = dict(scope["headers"])
        exchange = _Exchange(scope, self._accepted(headers.get(b"accept")), headers, receive, send)
        try:
            await self._answer(exchange)
        except RequestRefused as refused:
            await exchange.refuse(refused, linger_seconds=self._limits.linger_seconds)
        except ClientLeft:
            return

    async def close_all(self) -> None:
        """End every event stream, without `complete`, so that clients come back; returns when they are closed.

        Requests may finish for a while; those that cannot are answered with an error.
        """
        self._stopping = True
        self._stop_at = asyncio.get_running_loop().time() + self._limits.drain_seconds
        for patience in self._requests:
            patience.reschedule(self._stop_at)
        streams = list(self._streams.items())
        for stream, _ in streams:
            stream.stop()
        for _, closed in streams:
            await closed.wait()

    async def _answer(self, exchange: "_Exchange") -> None:
        method = exchange.scope["method"]
        if method == "GET" and self._wants_page(exchange):
            page = cast("Callable[[Request], Response]", self._graphiql)
            response = page(Request(exchange.scope))
            await response(exchange.scope, exchange.receive, exchange.send)
            return
        if not exchange.accepted.media:
            msg = f"none of what you accept can be sent: accept {Media.GRAPHQL}, {Media.JSON} or {Media.EVENTS}"
            raise RequestRefused(HTTPStatus.NOT_ACCEPTABLE, "NOT_ACCEPTABLE", msg)
        if method == "POST":
            await self._execute(exchange, await self._posted(exchange))
        elif method == "GET":
            await self._execute(exchange, self._got(exchange))
        else:
            raise _not_allowed(f"{method} is not allowed", "GET, POST")

    def _wants_page(self, exchange: "_Exchange") -> bool:
        query_string = exchange.scope["query_string"]
        return self._graphiql is not None and exchange.accepted.html and b"query=" not in query_string

    async def _posted(self, exchange: "_Exchange") -> GraphQLRequest:
        limits = self._limits
        check_headers(exchange.headers, max_bytes=limits.max_body_bytes)
        body = await read_body(exchange.receive, max_bytes=limits.max_body_bytes, seconds=limits.body_seconds)
        exchange.has_unread_body = False
        return parse_body(body, transport=exchange.transport, request_id=exchange.request_id)

    def _got(self, exchange: "_Exchange") -> GraphQLRequest:
        return parse_query_string(
            exchange.scope["query_string"], transport=exchange.transport, request_id=exchange.request_id
        )

    async def _execute(self, exchange: "_Exchange", request: GraphQLRequest) -> None:
        prepared = self._engine.prepare(request, allow=exchange.allowed_kinds)
        if isinstance(prepared, RequestFailure):
            await self._refuse(exchange, prepared)
            return
        context = await self._context(exchange, prepared)
        if prepared.kind == "subscription":
            await self._subscribe(exchange, prepared, context)
            return
        result = await self._result(prepared, context)
        if exchange.accepted.single is Media.EVENTS:
            await self._stream(exchange, single(result))
        else:
            await exchange.respond(HTTPStatus.OK, result)

    async def _result(self, prepared: Prepared, context: OperationContext) -> Result:
        """At once, or as long as the service runs."""
        result = self._engine.begin(prepared, context)
        if isinstance(result, dict):
            return result
        try:
            async with asyncio.timeout_at(self._stop_at) as patience:
                self._requests.add(patience)
                try:
                    return await result
                finally:
                    self._requests.discard(patience)
        except TimeoutError:
            msg = "the service is stopping and could not wait any longer for this answer: ask again"
            raise RequestRefused(
                HTTPStatus.SERVICE_UNAVAILABLE, "SERVICE_STOPPING", msg, headers={"retry-after": "5"}
            ) from None

    async def _refuse(self, exchange: "_Exchange", refused: RequestFailure) -> None:
        """By the specification: 400 in GraphQL's own media type, 200 in plain JSON, an event in a stream."""
        if refused.kind is FailureKind.NOT_ALLOWED:
            msg = "GET executes queries only: send a mutation as POST"
            raise _not_allowed(msg, "POST")
        if exchange.accepted.single is Media.EVENTS:
            await self._stream(exchange, single(refused.result))
            return
        legacy = exchange.accepted.single is Media.JSON
        await exchange.respond(HTTPStatus.OK if legacy else HTTPStatus.BAD_REQUEST, refused.result)

    async def _context(self, exchange: "_Exchange", prepared: Prepared) -> OperationContext:
        transport = "sse" if prepared.kind == "subscription" else exchange.transport
        info = connection_info(exchange.scope, transport=transport, request_id=exchange.request_id)
        try:
            return await build_context(self._context_factory, info)
        except MarketDataError as error:
            status = CONTEXT_STATUS.get(error.code, HTTPStatus.BAD_REQUEST)
            raise _Turned(status, self._engine.turn_away(prepared, error)) from None
        except Exception as error:  # noqa: BLE001 - the boundary: a caller never sees a bug of ours, the log does
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            raise _Turned(status, self._engine.turn_away(prepared, error)) from None

    async def _subscribe(self, exchange: "_Exchange", prepared: Prepared, context: OperationContext) -> None:
        if not exchange.accepted.streams:
            msg = f"a subscription is a stream: accept {Media.EVENTS}, or use a WebSocket with graphql-transport-ws"
            raise RequestRefused(HTTPStatus.NOT_ACCEPTABLE, "NOT_ACCEPTABLE", msg)
        serve = self._live.shared(prepared, context) if self._live is not None else None
        if serve is not None:
            await self._stream(exchange, serve)
            return
        results = await subscribe(self._engine, prepared, context)
        await self._stream(exchange, single(results) if isinstance(results, dict) else results)

    async def _stream(self, exchange: "_Exchange", results: AsyncGenerator[Result, None] | Serve) -> None:
        if self._stopping or len(self._streams) >= self._limits.max_streams:
            async with aclosing(results) if isinstance(results, AsyncGenerator) else nullcontext():
                msg = "no more event streams can be opened here: try again, or another server"
                raise RequestRefused(HTTPStatus.SERVICE_UNAVAILABLE, "TOO_MANY_STREAMS", msg)
        stream = EventStream(exchange.receive, exchange.send, keep_alive_seconds=self._limits.keep_alive_seconds)
        self._streams[stream] = closed = asyncio.Event()
        try:
            await stream.run(results)
        finally:
            del self._streams[stream]
            closed.set()


class _Turned(RequestRefused):
    """A caller who was turned away before the operation began, with the error as it is sent."""

    def __init__(self, status: HTTPStatus, error: Formatted) -> None:
        super().__init__(status, "", str(error["message"]))
        self._error = error

    @property
    def result(self) -> dict[str, object]:
        return {"errors": [self._error]}


def _not_allowed(message: str, allow: str) -> RequestRefused:
    return RequestRefused(HTTPStatus.METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message, headers={"allow": allow})


def _accepted(header: bytes | None) -> Accepted:
    return negotiate(None if header is None else header.decode("latin-1"))


class _Exchange:
    """One request and the way to answer it."""

    __slots__ = ("accepted", "has_unread_body", "headers", "receive", "request_id", "scope", "send", "transport")

    def __init__(
        self, scope: Scope, accepted: Accepted, headers: Mapping[bytes, bytes], receive: Receive, send: Send
    ) -> None:
        self.scope = scope
        self.accepted = accepted
        self.headers = headers
        self.receive = receive
        self.send = send
        self.request_id = request_id_of(scope)
        self.transport = "sse" if accepted.single is Media.EVENTS else "http"
        self.has_unread_body = b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"

    @property
    def allowed_kinds(self) -> frozenset[OperationKind]:
        return ALL_KINDS if self.scope["method"] == "POST" else READING_KINDS

    async def respond(
        self,
        status: HTTPStatus,
        result: Mapping[str, object],
        headers: Mapping[str, str] | None = None,
        *,
        more_body: bool = False,
    ) -> None:
        body = encode(result)
        sent = [
            (b"content-type", self.accepted.content_type),
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", self.request_id.encode()),
            *UNCHANGING_HEADERS,
        ]
        if headers:
            sent += [(name.encode(), value.encode()) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": int(status), "headers": sent})
        await self.send({"type": "http.response.body", "body": body, "more_body": more_body})

    async def refuse(self, refused: RequestRefused, *, linger_seconds: float) -> None:
        if not self.has_unread_body:
            await self.respond(refused.status, refused.result, refused.headers)
            return
        headers = {**refused.headers, "connection": "close"}
        await self.respond(refused.status, refused.result, headers, more_body=True)
        await discard_body(self.receive, seconds=linger_seconds)
        await self.send({"type": "http.response.body", "body": b"", "more_body": False})
