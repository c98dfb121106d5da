"""The toy service as a process of its own, for the tests of its end.

Prints its port, then a line for each operation that takes a while, as soon as it runs.
"""

import anyio
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute

from app.server import Server, build_server
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
        group.start_soon(tell, server, ledger)
        await server.serve()
        group.cancel_scope.cancel()


async def tell(server: Server, ledger: Ledger) -> None:
    """The port as soon as it listens, then what runs."""
    while not server.started:  # noqa: ASYNC110 - uvicorn has a flag and no event
        await anyio.sleep(0.01)
    print(server.port, flush=True)  # noqa: T201 - told to the test
    told = 0
    while True:
        for name in ledger.opened[told:]:
            print(name, flush=True)  # noqa: T201 - told to the test
            told += 1
        await anyio.sleep(0.01)


if __name__ == "__main__":
    anyio.run(main)
