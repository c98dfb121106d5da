"""uvicorn's WebSocket protocol with a short way for what many sockets are told, and an end for who does not read.

In: text frames, as pieces of bytes, from a transport that finds this object in `scope["extensions"][DIRECT]`. Out: the
same bytes, framed, on the TCP transport. ASGI's own `send` stays as it is and may be mixed with it: both write whole
frames to one transport, in the order of the calls. Chosen by `app.server`.
"""

from collections.abc import Callable
from struct import Struct
from typing import Any

from websockets.frames import Frame
from websockets.http11 import Request
from websockets.protocol import State

from app.stall import STALL_SECONDS, StallWatch
from app.websocket_bounds import BoundedWebSocketProtocol

DIRECT = "websocket.direct"
"""The extension's name in an ASGI scope."""

HIGH_WATER_BYTES = 64 * 1024
"""What a socket may hold beside the kernel's buffers before it counts as slow: 28 updates of 2.3 KB."""
STALLED = 4413
"""Close code of a client that did not read; graphql-transport-ws and its clients use none of this number."""
STALLED_REASON = f"nothing was read for {STALL_SECONDS:g} s"
LINGER_SECONDS = 5.0
"""How long the close frame may wait behind what was not read; then the connection is dropped, and its memory freed."""

TEXT = 0x81
"""First byte of a text frame that is a whole message."""
SHORT, MIDDLE = 126, 1 << 16
"""Lengths from which a frame's header has two and eight bytes of length."""
HEADER = Struct("!BB").pack
HEADER_16 = Struct("!BBH").pack
HEADER_64 = Struct("!BBQ").pack


class DirectWebSocketProtocol(BoundedWebSocketProtocol):
    """One connection.

    `try_send` is not buffered beyond the transport's HIGH_WATER_BYTES and one frame, never waits, and says no to a
    socket that is full. For its event loop only. What is on its way when the connection ends is lost, as with any send.
    """

    stall_seconds = STALL_SECONDS
    linger_seconds = LINGER_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting: list[Callable[[], None]] = []
        self._stall = StallWatch(self.loop, self._cut, seconds=self.stall_seconds)

    def try_send(self, head: bytes, body: bytes, tail: bytes) -> bool:
        """Write a text message of three pieces; False and nothing written if the socket cannot take it now."""
        if self._full or self.close_sent or self.conn.state is not State.OPEN or self.transport.is_closing():
            return False
        length = len(head) + len(body) + len(tail)
        self.transport.write(b"".join((_header(length), head, body, tail)))
        return True

    def when_drained(self, callback: Callable[[], None]) -> None:
        """Call back once, when the socket takes more; never, if it ends before."""
        self._waiting.append(callback)

    def handle_connect(self, event: Request) -> None:
        """The upgrade: the application learns of the direct way before it runs."""
        super().handle_connect(event)
        if not self.close_sent:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[DIRECT] = self
            self.transport.set_write_buffer_limits(HIGH_WATER_BYTES)

    def pause_writing(self) -> None:
        """The socket is full: from now on it must read within STALL_SECONDS."""
        super().pause_writing()
        self._stall.begin(self.transport)

    def resume_writing(self) -> None:
        """The socket takes more."""
        super().resume_writing()
        self._stall.end()
        waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._stall.end()
        self._full = True
        self._waiting.clear()
        super().connection_lost(exc)

    def keepalive_timeout(self) -> None:
        """No pong came. While the socket is full the ping may not have arrived either: the stall decides then."""
        if self._full and self.ping_timeout is not None:
            self.pong_timer = self.loop.call_later(self.ping_timeout, self.keepalive_timeout)
        else:
            super().keepalive_timeout()
            self.close_timer = self.loop.call_later(self.linger_seconds, self.transport.abort)

    def handle_close(self, event: Frame) -> None:
        """The client says goodbye; what it has not read yet must not keep the connection."""
        super().handle_close(event)
        if self._full and self.close_timer is None:
            self.close_timer = self.loop.call_later(self.linger_seconds, self.transport.abort)

    def _cut(self) -> None:
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": STALLED, "reason": STALLED_REASON})
        if self.conn.state is State.OPEN:
            self.conn.send_close(STALLED, STALLED_REASON)
            self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.loop.call_later(self.linger_seconds, self.transport.abort)


def _header(length: int) -> bytes:
    if length < SHORT:
        return HEADER(TEXT, length)
    if length < MIDDLE:
        return HEADER_16(TEXT, SHORT, length)
    return HEADER_64(TEXT, SHORT + 1, length)
