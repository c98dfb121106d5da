"""What a test of the WebSocket protocol says and hears."""

from contextlib import suppress
from typing import Any

import anyio
import orjson
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.support.patience import PATIENCE
from tests.transport.conftest import Service

INIT = '{"type":"connection_init"}'
ACK = '{"type":"connection_ack"}'


def subscribe(identifier: str, query: str, **more: Any) -> str:
    """A subscribe message."""
    message = {"id": identifier, "type": "subscribe", "payload": {"query": query, **more}}
    return orjson.dumps(message).decode()


def complete(identifier: str) -> str:
    """A complete message."""
    return orjson.dumps({"id": identifier, "type": "complete"}).decode()


async def receive(socket: ClientConnection) -> dict[str, Any]:
    """The next message, which must be a text frame."""
    with anyio.fail_after(PATIENCE):
        text = await socket.recv()
    assert isinstance(text, str)
    message: dict[str, Any] = orjson.loads(text)
    return message


async def receive_until(socket: ClientConnection, kind: str, identifier: str) -> dict[str, Any]:
    """The first message of a kind for an operation."""
    while True:
        message = await receive(socket)
        if (message["type"], message.get("id")) == (kind, identifier):
            return message


async def close_code(socket: ClientConnection) -> tuple[int, str]:
    """How the server closes; messages before it are passed over."""
    with anyio.fail_after(PATIENCE), suppress(ConnectionClosed):
        while True:
            await socket.recv()
    assert socket.close_code is not None
    return socket.close_code, socket.close_reason or ""


async def begun(service: Service, *names: str) -> None:
    """Wait until the sources of these names, or `slow` queries, are running."""
    with anyio.fail_after(PATIENCE):
        while not set(names) <= set(service.ledger.opened):  # noqa: ASYNC110 - the toy keeps a list
            await anyio.sleep(0.005)


async def closed(service: Service, *names: str) -> None:
    """Wait until the sources of these names were closed."""
    with anyio.fail_after(PATIENCE):
        while not set(names) <= set(service.ledger.closed):  # noqa: ASYNC110 - the toy keeps a list
            await anyio.sleep(0.005)
