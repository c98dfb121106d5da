"""A client of graphql-transport-ws, written against the protocol's text and nothing of ours.

    async with subscribed(service, "subscription { providers { state } }") as stream:
        first = await stream.data()

One operation a socket: a test reads it at its own pace, and what it does not read waits in the network.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from tests.support.service import RunningService

PROTOCOL = Subprotocol("graphql-transport-ws")
PATIENCE = 20.0
"""Seconds for any single message on a loaded machine; a healthy one comes within a tenth of one."""


class Ended(Exception):
    """The operation ended: with its errors, or without."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(str(errors))
        self.errors = errors


class Stream:
    """One operation on a socket of its own."""

    def __init__(self, ws: ClientConnection) -> None:
        self.ws = ws

    async def send(self, kind: str, **fields: Any) -> None:
        """A message of the protocol."""
        await self.ws.send(orjson.dumps({"type": kind, **fields}).decode())

    async def message(self) -> dict[str, Any]:
        """The next message but pings, which are answered. Raises TimeoutError, ConnectionClosed."""
        with anyio.fail_after(PATIENCE):
            while True:
                message = orjson.loads(await self.ws.recv())
                if message["type"] != "ping":
                    return dict(message)
                await self.send("pong")

    async def result(self) -> dict[str, Any]:
        """The payload of the next result. Raises Ended when there is none."""
        message = await self.message()
        if message["type"] == "next":
            return dict(message["payload"])
        raise Ended(message.get("payload", []))

    async def data(self) -> Any:
        """The one root field of the next result, which must be without errors."""
        result = await self.result()
        assert "errors" not in result, result["errors"]
        (value,) = result["data"].values()
        return value

    async def errors(self) -> list[dict[str, Any]]:
        """The errors of the next result, or those that ended the operation."""
        try:
            return list((await self.result()).get("errors", []))
        except Ended as ended:
            return ended.errors


@asynccontextmanager
async def opened(
    service: RunningService,
    *,
    params: Mapping[str, Any] | None = None,
    origin: str | None = None,
    **options: Any,
) -> AsyncIterator[Stream]:
    """An acknowledged socket; `options` are those of `websockets.connect`."""
    own = None if origin is None else Origin(origin)
    async with connect(service.socket_url, subprotocols=[PROTOCOL], origin=own, max_size=None, **options) as ws:
        stream = Stream(ws)
        await stream.send("connection_init", payload=dict(params or {}))
        assert (await stream.message())["type"] == "connection_ack"
        yield stream


@asynccontextmanager
async def subscribed(
    service: RunningService, query: str, *, options: Mapping[str, Any] | None = None, **variables: Any
) -> AsyncIterator[Stream]:
    """An operation on a socket of its own; `options` as in `opened`."""
    async with opened(service, **(options or {})) as stream:
        await stream.send("subscribe", id="it", payload={"query": query, "variables": variables})
        yield stream
