"""What frames, and upgrades, can make the server do: over raw sockets, as no library would send them."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.abc import SocketStream
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from app.websocket_bounds import MAX_CONTROL_FRAMES, MAX_FRAGMENTS
from app.websocket_protocol import HIGH_WATER_BYTES, DirectWebSocketProtocol
from tests.support.patience import PATIENCE
from tests.support.serving import serving, until_closed
from tests.support.small_buffers import SmallBuffers, small_socket
from tests.support.steps import counted_work
from tests.transport.conftest import Service, running

UPGRADE = (
    b"GET /graphql HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: graphql-transport-ws\r\n%b\r\n"
)
TEXT, CONTINUATION, CLOSE, PING, PONG = 1, 0, 8, 9, 10
END = 0x80


def frame(first: int, data: bytes = b"") -> bytes:
    """A client's frame of at most 125 bytes, masked with zeros."""
    return bytes([first, 0x80 | len(data), 0, 0, 0, 0]) + data


@asynccontextmanager
async def opened(port: int) -> AsyncIterator[SocketStream]:
    """A connection that is a WebSocket; its client keeps little that it does not read."""
    async with await SocketStream.from_socket(await small_socket(port)) as stream:
        await stream.send(UPGRADE % b"")
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await stream.receive(1)
        assert b" 101 " in head
        yield stream


async def told(stream: SocketStream) -> tuple[int, bytes]:
    """Code and reason of the close frame, before which there were only short frames."""
    received = await until_closed(stream)
    while received[0] != END | CLOSE:
        received = received[2 + received[1] :]
    (code,) = struct.unpack("!H", received[2:4])
    return code, received[4:]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        (b"authorization: Bearer " + b"a" * 9000 + b"\r\n", 431),
        (b"content-length: 5\r\n", 400),
        (b"transfer-encoding: chunked\r\n", 400),
    ],
)
async def test_upgrade_that_is_none_gets_an_answer(service: Service, more: bytes, status: int):
    """And the connection its end."""
    async with await anyio.connect_tcp("127.0.0.1", service.port) as stream:
        await stream.send(UPGRADE % more)
        response = await until_closed(stream)

    head, _, body = response.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"content-length: %d" % len(body) in head


async def test_upgrade_with_a_long_url_gets_an_answer(service: Service):
    """As long as a GET may have it, which is more than an upgrade may."""
    async with await anyio.connect_tcp("127.0.0.1", service.port) as stream:
        await stream.send(UPGRADE.replace(b"/graphql", b"/graphql?" + b"a" * 8180) % b"")
        assert (await until_closed(stream)).startswith(b"HTTP/1.1 414 ")


async def test_upgrade_without_an_answer_ends():
    """The application's fault, and still no connection for ever."""

    class Impatient(DirectWebSocketProtocol):
        handshake_seconds = 0.1

    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        kind = ""
        while kind not in {"lifespan.shutdown", "websocket.disconnect"}:
            kind = (await receive())["type"]
            if scope["type"] == "lifespan":
                await send({"type": f"{kind}.complete"})

    with capture_logs():
        async with (
            serving(silent, websocket_protocol=Impatient) as server,
            await anyio.connect_tcp("127.0.0.1", server.port) as stream,
        ):
            await stream.send(UPGRADE % b"")
            with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)), anyio.fail_after(PATIENCE):
                await stream.receive()


@pytest.mark.parametrize("piece", [b"", b" "])
async def test_fragments_of_a_message_are_bounded(service: Service, piece: bytes):
    """By their number too, or empty ones would never end; as many as are allowed are one message."""
    fragments = frame(CONTINUATION, piece) * (MAX_FRAGMENTS - 2)
    async with opened(service.port) as stream:
        whole = frame(TEXT, b'{"type":') + fragments + frame(END | CONTINUATION, b'"ping"}')
        await stream.send(whole)
        assert (await stream.receive()).endswith(b'{"type":"pong"}')
        await stream.send(frame(TEXT, b'{"type":') + fragments + frame(CONTINUATION, piece) * 5000)
        assert await told(stream) == (1009, b"a message of more than 1024 fragments")


@pytest.mark.parametrize("kind", [PING, PONG])
async def test_control_frames_are_bounded(kind: int):
    """Nobody is alive more than a hundred times a second."""

    class Strict(DirectWebSocketProtocol):
        control_seconds = 3600.0

    async with (
        running(server={"websocket_protocol": Strict}) as service,
        opened(service.port) as stream,
        anyio.create_task_group() as group,
    ):
        group.start_soon(stream.send, frame(END | kind) * (MAX_CONTROL_FRAMES + 5000))
        assert await told(stream) == (1008, b"more than 1000 pings or pongs in 3600 s")


async def test_many_frames_in_one_read_do_not_hold_the_loop(service: Service):
    """Whoever else has something to say has its turn between them."""
    messages = frame(END | TEXT, b'{"type":"pong"}') * 5000
    async with opened(service.port) as stream:
        with counted_work() as work:
            await stream.send(messages + frame(END | TEXT, b'{"type":"ping"}'))
            with anyio.fail_after(PATIENCE):
                assert (await stream.receive()).endswith(b'{"type":"pong"}')

    assert work.calls > 200_000
    assert work.longest_turn < 40_000


async def test_text_that_is_none_is_told_and_no_error(service: Service, caplog: pytest.LogCaptureFixture):
    """1007; a client's mistake has no traceback in our log."""
    with capture_logs() as logs:
        async with opened(service.port) as stream:
            await stream.send(frame(END | TEXT, b"\xff\xfe"))
            assert await told(stream) == (1007, b"text that is no UTF-8")

    assert [line["log_level"] for line in logs] == ["info"]
    assert caplog.records == []


async def test_pings_of_a_client_that_does_not_read_cost_no_memory():
    """Only the newest is answered when it reads again."""
    connections: list[DirectWebSocketProtocol] = []

    class Small(SmallBuffers, DirectWebSocketProtocol):
        max_control_frames = 10**9

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            connections.append(self)

    def waiting() -> int:
        return connections[0].transport.get_write_buffer_size()

    async with running(server={"websocket_protocol": Small}) as service, opened(service.port) as stream:
        while waiting() <= HIGH_WATER_BYTES:
            await stream.send(frame(END | PING, b"a" * 125) * 100)
        most = 0
        for _ in range(100):
            await stream.send(frame(END | PING, b"a" * 125) * 100)
            most = max(most, waiting())
        await stream.send(frame(END | PING, b"newest") + frame(END | TEXT, b'{"type":"ping"}'))
        received = b""
        with anyio.fail_after(PATIENCE):
            while not received.endswith(b'{"type":"pong"}'):
                received += await stream.receive()

    assert most < HIGH_WATER_BYTES + 16 * 1024
    assert b"newest" in received
