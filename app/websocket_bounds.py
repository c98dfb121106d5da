"""uvicorn's WebSocket protocol with an answer to every upgrade, and bounds on the work that frames can make.

The base of `app.websocket_protocol`. What a client breaks is told to it by a close code and logged at most at `info`.
"""

import asyncio
from http import HTTPStatus
from typing import Any

import structlog
from uvicorn._types import ASGIReceiveEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import HeaderLineTooLong, RequestLineTooLong, TooManyHeaders
from websockets.frames import CloseCode, Frame
from websockets.http11 import MAX_LINE_LENGTH
from websockets.protocol import State

from app.refusals import LINGER_SECONDS, Refusal

log = structlog.get_logger()

HANDSHAKE_SECONDS = 10.0
"""From the upgrade's head, which is there, to its answer, which takes the application no time at all."""
PIECE_BYTES = 2 * 1024
"""Parsed at once: 340 of the smallest frames, 2 ms."""
FRAMES_A_TURN = 128
"""After so many the event loop has its turn before the next piece: other clients wait 3 ms, not for a megabyte of
frames."""
MAX_FRAGMENTS = 1024
"""In one message; a message of 1 MB may come in pieces of 1 KB."""
MAX_CONTROL_FRAMES = 1000
"""Pings and pongs in CONTROL_SECONDS; clients send one in 5 s, and one for each of ours."""
CONTROL_SECONDS = 10.0

NOTHING = memoryview(b"")

BROKEN_UPGRADE = Refusal(
    HTTPStatus.BAD_REQUEST, "BAD_REQUEST", "this is no upgrade to WebSocket: it is a GET of HTTP/1.1 without a body"
)
LINE_TOO_LONG = Refusal(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "HEADERS_TOO_LARGE",
    f"a header of an upgrade to WebSocket is longer than {MAX_LINE_LENGTH} bytes: send it in connection_init",
)
UPGRADE_URL_TOO_LONG = Refusal(
    HTTPStatus.REQUEST_URI_TOO_LONG,
    "URL_TOO_LONG",
    f"the first line of an upgrade to WebSocket is longer than {MAX_LINE_LENGTH} bytes",
)


class BoundedWebSocketProtocol(WebSocketsSansIOProtocol):
    """One connection.

    Not read from while something that came is not parsed, or the application has a message to take. While the client
    takes nothing, the newest of its pings is kept, and answered when it does.
    """

    handshake_seconds = HANDSHAKE_SECONDS
    max_control_frames = MAX_CONTROL_FRAMES
    control_seconds = CONTROL_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._full = False
        self._pong = b""
        self._unparsed = NOTHING
        self._goes_on = False
        self._is_deaf = False
        self._control_frames = 0
        self._counted_until = 0.0
        self._handshake_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """An upgrade, whose head follows."""
        super().connection_made(transport)
        self._handshake_timer = self.loop.call_later(self.handshake_seconds, self._end_handshake)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._unparsed = NOTHING
        if self._handshake_timer is not None:
            self._handshake_timer.cancel()
        super().connection_lost(exc)

    def _end_handshake(self) -> None:
        if not self.handshake_complete:
            log.warning("an upgrade that got no answer was cut off", peer=self.client)
            self.transport.abort()

    # ------------------------------------------------------------ reading

    def data_received(self, data: bytes) -> None:
        """Bytes: parsed now, or from now on if they have many frames."""
        if self._is_deaf:
            return
        if self._unparsed:
            self._unparsed = memoryview(bytes(self._unparsed) + data)
            return
        self._unparsed = memoryview(data)
        self._parse_some()

    def _parse_some(self) -> None:
        frames = 0
        while self._unparsed and frames < FRAMES_A_TURN:
            piece, self._unparsed = self._unparsed[:PIECE_BYTES], self._unparsed[PIECE_BYTES:]
            frames += self._parse(piece)
        had_waited, self._goes_on = self._goes_on, bool(self._unparsed)
        if self._goes_on:
            self.loop.call_soon(self._parse_some)
            if not self.transport.is_closing():
                self.transport.pause_reading()
        elif had_waited:
            self._read_on()

    def _parse(self, piece: memoryview) -> int:
        """What uvicorn does with all that it read, and the count of frames."""
        self.conn.reader.feed_data(piece)  # type: ignore[arg-type]  # it is added to a bytearray
        next(self.conn.parser)
        frames = len(self.conn.events)
        if self.conn.parser_exc is not None:
            self.handle_parser_exception()
        elif self.conn.handshake_exc is not None and not self.handshake_initiated:
            self._refuse_upgrade()
        else:
            self.handle_events()
        return frames

    def _read_on(self) -> None:
        if not (self._unparsed or self.read_paused or self.transport.is_closing()):
            self.transport.resume_reading()

    async def receive(self) -> ASGIReceiveEvent:
        """The next message for the application; when it has them all, the client is read from again."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self._read_on()
        return message

    # ------------------------------------------------------------ frames

    def handle_cont(self, event: Frame) -> None:
        """A fragment of a message, of so many at most."""
        if len(self.frames) < MAX_FRAGMENTS:
            super().handle_cont(event)
        else:
            self._fail(CloseCode.MESSAGE_TOO_BIG, f"a message of more than {MAX_FRAGMENTS} fragments")

    def send_receive_event_to_app(self) -> None:
        """A whole message: to the application, if it is what it says."""
        data, self.frames = b"".join(self.frames), []
        if self.close_sent:
            return
        if self.curr_msg_data_type == "text":
            try:
                self.queue.put_nowait({"type": "websocket.receive", "text": data.decode()})
            except UnicodeDecodeError:
                log.info("a client sent text that is no UTF-8", peer=self.client)
                self._fail(CloseCode.INVALID_DATA, "text that is no UTF-8")
                return
        else:
            self.queue.put_nowait({"type": "websocket.receive", "bytes": data})
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def handle_ping(self) -> None:
        """Answered, as far as the client reads: RFC 6455, 5.5.3, allows to answer the newest alone."""
        if self._is_deaf or self._is_flooding():
            return
        if self._full and self.conn.state is State.OPEN:
            self._pong = (self.conn.data_to_send() or [self._pong])[-1]
        else:
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        """A sign of life."""
        if not self._is_flooding():
            super().handle_pong(event)

    def _is_flooding(self) -> bool:
        now = self.loop.time()
        if now >= self._counted_until:
            self._counted_until, self._control_frames = now + self.control_seconds, 0
        self._control_frames += 1
        if self._control_frames <= self.max_control_frames:
            return False
        most = f"{self.max_control_frames} pings or pongs in {self.control_seconds:g} s"
        self._fail(CloseCode.POLICY_VIOLATION, f"more than {most}")
        return True

    def pause_writing(self) -> None:
        """The socket is full."""
        super().pause_writing()
        self._full = True

    def resume_writing(self) -> None:
        """The socket takes more: first the answer to the ping that waited."""
        super().resume_writing()
        self._full = False
        pong, self._pong = self._pong, b""
        if pong and not self.close_sent and not self.transport.is_closing():
            self.transport.write(pong)

    # ------------------------------------------------------------ ends

    def handle_parser_exception(self) -> None:
        """What cannot be gone on with: say why, in a close frame."""
        close = self.conn.close_sent
        if close is not None:
            self.queue.put_nowait({"type": "websocket.disconnect", "code": close.code, "reason": close.reason})
        self._say_last(b"".join(self.conn.data_to_send()))

    def _fail(self, code: CloseCode, reason: str) -> None:
        if not self._is_deaf:
            self.conn.fail(code, reason)
            self.handle_parser_exception()

    def _refuse_upgrade(self) -> None:
        self.conn.data_to_send()  # what websockets would say; nothing, if the head is broken
        match self.conn.handshake_exc:
            case RequestLineTooLong():
                refusal = UPGRADE_URL_TOO_LONG
            case HeaderLineTooLong() | TooManyHeaders():
                refusal = LINE_TOO_LONG
            case _:
                refusal = BROKEN_UPGRADE
        self._say_last(refusal.response())

    def _say_last(self, last: bytes) -> None:
        """Write it and close in a while; until then what comes is thrown away, and nothing else is sent."""
        self._is_deaf = self.close_sent = self.disconnected = True
        self._unparsed = NOTHING
        self.stop_keepalive()
        if self.close_timer is not None:
            self.close_timer.cancel()
        if self.transport.is_closing():
            return
        self.transport.resume_reading()
        self.transport.write(last)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.close_timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)
