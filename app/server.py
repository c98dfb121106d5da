"""The HTTP server: uvicorn with every default that could hurt replaced by a bound.

`app.main` and the command line build it around the application; nothing here knows GraphQL.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from socket import socket
from typing import Any

import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.http_protocol import LeanHttpProtocol
from app.outbox import Outbox
from app.refusals import LINGER_SECONDS, Refusal
from app.stall import STALL_SECONDS, StallWatch
from app.websocket_protocol import DirectWebSocketProtocol

log = structlog.get_logger()

StopHook = Callable[[], Awaitable[None]]

MAX_URL_BYTES = 8 * 1024
"""A GET with a query: what proxies and browsers carry. Longer documents go by POST."""
MAX_HEADER_BYTES = 16 * 1024
"""All header lines together; a large bearer token is 4 KiB."""
MAX_HEADERS = 100
"""Browsers and proxies send 30."""
HEADER_SECONDS = 10.0
"""From a request's first byte (or a connection's start) to the end of its headers; a phone needs one or two."""
MAX_MESSAGE_BYTES = 1024 * 1024
"""One WebSocket message: as much as an HTTP body."""
PING_SECONDS = 20.0
"""Between WebSocket pings; a socket whose client has not answered one within as long again is cut."""
KEEP_ALIVE_SECONDS = 65
"""An idle HTTP connection: longer than the 60 s of common proxies, so that they close first."""
BACKLOG = 2048
"""Connections that the kernel holds while we are busy: a page reload of a whole office."""
MAX_CONNECTIONS = 20_000
"""Sockets of both kinds in one process; beyond it requests get 503."""
DRAIN_SECONDS = 4.0
"""For the hooks at the stop: running operations end, sockets are told to reconnect."""
GRACE_SECONDS = 4
"""Then, for requests still being answered. With the drain and the lifespan's end under 10 s in total."""


MALFORMED = Refusal(HTTPStatus.BAD_REQUEST, "BAD_REQUEST", "this is no HTTP/1.1 request")
URL_TOO_LONG = Refusal(
    HTTPStatus.REQUEST_URI_TOO_LONG,
    "URL_TOO_LONG",
    f"the URL is longer than {MAX_URL_BYTES} bytes: send the operation as POST",
)
HEADERS_TOO_LARGE = Refusal(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "HEADERS_TOO_LARGE",
    f"more than {MAX_HEADERS} headers, or more than {MAX_HEADER_BYTES} bytes of them",
)
HEADERS_TOO_SLOW = Refusal(
    HTTPStatus.REQUEST_TIMEOUT, "REQUEST_TIMEOUT", f"the headers did not arrive within {HEADER_SECONDS:g} s"
)
UPGRADE_TOO_SOON = Refusal(
    HTTPStatus.BAD_REQUEST, "BAD_REQUEST", "an upgrade must wait for the answers to the requests before it"
)


class _Refused(Exception):
    """Stops the parser inside one of its callbacks."""


class BoundedHttpProtocol(LeanHttpProtocol):
    """uvicorn's protocol with bounds on URL, headers and the time they take.

    A bound is checked as its bytes are parsed; what the parser holds back (an unfinished line) is counted by read.
    Trailers, which may follow a chunked body, have the bounds of the headers and are not shown to the application.
    """

    header_seconds = HEADER_SECONDS
    stall_seconds = STALL_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._refusal = MALFORMED
        self._in_head = False
        self._after_chunk_size = False
        self._begun = 0
        self._head_bytes = self._head_lines = self._held_back = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._refused = False
        self._unsaid: Refusal | None = None
        self._stall = StallWatch(self.loop, self._cut, seconds=self.stall_seconds)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client: its first request must come soon."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._stop_timer()
        self._stall.end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes: parsed, and counted while they belong to no complete header."""
        if self._refused:
            return
        begun = self._begun
        super().data_received(data)
        if self._refused or not (self._in_head or self._after_chunk_size):
            return
        began_before = begun == self._begun
        if self._in_head or began_before:
            self._start_timer()
        self._held_back += len(data) if began_before else 0
        if self._held_back > MAX_HEADER_BYTES:
            self._refuse(HEADERS_TOO_LARGE)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._in_head = True
        self._begun += 1
        self._head_bytes = self._head_lines = self._held_back = 0

    def on_url(self, url: bytes) -> None:
        """A part of the URL."""
        super().on_url(url)
        self._held_back = 0
        if len(self.url) > MAX_URL_BYTES:
            self._refusal = URL_TOO_LONG
            raise _Refused

    def on_header(self, name: bytes, value: bytes) -> None:
        """A complete header, or a trailer. What uvicorn's own method does for headers, and the bounds for both."""
        if self._in_head:
            name = name.lower()
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self.headers.append((name, value))
        self._held_back = 0
        self._head_bytes += len(name) + len(value)
        self._head_lines += 1
        if self._head_bytes > MAX_HEADER_BYTES or self._head_lines > MAX_HEADERS:
            self._refusal = HEADERS_TOO_LARGE
            raise _Refused

    def on_headers_complete(self) -> None:
        """The end of the headers: the application's turn."""
        self._in_head = False
        self._stop_timer()
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        """The size of a chunk. Bytes that follow and are no body are trailers, behind the chunk of size 0."""
        self._after_chunk_size = True
        self._begun += 1
        self._held_back = 0

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._after_chunk_size = False
        super().on_body(body)

    def on_chunk_complete(self) -> None:
        """The end of a chunk's data, or of the trailers."""
        self._after_chunk_size = False
        self._stop_timer()

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to the other protocol, unless it still owes an answer."""
        if self._is_answering():
            self._refuse(UPGRADE_TOO_SOON)
        else:
            super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's text says less than ours
        """What uvicorn calls when the parser stopped: answer with the reason."""
        self._refuse(self._refusal)

    def on_response_complete(self) -> None:
        """An answer is written; behind the last one comes the refusal of what followed."""
        super().on_response_complete()
        if self._unsaid is not None and not self._is_answering() and not self.transport.is_closing():
            self._say(self._unsaid)

    def _refuse(self, refusal: Refusal) -> None:
        self._stop_timer()
        if self.transport.is_closing():
            return
        self._refused = True
        if self.cycle is not None and self.cycle.more_body and not self._withdraw():
            self._outbox.flush()
            self.transport.close()  # refused is the rest of a request that waits for its body, or has its answer
        elif self._is_answering():
            self._unsaid = refusal
        else:
            self._say(refusal)

    def _say(self, refusal: Refusal) -> None:
        self._unsaid = None
        self._outbox.flush()
        self.transport.write(refusal.response())
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._head_timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def eof_received(self) -> bool:  # type: ignore[override]  # as in LeanHttpProtocol
        """The client has nothing more to say."""
        if self._refused and self._unsaid is None:
            self.transport.close()
        return super().eof_received()

    def pause_writing(self) -> None:
        """The connection is full: from now on the client must read."""
        super().pause_writing()
        self._stall.begin(self.transport)

    def resume_writing(self) -> None:
        """The connection takes more."""
        super().resume_writing()
        self._stall.end()

    def _cut(self) -> None:
        log.warning("a client that does not read was cut off", peer=self.client)
        self.transport.abort()

    def _start_timer(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.header_seconds, self._too_slow)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        self._head_timer = None
        if self._in_head or self._after_chunk_size:
            self._refuse(HEADERS_TOO_SLOW)
        elif not self.transport.is_closing():
            self.transport.close()  # it never asked anything


class _Config(uvicorn.Config):
    """uvicorn's settings, and what the connections of one server share."""

    def __init__(self, app: ASGIApp, **settings: Any) -> None:
        super().__init__(app, **settings)
        self.outbox = Outbox()


class Server(uvicorn.Server):
    """uvicorn's server that runs hooks between its last acceptance and its goodbyes."""

    def __init__(self, config: uvicorn.Config, *, on_stop: Sequence[StopHook], drain_seconds: float) -> None:
        super().__init__(config)
        self._on_stop = on_stop
        self._drain_seconds = drain_seconds

    @property
    def port(self) -> int:
        """The port that it listens on, also if it was told to take any."""
        address = self.servers[0].sockets[0].getsockname()
        return int(address[1])

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Stop accepting, let the hooks end what runs, then close everything."""
        for server in self.servers:
            server.close()
        try:
            async with asyncio.timeout(self._drain_seconds), asyncio.TaskGroup() as group:
                for hook in self._on_stop:
                    group.create_task(_run_hook(hook))
        except TimeoutError:
            log.warning("stopping without waiting any longer", seconds=self._drain_seconds)
        await super().shutdown(sockets)


async def _run_hook(hook: StopHook) -> None:
    try:
        await hook()
    except Exception:  # a failing hook must not keep the process from stopping
        log.exception("a stop hook failed", hook=getattr(hook, "__qualname__", repr(hook)))


def build_server(  # noqa: PLR0913 - what a server can be given, by keyword
    app: ASGIApp,
    *,
    host: str,
    port: int,
    on_stop: Sequence[StopHook] = (),
    http_protocol: type[HttpToolsProtocol] = BoundedHttpProtocol,
    websocket_protocol: type[asyncio.Protocol] = DirectWebSocketProtocol,
    drain_seconds: float = DRAIN_SECONDS,
) -> Server:
    """A server for `app`, not started.

    `run()` blocks with a loop of its own (uvloop if there is one); `serve()` runs on this one.

    `on_stop`: hooks that run together once nothing more is accepted, as the transports' `close_all`. X-Forwarded-For
    is not believed: anybody could forge a peer with it.
    """
    config = _Config(
        app,
        host=host,
        port=port,
        loop="auto",
        http=http_protocol,
        ws=websocket_protocol,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=MAX_CONNECTIONS,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return Server(config, on_stop=on_stop, drain_seconds=drain_seconds)
