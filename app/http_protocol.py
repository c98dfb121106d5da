"""HTTP/1.1 on one connection: uvicorn's protocol with less done for each request.

`app.server` sets its bounds. A request gets our own cycle (`app.http_cycle`), its answer goes by the server's outbox,
and an idle connection is found by a timer that stays, where uvicorn sets and clears one for each request.
"""

from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, service_unavailable
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.http_cycle import Cycle
from app.outbox import OneWrite, Outbox

KNOWN_TARGETS = 64
"""URLs whose parts are remembered; a front end that posts has one."""


class LeanHttpProtocol(HttpToolsProtocol):
    """One connection."""

    cycle: Cycle

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._outbox: Outbox = getattr(self.config, "outbox", None) or Outbox()
        self._idle_since: float | None = None
        self._before: Cycle | None = None
        """The request before the newest of those that wait for answers before theirs."""
        self._is_set_aside = False
        """Whether the message that is parsed asks for another protocol and is no request, or not yet."""

    def data_received(self, data: bytes) -> None:
        """Bytes: parsed, up to a request for WebSocket."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
            elif self._is_set_aside:
                self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("")

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._forget_idleness()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]  # what asyncio allows and uvicorn does not use
        """The client has nothing more to say: False, and the transport closes itself, unless an answer has to begin.

        A stream that has begun ends: who closes a connection is not told from who only stops sending.
        """
        self._outbox.flush()
        if not self._is_answering() or self.cycle.more_body or self.cycle.response_started:
            return False
        self.cycle.keep_alive = False
        return True

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to the other protocol, which writes to it by itself."""
        self._forget_idleness()
        self._outbox.flush()
        super().handle_websocket_upgrade()

    def shutdown(self) -> None:
        """The server stops: close the connection, now or after the answer that is being made."""
        self._outbox.flush()
        super().shutdown()

    def on_message_begin(self) -> None:
        """The first byte of a request: nothing else that a client sends ends its idleness."""
        self._idle_since = None
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A request: the application's turn, unless another request of this connection is before it."""
        version, scope = self.parser.get_http_version(), self.scope
        scope["method"] = self.parser.get_method().decode("ascii")
        if version != "1.1":
            scope["http_version"] = version
        self._is_set_aside = self.parser.should_upgrade() and (scope["method"] != "CONNECT" or self._should_upgrade())
        if self._is_set_aside:
            return
        path, raw_path, scope["query_string"] = _parts(self.url)
        scope["path"] = self.root_path + path
        scope["raw_path"] = self.root_path.encode("ascii") + raw_path
        before = self.cycle
        self.cycle = Cycle(
            scope,
            OneWrite(self.transport, self._outbox),
            self.flow,
            logger=self.logger,
            default_headers=self.server_state.default_headers,
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        app: Any = service_unavailable if self._is_full() else self.app
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, app)
        else:
            self._before = before
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, app))

    def on_body(self, body: bytes) -> None:
        """A piece of the body; thrown away if the answer did not wait for it."""
        cycle = self.cycle
        if self._is_set_aside or cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.set()

    def on_message_complete(self) -> None:
        """The end of a request, also if it has its answer already."""
        if not self._is_set_aside:
            self.cycle.more_body = False
            self.cycle.set()

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Parse the same request again as one that asks for no other protocol, by RFC 9110, 7.8; then `rest`.

        The parser took it that no body follows. https://github.com/MagicStack/httptools: cb_on_headers_complete.
        """
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, version)]
        lines += [b"%b: %b\r\n" % line for line in self.headers if line[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        LeanHttpProtocol.data_received(self, b"".join([*lines, b"\r\n", rest]))

    def _withdraw(self) -> bool:
        """Forget the newest request, if it still waits for the answers before its own."""
        if self._before is None or not self.pipeline or self.pipeline[0][0] is not self.cycle:
            return False
        self.pipeline.popleft()
        self.cycle = self._before
        return True

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _is_full(self) -> bool:
        limit = self.limit_concurrency
        if limit is None or (len(self.connections) < limit and len(self.tasks) < limit):
            return False
        self.logger.warning("Exceeded concurrency limit.")
        return True

    def on_response_complete(self) -> None:
        """An answer is written: the next request of the connection, or a while without one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_again(self.timeout_keep_alive)

    def _unset_keepalive_if_required(self) -> None:
        """What uvicorn calls when a connection is lost: nothing, `connection_lost` has stopped the timer."""

    def _look_again(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self._look_if_idle)

    def _look_if_idle(self) -> None:
        self.timeout_keep_alive_task = None
        if self._idle_since is None:
            return  # the end of the answer that is being made sets the next timer
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._look_again(left)
        else:
            self.timeout_keep_alive_handler()

    def _forget_idleness(self) -> None:
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None


@lru_cache(maxsize=KNOWN_TARGETS)
def _parts(url: bytes) -> tuple[str, bytes, bytes]:
    """Path, path as it was sent, and query. Raises what httptools does for a URL that is none."""
    parsed = httptools.parse_url(url)
    path = parsed.path.decode("ascii")
    return unquote(path) if "%" in path else path, parsed.path, parsed.query or b""
