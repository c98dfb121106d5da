"""A real server on a port of its own, for as long as a test needs it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio.abc import SocketStream
from starlette.types import ASGIApp

from app.server import Server, build_server
from tests.support.patience import PATIENCE


@asynccontextmanager
async def serving(app: ASGIApp, **parameters: Any) -> AsyncIterator[Server]:
    """`app` behind sockets; stopped in good order at the end."""
    server = build_server(app, host="127.0.0.1", port=0, **parameters)
    async with anyio.create_task_group() as group:
        group.start_soon(server.serve)
        with anyio.fail_after(PATIENCE):
            while not server.started:  # noqa: ASYNC110 - uvicorn has a flag and no event
                await anyio.sleep(0.005)
        yield server
        server.should_exit = True


async def until_closed(stream: SocketStream) -> bytes:
    """Everything up to the end."""
    received = b""
    with anyio.fail_after(PATIENCE):
        async for part in stream:
            received += part
    return received
