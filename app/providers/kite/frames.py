"""WebSocket messages as the ticker sends them, a read of the socket at a time.

Bytes come in from the event loop, whole messages go out to `connection`, all that one read brought at once. The
`websockets` library shakes hands, answers pings, closes and judges everything odd; what it does not see are the
frames that make up the stream: whole, binary, unmasked. It takes 8 microseconds for each and wakes a task, which
with one packet a message is half of all the work; here a frame costs a third of a microsecond.
"""

import asyncio
import struct
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.frames import DATA_OPCODES, Frame, Opcode
from websockets.protocol import Event, State

MAX_MESSAGE_BYTES = 2 * 1024 * 1024
"""Bound of one message: 3,000 full packets are 558,002 bytes, and nothing else Kite sends comes near."""
MAX_WAITING_BYTES = 128 * 1024
"""What may have been read and not been taken: beyond it the socket is not read until the reader's turn. uvloop reads
8 MB of a full socket before it does anything else; 700 packets fit into a processor's cache and hold nobody up."""

END_OF_HEAD = b"\r\n\r\n"
PLAIN = 0x82
"""First byte of a frame that is a whole binary message."""
FIN, OPCODE = 0x80, 0x0F
SHORT, WORD, LONG, MASKED = 125, 126, 127, 128
"""Second byte: a length, or that it follows in 2 or in 8 bytes; servers do not mask."""

_WORD = struct.Struct(">H")
_LONG = struct.Struct(">Q")

Message = bytes | str


def take_plain(data: bytes, at: int, found: list[Message]) -> int:
    """Add the payloads of the plain frames from `at` on to `found`; the place of the first other or unfinished one."""
    end = len(data)
    while at + 1 < end and data[at] == PLAIN:
        length, start = data[at + 1], at + 2
        if length > SHORT:
            if length > WORD or start + 2 > end:
                break
            length = data[start] << 8 | data[start + 1]
            start += 2
        stop = start + length
        if stop > end:
            break
        found.append(data[start:stop])
        at = stop
    return at


def frame_size(data: bytes, at: int) -> int | None:
    """Bytes of the frame that begins at `at`, its head included; None as long as its length cannot be read."""
    head = data[at : at + 10]
    if len(head) < 2:  # noqa: PLR2004 -- the two bytes that every frame has
        return None
    length = head[1] & ~MASKED
    if length <= SHORT:
        return 2 + length
    form = _WORD if length == WORD else _LONG
    return 2 + form.size + form.unpack_from(head, 2)[0] if len(head) >= 2 + form.size else None


class TickerSocket(ClientConnection):
    """A client connection whose messages are taken in batches; `recv` is not for it.

    Buffered: MAX_WAITING_BYTES, then it stops reading. For one reader. Made by `websockets.connect`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arrived: list[Message] = []
        self._arrived_bytes = 0
        self._filled = asyncio.Event()
        self._fragments: list[Frame] = []
        self._head_tail: bytes | None = b""
        """The last bytes of the answer to the upgrade; None after it."""
        self._held: list[bytes] = []
        """The beginning of a frame."""
        self._held_bytes = self._awaited_bytes = 0

    async def batch(self) -> list[Message]:
        """Wait until there are messages; all of them, in order. Raises ConnectionClosed after the last one."""
        while not self._arrived:
            if self.protocol.state is State.CLOSED:
                raise self.protocol.close_exc
            self._filled.clear()
            await self._filled.wait()
        taken, self._arrived = self._arrived, []
        if self._arrived_bytes > MAX_WAITING_BYTES:
            self.transport.resume_reading()
        self._arrived_bytes = 0
        return taken

    # ------------------------------------------------------------ what the event loop and websockets call

    def data_received(self, data: bytes) -> None:
        """Bytes from the socket."""
        if self._head_tail is not None:
            data = self._after_head(self._head_tail, data)
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes >= self._awaited_bytes:
            whole = self._held[0] if len(self._held) == 1 else b"".join(self._held)
            self._held, self._held_bytes, self._awaited_bytes = [], 0, 0
            self._read(whole)
        before, self._arrived_bytes = self._arrived_bytes, self._arrived_bytes + len(data)
        if before <= MAX_WAITING_BYTES < self._arrived_bytes and self._arrived:
            self.transport.pause_reading()
        if self._arrived:
            self._filled.set()

    def process_event(self, event: Event) -> None:
        """What `websockets` made of the bytes that it got: its own business, or a message in an odd form."""
        if not (isinstance(event, Frame) and event.opcode in DATA_OPCODES):
            super().process_event(event)
        elif self.protocol.state is State.OPEN:
            self._fragments.append(event)
            if event.fin:
                self._arrived.append(_joined(self._fragments))
                self._fragments = []

    def connection_lost(self, exc: Exception | None) -> None:
        """The end of the socket."""
        super().connection_lost(exc)
        self._filled.set()

    # ------------------------------------------------------------ inside

    def _after_head(self, tail: bytes, data: bytes) -> bytes:
        """Give the answer to the upgrade to `websockets`; what comes after it in the same read."""
        seen = tail + data
        end = seen.find(END_OF_HEAD)
        if end < 0:
            self._head_tail = seen[-len(END_OF_HEAD) + 1 :]
            super().data_received(data)
            return b""
        self._head_tail = None
        cut = end + len(END_OF_HEAD) - len(tail)
        super().data_received(data[:cut])
        return data[cut:]

    def _read(self, data: bytes) -> None:
        """Take the frames; anything but a plain one goes to `websockets`, whole, as it has to be at a frame's start."""
        at = 0
        while data:
            if self.protocol.state is not State.OPEN:
                super().data_received(data[at:])
                return
            if not self._fragments:
                at = take_plain(data, at, self._arrived)
            size = frame_size(data, at)
            if size is not None and size > MAX_MESSAGE_BYTES:
                super().data_received(data[at:])  # it refuses the message by its head
                return
            if size is None or at + size > len(data):
                self._hold(data[at:], size)
                return
            super().data_received(data[at : at + size])
            at += size

    def _hold(self, rest: bytes, size: int | None) -> None:
        """Keep the beginning of a frame until `size` bytes of it are there."""
        if rest:
            self._held, self._held_bytes, self._awaited_bytes = [rest], len(rest), size or 0


def _joined(fragments: list[Frame]) -> Message:
    data = b"".join(bytes(fragment.data) for fragment in fragments)
    return data if fragments[0].opcode is Opcode.BINARY else data.decode(errors="replace")
