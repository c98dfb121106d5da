"""A request id for every HTTP request and socket: taken from the caller if it is sane, else made.

An ASGI middleware that `app.main` puts around everything. The id stands in each log line of the request
(structlog's context), in `scope["state"]["request_id"]`, and in the answer's `X-Request-ID`.
"""

import re
from collections.abc import Callable
from typing import Final
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER: Final = "x-request-id"
SANE: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
"""What a caller may choose: it is written to logs, so it must be short and plain."""


def new_request_id() -> str:
    """16 hexadecimal digits: enough to find a line in any log."""
    return uuid4().hex[:16]


class RequestIds:
    """Gives each request its id. Holds no state between requests."""

    def __init__(self, app: ASGIApp, make: Callable[[], str] = new_request_id) -> None:
        self._app = app
        self._make = make

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Bind the id for the time of the request, so that concurrent requests never see each other's."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if SANE.fullmatch(given) else self._make()
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.accept"):
                message.setdefault("headers", [])  # ASGI lets an application leave them out
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._app(scope, receive, send_with_id)
