"""Headers as ASGI has them, pairs of bytes: read and added to by the middleware without building anything."""

from collections.abc import Awaitable, Sequence

from starlette.types import Message, Scope, Send

RawHeaders = Sequence[tuple[bytes, bytes]]

ANSWERS = frozenset({"http.response.start", "websocket.accept"})
"""The messages that carry an answer's headers."""


FOUND = "app.headers"
"""Where a request's scope keeps its headers by name."""


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first value of a header by its lower-case name; None if the request has no such header."""
    found: dict[bytes, bytes] | None = scope.get(FOUND)
    if found is None:
        found = scope[FOUND] = dict(reversed(scope["headers"]))
    return found.get(name)


def sending(send: Send, headers: RawHeaders) -> Send:
    """A `send` that puts these at the end of the answer's headers; those of the same name stay."""

    def send_more(message: Message) -> Awaitable[None]:
        if message["type"] in ANSWERS:
            message["headers"] = [*message.get("headers", ()), *headers]  # ASGI lets an application leave them out
        return send(message)

    return send_more
