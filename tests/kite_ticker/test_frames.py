"""Messages out of a socket's bytes: whatever the frames and however the reads cut them, as `websockets` reads them."""

from typing import cast

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from app.domain.quotes import StreamMode
from app.providers.kite.dial import Line
from app.providers.kite.frames import MAX_WAITING_BYTES, Message, frame_size, take_plain
from tests.kite_ticker.exchange import running_ticker, token_of, until, wants
from tests.kite_ticker.wire import frame, ltp_packet

LENGTHS = st.sampled_from([0, 1, 2, 125, 126, 127, 300, 65_535, 65_536, 70_000])
"""Around the places where a length is written in another form."""
READ_BYTES = 256 * 1024
"""What asyncio reads at once."""


def wire(opcode: Opcode, data: bytes, *, fin: bool = True) -> bytes:
    """A frame as a server sends it."""
    return Frame(opcode, data, fin=fin).serialize(mask=False)


@given(lengths=st.lists(LENGTHS, max_size=6), cut=st.integers(0, 200_000))
def test_plain_frames_are_found_up_to_the_first_unfinished_one(lengths: list[int], cut: int) -> None:
    """Whole binary messages below 64 KiB; the rest stays where it is, and its size is known as soon as it can be."""
    payloads = [bytes([number]) * length for number, length in enumerate(lengths)]
    frames = [wire(Opcode.BINARY, payload) for payload in payloads]
    data = b"".join(frames)[:cut]
    found: list[bytes | str] = []
    at = take_plain(data, 0, found)
    assert found == payloads[: len(found)]
    assert at == sum(map(len, frames[: len(found)]))
    if at < len(data):
        size = frame_size(data, at)
        assert size in (None, len(frames[len(found)]))
        assert size is None or at + size > len(data) or len(payloads[len(found)]) > 0xFFFF


@pytest.mark.parametrize(
    "odd", [wire(Opcode.TEXT, b"hi"), wire(Opcode.PING, b""), wire(Opcode.BINARY, b"a", fin=False)]
)
def test_other_frames_are_left_for_websockets(odd: bytes) -> None:
    plain = wire(Opcode.BINARY, b"12")
    found: list[bytes | str] = []
    assert take_plain(plain + odd + plain, 0, found) == len(plain)
    assert found == [b"12"]


async def test_every_form_of_a_message_is_read_in_order_however_it_is_cut() -> None:
    """In one write, and byte by byte: plain, in fragments with a ping between them, beyond 64 KiB, and text."""
    first, second = (frame(ltp_packet(token_of(1), last)) for last in (100, 200))
    long = frame(*[ltp_packet(token_of(1), 300)] * 7_000)
    data = b"".join(
        [
            wire(Opcode.BINARY, first),
            wire(Opcode.BINARY, second[:5], fin=False),
            wire(Opcode.PING, b"?"),
            wire(Opcode.CONT, second[5:]),
            wire(Opcode.TEXT, b'{"type":"error","data":"no"}'),
            wire(Opcode.BINARY, long),
        ]
    )
    end = wire(Opcode.BINARY, frame(ltp_packet(token_of(1), 400)))
    async with running_ticker() as stage:
        stage.source.want(wants(1, mode=StreamMode.LTP, every_tick=True))
        await until(lambda: stage.exchange.modes)
        stage.exchange.silent = True  # a heartbeat in the middle of a message would be a breach
        line = stage.exchange.seats[0].socket.transport
        line.write(data)
        for number in range(len(end)):
            line.write(end[number : number + 1])
            await checkpoint()
        await until(lambda: len(stage.sink.ticks["NSE:S1"]) == 7_003)
        prices = [tick.last_price for tick in stage.sink.ticks["NSE:S1"]]
        assert prices == [1.0, 2.0, *[3.0] * 7_000, 4.0]
        assert stage.source.counters.errors == 1
        assert len(stage.exchange.dials) == 1


@pytest.mark.parametrize(
    "broken",
    [
        Frame(Opcode.BINARY, b"ab").serialize(mask=True),
        wire(Opcode.CONT, b"ab"),
        wire(Opcode.BINARY, b"ab", fin=False) + wire(Opcode.BINARY, b"ab"),
        b"\x83\x00",
    ],
    ids=["masked", "continues nothing", "interrupts a message", "no such opcode"],
)
async def test_a_breach_of_the_protocol_costs_the_socket(broken: bytes) -> None:
    """What came before it counts."""
    async with running_ticker() as stage:
        stage.source.want(wants(1, mode=StreamMode.LTP))
        await until(lambda: stage.exchange.modes)
        plain = wire(Opcode.BINARY, frame(ltp_packet(token_of(1), 100)))
        stage.exchange.seats[0].socket.transport.write(plain + broken + plain)
        await until(lambda: stage.source.counters.redials == 1)
        assert stage.sink.quotes["NSE:S1"].last_price == 1.0
        assert stage.source.counters.packets == 1


async def test_what_arrives_with_the_upgrade_is_read() -> None:
    """A frame in the same read as the answer to the upgrade, the rest of it in the next one."""
    plain = wire(Opcode.BINARY, b"12")

    async def answer(line: SocketStream) -> None:
        request = await line.receive()
        protocol = ServerProtocol()
        protocol.receive_data(request)
        protocol.send_response(protocol.accept(cast("Request", protocol.events_received()[0])))
        await line.send(b"".join(protocol.data_to_send()) + plain + plain[:1])
        await anyio.sleep(0.01)
        await line.send(plain[1:])
        await line.aclose()

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.serve, answer)
        port = listener.extra(SocketAttribute.local_port)  # noqa: S610 -- not Django's
        socket = await Line(f"ws://127.0.0.1:{port}", "k", 5, 5, None).dial("t")
        assert [*await socket.batch(), *await socket.batch()] == [b"12", b"12"]
        with pytest.raises(ConnectionClosed):
            await socket.batch()
        group.cancel_scope.cancel()


async def test_a_slow_reader_stops_the_socket_and_loses_nothing() -> None:
    """Far more than may wait: the socket is read again when the messages are taken."""
    messages = [wire(Opcode.BINARY, bytes([number % 251]) * 60_000) for number in range(200)]

    async def attend(server: ServerConnection) -> None:
        for message in messages:
            server.transport.write(message)
        await server.wait_closed()

    async with serve(attend, "127.0.0.1", 0, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        socket = await Line(f"ws://127.0.0.1:{port}", "k", 5, 5, None).dial("t")
        await anyio.sleep(0.1)
        taken: list[Message] = []
        while len(taken) < len(messages):
            batch = await socket.batch()
            assert sum(map(len, batch)) <= MAX_WAITING_BYTES + READ_BYTES + 60_000
            taken += batch
        assert [each[0] for each in taken] == [number % 251 for number in range(200)]
        await socket.close()
