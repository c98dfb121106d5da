"""GraphQL over WebSocket, the graphql-transport-ws protocol only: the endpoint that accepts and keeps the sockets."""

import asyncio
from collections.abc import Callable

from starlette.types import Receive, Scope, Send

from schema.execution.engine import Engine
from schema.live.streams import LiveStreams
from schema.transport.connection import ContextFactory
from schema.transport.messages import PROTOCOL
from schema.transport.socket import Socket, SocketLimits

DEFAULT_SOCKET_LIMITS = SocketLimits()

SERVICE_RESTART = 1012
"""Close code that tells clients to connect again."""


class GraphQLWebSocket:
    """An ASGI endpoint for a Starlette WebSocketRoute.

    `allowed_origin` decides on the Origin header that browsers send; clients without one are no browsers and may call.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        context_factory: ContextFactory,
        allowed_origin: Callable[[str], bool],
        limits: SocketLimits = DEFAULT_SOCKET_LIMITS,
        live: LiveStreams | None = None,
    ) -> None:
        """`live`: the streams that alike subscriptions share; None: each is executed on its own."""
        self._engine = engine
        self._context_factory = context_factory
        self._allowed_origin = allowed_origin
        self._limits = limits
        self._live = live
        self._sockets: set[Socket] = set()
        self._stopping = False

    @property
    def open_sockets(self) -> int:
        """Sockets served at this moment."""
        return len(self._sockets)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket until it is closed."""
        await receive()  # websocket.connect
        if not self._is_welcome(scope):
            await send({"type": "websocket.close"})  # before the acceptance: HTTP 403
            return
        if self._stopping or len(self._sockets) >= self._limits.max_sockets:
            await _unavailable(send)
            return
        if PROTOCOL not in scope["subprotocols"]:
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": 4406, "reason": "Subprotocol not acceptable"})
            return
        socket = Socket(
            scope,
            receive,
            send,
            engine=self._engine,
            context_factory=self._context_factory,
            limits=self._limits,
            live=self._live,
        )
        self._sockets.add(socket)
        try:
            await socket.run()
        finally:
            self._sockets.discard(socket)

    async def close_all(self, code: int = SERVICE_RESTART) -> None:
        """Take no more sockets, and end those that are open: streams at once, queries when they are done."""
        self._stopping = True
        async with asyncio.TaskGroup() as group:
            for socket in list(self._sockets):
                group.create_task(socket.drain(code, "service restart"))

    def _is_welcome(self, scope: Scope) -> bool:
        origin = dict(scope["headers"]).get(b"origin")
        return origin is None or self._allowed_origin(origin.decode("latin-1"))


async def _unavailable(send: Send) -> None:
    await send(
        {
            "type": "websocket.http.response.start",
            "status": 503,
            "headers": [(b"content-type", b"text/plain; charset=utf-8"), (b"retry-after", b"5")],
        }
    )
    await send({"type": "websocket.http.response.body", "body": b"no more sockets can be opened here: try again"})
