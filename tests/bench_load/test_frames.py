"""The counting client of the benchmarks: what it counts must not depend on how the bytes arrive."""

import asyncio
import struct

from hypothesis import given
from hypothesis import strategies as st

from bench.load.frames import CLOSE, PING, TEXT, UPDATE_BYTES, Subscriber

UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
ACK = b'{"type":"connection_ack"}'


class Line(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.written += bytes(data)

    def abort(self) -> None:
        """Note it."""
        self.aborted = True


def server_frame(opcode: int, payload: bytes) -> bytes:
    """As a server sends it."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", 128 | opcode, size) + payload
    if size < 65_536:
        return struct.pack("!BBH", 128 | opcode, 126, size) + payload
    return struct.pack("!BBQ", 128 | opcode, 127, size) + payload


def connected(*, stuck: bool = False) -> tuple[Subscriber, Line]:
    line = Line()
    subscriber = Subscriber(b"GET", "{}", stuck=stuck)
    subscriber.connection_made(line)
    return subscriber, line


@given(
    sizes=st.lists(st.sampled_from([1, 125, 126, UPDATE_BYTES, UPDATE_BYTES + 1, 2_300, 65_535, 65_536]), max_size=6),
    cuts=st.lists(st.integers(1, 70_000), max_size=8),
)
def test_counts_the_same_however_the_bytes_are_cut(sizes: list[int], cuts: list[int]):
    """Updates and their bytes are those that were sent."""
    subscriber, _ = connected()
    frames = [server_frame(TEXT, ACK), *(server_frame(TEXT, b"x" * size) for size in sizes)]
    rest = UPGRADED + b"".join(frames)
    for cut in cuts:
        if rest[:cut]:
            subscriber.data_received(rest[:cut])
        rest = rest[cut:]
    if rest:
        subscriber.data_received(rest)
    updates = [size for size in sizes if size > UPDATE_BYTES]
    assert (subscriber.updates, subscriber.update_bytes) == (len(updates), sum(updates))
    assert len(subscriber.first) == (updates[0] if updates else 0)
    assert subscriber.failure is None


def test_answers_pings_with_their_payload():
    """A server that pings keeps the client."""
    subscriber, line = connected()
    subscriber.data_received(UPGRADED + server_frame(PING, b"are you there"))
    assert line.written.endswith(b"are you there")


def test_says_why_it_was_closed():
    """A closed client is a failed measurement with a reason."""
    subscriber, line = connected()
    subscriber.data_received(UPGRADED + server_frame(CLOSE, struct.pack("!H", 4400) + b"no"))
    assert line.aborted
    assert "4400" in str(subscriber.failure)


def test_refuses_anything_but_an_upgrade():
    """A server at its limit answers 503."""
    subscriber, line = connected()
    subscriber.data_received(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
    assert line.aborted
    assert "503" in str(subscriber.failure)
