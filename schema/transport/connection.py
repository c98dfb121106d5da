"""Who is calling, and how: what a transport knows about an operation before anything runs."""

import re
from collections.abc import Awaitable, Callable, Mapping
from random import getrandbits
from typing import NamedTuple, cast

from starlette.datastructures import Headers
from starlette.types import Scope

from schema.execution.records import NOTHING, OperationContext

REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,80}")
"""What we repeat of a caller's own X-Request-ID; anything else could forge log lines."""


class ConnectionInfo(NamedTuple):
    """One operation's caller."""

    headers: Mapping[str, str]
    """Of the request, or of the WebSocket's upgrade; names in any case."""
    peer: str | None
    """Address of the other end of the TCP connection."""
    transport: str
    """http, sse or websocket."""
    request_id: str
    params: Mapping[str, object] = NOTHING
    """Payload of `connection_init`; empty but for a WebSocket."""


ContextFactory = Callable[[ConnectionInfo], OperationContext | Awaitable[OperationContext]]
"""Builds the context of one operation. A MarketDataError that it raises is the operation's error."""


async def build_context(factory: ContextFactory, info: ConnectionInfo) -> OperationContext:
    """The context of one operation, from a factory that may be asynchronous."""
    context = factory(info)
    if hasattr(context, "__await__"):
        return await cast("Awaitable[OperationContext]", context)
    return context


def connection_info(
    scope: Scope, *, transport: str, request_id: str, params: Mapping[str, object] | None = None
) -> ConnectionInfo:
    """The caller of an ASGI request or WebSocket."""
    client = scope.get("client")
    return ConnectionInfo(
        headers=Headers(raw=scope["headers"]),
        peer=client[0] if client else None,
        transport=transport,
        request_id=request_id,
        params=params or NOTHING,
    )


def request_id_of(scope: Scope) -> str:
    """The id that this request, or this socket, has in every log line of it.

    `app.http.request_ids` put it into the scope. Without it: the caller's own if it is harmless, else a new one.
    """
    known = scope.get("state", {}).get("request_id")
    if isinstance(known, str):
        return known
    given = Headers(raw=scope["headers"]).get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else f"{getrandbits(64):016x}"
