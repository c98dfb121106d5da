"""A request id for every HTTP request and socket: taken from the caller if it is sane, else made.

An ASGI middleware that `app.main` puts around everything. The id stands in each log line of the request
(structlog's context), in `scope["state"]["request_id"]`, and in the answer's `X-Request-ID`.
"""

import re
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from random import getrandbits
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import STRUCTLOG_KEY_PREFIX

from app.http.headers import ANSWERS, header

HEADER: Final = b"x-request-id"
SANE: Final = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
"""What a caller may choose: it is written to logs, so it must be short and plain."""


REQUEST_ID: Final = ContextVar[str](f"{STRUCTLOG_KEY_PREFIX}request_id")
"""structlog's own variable of this key, by the name under which it looks for them: set without its detours."""


def new_request_id() -> str:
    """16 hexadecimal digits: enough to find a line in any log. No secret, so it need not be unpredictable."""
    return f"{getrandbits(64):016x}"


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
        given = header(scope, HEADER)
        request_id = given.decode() if given and SANE.fullmatch(given) else self._make()
        scope.setdefault("state", {})["request_id"] = request_id
        bound = REQUEST_ID.set(request_id)
        try:
            await self._app(scope, receive, _naming(send, request_id))
        finally:
            REQUEST_ID.reset(bound)


def _naming(send: Send, request_id: str) -> Send:
    """A `send` whose answer has this id and no other."""
    told = (HEADER, request_id.encode())

    def send_with_id(message: Message) -> Awaitable[None]:
        if message["type"] in ANSWERS:
            others = message.get("headers", ())  # ASGI lets an application leave them out
            message["headers"] = [told, *(pair for pair in others if pair[0] != HEADER)]
        return send(message)

    return send_with_id
