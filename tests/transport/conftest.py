"""The toy behind real sockets, and clients of its own."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route, WebSocketRoute
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from app.server import Server
from schema.transport.connection import ConnectionInfo
from schema.transport.http import GraphQLHttp, HttpLimits
from schema.transport.socket import SocketLimits
from schema.transport.websocket import GraphQLWebSocket
from tests.support.node import find_node, node
from tests.support.patience import PATIENCE
from tests.support.serving import serving
from tests.support.toy import Ledger, ToyContext, toy_engine

__all__ = ["node"]  # a fixture, found by its name here

collect_ignore = [] if find_node() else ["test_audits.py"]


@dataclass
class Service:
    """A running toy service."""

    server: Server
    ledger: Ledger
    http: GraphQLHttp
    websocket: GraphQLWebSocket
    client: httpx.AsyncClient
    callers: list[ConnectionInfo]

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.server.port

    async def post(self, query: str, *, accept: str = "application/graphql-response+json", **more: Any) -> Any:
        """The answer to a POST."""
        body = {"query": query, **more}
        return await self.client.post("/graphql", json=body, headers={"accept": accept})

    def socket(self, **changes: Any) -> connect:
        """A WebSocket to it."""
        parameters = {"subprotocols": [Subprotocol("graphql-transport-ws")], "compression": None, **changes}
        return connect(f"ws://127.0.0.1:{self.port}/graphql", **parameters)

    @asynccontextmanager
    async def ready_socket(
        self, params: dict[str, Any] | None = None, **changes: Any
    ) -> AsyncIterator[ClientConnection]:
        """A WebSocket that is acknowledged."""
        async with self.socket(**changes) as socket:
            await socket.send('{"type":"connection_init"}' if params is None else init(params))
            assert await socket.recv() == '{"type":"connection_ack"}'
            yield socket


def init(params: dict[str, Any]) -> str:
    """A connection_init with a payload."""
    return httpx.Request("POST", "http://x", json={"type": "connection_init", "payload": params}).content.decode()


ServiceFactory = Callable[..., AbstractAsyncContextManager[Service]]


@asynccontextmanager
async def running(
    *,
    http_limits: HttpLimits | None = None,
    socket_limits: SocketLimits | None = None,
    server: dict[str, Any] | None = None,
    **engine_limits: Any,
) -> AsyncIterator[Service]:
    """A toy service with other limits."""
    ledger = Ledger()
    engine = toy_engine(ledger, **engine_limits)
    callers: list[ConnectionInfo] = []

    def context(info: ConnectionInfo) -> ToyContext:
        callers.append(info)
        return ToyContext(ledger, admin=info.headers.get("authorization") == "Bearer admin")

    def page(request: Request) -> Response:
        return HTMLResponse(f"<title>GraphiQL</title>{request.url.path}")

    http = GraphQLHttp(engine, context_factory=context, graphiql=page, limits=http_limits or HttpLimits())
    websocket = GraphQLWebSocket(
        engine,
        context_factory=context,
        allowed_origin=lambda origin: origin == "http://localhost:3000",
        limits=socket_limits or SocketLimits(),
    )
    app = Starlette(routes=[Route("/graphql", http), WebSocketRoute("/graphql", websocket)])
    hooks = [websocket.close_all, http.close_all]
    async with serving(app, on_stop=hooks, **(server or {})) as running_server:
        base = f"http://127.0.0.1:{running_server.port}"
        async with httpx.AsyncClient(base_url=base, timeout=PATIENCE) as client:
            yield Service(running_server, ledger, http, websocket, client, callers)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """The service of a module lives on the module's loop."""
    return "asyncio"


@pytest.fixture(scope="module")
async def shared_service() -> AsyncIterator[Service]:
    """A toy service with the real limits, for the tests of a module that do not stop it."""
    async with running() as one:
        yield one


@pytest.fixture
async def service(shared_service: Service) -> Service:
    """The module's service with nothing running and nothing recorded yet."""
    with anyio.fail_after(PATIENCE):
        while shared_service.websocket.open_sockets or shared_service.http.open_streams:  # noqa: ASYNC110 - numbers
            await anyio.sleep(0.005)
    shared_service.ledger.reset()
    shared_service.callers.clear()
    return shared_service


@pytest.fixture
async def own_service() -> AsyncIterator[Service]:
    """A service of the test's own, to be stopped."""
    async with running() as one:
        yield one
