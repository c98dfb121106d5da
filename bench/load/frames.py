"""A WebSocket client that only counts: raw frames over a protocol, parsed no further than their lengths.

Used by the generators of this folder. It speaks as much of graphql-transport-ws as a subscription needs.
"""

import asyncio
import base64
import struct
from collections.abc import Callable

UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)
KEY = base64.b64encode(bytes(16)).decode()
INIT = '{"type":"connection_init"}'
TEXT, CONTINUATION, CLOSE, PING, PONG = 1, 0, 8, 9, 10
FINAL, OPCODE, LENGTH = 0x80, 0x0F, 0x7F
TWO_BYTES, EIGHT_BYTES = 126, 127
UPDATE_BYTES = 300
"""A longer message is an update; acknowledgements and pings are shorter."""

OnMessage = Callable[[bytes], None]


def client_frame(opcode: int, payload: bytes) -> bytes:
    """A final frame as clients send it. The mask is zero: the rule is kept and the payload is what it is."""
    size = len(payload)
    if size < TWO_BYTES:
        return struct.pack("!BB4x", FINAL | opcode, FINAL | size) + payload
    return struct.pack("!BBH4x", FINAL | opcode, FINAL | TWO_BYTES, size) + payload


class Subscriber(asyncio.Protocol):
    """One socket with one subscription, from the upgrade on."""

    def __init__(self, upgrade: bytes, subscribe: str, *, stuck: bool, on_update: OnMessage | None = None) -> None:
        """`stuck`: never read again once it has subscribed. `on_update` gets each update, if somebody wants them."""
        self.updates = self.update_bytes = 0
        self.first = b""
        """The first update."""
        self.close_code: int | None = None
        self.lost = False
        self.failure: str | None = None
        """Why it gave up."""
        self.stuck = stuck
        self._upgrade = upgrade
        self._subscribe = subscribe
        self._on_update = on_update
        self._pending = b""
        self._upgraded = self._subscribed = False
        self._transport: asyncio.Transport | None = None

    @property
    def ready(self) -> bool:
        """Whether it has what it takes to be counted."""
        return self._subscribed if self.stuck else bool(self.updates)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Ask for the upgrade."""
        self._transport = transport
        transport.write(self._upgrade)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The socket is gone."""
        self.lost = True

    def close(self) -> None:
        """Leave without a goodbye."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Bytes of any number of frames."""
        data = self._pending + data if self._pending else data
        at, size = 0, len(data)
        if not self._upgraded:
            at = self._read_upgrade(data)
        while at + 2 <= size:
            start = at + 2
            length = data[at + 1] & LENGTH
            if length == TWO_BYTES:
                start += 2
                length = int.from_bytes(data[at + 2 : start])
            elif length == EIGHT_BYTES:
                start += 8
                length = int.from_bytes(data[at + 2 : start])
            if start + length > size:
                break
            if length > UPDATE_BYTES:
                self._update(data, start, length)
            else:
                self._control(data[at] & OPCODE, data[start : start + length])
            at = start + length
        self._pending = data[at:] if at else data

    def _update(self, data: bytes, start: int, length: int) -> None:
        self.updates += 1
        self.update_bytes += length
        if not self.first:
            self.first = data[start : start + length]
        if self._on_update is not None:
            self._on_update(data[start : start + length])

    def _read_upgrade(self, data: bytes) -> int:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return 0
        if not data.startswith(b"HTTP/1.1 101"):
            return self._fail(f"no upgrade: {data[:200]!r}", data)
        self._upgraded = True
        self._send(TEXT, INIT.encode())
        return end + 4

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self._send(PONG, payload)
        elif opcode == CLOSE:
            self.close_code = int.from_bytes(payload[:2])
            self._fail(f"closed by the server: {self.close_code} {payload[2:]!r}", payload)
        elif b"connection_ack" in payload:
            self._send(TEXT, self._subscribe.encode())
            self._subscribed = True
            if self.stuck and self._transport is not None:
                self._transport.pause_reading()
        elif b'"error"' in payload or b'"complete"' in payload:
            self._fail(f"the subscription ended: {payload!r}", payload)

    def _fail(self, why: str, data: bytes) -> int:
        """Close for this reason; all of `data` is done with."""
        self.failure = why
        self.close()
        return len(data)

    def _send(self, opcode: int, payload: bytes) -> None:
        if self._transport is not None:
            self._transport.write(client_frame(opcode, payload))
