"""Answers to what is refused before the application sees it: one short HTTP response each.

Written by both protocols of the HTTP server, `app.server` and `app.websocket_bounds`.
"""

from dataclasses import dataclass
from http import HTTPStatus

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

LINGER_SECONDS = 1.0
"""After a refusal, what the client still sends is thrown away for so long: closing at once would reset the connection,
and a client in the middle of its headers would never read why."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that is refused before the application sees it."""

    status: HTTPStatus
    code: str
    message: str

    def response(self) -> bytes:
        """The whole answer, which ends the connection."""
        error = {"message": self.message, "extensions": {"code": self.code}}
        body = orjson.dumps({"errors": [error]})
        head = b"content-type: application/json; charset=utf-8\r\nconnection: close\r\n"
        return STATUS_LINE[self.status] + head + b"content-length: %d\r\n\r\n" % len(body) + body
