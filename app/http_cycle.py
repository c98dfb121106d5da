"""One request and its answer, as uvicorn has them, with less done for each.

`app.http_protocol` makes one for every request. What goes to the client and what the application may do is uvicorn's;
headers are looked at together, and there is no event unless the application must wait for its body.
"""

import asyncio
import logging
from typing import Any

from uvicorn._types import ASGIReceiveEvent
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HEADER_RE, HEADER_VALUE_RE, STATUS_LINE, RequestResponseCycle

from app.outbox import OneWrite

BODILESS = frozenset({204, 304})
"""Statuses whose answers have no body, and so no length either."""


class Cycle(RequestResponseCycle):
    """From the end of a request's head to the end of its answer."""

    transport: OneWrite  # type: ignore[assignment]  # all that a cycle asks of a transport

    def __init__(  # noqa: PLR0913 - what a request has
        self,
        scope: Any,
        transport: OneWrite,
        flow: FlowControl,
        *,
        logger: logging.Logger,
        default_headers: list[tuple[bytes, bytes]],
        expect_100_continue: bool,
        keep_alive: bool,
        on_response: Any,
    ) -> None:
        """`on_response`: called when the answer is complete."""
        self.scope = scope
        self.transport = transport
        self.flow = flow
        self.logger = logger
        self.default_headers = default_headers
        self.on_response = on_response
        self.disconnected = False
        self.keep_alive = keep_alive
        self.waiting_for_100_continue = expect_100_continue
        self.body = bytearray()
        self.more_body = True
        self.response_started = False
        self.response_complete = False
        self.chunked_encoding = None
        self.expected_content_length = 0
        self._has_news = False
        self._news: asyncio.Event | None = None

    @property
    def message_event(self) -> "Cycle":  # type: ignore[override]
        """What uvicorn sets when more of the body is there, or the client is gone."""
        return self

    def set(self) -> None:
        """There is something to receive."""
        self._has_news = True
        if self._news is not None:
            self._news.set()

    async def receive(self) -> ASGIReceiveEvent:
        """The body as far as it has come, or that the client is gone; waits for either."""
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.waiting_for_100_continue = False
        if not self.disconnected and not self.response_complete:
            self.flow.resume_reading()
            if not self._has_news:
                await self._wait()
            self._has_news = False
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def _wait(self) -> None:
        if self._news is None:
            self._news = asyncio.Event()
        await self._news.wait()
        self._news.clear()

    async def send(self, message: Any) -> None:
        """Write a part of the answer. Raises RuntimeError for what is no answer."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if not self.response_started and message["type"] == "http.response.start":
            self._begin(message)
        elif self.response_started and not self.response_complete and message["type"] == "http.response.body":
            self._continue(message.get("body", b""), more_body=message.get("more_body", False))
        else:
            msg = f"unexpected ASGI message {message['type']!r}"
            raise RuntimeError(msg)

    def _begin(self, message: Any) -> None:
        """Write the head, or hold it back for a body of known length."""
        self.response_started = True
        self.waiting_for_100_continue = False
        status = message["status"]
        headers = [*self.default_headers, *message.get("headers", ())]
        _require(not HEADER_RE.search(b"".join([name for name, _ in headers])), "invalid HTTP header name")
        _require(not HEADER_VALUE_RE.search(b"".join([value for _, value in headers])), "invalid HTTP header value")
        lines = [STATUS_LINE[status]]
        says_close = False
        for given, value in headers:
            name = given.lower()
            if name == b"content-length" and self.chunked_encoding is None:
                self.expected_content_length = int(value)
                self.chunked_encoding = False
            elif name == b"transfer-encoding" and value.lower() == b"chunked":
                self.expected_content_length = 0
                self.chunked_encoding = True
            elif name == b"connection":
                says_close = says_close or b"close" in [token.lower().strip() for token in value.split(b",")]
            lines.append(b"%b: %b\r\n" % (name, value))
        self._end_head(lines, status, says_close=says_close)

    def _end_head(self, lines: list[bytes], status: int, *, says_close: bool) -> None:
        if says_close:
            self.keep_alive = False
        elif not self.keep_alive:
            lines.append(b"connection: close\r\n")
        is_head = self.scope["method"] == "HEAD"
        if self.chunked_encoding is None and not is_head and status not in BODILESS:
            self.chunked_encoding = True
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"\r\n")
        if self.expected_content_length > 0 and not is_head:
            self.transport.hold(b"".join(lines))
        else:
            self.transport.write(b"".join(lines))

    def _continue(self, body: bytes, *, more_body: bool) -> None:
        """Write a part of the body, and end the answer with the last one."""
        if self.scope["method"] == "HEAD":
            self.expected_content_length = 0
        elif self.chunked_encoding:
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            self.transport.write(chunk if more_body else chunk + b"0\r\n\r\n")
        else:
            _require(len(body) <= self.expected_content_length, "response content longer than Content-Length")
            self.expected_content_length -= len(body)
            self.transport.write(body)
        if not more_body:
            _require(self.expected_content_length == 0, "response content shorter than Content-Length")
            self.response_complete = True
            self.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()


def _require(condition: object, otherwise: str) -> None:
    """Raises RuntimeError, as ASGI servers do for an application that does not keep to the protocol."""
    if not condition:
        raise RuntimeError(otherwise)
