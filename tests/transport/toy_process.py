"""The toy service as a process of its own, for the tests of its end. Prints its port."""

import anyio
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute

from app.server import build_server
from schema.transport.http import GraphQLHttp
from schema.transport.websocket import GraphQLWebSocket
from tests.support.toy import Ledger, ToyContext, toy_engine


async def main() -> None:
    """Serve until a signal."""
    ledger = Ledger()
    engine = toy_engine(ledger)
    http = GraphQLHttp(engine, context_factory=lambda _: ToyContext(ledger))
    websocket = GraphQLWebSocket(engine, context_factory=lambda _: ToyContext(ledger), allowed_origin=lambda _: False)
    app = Starlette(routes=[Route("/graphql", http), WebSocketRoute("/graphql", websocket)])
    server = build_server(app, host="127.0.0.1", port=0, on_stop=[http.close_all, websocket.close_all])
    async with anyio.create_task_group() as group:
        group.start_soon(server.serve)
        while not server.started:  # noqa: ASYNC110 - uvicorn has a flag and no event
            await anyio.sleep(0.01)
        print(server.port, flush=True)  # noqa: T201 - told to the test
    print(sorted(ledger.closed), flush=True)  # noqa: T201 - told to the test


if __name__ == "__main__":
    anyio.run(main)
